"""Pieces of imported recordings by two sensors, from which the error of a clock is estimated."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import numpy as np

from cosmo_pl.data.clocks import Piece, Signal
from cosmo_pl.data.streams.coverage import Spans, overlaps
from cosmo_pl.data.streams.description import ClockCorrection
from cosmo_pl.data.streams.store import Segment, StreamRecording, StreamSensor, StreamStore

SECONDS = 60.0  # of a piece: a drift of 100 ppm changes the lag by 6 ms in it


def clock_pieces(
    store: StreamStore,
    reference: str,
    other: str,
    recordings: Sequence[StreamRecording] | None = None,
    error: ClockCorrection | None = None,
    seconds: float = SECONDS,
) -> list[Piece]:
    """Pieces of about a minute in which both sensors run without a gap.

    Args:
        store: The recordings.
        reference: Sensor whose clock is right.
        other: Sensor whose clock is to be corrected.
        recordings: Those that are used; None takes all.
        error: Error that is put into the other sensor's clock.
        seconds: Length of the pieces that a longer time is divided into.
    """
    chosen = store.recordings if recordings is None else recordings
    arrays = {name: store.array(name) for name in (reference, other)}
    pieces, age = [], ages(chosen)
    for each in chosen:
        for start, stop in _common(each, store, reference, other, seconds):
            one, two = (
                _signal(arrays[name], store.sensors[name], each.segments[name], start, stop)
                for name in (reference, other)
            )
            if error is not None:
                two = two._replace(times=two.times + error.at(age[each.name]).seconds(two.times))
            pieces.append(Piece(one, two, age[each.name] + start))
    return pieces


def ages(recordings: Iterable[StreamRecording]) -> dict[str, float]:
    """Name of each recording to the seconds from the start of its subject's first recording to its own."""
    return ages_of({each.name: (each.subject, datetime.fromisoformat(each.start).timestamp()) for each in recordings})


def ages_of(starts: Mapping[str, tuple[Hashable, float]]) -> dict[str, float]:
    """Name of each recording to its age: the clocks are taken as set at the start of the subject's first recording.

    Args:
        starts: Name of each recording to its subject and its start in seconds.
    """
    first: dict[Hashable, float] = {}
    for subject, start in starts.values():
        first[subject] = min(start, first.get(subject, start))
    return {name: start - first[subject] for name, (subject, start) in starts.items()}


def _common(
    recording: StreamRecording, store: StreamStore, reference: str, other: str, seconds: float
) -> Iterator[tuple[float, float]]:
    """Starts and ends, in seconds, of pieces in which both sensors have all frames."""
    one, two = (_spans(recording, store.sensors[name], name) for name in (reference, other))
    for start, stop in itertools.chain.from_iterable(overlaps(one, two)):
        edges = np.linspace(start, stop, max(1, round((stop - start) / seconds)) + 1)
        yield from zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)


def _spans(recording: StreamRecording, sensor: StreamSensor, name: str) -> Spans:
    return [each.seconds(sensor.rate) for each in recording.segments.get(name, ())]


def _signal(
    array: np.ndarray, sensor: StreamSensor, segments: tuple[Segment, ...], start: float, stop: float
) -> Signal:
    """Frames of the segment around a piece."""
    at = bisect.bisect_left(segments, stop - 1e-9, key=lambda each: each.seconds(sensor.rate)[1])
    segment = segments[at]
    first = max(0, int(np.ceil(start * sensor.rate - 1e-9)) - segment.first)
    last = min(segment.frames, int(np.floor(stop * sensor.rate + 1e-9)) - segment.first)
    times = (segment.first + np.arange(first, last)) / sensor.rate
    return Signal(times, np.asarray(array[segment.row + first : segment.row + last]), len(sensor.shape) > 1)
