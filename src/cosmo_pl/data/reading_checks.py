"""What the `read` of a dataset returns is checked, as others may have written it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from cosmo_pl.data.recordings import Recording
from cosmo_pl.data.samples import Samples
from cosmo_pl.errors import ConfigurationError, CosmoError
from cosmo_pl.own_code import described, is_own
from cosmo_pl.storage import storage_error

COLUMNS = ("label", "subject", "recording", "start")


class Reader(Protocol):
    """The part of a datamodule that reads."""

    @property
    def modality_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one sample of each modality."""

    @property
    def stored(self) -> Mapping[str, Any]:
        """Modalities that `read` does not read."""

    def read(self, recordings: Sequence[Recording]) -> Samples:
        """Reads recordings."""


def checked_read(data: Reader, recordings: Sequence[Recording]) -> Samples:
    """`read` of a datamodule, whose errors and result are checked.

    Args:
        data: The datamodule.
        recordings: The recordings.

    Raises:
        CosmoError: A recording cannot be used, `read` fails, or returns other samples than it should.
    """
    kind = type(data)
    try:
        samples = data.read(recordings)
    except CosmoError:
        raise
    except Exception as error:
        if storage_error(error) is not None or not is_own(kind):  # a defect of this package has its traceback
            raise
        where = _failing(data.read, recordings)
        raise ConfigurationError(
            f"{kind.__name__}.read", f"fails{where} with {described(error, kind)}", "Correct it, or the recording"
        ) from error
    shapes = {name: shape for name, shape in data.modality_shapes.items() if name not in data.stored}
    check_samples(samples, shapes, kind.__name__)
    return samples


def _failing(read: Callable[[Sequence[Recording]], Samples], recordings: Sequence[Recording]) -> str:
    """The recording that cannot be read, in words; empty if each can be read by itself."""
    for recording in recordings:
        try:
            read([recording])
        except Exception:
            return f" on '{recording.name}'"
    return ""


def check_samples(samples: Samples, shapes: Mapping[str, Sequence[int]], name: str) -> None:
    """Checks that samples are arrays of numbers of the shapes that the datamodule announces, and equally many.

    Args:
        samples: What `read` has returned, or a file of the cache has.
        shapes: Modality to shape of a sample.
        name: Name of the datamodule's class.

    Raises:
        ConfigurationError: They are not.
    """
    where = f"{name}.read"
    if not isinstance(samples, Samples):
        problem = f"returns {type(samples).__name__}, no Samples"
        raise ConfigurationError(where, problem, "Return cosmo_pl.data.samples.Samples")
    if missing := [modality for modality in shapes if modality not in samples.inputs]:
        raise ConfigurationError(where, f"returns no {', '.join(missing)}", "Read all of `modalities`")
    for modality, shape in shapes.items():
        _check_values(samples.inputs[modality], tuple(shape), f"{where}: '{modality}'")
    found = {column: len(getattr(samples, column)) for column in COLUMNS}
    found |= {f"'{modality}'": len(samples.inputs[modality]) for modality in shapes}
    if len(set(found.values())) > 1:
        counts = ", ".join(f"{count} of {column}" for column, count in found.items())
        raise ConfigurationError(where, f"returns different numbers of rows: {counts}", "Return one row per sample")


def _check_values(values: Any, shape: tuple[int, ...], where: str) -> None:
    kind = getattr(values, "dtype", None)
    if not isinstance(kind, np.dtype):
        raise ConfigurationError(where, f"is a {type(values).__name__}", "Return an array of numpy")
    if kind.kind not in "biuf" or kind.itemsize > 8:
        raise ConfigurationError(where, f"has values of the type {kind}", "Return numbers, as float32")
    if tuple(values.shape[1:]) != shape:
        problem = f"has samples of the shape {tuple(values.shape[1:])}, and modality_shapes says {shape}"
        raise ConfigurationError(where, problem, "Correct one of the two; pad or cut clips of other lengths")
