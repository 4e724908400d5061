"""What a reader hands over: arrays of equal length, one row a sample, and their cache on disk."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.errors import ConfigurationError

CACHE_VERSION = 2  # raise it when a reader's output changes for the same files and arguments


@dataclass(frozen=True)
class Samples:
    """All samples of a dataset, parsed and of equal shape, neither transformed nor normalised.

    Args:
        inputs: Modality to array (N, *shape): float32, or as it is stored on disk.
        label: Activity (N,), 0-based.
        subject: Subject (N,).
        recording: Name of the recording that a sample was cut from (N,).
        start: First step of the sample in its recording (N,), in samples of the sensor.
        present: Modality to whether a sample has it (N,), for modalities that some lack.
    """

    inputs: dict[str, NDArray[Any]]
    label: NDArray[np.int64]
    subject: NDArray[np.int64]
    recording: NDArray[np.str_]
    start: NDArray[np.int64]
    present: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.label)


def fingerprint(files: Iterable[Path], root: Path) -> str:
    """SHA-256 over the names below `root` and the bytes of `files`: the same data give the same value anywhere."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
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
    whole, so a killed run leaves nothing that could be read as complete; a damaged file is built anew.
    """
    key = json.dumps({"cache": CACHE_VERSION, "files": files_fingerprint, **arguments}, sort_keys=True, default=str)
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"
    if path.exists():
        try:
            return _load(path)
        except Exception:  # numpy and zipfile raise half a dozen kinds for a damaged file
            path.unlink(missing_ok=True)
    samples = build()
    _store(samples, path)
    return samples


def _load(path: Path) -> Samples:
    with np.load(path, allow_pickle=False) as stored:
        inputs = {str(name): stored[f"inputs.{name}"] for name in stored["modalities"]}
        rest = {key: stored[key] for key in ("label", "subject", "recording", "start")}
    return Samples(inputs=inputs, **rest)


def _store(samples: Samples, path: Path) -> None:
    make_folder(path.parent)
    arrays: dict[str, NDArray[np.generic]] = {f"inputs.{name}": values for name, values in samples.inputs.items()}
    arrays["modalities"] = np.array(list(samples.inputs))
    for key in ("label", "subject", "recording", "start"):
        arrays[key] = getattr(samples, key)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
        try:
            np.savez(part, allow_pickle=False, **arrays)
            part.flush()
            os.fsync(part.fileno())
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise
    Path(part.name).replace(path)
