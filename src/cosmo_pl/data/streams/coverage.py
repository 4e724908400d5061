"""Label time of recordings in which no sensor has data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cosmo_pl.data.faults import FaultLog
from cosmo_pl.data.streams.store import LabelInterval, StreamRecording, StreamSensor

MOST = 0.5  # share of an interval without data from which it is a fault
Spans = list[tuple[float, float]]  # starts and ends in seconds, in order, without overlap


def report_unrecorded(
    recordings: Iterable[StreamRecording], sensors: Mapping[str, StreamSensor], faults: FaultLog
) -> None:
    """Reports label intervals that lie mostly where no sensor has data.

    Raises:
        RecordingError: `faults` is strict, and there are some.
    """
    names = [
        f"{recording.name} {each.activity} at {each.start:.1f} s"
        for recording in recordings
        for each, seconds in _without_data(recording, sensors)
        if seconds > MOST * (each.end - each.start)
    ]
    problem = "label intervals lie mostly where no sensor has data"
    faults.report(problem, names, "Correct the times of the labels or of the sensors, or see max_gap")


def seconds_without_data(recording: StreamRecording, sensors: Mapping[str, StreamSensor]) -> float:
    """Labelled seconds in which no sensor has data."""
    return float(sum(seconds for _, seconds in _without_data(recording, sensors)))


def _without_data(
    recording: StreamRecording, sensors: Mapping[str, StreamSensor]
) -> Sequence[tuple[LabelInterval, float]]:
    """Label intervals of a recording, each with its seconds in which no sensor has data."""
    found, labels = [], sorted(recording.labels)
    recorded = overlaps(((each.start, each.end) for each in labels), _recorded(recording, sensors))
    for each, spans in zip(labels, recorded, strict=True):
        seconds = each.end - each.start
        for start, end in spans:
            seconds -= end - start
        found.append((each, max(0.0, seconds)))
    return found


def overlaps(intervals: Iterable[tuple[float, float]], spans: Spans) -> Iterator[Spans]:
    """What each interval shares with spans.

    Args:
        intervals: Starts and ends, in the order of their starts.
        spans: Starts and ends; each is passed once, as there may be many.
    """
    first = 0
    for start, end in intervals:
        while first < len(spans) and spans[first][1] <= start:
            first += 1
        found, at = Spans(), first
        while at < len(spans) and spans[at][0] < end:
            found.append((max(start, spans[at][0]), min(end, spans[at][1])))
            at += 1
        yield found


def _recorded(recording: StreamRecording, sensors: Mapping[str, StreamSensor]) -> Spans:
    """Times in which at least one sensor has data."""
    spans = sorted(
        (each.first / sensors[name].rate, (each.first + each.frames - 1) / sensors[name].rate)
        for name, segments in recording.segments.items()
        for each in segments
    )
    joined: Spans = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined
