"""Event metrics of a stream: over recordings, from windows that overlap."""

from __future__ import annotations

import pytest

from cosmo_pl.edge.live.events import EventMetrics


def test_segments_and_delays_are_those_of_the_definition() -> None:
    metrics = EventMetrics(hop=1.0)
    for start in range(10):  # of 2 s each: rest until 5.5 s, then walking, which is recognised from 7.5 s on
        metrics.add(start, start + 2, "rest" if start < 7 else "walk", "rest" if start < 5 else "walk")
    metrics.finish()
    found = metrics.summary()
    # rest 0 to 7.5 s against 0 to 5.5 s: 0.73; walking 7.5 to 11 s against 5.5 to 11 s: 0.64
    assert (found["segments"], found["never_recognised"]) == (2, 0)
    assert (found["f1_10"], found["f1_25"], found["f1_50"]) == (1.0, 1.0, 1.0)
    assert found["delay_seconds"] == pytest.approx(2.0, rel=0.1)  # 2 s and 3.5 s, of which the lower is taken
    for start in range(3):
        metrics.add(start, start + 2, "walk", None)  # nobody knows
    metrics.finish()
    assert metrics.summary() == found
    other = EventMetrics(hop=1.0)
    for start in range(20):  # as above, and then nobody knows
        truth = ("rest" if start < 5 else "walk") if start < 10 else None
        other.add(start, start + 2, "rest" if start < 7 or (start % 2 and start > 9) else "walk", truth)
    other.finish()
    assert other.summary() == found
    for start in range(3):
        metrics.add(start, start + 2, None, "walk")
    metrics.finish()
    assert metrics.summary()["never_recognised"] == 1
    assert metrics.summary()["f1_10"] == 0.8  # 2 · 2 / (2 · 2 + 1)


def test_pieces_of_an_activity_are_wrong_segments() -> None:
    metrics = EventMetrics(hop=0.5)
    for number in range(9):
        metrics.add(0.5 * number, 0.5 * number + 1, "fall" if number == 4 else "rest", "rest")
    metrics.finish()
    found = metrics.summary()
    assert found["f1_10"] == found["f1_25"] == pytest.approx(2 / 4, abs=1e-4)  # one found, two wrong
    assert found["f1_50"] == 0.0  # neither piece has half of the 5 s


def test_without_recordings_there_is_nothing() -> None:
    metrics = EventMetrics(hop=1.0)
    metrics.finish()
    assert metrics.summary() == {}
