"""Windows of imported streams: by time, without gaps, and inside one activity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.streams.description import ClockCorrection
from cosmo_pl.data.streams.store import LabelInterval, Segment, StreamRecording, StreamSensor

TOLERANCE = 1e-6  # seconds; ends of windows and of labels are sums of floating-point numbers
BORDER = "cross the border of a label"
RIGHT = ClockCorrection()
GAP = "have a gap in '{}'"
OUTSIDE = "begin before '{}' starts or end after it stops"


@dataclass(frozen=True)
class Windows:
    """Windows of one recording.

    Args:
        start: Seconds after the start of the recording (N,).
        label: Activity (N,), -1 in unlabelled time.
        rows: Sensor to the row of the first frame of each window in its array (N,); -1 if the sensor is missing.
        left_out: Reason to the number of windows that are left out for it.
    """

    start: NDArray[np.float64]
    label: NDArray[np.int64]
    rows: Mapping[str, NDArray[np.int64]]
    left_out: Mapping[str, int] = field(default_factory=dict)


def steps_of(sensor: StreamSensor, window: float) -> int:
    """Frames of a window of so many seconds."""
    return round(sensor.rate * window)


def cut_windows(
    recording: StreamRecording,
    sensors: Mapping[str, StreamSensor],
    activities: Sequence[str],
    window: float,
    hop: float,
    keep_incomplete: bool = False,
    aligned: float = 0.0,
    errors: Mapping[str, ClockCorrection] | None = None,
) -> Windows:
    """The windows [aligned + n·hop, aligned + n·hop + window) of a recording in which every sensor has all frames.

    A window lies in one labelled interval, or in no interval at all. All sensors have their windows at the same times,
    whichever of them are chosen.

    Args:
        recording: The recording.
        sensors: Chosen sensors.
        activities: Names of the activities, in the order of their labels.
        window: Seconds of a window.
        hop: Seconds between the starts of two windows.
        keep_incomplete: Whether windows are kept that some sensors lack, but not all.
        aligned: Seconds after the start of the recording at which a window begins; see `common_start`.
        errors: Sensor to the error of its clock from the start of the recording on: its frames of a window are those
            that a clock which is ahead by so much would have put there.
    """
    begin = (aligned + TOLERANCE) % hop - TOLERANCE
    left = recording.duration - window - begin + TOLERANCE
    spans = [each.seconds(sensor.rate) for name, sensor in sensors.items() for each in recording.segments.get(name, ())]
    ends = np.array([0.0, recording.duration])
    margin = window + max((abs(e.seconds(ends)).max() for e in (errors or {}).values()), default=0.0)
    start = begin + hop * _numbers(spans, begin, margin, hop, int(left / hop) + 1 if left >= 0 else 0)
    label = _labels(start, window, recording.labels, activities)
    keep, left_out = label >= -1, {BORDER: int((label < -1).sum())}
    begins = {name: start - (errors or {}).get(name, RIGHT).seconds(start) for name in sensors}
    rows = {}
    for name, sensor in sensors.items():
        first, steps = np.rint(begins[name] * sensor.rate).astype(np.int64), steps_of(sensor, window)
        rows[name] = _rows(first, steps, recording.segments.get(name, ()))
    found = [found >= 0 for found in rows.values()]
    complete = np.any(found, axis=0) if keep_incomplete else np.all(found, axis=0)
    for name, sensor in sensors.items():
        lacking = keep & ~complete & (rows[name] < 0)
        outside = lacking & _outside(begins[name], window, sensor, recording.segments.get(name, ()))
        left_out[OUTSIDE.format(name)] = int(outside.sum())
        left_out[GAP.format(name)] = int((lacking & ~outside).sum())
        keep = keep & ~lacking
    kept = {name: found[keep] for name, found in rows.items()}
    return Windows(start[keep], label[keep], kept, {reason: n for reason, n in left_out.items() if n})


def through_last_frame(recording: StreamRecording, sensors: Mapping[str, StreamSensor]) -> StreamRecording:
    """The recording, and its last label, until the end of its last frame: the import has the time at which it begins.

    Without this frame, a clip that is exactly as long as a window would give no window.

    Args:
        recording: The recording.
        sensors: All sensors, chosen or not.
    """
    end = max(
        (found[-1].seconds(sensors[name].rate)[1] for name, found in recording.segments.items() if found), default=0
    )
    labels = tuple(
        each._replace(end=max(each.end, end)) if each.end >= recording.duration - TOLERANCE else each
        for each in recording.labels
    )
    return replace(recording, duration=max(recording.duration, end), labels=labels)


def _numbers(
    spans: Sequence[tuple[float, float]], begin: float, margin: float, hop: float, count: int
) -> NDArray[np.float64]:
    """Numbers of the windows, of `count`, that are near recorded time: between two spans there may be years."""
    if not spans:
        return np.arange(count, dtype=np.float64)
    near = [
        np.arange(
            np.clip((first - margin - begin) // hop, 0, count),
            np.clip((last + margin - begin) // hop + 1, 0, count),
            dtype=np.float64,
        )
        for first, last in spans
    ]
    return np.unique(np.concatenate(near))


def common_start(recording: StreamRecording, sensors: Mapping[str, StreamSensor]) -> float:
    """Seconds after the start of the recording at which the last of its sensors starts.

    A window that begins then has all sensors as soon as possible. Sensors never start at quite the same time.

    Args:
        recording: The recording.
        sensors: All sensors, chosen or not, so that the choice does not move the windows.
    """
    return max((found[0].first / sensors[name].rate for name, found in recording.segments.items() if found), default=0)


def _labels(
    start: NDArray[np.float64], window: float, intervals: Sequence[LabelInterval], activities: Sequence[str]
) -> NDArray[np.int64]:
    """Label of each window (N,): -1 in unlabelled time, -2 across a border."""
    label = np.full(len(start), -1, dtype=np.int64)
    for begin, end, activity in joined(intervals):
        inside = (start >= begin - TOLERANCE) & (start + window <= end + TOLERANCE)
        touches = (start < end - TOLERANCE) & (start + window > begin + TOLERANCE)
        label[touches] = -2
        label[inside] = activities.index(activity)
    return label


def joined(intervals: Sequence[LabelInterval]) -> list[LabelInterval]:
    """Intervals in which neighbours of the same activity, without time between them, are one."""
    result: list[LabelInterval] = []
    for each in intervals:
        if result and result[-1].activity == each.activity and each.start - result[-1].end <= TOLERANCE:
            result[-1] = result[-1]._replace(end=each.end)
        else:
            result.append(each)
    return result


def _rows(first: NDArray[np.int64], steps: int, segments: Sequence[Segment]) -> NDArray[np.int64]:
    """Row of the frame at tick `first` (N,) where the `steps` frames from it lie in one segment; else -1."""
    row = np.full(len(first), -1, dtype=np.int64)
    for segment in segments:
        inside = (first >= segment.first) & (first + steps <= segment.first + segment.frames)
        row[inside] = segment.row + first[inside] - segment.first
    return row


def _outside(
    start: NDArray[np.float64], window: float, sensor: StreamSensor, segments: Sequence[Segment]
) -> NDArray[np.bool_]:
    """Whether a window begins before the sensor's first frame or ends after its last (N,)."""
    if not segments:
        return np.ones(len(start), dtype=bool)
    begin, end = segments[0].seconds(sensor.rate)[0], segments[-1].seconds(sensor.rate)[1]
    return (start < begin - TOLERANCE) | (start + window > end + TOLERANCE)
