"""The samples that a reader returns: arrays of equal length with one row per sample, and their cache on disk."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.recordings import name_below
from cosmo_pl.errors import ConfigurationError, RecordingError
from cosmo_pl.io import read_bytes, whole_file

VALUES_AT_ONCE = 2**24  # values of a modality that are processed together: 128 MiB in double precision

CACHE_VERSION = 2  # raise it when a reader's output changes for the same files and arguments


@dataclass(frozen=True)
class Samples:
    """All samples of a dataset, parsed and of equal shape, neither transformed nor normalised.

    Args:
        inputs: Modality to its values (N, *shape): an array of float32, or `MappedRows` of a file.
        label: Activity (N,), 0-based; -1 if it is unknown.
        subject: Subject (N,).
        recording: Name of the recording of each sample (N,).
        start: Start of each sample in its recording (N,), in steps of the sensor; in milliseconds for streams.
        present: Modality to whether each sample has it (N,), for modalities that some lack.
    """

    inputs: dict[str, Any]
    label: NDArray[np.int64]
    subject: NDArray[np.int64]
    recording: NDArray[np.str_]
    start: NDArray[np.int64]
    present: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.label)

    def some(self, rows: NDArray[np.int64]) -> Samples:
        """Samples of some indices; those on disk are not read."""
        if len(rows) == len(self):
            return self
        inputs = {
            name: values.some(rows) if isinstance(values, MappedRows) else values[rows]
            for name, values in self.inputs.items()
        }
        present = {name: values[rows] for name, values in self.present.items()}
        return Samples(inputs, self.label[rows], self.subject[rows], self.recording[rows], self.start[rows], present)

    def has(self, modality: str) -> NDArray[np.bool_]:
        """Whether each sample has a modality (N,)."""
        return self.present.get(modality, np.ones(len(self), dtype=bool))

    def complete(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of the rows that have all modalities."""
        for present in self.present.values():
            rows = rows[present[rows]]
        return rows


def samples_at_once(shape: Sequence[int]) -> int:
    """Number of samples of a shape that are processed together."""
    return max(1, VALUES_AT_ONCE // max(1, math.prod(shape)))


class MappedRows:
    """Rows of a memory-mapped array, which are read when they are indexed.

    Args:
        array: The array (N, *shape).
        rows: Indices of the rows (n,); None takes all.
    """

    def __init__(self, array: NDArray[Any], rows: NDArray[np.int64] | None = None) -> None:
        self.array, self.rows = array, np.arange(len(array)) if rows is None else rows
        self.shape, self.dtype = (len(self.rows), *array.shape[1:]), array.dtype

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        """Some of these rows, (n, *shape), or one, (*shape)."""
        return self.array[self.rows[index]]

    def some(self, rows: NDArray[np.int64]) -> MappedRows:
        """Some of these rows, which are not read."""
        return MappedRows(self.array, self.rows[rows])

    def __getstate__(self) -> dict[str, Any]:
        """Worker processes receive the name of the file: a memory-mapped array is pickled with all of its values."""
        return {**self.__dict__, "array": Path(str(self.array.filename))}  # type: ignore[attr-defined]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Maps the file again."""
        self.__dict__.update(state, array=np.load(state["array"], mmap_mode="r"))


class MappedWindows(MappedRows):
    """Windows of a memory-mapped stream, which are read when they are indexed; those that overlap are not copied.

    Args:
        array: The stream (frames, *shape).
        rows: First frame of each window (N,); -1 for a window that the sensor lacks, which is 0.
        steps: Frames of a window.
    """

    def __init__(self, array: NDArray[Any], rows: NDArray[np.int64], steps: int) -> None:
        super().__init__(array, rows)
        self.steps = steps
        self.shape = (len(rows), steps, *array.shape[1:])

    def __getitem__(self, index: Any) -> Any:
        """Some of these windows, (n, steps, *shape), or one, (steps, *shape)."""
        first = np.asarray(self.rows[index])
        windows = self.array[np.maximum(first, 0)[..., None] + np.arange(self.steps)]
        if (first < 0).any():
            windows[first < 0] = 0
        return windows

    def some(self, rows: NDArray[np.int64]) -> MappedWindows:
        """Some of these windows, which are not read."""
        return MappedWindows(self.array, self.rows[rows], self.steps)


def fingerprint(files: Iterable[Path], root: Path) -> str:
    """SHA-256 of the names below `root` and the bytes of `files`: the same data give the same value on any machine.

    Raises:
        RecordingError: One of the files cannot be read, is no regular file, or is not in `root`.
    """
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(name_below(path, root).encode())
        digest.update(hashlib.sha256(read_bytes(path, partial(RecordingError, path))).digest())
    return digest.hexdigest()


def make_folder(folder: Path) -> None:
    """Creates the folder of the cache.

    Raises:
        ConfigurationError: It cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            "cache_dir", f"'{folder}' cannot be created ({error.strerror})", "Name a folder that can be written to"
        ) from error


def cached(
    build: Callable[[], Samples],
    folder: Path,
    files_fingerprint: str,
    arguments: Mapping[str, object],
    keeps: Callable[[Samples], bool] = lambda samples: True,
) -> Samples:
    """Reads the samples from the cache, or builds and stores them.

    The key covers the bytes of the recordings and the arguments of the reader. A file is written under a temporary name
    and renamed, so a killed run leaves no file that seems complete. It holds a checksum of every array; a damaged file
    is replaced, with a warning.

    Args:
        build: Reads the recordings.
        folder: Folder of the cache.
        files_fingerprint: See `fingerprint`.
        arguments: Whatever else changes the samples.
        keeps: Whether samples are stored; a reader whose result has a fault may be corrected.
    """
    key = json.dumps({"cache": CACHE_VERSION, "files": files_fingerprint, **arguments}, sort_keys=True, default=str)
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"
    if path.exists():
        try:
            with np.load(path, allow_pickle=False) as stored:
                return samples_in(stored)
        except Exception as error:  # numpy and zipfile raise half a dozen kinds for a damaged file
            from pytorch_lightning.utilities import rank_zero_warn

            rank_zero_warn(f"{path} in the cache is damaged ({error}); the recordings are read again")
            path.unlink(missing_ok=True)
    samples = build()
    if keeps(samples):
        write_samples(path, samples)
    return samples


def samples_in(stored: Mapping[str, Any]) -> Samples:
    """Samples from the arrays of `arrays_of`."""
    inputs = {str(name): stored[f"inputs.{name}"] for name in stored["modalities"]}
    return Samples(inputs, *(stored[key] for key in ("label", "subject", "recording", "start")))


def arrays_of(samples: Samples) -> dict[str, NDArray[np.generic]]:
    """Name to array, as a file stores samples that have all modalities."""
    arrays: dict[str, NDArray[np.generic]] = {f"inputs.{name}": values for name, values in samples.inputs.items()}
    arrays["modalities"] = np.array(list(samples.inputs))
    for key in ("label", "subject", "recording", "start"):
        arrays[key] = getattr(samples, key)
    return arrays


def write_samples(path: Path, samples: Samples, **facts: NDArray[np.str_]) -> None:
    """Writes samples in memory that have all modalities, through `whole_file`.

    Args:
        path: The file.
        samples: The samples.
        **facts: Further arrays of the file.
    """
    make_folder(path.parent)
    with whole_file(path) as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays_of(samples), **facts)
        file.flush()
        os.fsync(file.fileno())
