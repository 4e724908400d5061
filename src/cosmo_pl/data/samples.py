"""What a reader hands over: arrays of equal length, one row a sample, and their cache on disk."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning.utilities import rank_zero_warn

from cosmo_pl.errors import ConfigurationError, RecordingError
from cosmo_pl.io import read_bytes
from cosmo_pl.storage import writing

CACHE_VERSION = 2  # raise it when a reader's output changes for the same files and arguments


@dataclass(frozen=True)
class Samples:
    """All samples of a dataset, parsed and of equal shape, neither transformed nor normalised.

    Args:
        inputs: Modality to array (N, *shape): float32, or as it is stored on disk, an array or `SomeRows` of one.
        label: Activity (N,), 0-based.
        subject: Subject (N,).
        recording: Name of the recording that a sample was cut from (N,).
        start: First step of the sample in its recording (N,), in samples of the sensor.
        present: Modality to whether a sample has it (N,), for modalities that some lack.
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
        """Some of the samples; those on disk stay there."""
        if len(rows) == len(self):
            return self
        inputs = {
            name: SomeRows(values, rows) if isinstance(values, np.memmap) else values[rows]
            for name, values in self.inputs.items()
        }
        present = {name: there[rows] for name, there in self.present.items()}
        return Samples(inputs, self.label[rows], self.subject[rows], self.recording[rows], self.start[rows], present)


class SomeRows:
    """Some rows of a memory-mapped array, read when they are asked for.

    Args:
        array: The array (N, *shape).
        rows: Numbers of the rows (n,).
    """

    def __init__(self, array: NDArray[Any], rows: NDArray[np.int64]) -> None:
        self.array, self.rows = array, rows
        self.shape, self.dtype = (len(rows), *array.shape[1:]), array.dtype

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, places: Any) -> Any:
        """Rows at some places among these, (n, *shape), or (*shape) at one."""
        return self.array[self.rows[places]]

    def __getstate__(self) -> dict[str, Any]:
        """A mapped array travels to a worker process as the name of its file; pickled, it would as its bytes."""
        return {**self.__dict__, "array": Path(str(self.array.filename))}  # type: ignore[attr-defined]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Maps the file again."""
        self.__dict__.update(state)
        self.array = np.load(state["array"], mmap_mode="r")


def fingerprint(files: Iterable[Path], root: Path) -> str:
    """SHA-256 over the names below `root` and the bytes of `files`: the same data give the same value anywhere.

    Raises:
        RecordingError: One cannot be read, or is no file.
    """
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(hashlib.sha256(read_bytes(path, partial(RecordingError, path))).digest())
    return digest.hexdigest()


def make_folder(folder: Path) -> None:
    """Makes the folder of the cache.

    Raises:
        ConfigurationError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            "cache_dir", f"'{folder}' cannot be made ({error.strerror})", "Name a folder that can be written to"
        ) from error


def cached(
    build: Callable[[], Samples], folder: Path, files_fingerprint: str, arguments: Mapping[str, object]
) -> Samples:
    """Reads the samples from the cache, or builds and stores them.

    The key covers the raw files' bytes and the reader's arguments. A file is written beside its place and moved there
    whole, so a killed run leaves nothing that could be read as complete. It holds a checksum of every array; a damaged
    file is built anew, with a warning.
    """
    key = json.dumps({"cache": CACHE_VERSION, "files": files_fingerprint, **arguments}, sort_keys=True, default=str)
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"
    if path.exists():
        try:
            return _load(path)
        except Exception as error:  # numpy and zipfile raise half a dozen kinds for a damaged file
            rank_zero_warn(f"{path} in the cache is damaged ({error}); the recordings are read again")
            path.unlink(missing_ok=True)
    samples = build()
    _store(samples, path)
    return samples


def _load(path: Path) -> Samples:
    with np.load(path, allow_pickle=False) as stored:
        return samples_in(stored)


def samples_in(stored: Mapping[str, Any]) -> Samples:
    """Samples from the arrays of `arrays_of`."""
    inputs = {str(name): stored[f"inputs.{name}"] for name in stored["modalities"]}
    return Samples(inputs, *(stored[key] for key in ("label", "subject", "recording", "start")))


def arrays_of(samples: Samples) -> dict[str, NDArray[np.generic]]:
    """Name to array, as a file stores samples that lack nothing."""
    arrays: dict[str, NDArray[np.generic]] = {f"inputs.{name}": values for name, values in samples.inputs.items()}
    arrays["modalities"] = np.array(list(samples.inputs))
    for key in ("label", "subject", "recording", "start"):
        arrays[key] = getattr(samples, key)
    return arrays


def _store(samples: Samples, path: Path) -> None:
    make_folder(path.parent)
    arrays = arrays_of(samples)
    with writing(path), tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
        try:
            np.savez(part, allow_pickle=False, **arrays)
            part.flush()
            os.fsync(part.fileno())
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise
    Path(part.name).replace(path)
