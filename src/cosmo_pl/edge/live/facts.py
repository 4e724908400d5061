"""Whether a live stream looks like the one that a model was trained on: its rate, its units, dead channels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.streams.quality import UNLESS_STILL, StreamFacts, StreamQuality
from cosmo_pl.data.streams.times import SECOND
from cosmo_pl.data.units import GRAVITY
from cosmo_pl.edge.live.grids import Grid
from cosmo_pl.edge.live.reports import Reporter

EVERY = 30.0  # seconds of samples of a look
SHORTEST = 10.0  # seconds of the last look, unless it is the only one
STILL = 600.0  # seconds that a person who has moved may rest
LONGEST = 10 * SECOND  # of an interval; the rest of it is a pause
FEWEST = 50  # samples from which channels and units are judged in a short look
FEW = 10  # in a look of at least `SHORTEST`
FEWEST_FOR_RATE = 5
RATES = (0.8, 2.0)  # times the model's rate; faster streams are averaged
LEVELS = (0.01, 20.0)  # times the root mean square in training; people and places differ by less, units by more
MOVES = {*GRAVITY, "deg/s", "rad/s"}  # units that are judged by how people move


class StreamCheck:
    """Measures a stream look by look, and reports an oddity when it begins.

    An oddity that has ended and comes back is reported again. Memory is that of one look, however long the stream is.

    Args:
        name: Name of the sensor.
        grid: Its grid.
        reporter: Gets the reports.
    """

    def __init__(self, name: str, grid: Grid, reporter: Reporter) -> None:
        self.name, self.grid, self.reporter = name, grid, reporter
        self._last: int | None = None
        self._said: set[str] = set()
        self._looked = self._moved = False
        self._still = 0.0  # seconds since the person moved
        self._begin()

    def _begin(self) -> None:
        """Begins a look."""
        sensor, images = self.grid.sensor, len(self.grid.shape) > 1
        units = () if sensor is None or images else sensor.units
        series = len(units) == self.grid.size
        channels = sensor.channels if sensor is not None and series else ("values",)
        self._quality = StreamQuality(channels, units if series else ("",), images=not series)
        self._seconds = self._squares = 0.0
        self._count = 0

    def add(self, time: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        """Measures samples in the order of time, in nanoseconds (n,), with their values (n, size)."""
        interval = np.diff(time) if self._last is None else np.diff(time, prepend=self._last)
        interval = interval[interval > 0]  # the clock may have been set back
        self._quality.intervals(time, interval, np.empty(0, dtype=np.int64), interval[:0])
        self._quality.values(values)
        self._squares += float(np.square(values, dtype=np.float64).sum())
        self._count += values.size
        self._last = int(time[-1])
        self._seconds += float(np.minimum(interval, LONGEST).sum()) / SECOND

    def judge(self, ending: bool = False) -> None:
        """Reports what is odd, from time to time.

        Args:
            ending: Whether the stream ends, so that it is judged unless too little came since the last look.
        """
        enough = self._seconds >= EVERY or (ending and (self._seconds >= SHORTEST or not self._looked))
        few = self._count < FEWEST_FOR_RATE * self.grid.size and not ending
        if self._last is None or not enough or few:
            return
        facts, seconds = self._quality.facts(0), self._seconds
        level = math.sqrt(self._squares / self._count)
        if seconds >= SHORTEST:  # else it goes on with the next recording
            self._looked = True
            self._begin()
        odd = self._rate(facts)
        if facts.samples >= (FEW if seconds >= SHORTEST else FEWEST):
            odd |= self._level(level) | self._values(facts, seconds)
        for key in sorted(odd.keys() - self._said):
            self.reporter.report(key.partition(" ")[0], odd[key], self.name, self._last / SECOND)
        self._said = set(odd)

    def _rate(self, facts: StreamFacts) -> dict[str, str]:
        """A sentence about the rate, if it is odd."""
        model = self.grid.sensor.rate if self.grid.sensor is not None else None
        known = model is not None and facts.samples >= FEWEST_FOR_RATE and facts.rate > 0
        if model is None or not known or RATES[0] * model <= facts.rate <= RATES[1] * model:
            return {}
        milliseconds = 500 < model / facts.rate < 2000
        hint = "are its times in milliseconds instead of seconds?" if milliseconds else "it is resampled"
        return {"rate": f"has {facts.rate:.3g} Hz, and the model was trained at {model:g} Hz; {hint}"}

    def _level(self, found: float) -> dict[str, str]:
        """A sentence about values that are much larger or smaller than in training, as in another unit."""
        sensor, usual = self.grid.sensor, self.grid.level
        judged = sensor is not None and not MOVES.isdisjoint(sensor.units)  # by their movements
        if not usual or not found or judged or LEVELS[0] <= found / usual <= LEVELS[1]:
            return {}
        return {"unit": f"values of {found:.3g}, root mean square, and {usual:.3g} in training look like another unit"}

    def _values(self, facts: StreamFacts, seconds: float) -> dict[str, str]:
        """Sentences about units and channels that are odd, by problem and what it is about."""
        units = [text for text in facts.suspicious if not self._rests(text)]
        odd = {"unit": "; ".join(units)} if units else {}
        still = any(UNLESS_STILL in text for text in facts.suspicious)
        self._still, self._moved = (self._still + seconds if still else 0.0), self._moved or not still
        if facts.constant:
            odd["constant"] = f"channels {', '.join(facts.constant)} never change within {seconds:.3g} s"
        for channel, share in facts.saturated.items():
            odd[f"saturated {channel}"] = f"channel {channel} is at its extreme in {share:.1%} of the samples"
        return odd

    def _rests(self, text: str) -> bool:
        """Whether a unit looks wrong only as a person who has moved before rests."""
        return UNLESS_STILL in text and self._moved and self._still < STILL
