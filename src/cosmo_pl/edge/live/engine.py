"""Recognition of live samples: windows by time, each recognised as soon as its last sample is there."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.constraints import NonNegativeFloat, PositiveFloat, check
from cosmo_pl.data.streams.times import SECOND
from cosmo_pl.edge.decision import Decision
from cosmo_pl.edge.live.deciding import Deciding, Raw
from cosmo_pl.edge.live.grids import check_seconds, grids_of, hop_of, window_of
from cosmo_pl.edge.live.missing import Missing
from cosmo_pl.edge.live.reports import Reporter
from cosmo_pl.edge.live.schedule import Schedule
from cosmo_pl.edge.live.strays import JUMP, Strays, left_out
from cosmo_pl.edge.live.stream import SensorStream
from cosmo_pl.edge.switching import Change, SensorSwitch
from cosmo_pl.errors import ConfigurationError, CosmoError, choices
from cosmo_pl.plots.viewer import Viewer

if TYPE_CHECKING:
    from cosmo_pl.recogniser import AnyRecogniser

Truth = Callable[[float, float], str | None]


@dataclass(frozen=True)
class LiveWindow:
    """A recognised window.

    Args:
        start: Its start in seconds of the sensors' clock.
        end: Its end.
        activity: The activity; None for none of those that the model knows.
        probability: Activity to its probability.
        weights: Sensor, or several with one encoder as "acc+gyro", to its attention weight, where the method has
            attention.
        sensors: Sensors that were used.
        latency: Milliseconds that cutting, resampling and recognising it took.
        truth: The activity that the recording names for it, if any.
        raw: What the model alone takes it for; None without a decision.
    """

    start: float
    end: float
    activity: str | None
    probability: Mapping[str, float]
    weights: Mapping[str, float]
    sensors: tuple[str, ...]
    latency: float
    truth: str | None = None
    raw: Raw | None = None


class LiveRecogniser:
    """Recognises activities in samples as they arrive, sensor by sensor.

    Frames are those of imported recordings: linear interpolation at the ticks of the model's rate, after averaging if
    the sensor is more than twice as fast, and none in a gap, see `SensorDescription`. A window in which a sensor has a
    gap is recognised without that sensor. Nothing that a sensor sends raises an error; it is reported.

    Args:
        recogniser: The trained model.
        hop: Seconds between the starts of two windows; by default that of the training where an exported model says so,
            else half a window.
        window: Seconds of a window, for a model of clips of different lengths.
        patience: Seconds without samples of a sensor after which windows no longer wait for it.
        delay: Seconds that are waited for late samples after the end of a window.
        reporter: Counts and reports what is wrong; by default nobody reads it.
        decision: Calibrates probabilities, rejects windows that show none of the activities, and smooths over windows;
            smoothing begins anew after a gap.
        switch: Switches sensors off.
        viewer: Shows samples and windows.

    Raises:
        ConfigurationError: The window, the hop or another argument cannot be used with the model.

    Example::

            live = LiveRecogniser(Recogniser.load("runs/usc_plus/cosmo-forest"), hop=0.5)
            for window in live.push("acc", time=12.31, values=[0.1, 0.2, 0.97]):
                print(window.activity)
    """

    def __init__(
        self,
        recogniser: AnyRecogniser,
        hop: float | None = None,
        window: float | None = None,
        *,
        patience: float = 2.0,
        delay: float = 0.0,
        reporter: Reporter | None = None,
        decision: Decision | None = None,
        switch: SensorSwitch | None = None,
        viewer: Viewer | None = None,
    ) -> None:
        check("patience", patience, PositiveFloat)
        check("delay", delay, NonNegativeFloat)
        check_seconds("patience", patience)
        check_seconds("delay", delay)
        seconds = window_of(recogniser, window)
        hop = hop_of(recogniser, seconds, hop, smoothing=decision is not None and decision.transitions is not None)
        self.reporter = reporter if reporter is not None else Reporter(lambda _: None)
        self.grids = grids_of(recogniser, seconds)
        self.schedule = Schedule(seconds, hop)
        if any(self.schedule.hop * grid.rate < 1 for grid in self.grids.values()):
            raise ConfigurationError("hop", f"is {hop} s, less than a frame", "Use a longer one")
        kept = seconds + self.schedule.hop + patience + delay + JUMP / SECOND
        self.streams = {name: SensorStream(name, grid, kept, self.reporter, delay) for name, grid in self.grids.items()}
        self.skipped = 0  # windows without a prediction
        self._patience = patience
        self._deciding = Deciding(recogniser, decision, switch)
        self._switch, self._viewer = switch, viewer
        self._strays = Strays()
        self._truth: Truth | None = None
        self._lacks = Missing(self.reporter)
        self._seconds = 0.0
        self._clock: int | None = None  # latest time of any sensor
        self._ready: deque[LiveWindow] = deque()  # the last ones before windows began anew, until they are given
        self._forget()

    @property
    def seconds(self) -> float:
        """Time of the samples so far, of all recordings, without the time that clocks were set forward by."""
        return self._seconds + self.schedule.elapsed(self._clock)

    def _forget(self) -> None:
        self._seconds = self.seconds
        self.schedule.clear()
        for stream in self.streams.values():
            stream.clear()
        self._clock = None
        self._before: int | None = None  # what the clock was when the last samples came
        self._lacks.clear()
        self._deciding.restart()

    def begin(self, aligned: float | None = None, truth: Truth | None = None) -> Iterator[LiveWindow]:
        """Begins another recording, in which 0 s is tick 0.

        Args:
            aligned: Seconds at which a window begins; None if that is when the last sensor starts.
            truth: Start and end of a window to the activity that the recording names for it, if any.

        Returns:
            The last windows of the recording before it.
        """
        self._ready.extend(self._end())
        self._strays.clear()
        self._forget()
        if self._viewer is not None:
            self._viewer.begin()
        self.schedule.origin, self._truth = 0, truth
        if aligned is not None:
            self.schedule.align(aligned)
        return self._given()

    def push(self, sensor: str, time: Any, values: Any) -> Iterator[LiveWindow]:
        """Adds samples of a sensor.

        Args:
            sensor: Name of the sensor.
            time: Seconds of its clock, one number or (n,).
            values: Values in the sensor's units, (*shape) or (n, *shape).

        Returns:
            The windows that are complete now, usually none. Each is recognised when it is taken; those that are not
            taken come with the next samples.
        """
        stream = self.streams.get(str(sensor))
        if stream is None:
            detail = f"'{str(sensor)[:40]}' is no sensor of the model. {choices(str(sensor)[:40], self.streams)}"
            self.reporter.report("unknown sensor", detail)
        else:
            self._take(stream, *stream.checked(time, values))
        return self._given()

    def _take(self, stream: SensorStream, times: NDArray[np.int64], rows: NDArray[np.float32]) -> None:
        """Adds samples of a delivery that can be used."""
        if not len(times):
            return
        if self._viewer is not None:
            self._viewer.samples(stream.name, times / SECOND, rows.reshape(-1, *stream.grid.shape))
        self._before = self._clock
        for low, high in _runs(times):
            self._place(stream, times[low:high], rows[low:high])

    def _place(self, stream: SensorStream, time: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        """Adds samples whose times are near each other to the stream, or to those that do not fit."""
        early = self.schedule.origin is not None and self.schedule.origin - time.min() > JUMP
        if self._clock is not None and time[0] - self._clock > JUMP:
            self._stray(stream, "clock set forward", time, values)
        elif early and stream.latest is None and not self.schedule.aligned:  # its clock may not have been set yet
            self._stray(stream, "clock set back", time, values)
        else:
            late, rest = self._add(stream, time, values)
            if len(late):
                self._stray(stream, "clock set back", late, rest)
                self._correct(stream)
        delivering = [name for name in self.streams if not self._stalled(self.streams[name])]
        if self._strays.are_right(delivering):
            self._move()

    def _add(
        self, stream: SensorStream, time: NDArray[np.int64], values: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        if self.schedule.origin is None or (not self.schedule.aligned and time.min() < self.schedule.origin):
            self.schedule.origin = int(time.min())
        latest, stream.clock = stream.latest, self._clock
        late, rest = stream.add(time, values)
        if stream.latest is not None and stream.latest != latest:
            self._clock = max(stream.latest, self._clock if self._clock is not None else stream.latest)
            stream.seen = self._clock
            self._strays.fitted(stream.name)
        return late, rest

    def _stray(self, stream: SensorStream, problem: str, time: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        own = stream.latest if problem == "clock set back" else None
        detail = left_out(int(time[0]), own, self._clock)
        self.reporter.report(problem, detail, stream.name, int(time[0]) / SECOND, len(time))
        self._strays.add(stream.name, time, values)

    def _correct(self, stream: SensorStream) -> None:
        """Leaves out a few samples with a wrong time far ahead, as soon as their sensor goes on from before them."""
        right, ahead = self._strays.back(stream.name), stream.latest
        count = stream.corrected(int(right[0][0].min())) if right else 0
        if not count or ahead is None:
            return
        detail = f"{count} samples up to {ahead / SECOND:.10g} s are left out, as the sensor goes on from before them"
        self.reporter.report("wrong time", detail, stream.name, ahead / SECOND, count)
        self._strays.forget(stream.name)
        self._clock = max((each.latest for each in self.streams.values() if each.latest is not None), default=None)
        earlier = []
        if self._clock is None:  # they were the first ones of all, and no early ones did fit
            self._forget()
            earlier = self._strays.taken()
        else:
            firsts = [each.first for each in self.streams.values() if each.first is not None]
            self.schedule.jump_back(self._clock, min(firsts))
        for each in self.streams.values():
            each.seen = None if each.seen is None or self._clock is None else min(each.seen, self._clock)
        self._before = None if self._before is None or self._clock is None else min(self._before, self._clock)
        for name, time, values in [*earlier, *((stream.name, *each) for each in right)]:
            self._add(self.streams[name], time, values)

    def _move(self) -> None:
        """Goes on at the time of the samples that did not fit."""
        held = self._strays.taken()
        earliest = min(int(time.min()) for _, time, _ in held)
        if self._clock is not None and earliest > self._clock and self.schedule.aligned:
            self.schedule.jump(self._clock, earliest)
        elif self._clock is not None:
            why = "all clocks were set back" if earliest <= self._clock else "the first times were wrong"
            self._ready.extend(self._end())
            self._forget()
            self.schedule.origin = earliest
            self.reporter.report("restart", f"{why}; windows begin anew", None, earliest / SECOND)
        self._clock = self._before = earliest
        for name, time, values in held:
            self._add(self.streams[name], time, values)

    def finish(self) -> Iterator[LiveWindow]:
        """Recognises the windows that are complete, though not for all sensors; to be used at the end."""
        yield from self._given()
        yield from self._end()

    def _end(self) -> Iterator[LiveWindow]:
        """The last windows of the time line, and what is wrong with it as a whole."""
        yield from self._due(ending=True)
        for stream in self.streams.values():
            stream.check(ending=True)
        origin = self.schedule.origin
        if self._clock is not None and origin is not None and not self.schedule.number:
            seconds = self.schedule.elapsed(self._clock)
            detail = f"{seconds:.2f} s of samples are shorter than a window of {self.schedule.window:g} s"
            self.reporter.report("too short", detail, None, origin / SECOND)

    def _stalled(self, stream: SensorStream) -> bool:
        """Whether windows do not wait for a sensor: it sends nothing, or its clock is far behind."""
        if self._before is None or self.schedule.origin is None:
            return False
        seen = self.schedule.origin if stream.seen is None else stream.seen
        patience = self._patience * SECOND
        behind = stream.latest is not None and self._before - stream.latest > max(JUMP, patience)
        return self._before - seen > patience or behind

    def _given(self) -> Iterator[LiveWindow]:
        while self._ready:
            yield self._ready.popleft()
        yield from self._due()

    def _due(self, ending: bool = False) -> Iterator[LiveWindow]:
        """Recognises all windows that are complete, one by one."""
        while self._is_due(ending):
            found = self._recognised(perf_counter())
            if found is not None:
                yield found

    def _is_due(self, ending: bool) -> bool:
        if not self.schedule.aligned and not self._align(ending):
            return False
        start, origin = self.schedule.start, self.schedule.origin
        assert origin is not None
        ready = False
        for stream in self.streams.values():
            covered = stream.covers(start, origin) if ending else stream.settled(start, origin)
            if not covered and not ending and not self._stalled(stream):
                return False
            ready |= covered
        return ready

    def _align(self, ending: bool) -> bool:
        """Begins windows when the last sensor starts, if all sensors have started that are going to."""
        if self.schedule.origin is None:
            return False
        starts = []
        for stream in self.streams.values():
            tick = stream.first_frame(self.schedule.origin, ending)
            if tick is not None:
                starts.append(tick / stream.grid.rate)
            elif not ending and not self._stalled(stream):
                return False
        if not starts:
            return False
        self.schedule.align(max(starts))
        return True

    def _recognised(self, started: float) -> LiveWindow | None:
        """Recognises the next window and goes on to the one after it; None if it cannot be recognised."""
        start, origin = self.schedule.start, self.schedule.origin
        assert origin is not None
        active = tuple(self.streams) if self._switch is None else self._switch.active()
        frames = {name: self.streams[name].frames(start, origin) for name in self.streams if name in active}
        arrays = {name: values[None] for name, values in frames.items() if values is not None}
        lacking = {name: self.streams[name] for name in frames if name not in arrays}
        self._lacks.note(lacking, [*arrays], self.schedule.seconds(start))
        decided = None
        if arrays:
            try:
                decided = self._deciding.decide(arrays)
            except CosmoError as error:
                self.reporter.report("not recognised", str(error), None, self.schedule.seconds(start))
        if decided is not None:
            self._report_switched(decided.switched, start)
        elif self._switch is not None:  # what is on does not suffice
            self._report_switched(self._switch.observe(None, (), {}), start)
        self._go_on(skipping=not arrays)
        if decided is None:
            self.skipped += len(arrays) > 0
            self._deciding.restart()
            return None
        begin, end = self.schedule.seconds(start), self.schedule.seconds(start + self.schedule.window)
        truth = self._truth(begin, end) if self._truth is not None else None
        if self._viewer is not None:
            self._viewer.window(begin, end, decided.activity, decided.probability, decided.weights, truth)
        latency = 1000 * (perf_counter() - started)
        shown = decided.activity, decided.probability, decided.weights
        return LiveWindow(begin, end, *shown, tuple(arrays), latency, truth, decided.raw)

    def _report_switched(self, changes: Sequence[Change], start: float) -> None:
        where = self.schedule.seconds(start)
        for each in changes:
            self.reporter.report(f"switched {'on' if each.on else 'off'}", str(each), each.sensor, where)
            if each.problem is not None:
                self.reporter.report("device command", each.problem, each.sensor, where)

    def _go_on(self, skipping: bool) -> None:
        """Goes on to the next window. After a window without any frames, those in the same gap are skipped."""
        start = self.schedule.start
        next_samples = []
        for stream in self.streams.values():
            stream.check()
            after = np.searchsorted(stream.buffer.time, self.schedule.time(start))
            next_samples += stream.buffer.time[after : after + 1].tolist()
        passed = self.schedule.advance(min(next_samples) if skipping and next_samples else None)
        if skipping and passed:
            self.skipped += passed
            end = self.schedule.seconds(self.schedule.start)
            detail = f"no sensor has all samples of {passed} windows until {end:.3f} s, which are skipped"
            self.reporter.report("gap", detail, None, self.schedule.seconds(start), passed)
        begins = self.schedule.start
        ended = begins - self.schedule.hop + self.schedule.window
        for stream in self.streams.values():
            stream.passed = self.schedule.time(min(begins, ended))
            stream.buffer.drop_before(self.schedule.time(begins) - stream.margin)


def _runs(time: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Stretches of samples without a jump of the clock between two of them."""
    edges = np.flatnonzero(np.abs(np.diff(time)) > JUMP) + 1
    return list(itertools.pairwise([0, *edges.tolist(), len(time)]))
