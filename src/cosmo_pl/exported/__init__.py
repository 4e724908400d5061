"""Exported recognisers: a folder with ONNX graphs and ``model.json``, read and run without PyTorch.

`run.py` is the part that needs this package neither; it is copied into every folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.exported.checks import check_description
from cosmo_pl.exported.run import AGAIN, DESCRIPTION, FORMAT, Model, ModelError, checked_arrays
from cosmo_pl.extras import require
from cosmo_pl.io import user_path
from cosmo_pl.sensors import SensorDescription

__all__ = [
    "DESCRIPTION",
    "FORMAT",
    "ExportedRecogniser",
    "Prediction",
    "checked_samples",
    "is_exported",
]


@dataclass(frozen=True)
class Prediction:
    """Recognised activities of N samples.

    Args:
        label: Number of each sample's most probable activity (N,).
        name: Name of that activity, one per sample.
        probability: Probability of every activity (N, C), in the order of `Recogniser.class_names`.
        weights: Attention weight of each modality (N,), where the method has attention; else empty.
        distance: Distance to the training samples (N,), see `cosmo_pl.edge.neighbors`, of a model that was exported
            with a decision; else None.
    """

    label: NDArray[np.int64]
    name: tuple[str, ...]
    probability: NDArray[np.float32]
    weights: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    distance: NDArray[np.float32] | None = None


class ExportedRecogniser:
    """A recogniser in the folder of `cosmo-pl export`, run by onnxruntime. It predicts as `Recogniser` does.

    Example:
        >>> from cosmo_pl.exported import ExportedRecogniser
        >>> recogniser = ExportedRecogniser.load("models/utd")  # doctest: +SKIP
        >>> recogniser.predict({"inertial": accelerations_and_rates, "skeleton": joints}).name  # doctest: +SKIP
        ('clap', 'wave', 'clap')

    Args:
        model: The model.

    Attributes:
        description: Content of ``model.json``.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.description: Mapping[str, Any] = model.description

    @classmethod
    def load(cls, folder: str | Path, threads: int = 1) -> ExportedRecogniser:
        """Loads an exported folder.

        Args:
            folder: The folder.
            threads: Threads of onnxruntime.

        Raises:
            ConfigurationError: It is no exported folder, of another format, or a file was changed; or onnxruntime is
                not installed.
        """
        require("onnxruntime", "model")
        with _as_configuration():
            model = Model(user_path(folder), threads)
        check_description(model.description, user_path(folder))
        return cls(model)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the activities, in the order of the probabilities."""
        return self.model.class_names

    @property
    def modality_shapes(self) -> dict[str, tuple[int, ...]]:
        """Modality to the shape of one sample; the first axis is time."""
        return dict(self.model.shapes)

    @property
    def streams(self) -> tuple[str, ...]:
        """What is encoded, weighted and therefore switched as one: a modality, or several as "acc+gyro"."""
        return tuple(self.model.streams)

    @property
    def sensors(self) -> Mapping[str, SensorDescription]:
        """Modality to what it measures: kind, channels, units and rate; empty where the run did not say so."""
        described = self.description["sensors"]
        return {name: SensorDescription.read(each) for name, each in described.items() if "kind" in each}

    @property
    def levels(self) -> Mapping[str, float]:
        """Modality to the root mean square of its training samples, see `Recogniser.levels`."""
        found: Mapping[str, float] = self.description.get("levels", {})  # the folders of earlier versions have none
        return found

    @property
    def window(self) -> float | None:
        """Seconds of a sample; None for clips of different lengths, and where the run did not say so."""
        seconds: float | None = self.description["window"]
        return seconds

    @property
    def hop(self) -> float | None:
        """Seconds between the starts of two windows in training; None for clips, and where the run did not say so."""
        seconds: float | None = self.description["hop"]
        return seconds

    def predict(self, arrays: Mapping[str, Any]) -> Prediction:
        """Recognises the activities of samples, see `Recogniser.predict`.

        Args:
            arrays: Modality to samples (N, *shape), or one sample (*shape), in the sensor's units. A modality that is
                left out counts as missing in all samples. Its encoder is not run.

        Returns:
            Labels, names, probabilities and weights of the N samples.

        Raises:
            ConfigurationError: A modality is unknown, of another shape, empty, or holds values that are not finite, or
                so large that probabilities are NaN; or the method needs one that is left out.
        """
        with _as_configuration():
            found = self._found({name: _as_array(name, values) for name, values in arrays.items()})
        label = found["probability"].argmax(axis=1)
        names = tuple(self.class_names[each] for each in label)
        columns = found["weights"].T if "weights" in found else ()
        weights = dict(zip(self.model.attends_to, columns, strict=True))
        return Prediction(label, names, found["probability"], weights, found.get("distance"))

    def _found(self, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
        try:
            found = self.model(arrays)  # which checks them
            if found["probability"].shape[1] != len(self.class_names):
                raise ValueError("other activities")
            return found
        except ModelError:
            raise
        except Exception as error:  # onnxruntime has a dozen kinds, here of a head for fewer sensors
            raise ModelError("model", f"its graphs do not fit together ({repr(error)[:150]})", AGAIN) from error


def is_exported(folder: Path) -> bool:
    """Whether a folder is that of an exported model."""
    return (folder / DESCRIPTION).is_file()


def checked_samples(arrays: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
    """Checks samples.

    Args:
        arrays: Modality to samples (N, *shape), or one sample (*shape).
        shapes: Modality to the shape of one sample.

    Returns:
        Modality to samples (N, *shape) in single precision, in the order of `shapes`.

    Raises:
        ConfigurationError: A modality is unknown, of another shape, empty, or holds values that are not finite.
    """
    with _as_configuration():
        return checked_arrays({name: _as_array(name, values) for name, values in arrays.items()}, dict(shapes))


def _as_array(name: str, values: Any) -> NDArray[Any]:
    """Samples as an array; those of a tensor on any device, with a gradient, or of bfloat16, which NumPy lacks.

    Raises:
        ModelError: They are lists of different lengths.
    """
    if hasattr(values, "cpu"):  # a tensor
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ModelError(f"arrays['{name}']", "is no array: its lists differ in length", "Give (N, *shape)") from error


@contextmanager
def _as_configuration() -> Iterator[None]:
    """Raises a `ModelError` as a `ConfigurationError`."""
    try:
        yield
    except ModelError as error:
        raise ConfigurationError(*error.args) from error
