"""Reading the `.mat` recordings of the official archives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning.utilities import rank_zero_warn

from cosmo_pl.errors import RecordingError


@dataclass(frozen=True)
class Recording:
    """One recording of one subject: a clip of UTD-MHAD, a trial of USC-HAD.

    Args:
        name: Name of the recording, from its file name (``a1_s6_t3``, ``Subject3/a8t5``).
        label: Activity, 0-based.
        subject: Subject, as numbered by the dataset (1-based).
        files: File of each modality, or one of all.
        lacks: Modalities that it should have and has not.
    """

    name: str
    label: int
    subject: int
    files: dict[str, Path]
    lacks: frozenset[str] = frozenset()

    def told(self, root: Path) -> list[object]:
        """All that is known of it, in JSON's types, its files below `root`."""
        files = {name: path.relative_to(root).as_posix() for name, path in self.files.items()}
        return [self.name, self.label, self.subject, files, sorted(self.lacks)]


def complete_recordings(
    recordings: Sequence[Recording], dataset: str, strict: bool, keep_subjects: Sequence[int]
) -> list[Recording]:
    """Leaves out the recordings that lack a modality, and says how many.

    Args:
        recordings: All of them.
        dataset: Name of the dataset, for the log.
        strict: Refuse them instead.
        keep_subjects: Subjects whose incomplete recordings stay.

    Raises:
        RecordingError: `strict`, and a recording lacks a modality.
    """
    incomplete = [recording for recording in recordings if recording.lacks]
    if strict and incomplete:
        first = min(incomplete, key=lambda recording: recording.name)
        raise RecordingError(
            next(iter(first.files.values())),
            f"clip {first.name} and {len(incomplete) - 1} others lack a modality, this one {sorted(first.lacks)}",
            "Add the files, or set strict to false to leave such clips out",
        )
    dropped = [recording for recording in incomplete if recording.subject not in keep_subjects]
    if dropped:
        rank_zero_warn(f"{dataset}: {len(dropped)} clips lack a modality and are left out")
    if len(dropped) < len(incomplete):
        rank_zero_warn(f"{dataset}: {len(incomplete) - len(dropped)} test clips lack a modality and are kept")
    return [recording for recording in recordings if not recording.lacks or recording.subject in keep_subjects]


def clip_columns(recordings: Sequence[Recording]) -> dict[str, Any]:
    """Columns of `Samples` where a sample is a whole recording."""
    return {
        "label": np.array([recording.label for recording in recordings], dtype=np.int64),
        "subject": np.array([recording.subject for recording in recordings], dtype=np.int64),
        "recording": np.array([recording.name for recording in recordings]),
        "start": np.zeros(len(recordings), dtype=np.int64),
    }


def read_mat(path: Path, key: str, shape: Sequence[int | None]) -> NDArray[np.float32]:
    """Reads one array of a MATLAB file.

    Args:
        path: The file.
        key: Name of the variable.
        shape: Expected shape, with None for an axis of any length.

    Returns:
        The array, float32.

    Raises:
        RecordingError: The file is truncated or not MATLAB's, the variable is missing or of another shape, or a value
            is NaN or infinite.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(str(path), variable_names=[key])
    except Exception as error:  # scipy raises a dozen kinds for a damaged file, TypeError and zlib.error among them
        raise RecordingError(path, f"not readable as a MATLAB file ({type(error).__name__}: {error})") from error
    if key not in content:
        raise RecordingError(path, f"holds no variable '{key}'")
    array = content[key]
    fits = array.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    if not fits or array.size == 0:
        wanted = "×".join("T" if size is None else str(size) for size in shape)
        raise RecordingError(path, f"'{key}' has shape {array.shape}, not {wanted}")
    if array.dtype.kind not in "fiu":
        raise RecordingError(path, f"'{key}' holds {array.dtype} values, not real numbers")
    values: NDArray[np.float32] = array.astype(np.float32)
    if not np.isfinite(values).all():
        raise RecordingError(path, f"'{key}' holds {int((~np.isfinite(values)).sum())} NaN or infinite values")
    return values


def resample(values: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    """Resamples a recording to a fixed number of steps by linear interpolation; the first and last stay as they are.

    Args:
        values: Recording, (T, *shape).
        steps: Number of steps wanted.

    Returns:
        Array (steps, *shape).
    """
    position = np.linspace(0.0, len(values) - 1.0, steps)
    left = np.minimum(position.astype(np.int64), max(len(values) - 2, 0))
    right = np.minimum(left + 1, len(values) - 1)
    weight = (position - left).astype(np.float32).reshape(-1, *(1,) * (values.ndim - 1))
    resampled: NDArray[np.float32] = values[left] * (1 - weight) + values[right] * weight
    return resampled


def window_starts(length: int, window_size: int, stride: int) -> NDArray[np.int64]:
    """First samples of all whole windows of a recording.

    Args:
        length: Samples in the recording.
        window_size: Samples in a window.
        stride: Samples from one window's start to the next.

    Returns:
        Array (number of windows,), empty for a recording shorter than a window.
    """
    return np.arange(0, length - window_size + 1, stride, dtype=np.int64)
