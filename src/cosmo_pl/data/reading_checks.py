"""What `find_recordings` and `read` of a dataset return is checked, as others may have written them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from cosmo_pl.data.recordings import Recording
from cosmo_pl.data.samples import Samples
from cosmo_pl.errors import ConfigurationError, CosmoError
from cosmo_pl.own_code import described, is_own
from cosmo_pl.storage import storage_error

COLUMNS = {"label": "i", "subject": "i", "recording": "U", "start": "i"}
"""Column of the samples to the kind of its values in numpy."""
NUMBERING = "Number the activities from 0; -1 is an unknown one"


class Reader(Protocol):
    """The part of a datamodule that reads."""

    class_names: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Folder of the dataset."""

    @property
    def modality_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one sample of each modality."""

    @property
    def stored(self) -> Mapping[str, Any]:
        """Modalities that `read` does not read."""

    def find_recordings(self, folder: Path) -> list[Recording]:
        """Lists the recordings."""

    def read(self, recordings: Sequence[Recording]) -> Samples:
        """Reads recordings."""


def checked_recordings(data: Reader) -> list[Recording]:
    """`find_recordings` of a datamodule in its folder, whose errors and result are checked.

    Args:
        data: The datamodule.

    Raises:
        CosmoError: There are no recordings, `find_recordings` fails, or returns others than it should.
    """
    where = f"{type(data).__name__}.find_recordings"
    with _one_line(data, where, "Correct it"):
        found = list(data.find_recordings(data.folder))
    if not found:
        problem = f"finds no recordings in '{data.folder}'"
        raise ConfigurationError(where, problem, "Raise self.not_found where there are none, and correct it or --root")
    for each in found:
        problem, remedy = _fault(each, data)
        if problem:
            name = f"recording '{each.name}'" if isinstance(each, Recording) else "a recording"
            raise ConfigurationError(where, f"returns {name} {problem}", remedy)
    name, count = Counter(each.name for each in found).most_common(1)[0]
    if count > 1:
        problem = f"returns {count} recordings with the name '{name}'"
        raise ConfigurationError(where, problem, "Give each a name of its own, with its subject in it")
    return found


def _fault(recording: Recording, data: Reader) -> tuple[str, str]:
    """What is wrong with a recording, and the remedy; both are empty if nothing is."""
    if not isinstance(recording, Recording):
        return f"of the type {type(recording).__name__}", "Return cosmo_pl.data.recordings.Recording"
    if not isinstance(recording.name, str):
        return f"whose name is a {type(recording.name).__name__}", "Name it by a text"
    if not isinstance(recording.label, int | np.integer) or recording.label >= len(data.class_names):
        return f"with the label {recording.label!r}, {_labels(data)}", NUMBERING
    if wrong := [path for path in recording.files.values() if not isinstance(path, Path)]:
        return f"with the file {wrong[0]!r}", "Give a pathlib.Path"
    return "", ""


def _labels(data: Reader) -> str:
    count = len(data.class_names)
    return f"and the labels of its {count} activities are 0 to {count - 1}"


def checked_read(data: Reader, recordings: Sequence[Recording]) -> Samples:
    """`read` of a datamodule, whose errors and result are checked.

    Args:
        data: The datamodule.
        recordings: The recordings.

    Raises:
        CosmoError: A recording cannot be used, `read` fails, or returns other samples than it should.
    """
    with _one_line(
        data, f"{type(data).__name__}.read", "Correct it, or the recording", lambda: _failing(data, recordings)
    ):
        samples = data.read(recordings)
    check_samples(samples, data, data.stored)
    return samples


@contextmanager
def _one_line(data: Reader, where: str, remedy: str, what: Callable[[], str] = str) -> Iterator[None]:
    """Exceptions of somebody's class as one line; a defect of this package keeps its traceback."""
    try:
        yield
    except CosmoError:
        raise
    except Exception as error:
        if storage_error(error) is not None or not is_own(type(data)):
            raise
        raise ConfigurationError(where, f"fails{what()} with {described(error, type(data))}", remedy) from error


def _failing(data: Reader, recordings: Sequence[Recording]) -> str:
    """The recording that cannot be read, in words; empty if each can be read by itself."""
    for recording in recordings:
        try:
            data.read([recording])
        except Exception:
            return f" on '{recording.name}'"
    return ""


def check_samples(samples: Samples, data: Reader, without: Collection[str] = ()) -> None:
    """Checks that samples are arrays of the shapes that the datamodule announces, equally many, with known labels.

    Args:
        samples: What `read` has returned, or a file of the cache has.
        data: The datamodule.
        without: Modalities that these samples do not have.

    Raises:
        ConfigurationError: They are not.
    """
    where = f"{type(data).__name__}.read"
    if not isinstance(samples, Samples):
        problem = f"returns {type(samples).__name__}, no Samples"
        raise ConfigurationError(where, problem, "Return cosmo_pl.data.samples.Samples")
    shapes = {name: shape for name, shape in data.modality_shapes.items() if name not in without}
    if missing := [modality for modality in shapes if modality not in samples.inputs]:
        raise ConfigurationError(where, f"returns no {', '.join(missing)}", "Read all of `modalities`")
    for modality, shape in shapes.items():
        _check_values(samples.inputs[modality], tuple(shape), f"{where}: '{modality}'")
    for column, kind in COLUMNS.items():
        _check_column(getattr(samples, column), kind, f"{where}: {column}")
    found = {column: len(getattr(samples, column)) for column in COLUMNS}
    found |= {f"'{modality}'": len(samples.inputs[modality]) for modality in shapes}
    if len(set(found.values())) > 1:
        counts = ", ".join(f"{count} of {column}" for column, count in found.items())
        raise ConfigurationError(where, f"returns different numbers of rows: {counts}", "Return one row per sample")
    highest = int(samples.label.max(initial=-1))
    if highest >= len(data.class_names):
        raise ConfigurationError(where, f"returns the label {highest}, {_labels(data)}", NUMBERING)


def _check_column(values: Any, kind: str, where: str) -> None:
    found = getattr(values, "dtype", None)
    if not isinstance(found, np.dtype) or found.kind != kind or np.ndim(values) != 1:
        problem = f"has the type {found} and the shape {np.shape(values)}" if found else f"is a {type(values).__name__}"
        expected = "texts" if kind == "U" else "np.int64"
        raise ConfigurationError(where, problem, f"Return an array (N,) of {expected}")


def _check_values(values: Any, shape: tuple[int, ...], where: str) -> None:
    kind = getattr(values, "dtype", None)
    if not isinstance(kind, np.dtype):
        raise ConfigurationError(where, f"is a {type(values).__name__}", "Return an array of numpy")
    if kind.kind not in "biuf" or kind.itemsize > 8:
        raise ConfigurationError(where, f"has values of the type {kind}", "Return numbers, as float32")
    if tuple(values.shape[1:]) != shape:
        problem = f"has samples of the shape {tuple(values.shape[1:])}, and modality_shapes says {shape}"
        raise ConfigurationError(where, problem, "Correct one of the two; pad or cut clips of other lengths")
