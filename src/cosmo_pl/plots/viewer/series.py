"""Channels of a sensor as lines over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.plots.colours import AXES, class_colour
from cosmo_pl.plots.viewer.drawing import Drawing, entity_path, rgba, time_column

if TYPE_CHECKING:
    from rerun import RecordingStream
    from rerun.blueprint import TimeAxis, View

QUANTITIES = {
    "g": "acceleration",
    "m/s2": "acceleration",
    "m/s^2": "acceleration",
    "m/s²": "acceleration",
    "deg/s": "rotation",
    "°/s": "rotation",
    "dps": "rotation",
    "rad/s": "rotation",
    "uT": "magnetic field",
    "µT": "magnetic field",
}
"""Unit to what is measured in it."""


class Series(Drawing):
    """Channels as lines over time, a chart for each unit.

    Args:
        name: Name of the sensor.
        channels: Name of each channel.
        units: Unit of each channel.
    """

    is_chart = True

    def __init__(self, name: str, channels: Sequence[str], units: Sequence[str]) -> None:
        super().__init__(name)
        self.channels = tuple(channels)
        self.units = {unit: [n for n, other in enumerate(units) if other == unit] for unit in dict.fromkeys(units)}
        self._begun = False

    def draw(self, stream: RecordingStream, time: NDArray[Any], values: NDArray[Any]) -> None:
        """Sends frames (n, channels)."""
        import rerun as rr

        if not self._begun:
            for unit, columns in self.units.items():
                stream.log(self._entity(unit), self._look(columns), static=True)
            self._begun = True
        flat = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
        for unit, columns in self.units.items():
            stream.send_columns(self._entity(unit), [time_column(time)], rr.Scalars.columns(scalars=flat[:, columns]))

    def interrupt(self, stream: RecordingStream, second: float) -> None:
        """Interrupts the lines at a time: what was drawn before and what follows are not connected."""
        if self._begun:
            self.draw(stream, np.array([second]), np.full((1, len(self.channels)), np.nan))

    def views(self, axis: TimeAxis) -> list[View]:
        """A chart for each unit."""
        import rerun.blueprint as rrb

        return [
            rrb.TimeSeriesView(
                origin=self._entity(unit),
                name=f"{self.name}: {_title(unit)}",
                axis_x=axis,
                plot_legend=rrb.Corner2D.RightTop,
            )
            for unit in self.units
        ]

    def _entity(self, unit: str) -> str:
        return entity_path("sensors", self.name, QUANTITIES.get(unit, unit or "values"))

    def _look(self, columns: Sequence[int]) -> Any:
        import rerun as rr

        colours = AXES if len(columns) <= len(AXES) else [class_colour(n) for n in range(len(columns))]
        return rr.SeriesLines(
            colors=rgba(colours[: len(columns)]),
            names=[self.channels[column] for column in columns],
            widths=[1.5] * len(columns),
        )


def _title(unit: str) -> str:
    return f"{QUANTITIES[unit]}, {unit}" if unit in QUANTITIES else unit or "values"
