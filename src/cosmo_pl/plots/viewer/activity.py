"""Truth and prediction as coloured bands over time; probabilities and sensor weights as lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cosmo_pl.plots.colours import class_colour
from cosmo_pl.plots.viewer.drawing import TIMELINE, entity_path, rgba

if TYPE_CHECKING:
    from rerun import RecordingStream
    from rerun.blueprint import TimeAxis, View

SHOWN_FROM = 0.1  # an activity is drawn from the first window on in which it is at least so probable
TOLERANCE = 1e-6  # seconds
NONE, NO_ACTIVITY = "none of these", "#808080"


class Band:
    """A row of activities over time, each until the next one begins or nothing follows it.

    Args:
        entity: Path in the viewer.
        class_names: Names of the activities, in the order of the labels.
    """

    def __init__(self, entity: str, class_names: Sequence[str]) -> None:
        self.entity = entity
        self.class_names = tuple(class_names)
        self._end: float | None = None
        self._begun = False

    def add(self, stream: RecordingStream, start: float, end: float, activity: str | None) -> None:
        """Sends the activity of an interval, in the order of time; None is none of the activities."""
        import rerun as rr

        if not self._begun:
            self._begun = True
            colours = [*(class_colour(number) for number in range(len(self.class_names))), NO_ACTIVITY]
            look = rr.StateConfiguration(values=[*self.class_names, NONE], colors=rgba(colours))
            stream.log(self.entity, look, static=True)
        if self._end is not None and start > self._end + TOLERANCE:
            self.close(stream)
        self._set(stream, start, activity or NONE)
        self._end = end

    def close(self, stream: RecordingStream) -> None:
        """Ends the last interval."""
        if self._end is not None:
            self._set(stream, self._end, "")
        self._end = None

    def _set(self, stream: RecordingStream, second: float, state: str) -> None:
        import rerun as rr

        stream.set_time(TIMELINE, duration=second)
        stream.log(self.entity, rr.StateChange(state=state))


class Shares:
    """Numbers from 0 to 1 of each window as steps over time, a line for each name.

    Args:
        entity: Path in the viewer.
        title: Title of the chart.
        colours: Name to the colour of its line. Of several in one, "acc+gyro", the line has the colour of the first.
        shown_from: A line begins at the first window in which it is at least so high.
    """

    def __init__(self, entity: str, title: str, colours: Mapping[str, str], shown_from: float = 0.0) -> None:
        self.entity = entity
        self.title = title
        self.colours = dict(colours)
        self.shown_from = shown_from
        self._last: dict[str, float] = {}
        self._end: float | None = None

    @property
    def drawn(self) -> tuple[str, ...]:
        """Names of the lines, in the order in which they began."""
        return tuple(self._last)

    def add(self, stream: RecordingStream, start: float, end: float, values: Mapping[str, float]) -> None:
        """Sends the numbers of a window, in the order of time."""
        if self._end is not None and start > self._end + TOLERANCE:
            self.close(stream)
        for name, value in values.items():
            if name not in self._last and value < self.shown_from:
                continue
            if name not in self._last:
                self._begin(stream, name)
            self._last[name] = float(value)
            self._set(stream, start, name, float(value))
        self._end = end

    def close(self, stream: RecordingStream) -> None:
        """Ends the last window."""
        if self._end is not None:
            for name, value in self._last.items():
                self._set(stream, self._end, name, value)
                self._set(stream, self._end + TOLERANCE, name, math.nan)
        self._end = None

    def _begin(self, stream: RecordingStream, name: str) -> None:
        import rerun as rr

        colour = self.colours[name if name in self.colours else name.partition("+")[0]]
        look = rr.SeriesLines(colors=rgba([colour]), names=name, widths=2.0, interpolation_mode="StepAfter")
        stream.log(self._path(name), look, static=True)

    def _set(self, stream: RecordingStream, second: float, name: str, value: float) -> None:
        import rerun as rr

        stream.set_time(TIMELINE, duration=second)
        stream.log(self._path(name), rr.Scalars(value))

    def _path(self, name: str) -> str:
        return entity_path(self.entity, name)

    def view(self, axis: TimeAxis, legend: bool = True) -> View:
        """The chart.

        Args:
            axis: Axis of time.
            legend: Whether the names are on it, which hides what lies behind them.
        """
        import rerun.blueprint as rrb

        return rrb.TimeSeriesView(
            origin=self.entity,
            name=self.title,
            axis_x=axis,
            axis_y=rrb.ScalarAxis(range=(-0.02, 1.02), zoom_lock=True),
            plot_legend=rrb.PlotLegend(rrb.Corner2D.RightTop, visible=legend),
        )


def bands_view(entity: str, axis: TimeAxis) -> View:
    """The rows of activities."""
    import rerun.blueprint as rrb

    return rrb.StateTimelineView(origin=entity, name="activity", time_view=axis)
