"""What can be attached to live recognition: decisions, smoothing, switching of sensors, and a viewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from cosmo_pl.data.sensors import SensorDescription

if TYPE_CHECKING:  # it imports PyTorch
    from cosmo_pl.recogniser import Prediction


class WindowRecogniser(Protocol):
    """A trained model, as `cosmo_pl.Recogniser`."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the activities, in the order of the probabilities."""
        ...

    @property
    def modality_shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Sensor to the shape of a window; the first axis is time."""
        ...

    @property
    def sensors(self) -> Mapping[str, SensorDescription]:
        """Sensor to what it measures; may be empty."""
        ...

    @property
    def window(self) -> float | None:
        """Seconds of a window; None for a model of clips of different lengths."""
        ...

    def predict(self, arrays: Mapping[str, Any]) -> Prediction:
        """Recognises windows; a sensor that is left out is missing."""
        ...


class Decider(Protocol):
    """Calibrates probabilities and rejects windows that show none of the activities."""

    def apply(self, probability: Any) -> NDArray[Any]:
        """Calibrated probabilities (N, C)."""
        ...

    def rejects(self, probability: Any) -> NDArray[Any]:
        """Whether each window is rejected, by its calibrated probabilities (N,)."""
        ...


class WindowSmoother(Protocol):
    """Takes the windows before into account."""

    def update(self, probability: Any) -> NDArray[Any]:
        """Probabilities (C,) of the activities after a window with these calibrated ones (C,)."""
        ...


class SensorChange(Protocol):
    """A sensor that was switched; as text, how and why."""

    @property
    def sensor(self) -> str:
        """Its name."""
        ...

    @property
    def on(self) -> bool:
        """Whether it is on now."""
        ...


class Switch(Protocol):
    """Switches sensors off that add nothing."""

    def active(self) -> tuple[str, ...]:
        """Sensors to use for the next window."""
        ...

    def observe(
        self, prediction: Prediction | None, used: Sequence[str], arrays: Mapping[str, Any]
    ) -> Sequence[SensorChange]:
        """Gets the prediction of a window, N = 1, the sensors that were used for it, and their frames.

        The prediction is None if no sensor that is on delivered frames.

        Returns:
            The sensors that were switched.
        """
        ...


class Viewer(Protocol):
    """Shows samples and windows."""

    def begin(self) -> None:
        """Learns that the times of samples start anew."""
        ...

    def samples(self, sensor: str, time: NDArray[Any], values: NDArray[Any]) -> None:
        """Gets samples (n, *shape) at seconds (n,)."""
        ...

    def window(
        self,
        start: float,
        end: float,
        activity: str | None,
        probability: Mapping[str, float],
        weights: Mapping[str, float],
        truth: str | None = None,
    ) -> None:
        """Gets a recognised window."""
        ...
