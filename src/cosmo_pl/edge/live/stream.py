"""The live stream of one sensor: its samples are checked, kept, and put onto the grid window by window."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.streams.ordering import MAX_REACH, Piece, ordered
from cosmo_pl.data.streams.parts import INTERVALS
from cosmo_pl.data.streams.resampling import AVERAGED, ROUNDING, Frames, on_grid, ticks_of
from cosmo_pl.data.streams.times import LARGEST, SECOND
from cosmo_pl.edge.live.buffer import SensorBuffer
from cosmo_pl.edge.live.facts import StreamCheck
from cosmo_pl.edge.live.grids import Grid
from cosmo_pl.edge.live.reports import Reporter
from cosmo_pl.edge.live.strays import ENOUGH

Checked = tuple[NDArray[np.int64], NDArray[np.float32]]  # times in nanoseconds (n,), values (n, size)
STEADY = 1.1  # times that limit, under which a stream that is averaged stays so, whatever its jitter
RECENT = 256  # samples from whose intervals the usual one is taken
EXACT = 2**23  # seconds; a double of more has steps of more than two nanoseconds
FASTEST = 16  # times the rate of the grid: of a stream that is even faster, the oldest samples are dropped


class SensorStream:
    """The stream of a sensor.

    Args:
        name: Its name.
        grid: Its grid.
        seconds: Time of the samples that are kept at most, if they come at the rate of the grid.
        reporter: Gets what is wrong.
        delay: Seconds that are waited for samples that come late.
    """

    def __init__(self, name: str, grid: Grid, seconds: float, reporter: Reporter, delay: float) -> None:
        self.name, self.grid, self.reporter, self.delay = name, grid, reporter, delay
        self.buffer = SensorBuffer(grid.size, int(FASTEST * (grid.rate * seconds + grid.steps)))
        self.latest: int | None = None  # time of the latest sample
        self.first: int | None = None  # time of the first one
        self.seen: int | None = None  # time of the engine's clock when a later sample came
        self.clock: int | None = None  # latest time of any sensor
        self.passed: int | None = None  # no window to come uses samples before this time
        self.samples = 0  # that came in time
        self.late = 0  # that came after their windows were recognised
        self._low, self._high = grid.plausible()
        self._check = StreamCheck(name, grid, reporter)
        self.clear()

    def clear(self) -> None:
        """Forgets all samples and the clock."""
        self.buffer.clear()
        self.latest = self.first = self.seen = self.passed = self.clock = None
        self._fed, self._set_back = -LARGEST, False  # time up to which samples were handed to the check
        self._intervals = deque[int](maxlen=RECENT)  # nanoseconds between the last samples
        self._averaged = False
        self._max_gap = self._longest(SECOND / self.grid.rate)
        self._before_gap: int | None = None  # the latest time before the last gap
        self._after_gap = 0  # samples after it

    def checked(self, time: Any, values: Any) -> Checked:
        """Samples that can be used, as they are kept.

        Args:
            time: Seconds (n,), or one number.
            values: Values (n, *shape) or (n, size); of one sample also without the first axis.
        """
        try:
            times = np.atleast_1d(np.asarray(time, dtype=np.float64)).reshape(-1)
            with np.errstate(over="ignore"):  # a value beyond single precision becomes infinite, which is reported
                rows = np.asarray(values, dtype=np.float32)
        except (TypeError, ValueError, OverflowError):
            if isinstance(time, list) and isinstance(values, list) and len(time) == len(values) > 1:
                each = [self.checked(*sample) for sample in zip(time, values, strict=True)]
                return np.concatenate([one[0] for one in each]), np.concatenate([one[1] for one in each])
            return self._refused("not numbers", f"its values are not {self.grid.size} numbers in a sample")
        if not len(times):
            return self._refused("not numbers", "a list of times is empty")
        if rows.shape in (self.grid.shape, (self.grid.size,)) and len(times) == 1:
            rows = rows[None]
        if rows.shape not in ((len(times), *self.grid.shape), (len(times), self.grid.size)):
            wanted = "×".join(map(str, self.grid.shape))
            found = "×".join(map(str, rows.shape)) or "one"
            problem = f"{len(times)} samples have {found} values, not {wanted} each, and are left out"
            return self._refused("wrong number of values", problem, len(times))
        return self._usable(times, rows.reshape(len(times), -1))

    def _refused(self, problem: str, detail: str, count: int = 1) -> Checked:
        self.reporter.report(problem, detail, self.name, count=count)
        return np.empty(0, dtype=np.int64), np.empty((0, self.grid.size), dtype=np.float32)

    def _usable(self, times: NDArray[np.float64], rows: NDArray[np.float32]) -> Checked:
        """Samples with a time and with finite, plausible values."""
        timed = np.abs(times) <= LARGEST / SECOND  # false for NaN
        if not timed.all():
            detail = f"the time {times[~timed][0]:g} is no time in seconds (divide nanoseconds by 1e9); it is left out"
            self._refused("wrong time", detail, int((~timed).sum()))
        finite = np.isfinite(rows).all(axis=1)
        with np.errstate(invalid="ignore"):
            plausible = ((rows >= self._low) & (rows <= self._high)).all(axis=1)
        for problem, wrong, detail in (
            ("not finite", timed & ~finite, "samples with NaN or infinite values are left out"),
            ("implausible", timed & finite & ~plausible, "samples beyond the range of their unit are left out"),
        ):
            if wrong.any():
                at = float(times[wrong][0])
                self.reporter.report(problem, detail, self.name, at, int(wrong.sum()))
        used = timed & finite & plausible
        return _nanoseconds(times[used]), rows[used]

    def add(self, time: NDArray[np.int64], values: NDArray[np.float32]) -> Checked:
        """Keeps samples.

        Args:
            time: Times in nanoseconds, at least one (n,).
            values: Values (n, size).

        Returns:
            Samples that were recorded after the clock was set back, and are not kept.
        """
        repeated = self.buffer.holds(time, values)  # as MQTT may deliver a message twice
        if repeated.any():
            self._report_duplicates(time[repeated][0], int(repeated.sum()))
            time, values = time[~repeated], values[~repeated]
        if not len(time):
            return time, values
        reach = max(min(self._max_gap, MAX_REACH), round(self.delay * SECOND))
        order = ordered(time, self.latest, self._set_back, reach)
        late = order.dropped
        self._set_back = bool(late[-1])
        sorted_in = int(((order.behind > 0) & ~late).sum())
        if sorted_in:
            self._report("out of order", "samples are sorted in", time[0], sorted_in)
        if not late.all():
            self._keep(time[~late], values[~late])
        return time[late], values[late]

    def _keep(self, time: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        self._note_gap(time)
        added = self.buffer.add(time, values)
        late = int((time < self.passed).sum()) if self.passed is not None else 0
        self.samples += max(0, len(time) - added.duplicates - late - added.dropped)
        if late:
            self._report_late(time, late)
        if added.duplicates:
            self._report_duplicates(time[0], added.duplicates)
        if added.dropped:
            self._report_dropped(time[0], added.dropped)
        self.first = int(time.min()) if self.first is None else self.first
        self.latest = max(int(time.max()), self.latest if self.latest is not None else int(time.max()))

    def _report_dropped(self, time: np.int64, count: int) -> None:
        kept, limit = self.buffer.time, self.buffer.limit
        if len(kept) * SECOND > FASTEST * self.grid.rate * (kept[-1] - kept[0]):
            problem = "too fast"
            detail = f"is more than {FASTEST} times as fast as the model's {self.grid.rate:g} Hz; samples are dropped"
        else:
            problem = "too long"
            detail = f"more than {limit} samples come at once, and the oldest are dropped; send the sensors in turn"
        self._report(problem, detail, time, count)

    def _report_duplicates(self, time: np.int64, count: int) -> None:
        self._report("duplicates", "samples with the time of another are left out", time, count)

    def _report_late(self, time: NDArray[np.int64], count: int) -> None:
        self.late += count
        seconds = ((self.clock or int(time.max())) - int(time.min())) / SECOND
        detail = (
            f"samples come {seconds:.3g} s after the latest time, when their windows have been recognised, and are not "
            f"used; use --delay {math.ceil(seconds)} to wait for them"
        )
        self._report("late", detail, time.min(), count)

    def _note_gap(self, time: NDArray[np.int64]) -> None:
        """Counts the samples after the last gap."""
        ahead = np.unique(time if self.latest is None else time[time > self.latest])
        if not len(ahead):
            return
        step = np.diff(ahead, prepend=ahead[0] if self.latest is None else self.latest)
        self._intervals.extend(step[self.latest is None :].tolist())
        counted = 0
        for gap in np.flatnonzero(step > self._max_gap).tolist():
            self._after_gap += gap - counted
            if self._after_gap >= ENOUGH:  # else what is after the gap before this one is not confirmed
                self._before_gap, self._after_gap = self.latest if not gap else int(ahead[gap - 1]), 0
            counted = gap
        self._after_gap += len(ahead) - counted

    @property
    def confirmed(self) -> int | None:
        """Latest time, or that before the last gap while the few samples after it may have wrong times."""
        return self._before_gap if self._after_gap < ENOUGH else self.latest

    def corrected(self, first: int) -> int:
        """Forgets the samples after the last gap, if they are few and the sensor goes on from before them.

        Args:
            first: Time from which it goes on.

        Returns:
            Number of samples with a wrong time.
        """
        before = self._before_gap
        if self._after_gap >= ENOUGH or self.latest is None or (before is not None and first <= before):
            return 0
        kept = -LARGEST if before is None else before
        count = self.buffer.drop_after(kept)
        self.samples -= count
        self.latest, self._fed = before, min(self._fed, kept)
        self.first = None if before is None else self.first
        self._before_gap, self._after_gap, self._set_back = None, ENOUGH, False
        return count

    def _report(self, problem: str, detail: str, time: int | np.int64, count: int = 1) -> None:
        self.reporter.report(problem, detail, self.name, int(time) / SECOND, count)

    def first_tick(self, start: float) -> int:
        """Tick of the first frame of a window that starts so many seconds after tick 0."""
        return round(start * self.grid.rate)

    def settled(self, start: float, origin: int) -> bool:
        """Whether later samples no longer change a window.

        Args:
            start: Start of the window in seconds after tick 0.
            origin: Time of tick 0 in nanoseconds.
        """
        last = self._last_tick(start)
        if not self._reached(self.confirmed, last, origin, self.delay):
            return False
        self._follow_rate()
        return not self._averaged or self._reached(self.confirmed, self._mean_after(last, origin), origin, self.delay)

    def _mean_after(self, tick: int, origin: int) -> float:
        """End in ticks of the interval whose mean follows a tick, and has to be complete; infinity without one."""
        at = np.searchsorted(self.buffer.time, origin + round((tick + 0.5) * SECOND / self.grid.rate))
        following = self.buffer.time[at : at + 1]
        return math.floor(ticks_of(following[0] - origin, self.grid.rate) + 0.5) + 0.5 if len(following) else math.inf

    def covers(self, start: float, origin: int) -> bool:
        """Whether the samples reach the last frame of a window; for the arguments see `settled`."""
        return self._reached(self.latest, self._last_tick(start), origin, 0.0)

    def _last_tick(self, start: float) -> int:
        return self.first_tick(start) + self.grid.steps - 1

    def _reached(self, time: int | None, tick: float, origin: int, delay: float) -> bool:
        found = time is not None and ticks_of(time - origin, self.grid.rate) + ROUNDING >= tick + delay * self.grid.rate
        return bool(found)

    def frames(self, start: float, origin: int) -> NDArray[np.float32] | None:
        """The frames (steps, *shape) of a window; None if there is a gap in it. For the arguments see `covers`."""
        first, steps, rate = self.first_tick(start), self.grid.steps, self.grid.rate
        low = origin + round(first * SECOND / rate) - self.margin
        high = origin + round((first + steps - 1) * SECOND / rate) + self.margin
        for found, frames in _segments(self._on_grid(low, high, origin)):
            if found <= first and first + steps <= found + len(frames):
                return frames[first - found : first - found + steps].reshape(steps, *self.grid.shape)
        return None

    def first_frame(self, origin: int, ending: bool = False) -> int | None:
        """Tick of the first frame; None as long as it is not known.

        Args:
            origin: Time of tick 0 in nanoseconds.
            ending: Whether no sample follows, from which it were known what a gap is.
        """
        if self.first is None or self.latest is None or (len(self._intervals) < ENOUGH and not ending):
            return None
        while self.latest - self.first >= 2 * SECOND / self.grid.rate:
            found = next(self._on_grid(self.first, self.first + self.margin, origin), None)
            if found is not None:
                return found.first
            if self.latest <= self.first + self.margin:
                return None
            later = self.buffer.time[self.buffer.time > self.first]
            self.first = int(later[0])  # no tick is near enough to the first sample, and a pause follows
        return None

    def _on_grid(self, low: int, high: int, origin: int) -> Iterator[Frames]:
        """Frames of the samples between two times in nanoseconds."""
        time, values = self.buffer.between(low, high)
        if not len(time):
            return iter(())
        self._follow_rate()
        return on_grid(self._pieces(time, values), self.grid.rate, origin, self._averaged)

    def _follow_rate(self) -> None:
        """Which pauses are gaps, and whether frames are means of several samples, by the latest intervals."""
        interval = float(np.median(self._intervals)) if self._intervals else SECOND / self.grid.rate
        self._max_gap = self._longest(interval)
        self._averaged = interval * self.grid.rate < AVERAGED * (STEADY if self._averaged else 1)

    @property
    def margin(self) -> int:
        """Nanoseconds before and after a window whose samples can change its frames."""
        return max(SECOND, 2 * self._max_gap)

    def _longest(self, interval: float) -> int:
        """Longest time between two samples that is no gap, as in an import; from the median interval."""
        return round((self.grid.max_gap or INTERVALS / min(self.grid.rate, SECOND / interval)) * SECOND)

    def _pieces(self, time: NDArray[np.int64], values: NDArray[np.float32]) -> Iterator[Piece]:
        gaps = np.flatnonzero(np.diff(time) > self._max_gap) + 1
        for piece in np.split(np.arange(len(time)), gaps):
            yield Piece(True, time[piece[0] : piece[-1] + 1], values[piece[0] : piece[-1] + 1])

    def check(self, ending: bool = False) -> None:
        """Looks at the samples since the last call: rate, units, dead channels."""
        time = self.buffer.time
        if len(time) and time[-1] > self._fed:
            new, values = self.buffer.between(self._fed + 1, int(time[-1]))
            self._check.add(new, values)
            self._fed = int(time[-1])
        self._check.judge(ending)


def _nanoseconds(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Times in nanoseconds; in whole microseconds where a double is no finer, as since 1970."""
    step = np.where(np.abs(seconds) < EXACT, 1, 1000)
    whole: NDArray[np.int64] = np.rint(seconds * (SECOND / step)).astype(np.int64) * step
    return whole


def _segments(frames: Iterator[Frames]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """First tick and frames of each stretch without a gap."""
    first, parts = 0, list[NDArray[np.float32]]()
    for begins, tick, values in frames:
        if begins and parts:
            yield first, np.concatenate(parts)
            parts = []
        first = first if parts else tick
        parts.append(values)
    if parts:
        yield first, np.concatenate(parts)
