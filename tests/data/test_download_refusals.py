"""Archives, folders and servers that are refused, and what they leave behind."""

from __future__ import annotations

import hashlib
import re
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import cosmo_pl.data.download as module
from cosmo_pl.data.download import download
from cosmo_pl.errors import ConfigurationError, DownloadError

from .download_server import (
    ARCHIVES,
    MEMBERS,
    RECORDINGS,
    Server,
    clips,
    fetch,
    make_zip,
    mat,
    tree,
)

pytestmark = pytest.mark.usefixtures("small_archives")


def symlinked() -> bytes:
    link = zipfile.ZipInfo("Inertial/link")
    link.external_attr = 0o120777 << 16
    return make_zip(clips("inertial") | {link: b"/etc/passwd"})


def corrupted() -> bytes:
    archive = bytearray(make_zip(clips("inertial")))
    archive[archive.index(mat(2)) + 1000] ^= 1
    return bytes(archive)


def bomb(name: str) -> bytes:
    """An archive of 45 kB with a member of 30 MB."""
    return make_zip(clips("inertial") | {name: mat(2)[:128] + bytes(30_000_000 - 128)}, zipfile.ZIP_DEFLATED)


WRONG = {
    "truncated": (lambda: make_zip(clips("inertial"))[:-100], "not a readable zip"),
    "empty": (lambda: b"", "not a readable zip"),
    "web page": (lambda: b"<html>moved</html>", "not a readable zip"),
    "corrupted": (corrupted, "Bad CRC-32.*a2_s1_t1_inertial"),
    "too few": (lambda: make_zip(clips("inertial", count=2)), "holds 2 recordings instead of 3"),
    "too many": (lambda: make_zip(clips("inertial", count=4)), "holds 4 recordings instead of 3"),
    "twice": (lambda: make_zip(clips("inertial") | clips("inertial", "old/", 1)), "twice"),
    "other sensor": (lambda: make_zip(clips("skeleton")), "holds 0 recordings"),
    "empty member": (lambda: make_zip(clips("inertial") | {"a2_s1_t1_inertial.mat": b""}), "not a MATLAB 5.0 file"),
    "header only": (lambda: make_zip(clips("inertial") | {"a2_s1_t1_inertial.mat": mat(2)[:128]}), "not a MATLAB"),
    "foreign member": (lambda: make_zip(clips("inertial") | {"a2_s1_t1_inertial.mat": b"1,2\n" * 99}), "not a MATLAB"),
    "parent": (lambda: make_zip(clips("inertial", "../")), "points outside"),
    "hidden parent": (lambda: make_zip(clips("inertial") | {"Inertial/../../evil.txt": b"x"}), "points outside"),
    "windows parent": (lambda: make_zip(clips("inertial") | {"Inertial\\..\\evil.txt": b"x"}), "points outside"),
    "absolute": (lambda: make_zip(clips("inertial", "/srv/")), "points outside"),
    "drive": (lambda: make_zip(clips("inertial", "C:/")), "points outside"),
    "link": (symlinked, "is a link"),
    "bomb": (lambda: bomb("a2_s1_t1_inertial.mat"), "'a2_s1_t1_inertial.mat' would expand from .* to 30000000 bytes"),
    "bomb beside": (lambda: bomb("readme.txt"), "'readme.txt' would expand"),
    "many": (
        lambda: make_zip(clips("inertial") | {"more": bytes(100_000)}),
        "would expand to 115,384 bytes, its recordings have 20,000",
    ),
}


@pytest.mark.parametrize("on_disk", [True, False], ids=["on disk", "fetched"])
@pytest.mark.parametrize("case", WRONG)
def test_wrong_archive_is_named_and_leaves_nothing(server: Server, tmp_path: Path, case: str, on_disk: bool) -> None:
    make, problem = WRONG[case]
    root = tmp_path / "root"
    root.mkdir()
    if on_disk:
        (root / "Inertial.zip").write_bytes(make())
    else:
        server.files["Inertial.zip"] = make()
    with pytest.raises(DownloadError, match=problem) as caught:
        fetch(server, root)
    assert str(root / "Inertial.zip") in str(caught.value)
    assert re.search("[Rr]emove it", str(caught.value))
    assert [path.name for path in tmp_path.rglob("*")] == ["root", "Inertial.zip"]


def test_hash_is_compared_unless_told_otherwise(
    server: Server, tmp_path: Path, inertial: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = ARCHIVES["utd"]
    monkeypatch.setitem(known, "inertial", replace(known["inertial"], sha256="0" * 64))
    with pytest.raises(DownloadError, match=r"Inertial\.zip.*third party.*verify_hash=false"):
        fetch(server, tmp_path)
    assert tree(tmp_path) == ["Inertial.zip"]
    fetch(server, tmp_path, verify_hash=False)
    assert set(RECORDINGS) < set(tree(tmp_path))


def test_right_hash_passes(server: Server, tmp_path: Path, inertial: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    known = ARCHIVES["utd"]
    right = replace(known["inertial"], sha256=hashlib.sha256(inertial).hexdigest())
    monkeypatch.setitem(known, "inertial", right)
    fetch(server, tmp_path)
    assert set(RECORDINGS) < set(tree(tmp_path))


@pytest.mark.parametrize(
    "present",
    [RECORDINGS[:1], ["UTD-MHAD/Inertial/notes.txt"], [*RECORDINGS, "UTD-MHAD/Inertial/a9_s1_t1_inertial.mat"]],
)
def test_foreign_or_partial_folder_is_refused_before_any_download(
    server: Server, tmp_path: Path, inertial: bytes, present: list[str]
) -> None:
    for name in present:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(mat(7))
    with pytest.raises(DownloadError, match=r"UTD-MHAD/Inertial: is not empty.*Move it away"):
        download(ARCHIVES["utd"], tmp_path, ["skeleton", "inertial"], base_url=server.url)
    assert tree(tmp_path) == sorted(present)
    assert server.requests == []


def test_empty_folder_is_filled(server: Server, tmp_path: Path, inertial: bytes) -> None:
    (tmp_path / "UTD-MHAD" / "Inertial").mkdir(parents=True)
    fetch(server, tmp_path)
    assert set(RECORDINGS) < set(tree(tmp_path))


def test_connection_refused(server: Server, tmp_path: Path) -> None:
    unused = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    unused.server_close()
    url = f"http://127.0.0.1:{unused.server_port}"
    with pytest.raises(DownloadError, match=rf"^{url}/Inertial\.zip: cannot be fetched.*refused.*base_url"):
        download(ARCHIVES["utd"], tmp_path, ["inertial"], base_url=url)
    assert tree(tmp_path) == []


@pytest.mark.parametrize(("unavailable", "fetched"), [(3, True), (4, False)])
def test_busy_server_is_asked_again_a_few_times(
    server: Server, tmp_path: Path, inertial: bytes, unavailable: int, fetched: bool
) -> None:
    server.unavailable = unavailable
    if fetched:
        fetch(server, tmp_path)
    else:
        with pytest.raises(DownloadError, match=r"cannot be fetched.*503"):
            fetch(server, tmp_path)
    assert len(server.requests) == 4


def test_missing_at_the_server(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"404.*put the archive at.*Inertial\.zip"):
        fetch(server, tmp_path)
    assert tree(tmp_path) == []


def test_full_disk_is_found_before_the_transfer(
    server: Server, tmp_path: Path, inertial: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = module.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=3 * len(inertial) - 1))
    with pytest.raises(DownloadError, match="Make room"):
        fetch(server, tmp_path)
    assert tree(tmp_path) == []
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=3 * len(inertial)))
    fetch(server, tmp_path)


def test_full_disk_is_found_before_unpacking(
    server: Server, tmp_path: Path, inertial: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Inertial.zip").write_bytes(inertial)
    usage = module.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=MEMBERS * len(mat(0)) - 1))
    with pytest.raises(DownloadError, match="Make room"):
        fetch(server, tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["Inertial.zip"]


def test_root_that_is_a_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match="Choose another root"):
        fetch(server, tmp_path / "file")


@pytest.mark.parametrize(
    ("modalities", "named"), [(["radar"], "radar.*inertial, acc, gyro, skeleton, depth"), ([], "modalities")]
)
def test_unknown_modalities(tmp_path: Path, modalities: list[str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        download(ARCHIVES["utd"], tmp_path / "root", modalities)
    assert not (tmp_path / "root").exists()
