"""What a source of samples gives: samples, the begin of a recording, or nothing for a while."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosmo_pl.data.recorded import Span


@dataclass(frozen=True)
class SensorSamples:
    """Samples of one sensor as they came, not checked yet.

    Args:
        sensor: Name of the sensor.
        time: Seconds, one number or n of them.
        values: Values of one sample or of n of them.
    """

    sensor: str
    time: Any
    values: Any


@dataclass(frozen=True)
class Beginning:
    """A recording begins, in which 0 s is tick 0.

    Args:
        recording: Its name.
        aligned: Seconds at which a window begins.
        labels: Its activities by time.
    """

    recording: str
    aligned: float
    labels: tuple[Span, ...]

    def truth(self, start: float, end: float) -> str | None:
        """The activity that has the whole of a window; None without one."""
        return next((each.activity for each in self.labels if _inside(each, start, end)), None)


def _inside(label: Span, start: float, end: float) -> bool:
    rounding = 1e-5
    return label.start - rounding <= start and end <= label.end + rounding


@dataclass(frozen=True)
class Silence:
    """Nothing came for so many seconds."""

    seconds: float


SampleSource = Iterable[SensorSamples | Beginning | Silence]
"""Samples as they come. It never ends by an error of what it is sent."""
