"""Arrays that are made once, by several processes, and survive being killed."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.data.stored import StoredModality, stored_array
from cosmo_pl.errors import ConfigurationError, RecordingError


def read(path: Path, log: Path | None = None, delay: float = 0.0) -> tuple[np.ndarray, int]:
    time.sleep(delay)
    if log is not None:
        with log.open("a", encoding="utf-8") as lines:
            lines.write(f"{path.name}\n")
    values = np.load(path)
    if values[0] < 0:
        raise RecordingError(path, "holds a negative value", "Write it again")
    return values * 2, 0


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "raw"
    folder.mkdir()
    for i in range(12):
        np.save(folder / f"{i}.npy", np.full(5, i + 1, dtype=np.uint16))
    return sorted(folder.iterdir())


def modality(**arguments: object) -> StoredModality:
    return StoredModality("depth", partial(read, **arguments), (5,), "uint16", {"kind": "test"})


def expected(files: list[Path | None]) -> np.ndarray:
    return np.stack([np.zeros(5) if file is None else np.load(file) * 2 for file in files])


def test_rows_are_the_clips_in_their_order_on_disk(files: list[Path], tmp_path: Path) -> None:
    some = [*files[:3], None, *files[3:]]
    for jobs in (1, 2):
        array, _, *_ = stored_array(modality(), some, tmp_path / f"cache{jobs}", jobs)
        assert isinstance(array, np.memmap) and not array.flags.writeable and array.dtype == np.uint16
        np.testing.assert_array_equal(array, expected(some))


def test_a_clip_is_read_once(files: list[Path], tmp_path: Path) -> None:
    log = tmp_path / "log"
    first, content, *_ = stored_array(modality(log=log), files, tmp_path / "cache", 1)
    again, same, *_ = stored_array(modality(log=log), files, tmp_path / "cache", 1)
    assert sorted(log.read_text(encoding="utf-8").split()) == sorted(file.name for file in files)
    np.testing.assert_array_equal(first, again)
    assert content == same


def test_other_bytes_another_order_or_other_arguments_are_another_array(files: list[Path], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    _, content, *_ = stored_array(modality(), files, cache, 1)
    turned, other, *_ = stored_array(modality(), files[::-1], cache, 1)
    np.testing.assert_array_equal(turned, expected(files[::-1]))
    assert other != content
    longer = StoredModality("depth", partial(read), (5,), "uint16", {"kind": "another"})
    stored_array(longer, files, cache, 1)
    np.save(files[4], np.full(5, 99, dtype=np.uint16))
    os.utime(files[4], ns=(0, 0))
    array, changed, *_ = stored_array(modality(), files, cache, 1)
    assert (array[4] == 198).all() and changed != content
    assert len(list(cache.glob("*.npy"))) == 4


def test_the_same_clips_elsewhere_have_the_same_content(files: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "copy"
    other.mkdir()
    for file in files:
        (other / file.name).write_bytes(file.read_bytes())
    _, here, *_ = stored_array(modality(), files, tmp_path / "one", 1)
    _, there, *_ = stored_array(modality(), sorted(other.iterdir()), tmp_path / "two", 1)
    assert here == there


def test_a_lost_journal_or_a_cut_off_array_is_made_again(files: list[Path], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    _, content, *_ = stored_array(modality(), files, cache, 1)
    (place,) = cache.glob("*.npy")
    for damage in (place.with_suffix(".journal").unlink, lambda: place.write_bytes(place.read_bytes()[:-20])):
        damage()
        array, same, *_ = stored_array(modality(), files, cache, 1)
        np.testing.assert_array_equal(array, expected(files))
        assert same == content


def test_a_damaged_row_is_read_again_and_no_other(files: list[Path], tmp_path: Path) -> None:
    cache, log = tmp_path / "cache", tmp_path / "log"
    stored_array(modality(), [*files, None], cache, 1)
    (place,) = cache.glob("*.npy")
    damaged = np.load(place, mmap_mode="r+")
    damaged[[3, 7]] += 1
    damaged[12] = 5  # of a clip without the modality
    damaged.flush()
    with pytest.warns(UserWarning, match=rf"{place.name} in the cache is damaged: 3 of 13 clips are read again"):
        array, *_ = stored_array(modality(log=log), [*files, None], cache, 1)
    np.testing.assert_array_equal(array, expected([*files, None]))
    assert sorted(log.read_text(encoding="utf-8").split()) == sorted([files[3].name, files[7].name])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stored_array(modality(log=log), [*files, None], cache, 1)


@pytest.mark.parametrize("suffix", [".npy", ".journal"])
def test_no_damaged_byte_is_believed(files: list[Path], tmp_path: Path, suffix: str) -> None:
    cache = tmp_path / "cache"
    whole, content, _, extremes = stored_array(modality(), files[:3], cache, 1)
    (place,) = cache.glob(f"*{suffix}")
    good, wanted = place.read_bytes(), np.array(whole)
    del whole
    for at in range(0, len(good), 41 if suffix == ".npy" else 61):
        place.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        array, same, _, found = stored_array(modality(), files[:3], cache, 1)
        np.testing.assert_array_equal(array, wanted)
        assert same == content and found.low.tolist() == extremes.low.tolist()


@pytest.mark.parametrize("kind", ["folder", "pipe", "dangling"])
def test_what_is_no_file_is_named_before_anything_is_read(files: list[Path], tmp_path: Path, kind: str) -> None:
    files[4].unlink()
    {"folder": Path.mkdir, "pipe": os.mkfifo, "dangling": lambda path: path.symlink_to("nowhere")}[kind](files[4])
    with pytest.raises(RecordingError, match=rf"{files[4].name}: is "):
        stored_array(modality(), files, tmp_path / "cache", 1)


def test_a_full_disk_is_told_before_anything_is_read(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    log = tmp_path / "log"
    with pytest.raises(ConfigurationError, match=r"cache_dir: .* has no room for .* MiB \(No space left"):
        stored_array(modality(log=log), files, tmp_path / "cache", 1)
    assert not log.exists()
    assert {path.suffix for path in (tmp_path / "cache").iterdir()} <= {".lock"}


def test_what_is_done_is_written_down_before_the_next_clip_is_read(files: list[Path], tmp_path: Path) -> None:
    """So that a second kill loses no more than the first."""
    cache, known = tmp_path / "cache", []

    def stopping(path: Path, after: int) -> tuple[np.ndarray, int]:
        journals = list(cache.glob("*.journal"))
        known.append(len(journals[0].read_text(encoding="utf-8").splitlines()) if journals else 0)
        if known[-1] == after:
            raise KeyboardInterrupt
        return read(path)

    for after in (5, 5, -1):
        stops = StoredModality("depth", partial(stopping, after=after), (5,), "uint16", {"kind": "test"})
        if after < 0:
            np.testing.assert_array_equal(stored_array(stops, files, cache, 1)[0], expected(files))
        else:
            with pytest.raises(KeyboardInterrupt):
                stored_array(stops, files, cache, 1)
    assert known == [0, 1, 2, 3, 4, 5, 5, 5, 6, 7, 8, 9, 10, 11]


SCRIPT = """
import sys
from functools import partial
from pathlib import Path
sys.path.insert(0, {tests!r})
from tests.data.test_stored import modality, stored_array
folder = Path({folder!r})
stored_array(modality(log=folder / "log", delay=0.2), sorted((folder / "raw").iterdir()), folder / "cache", 1)
"""


def test_a_killed_preparation_goes_on_and_ends_the_same(files: list[Path], tmp_path: Path) -> None:
    log, cache = tmp_path / "log", tmp_path / "cache"
    root = str(Path(__file__).parents[2])
    script = SCRIPT.format(tests=root, folder=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", script], cwd=root, start_new_session=True)
    deadline = time.monotonic() + 60
    while not (log.exists() and len(log.read_text(encoding="utf-8").split()) >= 4) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = log.read_text(encoding="utf-8").split()
    assert 4 <= len(before) < len(files)
    assert not list(cache.glob("*.npy")) and list(cache.glob("*.part"))  # nothing that could be read as whole
    array, content, *_ = stored_array(modality(log=log), files, cache, 1)
    whole, same, *_ = stored_array(modality(), files, tmp_path / "elsewhere", 1)
    assert len(log.read_text(encoding="utf-8").split()) <= len(files) + 1  # the one in hand when it was killed, at most
    np.testing.assert_array_equal(array, whole)
    assert content == same


def test_a_journal_line_that_was_cut_off_does_not_count(files: list[Path], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    whole, content, *_ = stored_array(modality(), files, cache, 1)
    (place,) = cache.glob("*.npy")
    journal = place.with_suffix(".journal")
    part = np.array(whole)
    part[3:] = 0
    np.save(place.with_suffix(".x.npy"), part)
    place.unlink()
    place.with_suffix(".x.npy").rename(place.with_suffix(".part"))
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)[:4]
    journal.write_text("".join(lines)[:-1], encoding="utf-8")
    log = tmp_path / "log"
    array, same, *_ = stored_array(modality(log=log), files, cache, 1)
    np.testing.assert_array_equal(array, expected(files))
    assert same == content and len(log.read_text(encoding="utf-8").split()) == len(files) - 3


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_clip_that_cannot_be_used_is_named_and_mended(files: list[Path], tmp_path: Path, jobs: int) -> None:
    np.save(files[2], np.full(5, -1, dtype=np.int16))
    with pytest.raises(RecordingError, match=rf"{files[2].name}: holds a negative value\. Write it again\."):
        stored_array(modality(), files, tmp_path / "cache", jobs)
    assert not list((tmp_path / "cache").glob("*.npy"))
    np.save(files[2], np.full(5, 50, dtype=np.uint16))
    np.testing.assert_array_equal(stored_array(modality(), files, tmp_path / "cache", jobs)[0], expected(files))
