"""What the drawings of all sensors share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rerun import RecordingStream, TimeColumn
    from rerun.blueprint import TimeAxis, View

TIMELINE = "time"
"""Seconds of the recording."""
LEGEND_SHARE = 0.07
"""Part of the duration that is left free after its end, for the legends of the channels."""


class Drawing(ABC):
    """How the signal of a sensor is drawn.

    Args:
        name: Name of the sensor.
    """

    is_chart = False
    """Whether it is drawn over time, and not in space."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.entity = f"sensors/{name}"

    @abstractmethod
    def draw(self, stream: RecordingStream, time: NDArray[Any], values: NDArray[Any]) -> None:
        """Sends frames to the viewer.

        Args:
            stream: Connection to the viewer or the file.
            time: Seconds (n,).
            values: Frames (n, *shape); those with NaN are gaps.
        """

    @abstractmethod
    def views(self, axis: TimeAxis) -> Sequence[View]:
        """Panels that show it.

        Args:
            axis: Axis of time of charts.
        """


def time_column(seconds: NDArray[Any]) -> TimeColumn:
    """Times (n,) of a column of values."""
    import rerun as rr

    return rr.TimeColumn(TIMELINE, duration=seconds)


def time_axis(duration: float | None) -> TimeAxis:
    """The axis of time of a chart.

    Args:
        duration: Seconds of the recording, shown whole; None follows the newest samples, in all charts together.
    """
    import rerun as rr
    import rerun.blueprint as rrb

    if duration is None:
        return rrb.TimeAxis(link="LinkToGlobal")
    # linked axes would show at most 30 seconds on both sides of the cursor
    ends = (rrb.TimeRangeBoundary.absolute(seconds=second) for second in (0.0, (1 + LEGEND_SHARE) * duration))
    return rrb.TimeAxis(view_range=rr.TimeRange(*ends))


def rgba(colours: Sequence[str]) -> NDArray[np.uint32]:
    """The numbers (n,) that Rerun takes for colours ``#RRGGBB``."""
    return np.array([int(f"{colour[1:]}FF", 16) for colour in colours], dtype=np.uint32)


def entity_path(*parts: str) -> str:
    """Path in the viewer, of parts that may contain any character."""
    import rerun as rr

    return rr.new_entity_path([*parts])
