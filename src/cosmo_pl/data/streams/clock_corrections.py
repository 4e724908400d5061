"""Errors of the clocks of an import: those that the description states, and those that are estimated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cosmo_pl.data.clocks import ClockEstimate, estimate_clock
from cosmo_pl.data.streams.clock_pieces import ages, clock_pieces
from cosmo_pl.data.streams.description import ClockCorrection
from cosmo_pl.data.streams.store import StreamRecording, StreamStore

Corrections = Mapping[str, Mapping[str, ClockCorrection]]
"""Recording to sensor to the error of its clock at the start of that recording."""


@dataclass(frozen=True)
class EstimatedClock:
    """Estimated error of a sensor's clock.

    Args:
        sensor: The sensor.
        reference: The sensor whose clock is taken as right.
        recordings: Names of the recordings that it is estimated from and holds for.
        estimate: The error at the start of the first of them, for each subject.
    """

    sensor: str
    reference: str
    recordings: tuple[str, ...]
    estimate: ClockEstimate


def estimate_clocks(store: StreamStore, each: bool) -> list[EstimatedClock]:
    """Estimates the error of every sensor's clock but that of the first one, which is taken as right.

    Labels are not used.

    Args:
        store: The recordings by the clocks of the sensors.
        each: Whether each recording has an error of its own, and not all the same.
    """
    reference, *others = store.sensors
    groups = [(recording,) for recording in store.recordings] if each else [store.recordings]
    found = []
    for sensor in others:
        for group in groups:
            estimate = estimate_clock(clock_pieces(store, reference, sensor, group))
            found.append(EstimatedClock(sensor, reference, tuple(one.name for one in group), estimate))
    return found


def corrections_of(found: Sequence[EstimatedClock], recordings: Sequence[StreamRecording]) -> Corrections:
    """Corrections by the estimates that are reliable; other clocks stay as they are.

    Args:
        found: The estimates.
        recordings: The recordings that they come from.
    """
    known = {recording.name: recording for recording in recordings}
    result: dict[str, dict[str, ClockCorrection]] = {}
    for clock in found:
        if clock.estimate.reliable:
            error = ClockCorrection(clock.estimate.offset, clock.estimate.drift)
            for name, age in ages([known[name] for name in clock.recordings]).items():
                result.setdefault(name, {})[clock.sensor] = error.at(age)
    return result
