"""Pieces of imported recordings by two sensors, from which the error of a clock is estimated."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np

from cosmo_pl.data.clocks import Piece, Signal
from cosmo_pl.data.streams.store import Segment, StreamRecording, StreamSensor, StreamStore

SECONDS = 60.0  # of a piece: a drift of 100 ppm changes the lag by 6 ms in it


def clock_pieces(store: StreamStore, reference: str, other: str, subjects: set[int] | None = None) -> list[Piece]:
    """Pieces of at most a minute in which both sensors run without a gap.

    Their ages count from the start of the first recording of the same subject: clocks are set before a session.

    Args:
        store: The recordings.
        reference: Sensor whose clock is right.
        other: Sensor whose clock is to be corrected.
        subjects: Subjects whose recordings are used; None takes all.
    """
    chosen = [each for each in store.recordings if subjects is None or each.subject in subjects]
    first: dict[int, datetime] = {}
    for each in chosen:
        begun = datetime.fromisoformat(each.start)
        first[each.subject] = min(begun, first.get(each.subject, begun))
    arrays = {name: store.array(name) for name in (reference, other)}
    pieces = []
    for each in chosen:
        age = (datetime.fromisoformat(each.start) - first[each.subject]).total_seconds()
        for start, stop in _common(each, store, reference, other):
            one, two = (
                _signal(arrays[name], store.sensors[name], each.segments[name], start, stop)
                for name in (reference, other)
            )
            pieces.append(Piece(one, two, age + start))
    return pieces


def _common(
    recording: StreamRecording, store: StreamStore, reference: str, other: str
) -> Iterator[tuple[float, float]]:
    """Starts and ends, in seconds, of pieces in which both sensors have all frames."""
    for one in _spans(recording, store.sensors[reference], reference):
        for two in _spans(recording, store.sensors[other], other):
            start, stop = max(one[0], two[0]), min(one[1], two[1])
            count = max(1, round((stop - start) / SECONDS)) if stop > start else 0
            edges = np.linspace(start, stop, count + 1)
            yield from zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)


def _spans(recording: StreamRecording, sensor: StreamSensor, name: str) -> list[tuple[float, float]]:
    found = recording.segments.get(name, ())
    return [(each.first / sensor.rate, (each.first + each.frames) / sensor.rate) for each in found]


def _signal(
    array: np.ndarray, sensor: StreamSensor, segments: tuple[Segment, ...], start: float, stop: float
) -> Signal:
    """Frames of the segment around a piece."""
    segment = next(each for each in segments if (each.first + each.frames) / sensor.rate >= stop - 1e-9)
    first = max(0, int(np.ceil(start * sensor.rate - 1e-9)) - segment.first)
    last = min(segment.frames, int(np.floor(stop * sensor.rate + 1e-9)) - segment.first)
    times = (segment.first + np.arange(first, last)) / sensor.rate
    return Signal(times, np.asarray(array[segment.row + first : segment.row + last]), len(sensor.shape) > 1)
