"""Downloads that succeed, whatever the connection and the server do."""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from cosmo_pl.data.download import download
from cosmo_pl.errors import DownloadError

from .download_server import (
    ARCHIVES,
    MEMBERS,
    OFFICIAL,
    RECORDINGS,
    Server,
    broken_off,
    clips,
    fetch,
    make_zip,
    mat,
    tree,
)

pytestmark = pytest.mark.usefixtures("small_archives")


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


def test_mex_is_an_archive_in_an_archive_and_stays_packed(server: Server, tmp_path: Path) -> None:
    inner = make_zip({"act/01/01_act_1.csv": b"2018-11-08 11:34:51,0,0,1"})
    server.files["mex.zip"] = make_zip({"data.zip": inner, "readme.txt": b"hello"})
    folder = download(OFFICIAL["mex"], tmp_path, base_url=server.url)
    assert tree(folder) == ["data.zip"] and (folder / "data.zip").read_bytes() == inner
    download(OFFICIAL["mex"], tmp_path, base_url=server.url)
    assert len(server.requests) == 1, "it is complete"
    (tmp_path / "mex.zip").unlink()
    server.files["mex.zip"] = make_zip({"data.zip": b"<html>moved</html>".ljust(100)})
    with pytest.raises(DownloadError, match=r"'data\.zip' is not a zip archive"):
        download(OFFICIAL["mex"], tmp_path / "other", base_url=server.url)


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
    assert len(changed) in server.sent  # an answer that is cut off may be counted after it


def test_answer_from_another_offset_is_not_glued_on(server: Server, tmp_path: Path, inertial: bytes) -> None:
    broken_off(server, tmp_path)
    server.aligned = 1024
    fetch(server, tmp_path)
    assert len(inertial) in server.sent
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
