"""Modalities that are too large for memory: each clip is read once, reduced, and stored in a memory-mapped array."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from cosmo_pl.data.extremes import Extremes, Groups, checksum
from cosmo_pl.data.samples import make_folder
from cosmo_pl.errors import ConfigurationError, RecordingError
from cosmo_pl.io import file_status, write_whole

STORE_VERSION = 2  # raise it when a reader's output changes for the same files and arguments
ABSENT = "absent"  # content of a clip without the modality, in the journal


@dataclass(frozen=True)
class StoredModality:
    """How the clips of a modality become rows of one array.

    Args:
        name: Name of the modality, for the progress bar and the key.
        read: Reads a file and reduces it to a row of `shape`; it also returns how many values were implausible and
            replaced. It is sent to other processes.
        shape: Shape of a row.
        dtype: Type of the array.
        arguments: Whatever changes the result of `read`, for the key.
        groups: Groups of channels, see `Extremes`.
        axis: Axis of the channels, counted from the end; None for no channel axis.
    """

    name: str
    read: Callable[[Path], tuple[NDArray[Any], int]]
    shape: tuple[int, ...]
    dtype: str
    arguments: Mapping[str, object]
    groups: Groups = ((0,),)
    axis: int | None = None


class RowFacts(NamedTuple):
    """Entry of the journal for a row.

    Attributes:
        content: Name and SHA-256 of its file.
        checksum: CRC-32 of the row.
        replaced: Number of implausible values that were replaced.
        low: Smallest value of each group of channels.
        high: Largest value.
        still: Whether the group is constant over time.
    """

    content: str
    checksum: int
    replaced: int
    low: list[float]
    high: list[float]
    still: list[bool]


class Stored(NamedTuple):
    """A modality on disk.

    Attributes:
        array: Its clips (N, *shape), memory-mapped.
        content: SHA-256 of the files' names and contents.
        replaced: Number of implausible values of each clip that were replaced (N,).
        extremes: See `Extremes`.
    """

    array: NDArray[Any]
    content: str
    replaced: NDArray[np.int64]
    extremes: Extremes


def stored_array(modality: StoredModality, files: Sequence[Path | None], folder: Path, jobs: int = -1) -> Stored:
    """The array of a modality, from the cache or created from its files by all cores.

    The key covers the paths, sizes and times of the files, not their bytes: a large set is read once. An array is
    written under a temporary name and renamed when it is complete. A journal lists its rows, so that a preparation that
    was killed is continued. Whenever the array is opened, every row is compared with its checksum (0.5 s per GB, less
    than fitting the statistics takes), and damaged rows are read again.

    Args:
        modality: How its clips become rows.
        files: File of each clip; None for a clip without the modality, whose row is 0.
        folder: Folder of the cache.
        jobs: Processes; -1 takes all cores.

    Raises:
        RecordingError: A file cannot be used; the rows before it are kept.
        ConfigurationError: The folder of the cache cannot be created, or the disk is full.
    """
    make_folder(folder)
    path = folder / f"{modality.name}-{_key(modality, files)}.npy"
    with FileLock(f"{path}.lock"):
        array = _whole(path, len(files), modality.shape)
        if array is None:
            _make(modality, files, path, jobs)
            array = np.load(path, mmap_mode="r")
        facts = [each for _, each in sorted(_journal(path.with_suffix(".journal"), len(files)).items())]
    extremes = Extremes(*(np.array([getattr(row, name) for row in facts]) for name in Extremes.__dataclass_fields__))
    replaced = np.array([row.replaced for row in facts], dtype=np.int64)
    return Stored(array, combined(*(row.content for row in facts)), replaced, extremes)


def combined(*digests: str) -> str:
    """SHA-256 of other digests, in their order."""
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def _whole(path: Path, count: int, shape: Sequence[int]) -> NDArray[Any] | None:
    """The array; None if it, or damaged rows of it, have to be read."""
    if not path.exists():
        return None
    array, sound = _sound(path, path.with_suffix(".journal"), (count, *shape))
    if len(sound) == count:
        return array
    from pytorch_lightning.utilities import rank_zero_warn  # not at the top: processes that read clips need no PyTorch

    rank_zero_warn(f"{path} in the cache is damaged: {count - len(sound)} of {count} clips are read again")
    path.replace(path.with_suffix(".part"))
    return None


def _sound(path: Path, journal: Path, shape: tuple[int, ...]) -> tuple[NDArray[Any] | None, dict[int, RowFacts]]:
    """An array, and the entries of the journal for its undamaged rows; no entries of an array of another shape."""
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r")
    except Exception:  # whatever numpy raises for a damaged header
        return None, {}
    known = _journal(journal, shape[0]) if array.shape == shape else {}
    return array, {row: facts for row, facts in known.items() if checksum(array[row]) == facts.checksum}


def _key(modality: StoredModality, files: Sequence[Path | None]) -> str:
    identity = [
        STORE_VERSION,
        modality.shape,
        modality.dtype,
        dict(modality.arguments),
        [_seen(file) for file in files],
    ]
    return hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _seen(file: Path | None) -> list[object]:
    if file is None:
        return []
    stat = file_status(file, partial(RecordingError, file))
    return [str(file.resolve()), stat.st_size, stat.st_mtime_ns]


def _make(modality: StoredModality, files: Sequence[Path | None], path: Path, jobs: int) -> None:
    part, journal = path.with_suffix(".part"), path.with_suffix(".journal")
    _, done = _sound(part, journal, (len(files), *modality.shape))
    if not done:
        _empty(path.with_suffix(".empty"), (len(files), *modality.shape), modality.dtype).replace(part)
    missing = [(row, file) for row, file in enumerate(files) if row not in done]
    _write(journal, done)  # without an incomplete line, to which the next would be appended
    with journal.open("a", encoding="utf-8") as lines:
        for row, facts in _filled(modality, missing, part, jobs):
            lines.write(_line(row, facts))
            lines.flush()
    part.replace(path)


def _empty(path: Path, shape: tuple[int, ...], dtype: str) -> Path:
    """Creates an array of zeros and reserves its disk space: a mapped file that outgrows the disk kills the process.

    Raises:
        ConfigurationError: The disk is full.
    """
    np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape).flush()  # type: ignore[no-untyped-call]
    if hasattr(os, "posix_fallocate"):
        try:
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except OSError as error:
            size = path.stat().st_size / 2**20
            path.unlink()
            raise ConfigurationError(
                "cache_dir",
                f"'{path.parent}' has no room for {size:.0f} MiB ({error.strerror})",
                "Name a folder on another disk, or reduce further",
            ) from error
    return path


def _filled(
    modality: StoredModality, missing: Sequence[tuple[int, Path | None]], part: Path, jobs: int
) -> Iterator[tuple[int, RowFacts]]:
    from joblib import Parallel, delayed
    from tqdm import tqdm

    run = Parallel(n_jobs=jobs, return_as="generator_unordered")
    results = run(delayed(partial(_fill, modality, part))(row, file) for row, file in missing)
    yield from tqdm(results, total=len(missing), desc=f"reading {modality.name} once", disable=None)


def _fill(modality: StoredModality, part: Path, row: int, file: Path | None) -> tuple[int, RowFacts]:
    """Writes a clip into its row. The line of the journal is written after this returns."""
    content, replaced, values = ABSENT, 0, np.zeros(modality.shape, dtype=modality.dtype)
    if file is not None:
        values[:], replaced = modality.read(file)
        with file.open("rb") as stream:
            content = f"{file.name}:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    array = np.lib.format.open_memmap(part, mode="r+")  # type: ignore[no-untyped-call]
    array[row] = values
    array.flush()
    found = Extremes.of(values[None], modality.groups, modality.axis)
    low, high, still = (column[0].tolist() for column in (found.low, found.high, found.still))
    return row, RowFacts(content, int(found.checksum[0]), replaced, low, high, still)


def _line(row: int, facts: RowFacts) -> str:
    text = json.dumps([row, *facts])
    return f"{zlib.crc32(text.encode())} {text}\n"


def _write(journal: Path, facts: Mapping[int, RowFacts]) -> None:
    write_whole(journal, "".join(_line(row, each) for row, each in facts.items()))


def _journal(path: Path, count: int) -> dict[int, RowFacts]:
    """Entries of the journal by row; a line that is incomplete or damaged is ignored."""
    found = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True) if path.exists() else ():
        crc, _, text = line.rstrip("\n").partition(" ")
        if line.endswith("\n") and crc == str(zlib.crc32(text.encode())):
            row, *facts = json.loads(text)
            found[row] = RowFacts(*facts)
    return {row: facts for row, facts in found.items() if row < count}
