"""Whether a live stream looks like the one that a model was trained on: its rate, its units, dead channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.streams.quality import Quality
from cosmo_pl.data.streams.times import SECOND
from cosmo_pl.edge.live.grids import Grid
from cosmo_pl.edge.live.reports import Reporter

EVERY = 30.0  # seconds between two looks
FEWEST = 50  # samples of a look
RATES = (0.8, 2.0)  # times the model's rate; faster streams are averaged


class StreamCheck:
    """Measures a stream, and reports each oddity once.

    Args:
        name: Name of the sensor.
        grid: Its grid.
        reporter: Gets the reports.
    """

    def __init__(self, name: str, grid: Grid, reporter: Reporter) -> None:
        self.name, self.grid, self.reporter = name, grid, reporter
        sensor, images = grid.sensor, len(grid.shape) > 1
        units = () if sensor is None or images else sensor.units
        series = len(units) == grid.size
        channels = sensor.channels if sensor is not None and series else ("values",)
        self._quality = Quality(channels, units if series else ("",), images=not series)
        self._last: int | None = None
        self._since: int | None = None
        self._said: set[str] = set()

    def add(self, time: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        """Measures samples in the order of time, in nanoseconds (n,), with their values (n, size)."""
        interval = np.diff(time) if self._last is None else np.diff(time, prepend=self._last)
        interval = interval[interval > 0]  # the clock may have been set back
        self._quality.intervals(time, interval, np.empty(0, dtype=np.int64), interval[:0])
        self._quality.values(values)
        self._last = int(time[-1])
        self._since = int(time[0]) if self._since is None else self._since

    def judge(self, ending: bool = False) -> None:
        """Reports what is odd, from time to time.

        Args:
            ending: Whether the stream ends, so that it is judged whatever the time.
        """
        if self._last is None or self._since is None:
            return
        if self._last < self._since:  # the clock was set back
            self._since = self._last
        if not ending and self._last - self._since < EVERY * SECOND:
            return
        facts = self._quality.facts(0)
        self._since = self._last
        if facts.samples < FEWEST:
            return
        model = self.grid.sensor.rate if self.grid.sensor is not None else None
        if model is not None and facts.rate and not RATES[0] * model <= facts.rate <= RATES[1] * model:
            self._say("rate", f"has {facts.rate:.3g} Hz, and the model was trained at {model:g} Hz; it is resampled")
        for text in facts.suspicious:
            self._say("unit", text)
        if facts.constant:
            self._say("constant", f"channels {', '.join(facts.constant)} never change")
        for channel, share in facts.saturated.items():
            self._say("saturated", f"channel {channel} is at its extreme in {share:.1%} of the samples", channel)

    def _say(self, problem: str, text: str, about: str = "") -> None:
        if problem + about not in self._said:
            self._said.add(problem + about)
            time = None if self._last is None else self._last / SECOND
            self.reporter.report(problem, text, self.name, time)
