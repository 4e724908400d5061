"""Modalities too large for memory: each clip is read once, reduced, and kept in one memory-mapped array."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from cosmo_pl.data.samples import make_folder
from cosmo_pl.errors import ConfigurationError

STORE_VERSION = 1  # raise it when a reader's output changes for the same files and arguments
ABSENT = "absent"  # stands in the journal for the content of a clip without the modality


@dataclass(frozen=True)
class StoredModality:
    """How the clips of a modality become rows of one array.

    Args:
        name: Its name, for the progress bar and the key.
        read: What reads a file and reduces it to a row of `shape`; it is sent to other processes.
        shape: Shape of a row.
        dtype: Type of the array.
        arguments: Whatever changes what `read` gives, for the key.
    """

    name: str
    read: Callable[[Path], NDArray[Any]]
    shape: tuple[int, ...]
    dtype: str
    arguments: Mapping[str, object]


def stored_array(
    modality: StoredModality, files: Sequence[Path | None], folder: Path, jobs: int = -1
) -> tuple[NDArray[Any], str]:
    """The array of a modality, from the cache or made from its files by all cores.

    The key covers the files' paths, sizes and times, not their bytes: a large set is read once. An array is made
    beside its place and moved there whole; a journal says which rows are in it, so that a killed preparation goes on.

    Args:
        modality: How it is made.
        files: File of each clip; None for a clip without, whose row is 0.
        folder: Folder of the cache.
        jobs: Processes; -1 takes all cores.

    Returns:
        Memory-mapped array (N, *shape), and a SHA-256 of the files' names and contents.

    Raises:
        RecordingError: A file cannot be used; rows made before it are kept.
        ConfigurationError: The cache's folder cannot be made, or has no room.
    """
    make_folder(folder)
    place = folder / f"{modality.name}-{_key(modality, files)}.npy"
    with FileLock(f"{place}.lock"):
        array = _whole(place, len(files), modality.shape)
        if array is None:
            _make(modality, files, place, jobs)
            array = np.load(place, mmap_mode="r")
        contents = _journal(place.with_suffix(".journal"), len(files))
    return array, combined(*(contents[row] for row in sorted(contents)))


def combined(*digests: str) -> str:
    """SHA-256 over others, in their order."""
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def _whole(place: Path, count: int, shape: Sequence[int]) -> NDArray[Any] | None:
    """The array, None where it has to be made: it is not there, was cut off, or its journal is lost."""
    try:
        array: NDArray[Any] = np.load(place, mmap_mode="r")
    except (OSError, ValueError):
        return None
    told = len(_journal(place.with_suffix(".journal"), count))
    return array if array.shape == (count, *shape) and told == count else None


def _key(modality: StoredModality, files: Sequence[Path | None]) -> str:
    told = [STORE_VERSION, modality.shape, modality.dtype, dict(modality.arguments), [_seen(file) for file in files]]
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _seen(file: Path | None) -> list[object]:
    if file is None:
        return []
    stat = file.stat()
    return [str(file.resolve()), stat.st_size, stat.st_mtime_ns]


def _make(modality: StoredModality, files: Sequence[Path | None], place: Path, jobs: int) -> None:
    part, journal = place.with_suffix(".part"), place.with_suffix(".journal")
    done = _journal(journal, len(files)) if part.exists() else {}
    if not part.exists():
        _empty(place.with_suffix(".empty"), (len(files), *modality.shape), modality.dtype).replace(part)
    missing = [(row, file) for row, file in enumerate(files) if row not in done]
    known = place.with_suffix(".known")  # a line that was cut off would swallow the next
    known.write_text("".join(f"{row} {content}\n" for row, content in done.items()), encoding="utf-8")
    known.replace(journal)
    with journal.open("a", encoding="utf-8") as lines:
        for row, content in _filled(modality, missing, part, jobs):
            lines.write(f"{row} {content}\n")
            lines.flush()
    part.replace(place)


def _empty(path: Path, shape: tuple[int, ...], dtype: str) -> Path:
    """An array of zeros whose room on the disk is taken: a mapped file that outgrows the disk kills the process.

    Raises:
        ConfigurationError: There is no room.
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
                "cache_dir", f"'{path.parent}' has no room for {size:.0f} MiB ({error.strerror})",
                "Name a folder on another disk, or reduce further",
            ) from error  # fmt: skip
    return path


def _filled(
    modality: StoredModality, missing: Sequence[tuple[int, Path | None]], part: Path, jobs: int
) -> Iterator[tuple[int, str]]:
    from joblib import Parallel, delayed
    from tqdm import tqdm

    run = Parallel(n_jobs=jobs, return_as="generator_unordered")
    results = run(delayed(partial(_fill, modality, part))(row, file) for row, file in missing)
    yield from tqdm(results, total=len(missing), desc=f"reading {modality.name} once", disable=None)


def _fill(modality: StoredModality, part: Path, row: int, file: Path | None) -> tuple[int, str]:
    """Puts a clip in its row; the journal's line that says so is written after this returns."""
    if file is None:
        return row, ABSENT
    array = np.lib.format.open_memmap(part, mode="r+")  # type: ignore[no-untyped-call]
    array[row] = modality.read(file)
    array.flush()
    with file.open("rb") as stream:
        return row, f"{file.name}:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def _journal(path: Path, count: int) -> dict[int, str]:
    """Row to content of the rows that are there; a last line that was cut off does not count."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else ():
        row, _, content = line.partition(" ")
        if line.endswith("\n") and row.isdigit() and int(row) < count:
            found[int(row)] = content.strip()
    return found
