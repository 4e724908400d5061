"""Downloads from a server of this process, with archives of a few hundred bytes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

import cosmo_pl.data.download as module
from cosmo_pl.data import DATASETS
from cosmo_pl.data.download import download
from cosmo_pl.errors import ConfigurationError, DownloadError

MEMBERS = 3
ARCHIVES = {key: kind.archives for key, kind in DATASETS.items() if kind.archives}
OFFICIAL = {dataset: dict(known) for dataset, known in ARCHIVES.items()}


def mat(seed: int) -> bytes:
    """A MATLAB 5.0 header and a body that does not compress."""
    return b"MATLAB 5.0 MAT-file, made for a test".ljust(128) + hashlib.shake_128(bytes([seed])).digest(5000)


def make_zip(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def clips(sensor: str, top: str = "", count: int = MEMBERS) -> dict[str, bytes]:
    return {f"{top}a{i}_s1_t1_{sensor}.mat": mat(i) for i in range(1, count + 1)}


@dataclass
class Server:
    """What the server holds, how it misbehaves, and what it was asked."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    etag: str | None = '"one"'
    ranges: bool = True
    honours_if_range: bool = True
    aligned: int = 1  # a range is answered from the last multiple of this on
    unavailable: int = 0  # requests to answer with 503
    break_after: list[int] = field(default_factory=list)  # bytes of the body before the connection is cut, a request
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # path, Range
    sent: list[int] = field(default_factory=list)  # bytes of each body


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers["Range"]
            state.requests.append((self.path, wanted))
            if state.unavailable:
                state.unavailable -= 1
                self.send_error(503)
                return
            body = state.files.get(self.path.lstrip("/"))
            if body is None:
                self.send_error(404)
                return
            total, start = len(body), 0
            same = not state.honours_if_range or self.headers["If-Range"] == state.etag
            if wanted and state.ranges and same:
                start = int(re.fullmatch(r"bytes=(\d+)-", wanted).group(1))
                start -= start % state.aligned
            if start and start >= total:
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            if state.etag:
                self.send_header("ETag", state.etag)
            self.send_header("Content-Length", str(total - start))
            self.end_headers()
            chunk = body[start:]
            if state.break_after:
                chunk = chunk[: state.break_after.pop(0)]
            state.sent.append(len(chunk))
            self.wfile.write(chunk)

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{http.server_port}"
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def small_archives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(module, "BACKOFF", 0.0)
    monkeypatch.setattr(module, "CHUNK", 1000)
    for known in ARCHIVES.values():
        for modality, archive in known.items():
            monkeypatch.setitem(known, modality, replace(archive, members=MEMBERS, sha256=None, unpacked=20_000))


@pytest.fixture
def inertial(server: Server) -> bytes:
    server.files["Inertial.zip"] = make_zip(clips("inertial", "Inertial/"))
    return server.files["Inertial.zip"]


def fetch(server: Server, root: Path, verify_hash: bool = True) -> Path:
    return download(ARCHIVES["utd"], root, ["inertial"], base_url=server.url, verify_hash=verify_hash)


def tree(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


RECORDINGS = [f"UTD-MHAD/Inertial/a{i}_s1_t1_inertial.mat" for i in range(1, MEMBERS + 1)]


def broken_off(server: Server, root: Path, length: int = 4000) -> None:
    """Leave the part of a transfer that broke off for good after ``length`` bytes."""
    server.break_after = [length] + [0] * 10
    with pytest.raises(DownloadError, match=r"broke off.*again"):
        fetch(server, root)
    assert (root / "Inertial.zip.part").stat().st_size == length
    assert not (root / "Inertial.zip").exists()
    server.break_after = []
    server.requests.clear()
    server.sent.clear()


@pytest.mark.parametrize("top", ["Inertial/", "", "some/other/folder/"])
def test_places_the_recordings_in_the_official_layout(server: Server, tmp_path: Path, top: str) -> None:
    members = clips("inertial", top) | {f"{top}readme.txt": b"hello", f"__MACOSX/{top}._a1_s1_t1_inertial.mat": b"x"}
    server.files["Inertial.zip"] = make_zip(members)
    assert fetch(server, tmp_path / "new" / "root") == tmp_path / "new" / "root" / "UTD-MHAD"
    assert tree(tmp_path / "new" / "root") == sorted(["Inertial.zip", *RECORDINGS])
    assert (tmp_path / "new" / "root" / RECORDINGS[1]).read_bytes() == mat(2)


def test_usc_keeps_its_subject_folders(server: Server, tmp_path: Path) -> None:
    names = ["Subject1/a1t1.mat", "Subject1/a2t1.mat", "Subject14/a1t1.mat"]
    server.files["USC-HAD.zip"] = make_zip({f"USC-HAD/{name}": mat(i) for i, name in enumerate(names)})
    folder = download(ARCHIVES["usc"], tmp_path, base_url=f"{server.url}/")
    assert folder == tmp_path / "USC-HAD"
    assert tree(folder) == names
    assert server.requests == [("/USC-HAD.zip", None)]


def test_default_is_everything_but_depth_and_depth_can_be_added(server: Server, tmp_path: Path) -> None:
    for sensor in ("Inertial", "Skeleton", "Depth"):
        server.files[f"{sensor}.zip"] = make_zip(clips(sensor.lower()))
    download(ARCHIVES["utd"], tmp_path, base_url=server.url)
    assert sorted(path.name for path in (tmp_path / "UTD-MHAD").iterdir()) == ["Inertial", "Skeleton"]
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in tree(tmp_path)}
    download(ARCHIVES["utd"], tmp_path, ["inertial", "depth"], base_url=server.url)
    assert [path for path, _ in server.requests] == ["/Inertial.zip", "/Skeleton.zip", "/Depth.zip"]
    assert len(list((tmp_path / "UTD-MHAD" / "Depth").iterdir())) == MEMBERS
    assert before.items() <= {name: (tmp_path / name).stat().st_mtime_ns for name in tree(tmp_path)}.items()


@pytest.mark.parametrize("break_after", [[4000], [4000, 3000, 2000]])
def test_continues_within_one_call_when_the_connection_breaks(
    server: Server, tmp_path: Path, inertial: bytes, break_after: list[int]
) -> None:
    server.break_after = list(break_after)
    fetch(server, tmp_path)
    assert (tmp_path / "Inertial.zip").read_bytes() == inertial
    assert sum(server.sent) == len(inertial)
    assert len(server.sent) == len(break_after) + 1


def test_next_call_asks_for_the_remaining_bytes_only(server: Server, tmp_path: Path, inertial: bytes) -> None:
    broken_off(server, tmp_path)
    fetch(server, tmp_path)
    assert server.requests == [("/Inertial.zip", "bytes=4000-")]
    assert server.sent == [len(inertial) - 4000]
    assert tree(tmp_path) == sorted(["Inertial.zip", *RECORDINGS])
    assert (tmp_path / "Inertial.zip").read_bytes() == inertial


def test_server_without_ranges_starts_afresh(server: Server, tmp_path: Path, inertial: bytes) -> None:
    broken_off(server, tmp_path)
    server.ranges = False
    fetch(server, tmp_path)
    assert server.sent == [len(inertial)]
    assert (tmp_path / "Inertial.zip").read_bytes() == inertial


def test_server_without_versions_is_not_continued(server: Server, tmp_path: Path, inertial: bytes) -> None:
    server.etag = None
    server.break_after = [4000]
    fetch(server, tmp_path)
    assert server.requests == [("/Inertial.zip", None)] * 2
    assert (tmp_path / "Inertial.zip").read_bytes() == inertial


@pytest.mark.parametrize("honours_if_range", [True, False])
def test_changed_file_is_not_glued_onto_an_old_part(
    server: Server, tmp_path: Path, inertial: bytes, honours_if_range: bool
) -> None:
    broken_off(server, tmp_path)
    changed = make_zip({"readme.txt": b"second edition"} | clips("inertial"))
    server.files["Inertial.zip"], server.etag, server.honours_if_range = changed, '"two"', honours_if_range
    fetch(server, tmp_path)
    assert (tmp_path / "Inertial.zip").read_bytes() == changed
    assert server.sent[-1] == len(changed)


def test_answer_from_another_offset_is_not_glued_on(server: Server, tmp_path: Path, inertial: bytes) -> None:
    broken_off(server, tmp_path)
    server.aligned = 1024
    fetch(server, tmp_path)
    assert server.sent[-1] == len(inertial)
    assert (tmp_path / "Inertial.zip").read_bytes() == inertial


def test_body_that_ends_early_without_a_word_is_continued(
    server: Server, tmp_path: Path, inertial: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = requests.Response.iter_content

    def lenient(response: requests.Response, size: int) -> Iterator[bytes]:  # as with urllib3 1.x
        with contextlib.suppress(requests.RequestException):
            yield from strict(response, size)

    monkeypatch.setattr(requests.Response, "iter_content", lenient)
    server.break_after = [4000]
    fetch(server, tmp_path)
    assert server.sent == [4000, len(inertial) - 4000]
    assert (tmp_path / "Inertial.zip").read_bytes() == inertial


def test_part_of_another_address_is_not_continued(server: Server, tmp_path: Path, inertial: bytes) -> None:
    broken_off(server, tmp_path)
    server.files["mirror/Inertial.zip"] = inertial
    download(ARCHIVES["utd"], tmp_path, ["inertial"], base_url=f"{server.url}/mirror")
    assert server.requests == [("/mirror/Inertial.zip", None)]


def test_part_longer_than_the_file_starts_afresh(server: Server, tmp_path: Path, inertial: bytes) -> None:
    broken_off(server, tmp_path)
    with (tmp_path / "Inertial.zip.part").open("ab") as file:
        file.write(inertial)
    fetch(server, tmp_path)  # the server answers 416 first
    assert [wanted for _, wanted in server.requests] == [f"bytes={4000 + len(inertial)}-", None]
    assert (tmp_path / "Inertial.zip").read_bytes() == inertial


def test_second_call_does_nothing(
    server: Server, tmp_path: Path, inertial: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        fetch(server, tmp_path)
        assert f"archive stays at {tmp_path / 'Inertial.zip'}" in caplog.messages[-1]
        (tmp_path / "Inertial.zip").unlink()
        fetch(server, tmp_path)
    assert "already holds its 3 recordings" in caplog.messages[-1]
    assert len(server.requests) == 1


def test_archive_on_disk_is_used(server: Server, tmp_path: Path, inertial: bytes) -> None:
    (tmp_path / "Inertial.zip").write_bytes(inertial)
    fetch(server, tmp_path)
    assert server.requests == []
    assert tree(tmp_path) == sorted(["Inertial.zip", *RECORDINGS])


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


@pytest.mark.parametrize(("modalities", "named"), [(["radar"], "radar.*inertial, skeleton, depth"), ([], "modalities")])
def test_unknown_modalities(tmp_path: Path, modalities: list[str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        download(ARCHIVES["utd"], tmp_path / "root", modalities)
    assert not (tmp_path / "root").exists()


@pytest.mark.skipif("COSMO_PL_DATA" not in os.environ, reason="COSMO_PL_DATA is not set: no real recordings")
@pytest.mark.parametrize(("dataset", "modality"), [("usc", "acc"), ("utd", "inertial"), ("utd", "skeleton")])
def test_table_fits_the_real_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: str, modality: str
) -> None:
    archive = replace(OFFICIAL[dataset][modality], sha256=None)  # packed here, so of another hash
    monkeypatch.setitem(ARCHIVES[dataset], modality, archive)
    real = Path(os.environ["COSMO_PL_DATA"]) / archive.folder
    with zipfile.ZipFile(tmp_path / archive.name, "w") as file:
        for path in real.rglob("*.mat"):
            file.write(path, path.relative_to(real.parent))
    download(ARCHIVES[dataset], tmp_path, [modality])
    assert archive.unpacked == sum(path.stat().st_size for path in real.rglob("*.mat"))
    assert tree(tmp_path / archive.folder) == sorted(p.relative_to(real).as_posix() for p in real.rglob("*.mat"))
