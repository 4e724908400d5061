"""Writes a simulated dataset: whole files, one set of settings per folder, resumable."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import whole_file, write_whole
from cosmo_pl.storage import SIMULATION, UNFINISHED, only_writer
from cosmo_pl.version import __version__

NOTE = "Simulated recordings, not measurements: written from one kinematic body model in the official file layout."


RecordingFiles = tuple[Sequence[Path], Callable[[], Sequence[Any]]]
"""The files of one recording, and a function that makes the content of each file."""


def write_mat(path: Path, fields: Mapping[str, Any]) -> None:
    """Writes a MATLAB 5 file as a whole."""
    from scipy.io import savemat

    with whole_file(path, one_writer=True) as part:
        savemat(part, dict(fields), appendmat=False)


def write_npy(path: Path, array: NDArray[Any]) -> None:
    """Writes an array as a whole."""
    with whole_file(path, one_writer=True) as part, part.open("wb") as file:  # to a path, ".npy" is added
        np.save(file, array)


@contextmanager
def claimed(folder: Path, settings: Mapping[str, Any]) -> Iterator[None]:
    """Holds the folder of a dataset for a simulation, and writes its settings there before the first recording.

    The folder is refused as a dataset until the body has ended once. A second simulation waits until the first one
    ends, and then writes what is missing.

    Args:
        folder: Folder of the dataset.
        settings: All settings that the recordings depend on; the package's version is added.

    Raises:
        ConfigurationError: The folder holds recordings of other settings, or that were not simulated, or archives.
    """
    with only_writer(folder):
        _claim(folder, {**settings, "version": __version__})
        yield
        (folder / UNFINISHED).unlink(missing_ok=True)


def _claim(folder: Path, settings: Mapping[str, Any]) -> None:
    manifest = json.dumps({"simulated": True, "note": NOTE, "settings": settings}, indent=2) + "\n"
    path = folder / SIMULATION
    begun = any(file.suffix in (".mat", ".npy", ".csv", ".zip", ".npz") for file in folder.rglob("*"))
    if begun:
        found = path.read_text(encoding="utf-8") if path.is_file() else None
        if found != manifest:
            what = "simulated recordings of other settings" if found else "recordings that were not simulated"
            raise ConfigurationError("root", f"'{folder}' already holds {what}", "Choose another folder or empty it")
    write_whole(path, manifest)
    if not begun:
        (folder / UNFINISHED).touch()


def check_counts(subjects: Sequence[int], trials: int, seed: int) -> None:
    """Refuses numbers that cannot be simulated.

    Raises:
        ConfigurationError: No subject, a subject below 1 or named twice, no trial, or a negative seed.
    """
    if not subjects or min(subjects) < 1 or len(set(subjects)) < len(subjects):
        raise ConfigurationError("subjects", f"{list(subjects)} cannot be simulated", "Use distinct numbers from 1")
    if trials < 1:
        raise ConfigurationError("trials", f"{trials} is not a number of trials", "Use 1 or more")
    if seed < 0:
        raise ConfigurationError("seed", f"{seed} is negative", "Use 0 or more")


def write_missing(
    recordings: Sequence[RecordingFiles],
    label: str,
    progress: bool,
    write: Callable[[Path, Any], None] = write_mat,
    jobs: int = 1,
) -> None:
    """Makes each recording with a missing file, and writes its missing files.

    Args:
        recordings: The files of each recording, and a function that makes the content of each file.
        label: Text of the progress bar.
        progress: Whether the progress bar is shown.
        write: Writes the content of a file; by default the fields of a MATLAB file.
        jobs: Processes; -1 takes all cores.
    """
    from joblib import Parallel, delayed
    from tqdm import tqdm

    run = Parallel(n_jobs=jobs, return_as="generator_unordered")
    written = run(delayed(_write)(paths, make, write) for paths, make in recordings)
    for _ in tqdm(written, desc=label, total=len(recordings), disable=not progress):
        pass


def _write(paths: Sequence[Path], make: Callable[[], Sequence[Any]], write: Callable[[Path, Any], None]) -> None:
    exist = [path.is_file() for path in paths]
    if not all(exist):
        for path, content, found in zip(paths, make(), exist, strict=True):
            if not found:
                write(path, content)
