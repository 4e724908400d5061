"""The viewer of signals and predictions, of a recording as a whole or of live samples as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.plots.colours import SENSORS, class_colour
from cosmo_pl.plots.viewer.activity import SHOWN_FROM, Band, Shares, bands_view
from cosmo_pl.plots.viewer.destination import check_destination, connected
from cosmo_pl.plots.viewer.drawing import TIMELINE, Drawing, time_axis
from cosmo_pl.plots.viewer.images import Images, Radar
from cosmo_pl.plots.viewer.series import Series
from cosmo_pl.plots.viewer.skeleton import Skeleton
from cosmo_pl.sensors import SensorDescription

if TYPE_CHECKING:
    from rerun import RecordingStream
    from rerun.blueprint import Blueprint

NOTES = "about"
PAUSE = 0.5  # seconds between two recordings on one time line


class Viewer:
    """Signals, truth and predictions on one time line of the Rerun viewer, in a browser, or in a file.

    Example::

            with Viewer(recogniser.sensors, shapes, recogniser.class_names, save=Path("wave.rrd")) as viewer:
                viewer.samples("inertial", time, values)
                viewer.window(0.0, 2.0, "wave", {"wave": 0.9, "clap": 0.1}, {}, truth="wave")

    Args:
        sensors: Sensor to what it measures. Samples of others are not drawn.
        shapes: Sensor to the shape of one of its frames.
        class_names: Names of the activities, in the order of the labels, which gives them their colours.
        notes: Text beside the pictures, in Markdown.
        save: File to write, ``.rrd``; it is complete when the context ends.
        serve: Whether browsers show it, at an address that is printed. Without `save` and `serve` a window opens.
        duration: Seconds of a recording, which is shown as a whole and played from the beginning; None follows the
            newest samples.

    Raises:
        ConfigurationError: See `check_destination`.
    """

    def __init__(
        self,
        sensors: Mapping[str, SensorDescription],
        shapes: Mapping[str, Sequence[int]],
        class_names: Sequence[str],
        notes: str = "",
        save: Path | None = None,
        serve: bool = False,
        duration: float | None = None,
    ) -> None:
        check_destination(save, serve)
        self.drawings = {name: drawing_of(name, sensor, shapes[name]) for name, sensor in sensors.items()}
        self.notes, self.duration = notes, duration
        self._truth, self._prediction = Band("activity/truth", class_names), Band("activity/prediction", class_names)
        activities = {name: class_colour(number) for number, name in enumerate(class_names)}
        self._probability = Shares("probability", "probability", activities, SHOWN_FROM)
        lines = dict(zip(dict.fromkeys((*sensors, *shapes)), cycle(SENSORS), strict=False))
        self._weights = Shares("weight", "weight of each sensor", lines)
        self._begin, self._origin, self._latest = 0.0, None if duration is None else 0.0, 0.0
        self._panels: frozenset[str] = frozenset()
        self._stack, self._destination = ExitStack(), (save, serve)

    def __enter__(self) -> Self:
        """Connects to the viewer or opens the file."""
        import rerun as rr

        self.stream: RecordingStream = self._stack.enter_context(connected(*self._destination))
        if self.notes:
            self.stream.log(NOTES, rr.TextDocument(self.notes, media_type="text/markdown"), static=True)
        self._arrange()
        return self

    def __exit__(self, *error: Any) -> None:
        """Ends the last window, and completes the file."""
        self.finish()
        self._stack.__exit__(*error)

    def finish(self) -> None:
        """Ends the last window: no more will come."""
        self._end_windows()
        self.stream.flush()

    def _end_windows(self) -> None:
        for part in (self._truth, self._prediction, self._probability, self._weights):
            part.close(self.stream)

    def _shown(self, time: NDArray[Any]) -> NDArray[np.float64]:
        """Seconds on the time line for seconds of the recording (n,)."""
        if self._origin is None:
            self._origin = float(time.min())
        return np.asarray(self._begin + time - self._origin, dtype=np.float64)

    def begin(self) -> None:
        """Begins another recording, whose times start anew: it is shown after what came before."""
        self._end_windows()
        if self._latest > 0:
            for drawing in (each for each in self.drawings.values() if isinstance(each, Series)):
                drawing.interrupt(self.stream, self._latest + PAUSE / 2)
            self._begin = self._latest + PAUSE
        self._origin = None if self.duration is None else 0.0

    def samples(self, sensor: str, time: NDArray[Any], values: NDArray[Any]) -> None:
        """Shows frames of a sensor.

        Args:
            sensor: Its name.
            time: Seconds (n,). Live samples are shown by the seconds since the first one.
            values: Frames (n, *shape); those with NaN interrupt the signal.
        """
        if len(time):
            shown = self._shown(time)
            self._latest = max(self._latest, float(shown.max()))
            if sensor in self.drawings:
                self.drawings[sensor].draw(self.stream, shown, values)

    def truth(self, start: float, end: float, activity: str) -> None:
        """Shows what was really done from `start` to `end` (seconds), in the order of time."""
        first, last = self._shown(np.array([start, end])).tolist()
        self._truth.add(self.stream, first, last, activity)

    def window(
        self,
        start: float,
        end: float,
        activity: str | None,
        probability: Mapping[str, float],
        weights: Mapping[str, float],
        truth: str | None = None,
    ) -> None:
        """Shows the prediction of a window; of windows that overlap, each until the next one begins.

        Args:
            start: Its first second.
            end: Its last second.
            activity: Name of the predicted activity; None if it is none of the known ones.
            probability: Activity to its probability.
            weights: Sensor, or several with one encoder as "acc+gyro", to its weight, where the method has attention;
                else empty.
            truth: Name of the true activity, where it is known.
        """
        if truth is not None:
            self.truth(start, end, truth)
        start, end = self._shown(np.array([start, end])).tolist()
        self._prediction.add(self.stream, start, end, activity)
        self._probability.add(self.stream, start, end, probability)
        self._weights.add(self.stream, start, end, weights)
        self._arrange()

    def _arrange(self) -> None:
        """Lays the panels out again where there are new ones."""
        shares = {part.entity for part in (self._probability, self._weights) if part.drawn}
        panels = frozenset({"activity", *shares})
        if panels != self._panels:
            self._panels = panels
            self.stream.send_blueprint(self._layout())

    def _layout(self) -> Blueprint:
        """Pictures on the left; lines over time on the right, with the activities below."""
        import rerun.blueprint as rrb

        axis = time_axis(self.duration)
        pictures = [(view, 2.0) for each in self.drawings.values() if not each.is_chart for view in each.views(axis)]
        charts = [(view, 2.0) for each in self.drawings.values() if each.is_chart for view in each.views(axis)]
        charts.append((bands_view("activity", axis), 1.7))
        live = self.duration is None
        if self._probability.drawn:
            # of a whole recording, the bands of activities above it have the same colours
            charts.append((self._probability.view(axis, legend=live), 2.0))
        if self._weights.drawn:
            charts.append((self._weights.view(axis), 2.0))
        if self.notes:
            (pictures or charts).append((rrb.TextDocumentView(origin=NOTES, name="about"), 1.0))
        columns = [
            rrb.Vertical(*(view for view, _ in column), row_shares=[height for _, height in column])
            for column in (pictures, charts)
            if column
        ]
        return rrb.Blueprint(
            rrb.Horizontal(*columns, column_shares=[2, 3][-len(columns) :]),
            rrb.BlueprintPanel(state="collapsed"),
            rrb.SelectionPanel(state="hidden"),
            rrb.TimePanel(
                timeline=TIMELINE,
                state="collapsed",
                play_state="following" if live else "playing",
                loop_mode="off" if live else "all",
            ),
        )


def drawing_of(name: str, sensor: SensorDescription, shape: Sequence[int]) -> Drawing:
    """How a sensor is drawn.

    Args:
        name: Name of the sensor.
        sensor: What it measures.
        shape: Shape of one of its frames.
    """
    if sensor.kind == "skeleton":
        return Skeleton(name)
    if sensor.kind == "radar":
        return Radar(name)
    if len(shape) == 2 and sensor.kind != "series":
        return Images(name, sensor.kind)
    return Series(name, sensor.channels, sensor.units)
