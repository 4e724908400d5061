"""Recordings of a dataset, and functions that read, resample and cut them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.errors import RecordingError
from cosmo_pl.io import file_status

HDF5 = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class Recording:
    """One recording of one subject: a clip of UTD-MHAD, a trial of USC-HAD.

    Args:
        name: Name of the recording, from its file name (``a1_s6_t3``, ``Subject3/a8t5``).
        label: Activity, 0-based.
        subject: Subject, as numbered by the dataset (1-based).
        files: Modality to its file; a file of all modalities has one name of its own.
        lacks: Modalities that are missing.

    Raises:
        RecordingError: The subject is no whole number, or one of more than 18 digits.
    """

    name: str
    label: int
    subject: int
    files: dict[str, Path]
    lacks: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        whole = isinstance(self.subject, int | np.integer)
        if not whole or abs(self.subject) >= 10**18:  # numbers are kept in 64 bits
            path = next(iter(self.files.values()), Path(self.name))
            problem = "has too many digits" if whole else "is no whole number"
            raise RecordingError(path, f"subject {self.subject} {problem}", "Number the subjects from 1")

    def describe(self, root: Path) -> list[object]:
        """All fields in types of JSON, with file names below `root`.

        Raises:
            RecordingError: A file is not in it.
        """
        files = {name: name_below(path, root) for name, path in self.files.items()}
        return [self.name, self.label, self.subject, files, sorted(self.lacks)]


def name_below(path: Path, root: Path) -> str:
    """Name of a file below a folder, the same on all machines.

    Raises:
        RecordingError: It is not in the folder.
    """
    try:
        return path.relative_to(root).as_posix()
    except ValueError as error:
        raise RecordingError(path, f"the file is not in '{root}'", "Move it there") from error


def in_order(recordings: Iterable[Recording]) -> list[Recording]:
    """Recordings by subject, activity and name."""
    return sorted(recordings, key=lambda recording: (recording.subject, recording.label, recording.name))


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
        shape: Expected shape; None is an axis of any length.

    Returns:
        The array, float32.

    Raises:
        RecordingError: The file is truncated or not MATLAB's, the variable is missing or of another shape, or a value
            is NaN or infinite.
    """
    from scipy.io import loadmat

    file_status(path, partial(RecordingError, path))
    try:
        content = loadmat(str(path), variable_names=[key])
    except NotImplementedError as error:  # scipy knows the header of version 7.3
        raise _of_version_7_3(path) from error
    except Exception as error:  # scipy raises a dozen kinds for a damaged file, TypeError and zlib.error among them
        with path.open("rb") as file:
            if HDF5 in file.read(1024):  # after a header of 512 bytes, which may have no version
                raise _of_version_7_3(path) from error
        raise RecordingError(path, f"not readable as a MATLAB file ({type(error).__name__}: {error})") from error
    if key not in content:
        raise RecordingError(path, f"holds no variable '{key}'")
    array = content[key]
    if not _fits(array.shape, shape) or array.size == 0:
        wanted = "×".join("T" if size is None else str(size) for size in shape)
        problem = f"'{key}' has shape {array.shape}, not {wanted}"
        if (
            array.size
            and array.ndim == len(shape)
            and any(_fits(permuted, shape) for permuted in permutations(array.shape))
        ):
            raise RecordingError(path, f"{problem}: its axes are in another order", "Permute them and save it again")
        raise RecordingError(path, problem)
    if array.dtype.kind not in "fiu":
        raise RecordingError(path, f"'{key}' holds {array.dtype} values, not real numbers")
    values: NDArray[np.float32] = array.astype(np.float32)
    if not np.isfinite(values).all():
        raise RecordingError(path, f"'{key}' holds {int((~np.isfinite(values)).sum())} NaN or infinite values")
    return values


def _of_version_7_3(path: Path) -> RecordingError:
    return RecordingError(
        path,
        "is a MATLAB file of version 7.3 (HDF5), and 5 to 7 can be read",
        "Save it in MATLAB with save(..., '-v7')",
    )


def _fits(have: Sequence[int], wanted: Sequence[int | None]) -> bool:
    return len(have) == len(wanted) and all(want in (None, size) for want, size in zip(wanted, have, strict=True))


def resample(
    values: NDArray[np.float32], steps: int, first: float = 0.0, last: float | None = None
) -> NDArray[np.float32]:
    """Resamples a recording to a fixed number of steps by linear interpolation.

    Args:
        values: Recording, (T, *shape).
        steps: Number of steps of the result.
        first: Position of the first step of the result, in steps of the recording.
        last: Position of the last one; None takes that of the recording.

    Returns:
        Array (steps, *shape).

    Examples:
        >>> import numpy as np
        >>> resample(np.array([0.0, 2.0, 4.0]), steps=5)
        array([0., 1., 2., 3., 4.])
    """
    position = np.linspace(first, len(values) - 1.0 if last is None else last, steps)
    left = np.minimum(position.astype(np.int64), max(len(values) - 2, 0))
    right = np.minimum(left + 1, len(values) - 1)
    weight = (position - left).astype(np.float32).reshape(-1, *(1,) * (values.ndim - 1))
    resampled: NDArray[np.float32] = values[left] * (1 - weight) + values[right] * weight
    return resampled


def at_rate(values: NDArray[np.float32], recorded: float, rate: float) -> NDArray[np.float32]:
    """Resamples a recording in time, step k of the result being at k / rate seconds.

    A higher rate interpolates linearly. A lower rate averages over one step of the result, every value being constant
    for one step of the recording, so that frequencies which the result cannot hold are attenuated.

    Args:
        values: Recording, (T, *shape).
        recorded: Its steps per second.
        rate: Steps per second of the result.

    Returns:
        Array (floor((T - 1) · rate / recorded) + 1, *shape); the recording itself if the rates are equal.

    Examples:
        >>> import numpy as np
        >>> at_rate(np.array([0.0, 2.0, 4.0]), recorded=10, rate=20)
        array([0., 1., 2., 3., 4.], dtype=float32)
        >>> at_rate(np.array([0.0, 1.0, 0.0, 1.0, 0.0]), recorded=10, rate=5)
        array([0.33333334, 0.5       , 0.33333334], dtype=float32)
    """
    if rate == recorded:
        return values
    flat = values.reshape(len(values), -1).astype(np.float64)
    count = int((len(values) - 1) * rate / recorded + 1e-6) + 1
    position = np.arange(count) * (recorded / rate)
    if rate > recorded:
        columns = [np.interp(position, np.arange(len(flat)), column) for column in flat.T]
    else:  # value i fills the interval from i to i + 1 of these edges
        edges, half = np.arange(len(flat) + 1), recorded / rate / 2
        start, stop = np.clip([position + 0.5 - half, position + 0.5 + half], 0, len(flat))
        sums = [np.concatenate([[0.0], np.cumsum(column)]) for column in flat.T]
        columns = [(np.interp(stop, edges, total) - np.interp(start, edges, total)) / (stop - start) for total in sums]
    resampled: NDArray[np.float32] = np.stack(columns, axis=1).astype(np.float32).reshape(count, *values.shape[1:])
    return resampled


def central(values: NDArray[np.float32], steps: int) -> tuple[NDArray[np.float32], int]:
    """The central steps of a recording; a shorter one is padded by repeating its first and last step.

    Args:
        values: Recording, (T, *shape).
        steps: Number of steps of the result.

    Returns:
        Array (steps, *shape), and the step of the recording at which it begins, negative where it is padded.

    Examples:
        >>> import numpy as np
        >>> central(np.arange(5), steps=3)
        (array([1, 2, 3]), 1)
        >>> central(np.arange(2), steps=5)
        (array([0, 0, 0, 1, 1]), -2)
    """
    start = (len(values) - steps) // 2 if len(values) >= steps else -((steps - len(values) + 1) // 2)
    return values[np.clip(np.arange(start, start + steps), 0, len(values) - 1)], start


def window_starts(length: int, window_size: int, stride: int) -> NDArray[np.int64]:
    """First steps of all complete windows of a recording.

    Args:
        length: Steps of the recording.
        window_size: Steps of a window.
        stride: Steps between the starts of two windows.

    Returns:
        Array (number of windows,), empty for a recording shorter than a window.

    Examples:
        >>> window_starts(length=10, window_size=4, stride=3)
        array([0, 3, 6])
    """
    return np.arange(0, length - window_size + 1, stride, dtype=np.int64)
