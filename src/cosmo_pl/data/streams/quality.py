"""What a stream is like as it was recorded: rate, jitter, gaps, clock jumps, channels, units, and what is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.histogram import LogHistogram
from cosmo_pl.data.streams.times import SECOND
from cosmo_pl.data.units import GRAVITY, factor, quantity

FORWARD = 24 * 3600 * SECOND  # a gap of a day is reported as a jump of the clock
SHOWN_GAPS = 50
NO_TIME = "rows without a time"
EMPTY = "rows with an empty value"
BROKEN = "rows with more or fewer values than the first"
LONE = "rows whose time alone is far ahead"
SET_BACK = "rows after the clock was set back, until it passed its latest time"
SATURATED = 0.005  # share of samples at the extreme, which is far from the mean, or more frequent than the next value
PILED = 5  # times as many samples at the extreme as at the next value: a range ends there, however many they are
NEXT = 0.05  # share of the range within which the next value lies: states and flags have few values, far apart
LIMITS = {255.0, *(2.0**bits - less for bits in range(9, 25) for less in (0, 1))}  # of converters, in unknown units
RANGE = {"acceleration": ("m/s2", 18.0), "angular velocity": ("rad/s", 4.0)}  # no sensor has less than 2 g or 250 deg/s
FAST = 20.0  # rad/s; a movement of a person is slower, 1,100 deg/s
UNLESS_STILL = "unless nobody moved"


@dataclass(frozen=True)
class StreamFacts:
    """Facts of a sensor's stream in a recording.

    Args:
        samples: Samples that were used.
        start: Time of the first one in nanoseconds.
        end: Time of the last one.
        rate: 1 / median interval in Hz; 0 for a single sample.
        interval: Quantiles of the intervals in seconds: "p25", "p50", "p75", "p99". Jitter is p75 - p25.
        gaps: Number of gaps.
        gap_seconds: Time in gaps.
        longest_gap: Seconds.
        first_gaps: Start in seconds after the first sample, and length in seconds, of the first 50 gaps.
        set_back: How often the clock was set back.
        set_forward: Gaps of more than a day.
        duplicates: Rows with the time of another row, of which the first is used.
        out_of_order: Rows that were sorted in.
        left_out: Reason to the number of rows.
        where: Reason to file and row of the first one.
        constant: Channels that never change.
        saturated: Channel to the share of samples at its extreme.
        suspicious: Sentences about units that look wrong.
        frames: Frames on the grid.
        max_gap: Longest time between two samples that is no gap, in seconds; 0 where gaps are not looked for.
    """

    samples: int
    start: int
    end: int
    rate: float
    interval: Mapping[str, float]
    gaps: int
    gap_seconds: float
    longest_gap: float
    first_gaps: Sequence[Sequence[float]]
    set_back: int
    set_forward: int
    duplicates: int
    out_of_order: int
    left_out: Mapping[str, int]
    where: Mapping[str, str]
    constant: Sequence[str]
    saturated: Mapping[str, float]
    suspicious: Sequence[str]
    frames: int
    max_gap: float = 0.0


class StreamQuality:
    """Collects the facts of a stream, batch by batch.

    Args:
        channels: Name of each channel.
        units: Unit of each channel.
        images: Whether frames are images, of which all pixels count as one channel.
    """

    def __init__(self, channels: Sequence[str], units: Sequence[str], images: bool) -> None:
        self.channels, self.units, self.images = channels, units, images
        self.max_gap = 0.0
        self._left_out: Counter[str] = Counter()
        self._where: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._intervals = LogHistogram(1e-6, 1e5)
        self._gaps: list[tuple[float, float]] = []
        self._gap_seconds = self._longest = 0.0
        self._start: int | None = None
        self._end = 0
        self._channels = _Channels(len(channels))
        self._norms = {unit: LogHistogram(1e-6, 1e7) for unit in dict.fromkeys(units) if self._axes(unit) is not None}

    def _axes(self, unit: str) -> list[int] | None:
        """The three channels of a unit of acceleration or angular velocity."""
        axes = [at for at, each in enumerate(self.units) if each == unit]
        known = quantity(unit) in ("acceleration", "angular velocity")
        return axes if known and len(axes) == 3 and not self.images else None

    def leave_out(self, reason: str, file: str, rows: NDArray[np.int64] | Sequence[int]) -> None:
        """Counts rows that are not used."""
        if len(rows):
            self._left_out[reason] += len(rows)
            self._where.setdefault(reason, f"{file} row {rows[0]}")

    def clock_set_back(
        self, file: str, row: NDArray[np.int64], begins: NDArray[np.bool_], dropped: NDArray[np.bool_]
    ) -> None:
        """Counts the rows after the clock was set back (T,), and how often it was."""
        self.leave_out(SET_BACK, file, row[dropped])
        self._counts["set_back"] += int(begins.sum())

    def out_of_order(self, count: int) -> None:
        """Counts rows that are sorted in."""
        self._counts["out_of_order"] += count

    def duplicates(self, count: int) -> None:
        """Counts rows with the time of another."""
        self._counts["duplicates"] += count

    def values(self, values: NDArray[np.float32]) -> None:
        """Measures the channels of samples (T, C)."""
        self._channels.add(values.reshape(-1, 1) if self.images else values)
        for unit, norms in self._norms.items():
            norms.add(np.linalg.norm(values[:, self._axes(unit)], axis=1))

    def intervals(
        self, time: NDArray[np.int64], interval: NDArray[np.int64], gaps: NDArray[np.int64], lost: NDArray[np.int64]
    ) -> None:
        """Measures samples in the order of time.

        Args:
            time: Their times (T,).
            interval: Times between them.
            gaps: Indices of samples after a gap (G,).
            lost: Lengths of the gaps (G,).
        """
        self._start = int(time[0]) if self._start is None else self._start
        self._end = int(time[-1])
        self._counts["samples"] += len(time)
        self._intervals.add(interval / SECOND)
        self._counts["gaps"] += len(gaps)
        self._counts["set_forward"] += int((lost > FORWARD).sum())
        if len(gaps):
            seconds = lost / SECOND
            self._gap_seconds += float(seconds.sum())
            self._longest = max(self._longest, float(seconds.max()))
            room = SHOWN_GAPS - len(self._gaps)
            ends = (time[gaps[:room]] - self._start) / SECOND
            self._gaps += zip((ends - seconds[:room]).tolist(), seconds[:room].tolist(), strict=True)

    def _saturated(self) -> dict[str, float]:
        """Channel to the share at its extreme. A sensor at rest is often at its extreme, but within its range."""
        base = {unit: RANGE.get(quantity(unit) or "") for unit in self.units}
        smallest = [0.0 if (known := base[unit]) is None else known[1] / factor(unit, known[0]) for unit in self.units]
        return {self.channels[at]: share for at, share in self._channels.saturated(np.array(smallest)).items()}

    def facts(self, frames: int) -> StreamFacts:
        """The facts of all batches."""
        interval = {f"p{share}": self._intervals.quantile(share / 100) for share in (25, 50, 75, 99)}
        return StreamFacts(
            samples=self._counts["samples"],
            start=self._start or 0,
            end=self._end,
            rate=1 / interval["p50"] if interval["p50"] else 0.0,
            interval=interval,
            gaps=self._counts["gaps"],
            gap_seconds=self._gap_seconds,
            longest_gap=self._longest,
            first_gaps=self._gaps,
            set_back=self._counts["set_back"],
            set_forward=self._counts["set_forward"],
            duplicates=self._counts["duplicates"],
            out_of_order=self._counts["out_of_order"],
            left_out=dict(self._left_out),
            where=self._where,
            constant=[self.channels[at] for at in self._channels.constant()],
            saturated={} if self.images else self._saturated(),
            suspicious=[text for unit, norms in self._norms.items() if (text := _looks_wrong(unit, norms))],
            frames=frames,
            max_gap=self.max_gap,
        )


class _Channels:
    """Extremes and the values next to them, how often they occur, mean and deviation of each channel."""

    def __init__(self, count: int) -> None:
        self.count = 0
        beyond = np.array([np.inf, -np.inf], dtype=np.float32)  # of the lowest and of the highest
        self.levels = np.tile(beyond[:, None, None], (1, 2, count))  # the extreme and the next value
        self.times = np.zeros((2, 2, count), dtype=np.int64)
        self.sums = np.zeros((2, count))

    @property
    def extremes(self) -> NDArray[np.float32]:
        """Lowest and highest value of each channel (2, C)."""
        return self.levels[:, 0]

    def add(self, values: NDArray[np.float32]) -> None:
        if not len(values):
            return
        self.count += len(values)
        self.sums += [values.sum(axis=0, dtype=np.float64), np.einsum("tc,tc->c", values, values, dtype=np.float64)]
        once = np.ones((1, values.shape[1]), dtype=np.int64)
        for at, pick in enumerate((np.minimum, np.maximum)):
            levels, times = _two_levels(values, once, pick)
            merged = np.concatenate([self.levels[at], levels]), np.concatenate([self.times[at], times])
            self.levels[at], self.times[at] = _two_levels(*merged, pick)

    def constant(self) -> list[int]:
        return np.flatnonzero(self.extremes[0] == self.extremes[1]).tolist() if self.count > 1 else []

    def saturated(self, smallest: NDArray[np.float64]) -> dict[int, float]:
        """Channel to the share of samples at the more frequent extreme, if its range seems to end there.

        It does if the extreme is frequent and far from the mean. If much is cut off, the extreme is near to the mean:
        it is then more frequent than the next value, and not smaller than the range of a sensor.

        Args:
            smallest: Magnitude of the smallest range that a sensor can have, for each channel; 0 if unknown (C,).
        """
        if not self.count:
            return {}
        mean = self.sums[0] / self.count
        deviation = np.sqrt(np.maximum(self.sums[1] / self.count - mean**2, 0))
        far = np.abs(self.extremes - mean) >= 3 * deviation
        times, after = self.times[:, 0], self.times[:, 1]
        step, whole = np.abs(self.levels[:, 0] - self.levels[:, 1]), self.extremes[1] - self.extremes[0]
        piled = (times >= PILED * after) & (step <= NEXT * whole)
        piled &= (smallest > 0) | np.isin(np.abs(self.extremes), [*LIMITS])
        found = (far | piled) & (np.abs(self.extremes) >= smallest) & (times >= 3) & (deviation > 0)
        share = np.where(found, times / self.count, 0).max(axis=0)
        return {int(at): float(share[at]) for at in np.flatnonzero(share >= SATURATED)}


def _two_levels(
    values: NDArray[np.float32], times: NDArray[np.int64], pick: np.ufunc
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The extreme of each channel and the value next to it, and how often they occur (2, C) each.

    Args:
        values: Values (T, C).
        times: How often each occurs (T, C) or (1, C).
        pick: `np.minimum` or `np.maximum`.
    """
    beyond = np.float32(np.inf if pick is np.minimum else -np.inf)
    extreme = pick.reduce(values, axis=0)
    highest = values == extreme
    others = np.where(highest, beyond, values)
    following = pick.reduce(others, axis=0)
    counts = [(at * times).sum(axis=0) for at in (highest, (others == following) & ~highest)]
    return np.stack([extreme, following]), np.stack(counts)


def _looks_wrong(unit: str, norms: LogHistogram) -> str:
    """A sentence about a unit in which the norms of the vectors are not those of a moving person; empty if they are."""
    median, largest = norms.quantile(0.5), norms.quantile(0.999)
    if unit in GRAVITY:  # which is most of the acceleration
        right = {other: rest for other, rest in GRAVITY.items() if rest / 1.6 < median < rest * 1.6}
        looks = next(iter(right), None)
        if looks not in (None, unit):
            return f"median acceleration of {median:.3g} {unit} looks like {looks}"
        return ""
    if unit == "rad/s" and largest > 3 * FAST:
        return f"angular velocity of {largest:.3g} rad/s looks like deg/s"
    if unit == "deg/s" and 0.5 < largest < FAST / 2:
        return f"angular velocity of at most {largest:.3g} deg/s looks like rad/s, {UNLESS_STILL}"
    return ""
