"""Packets that come twice or in another order, which is no clock that was set, and long ones."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from edge.live_fakes import SHAPES, FakeRecogniser, Live, Stream, stream

PAIR = {"wrist": SHAPES["wrist"], "band": SHAPES["wrist"]}
SECONDS = 10.0


def pair(start: float = 0.0, seconds: float = SECONDS) -> dict[str, Stream]:
    """Two sensors of 100 Hz."""
    return {name: stream("wrist", seconds, start, seed) for seed, name in enumerate(PAIR)}


def delivered(packets: Iterable[int], given: dict[str, Stream], length: int = 20, **arguments: float) -> Live:
    """Packets of so many samples, of one sensor after the other."""
    live = Live(FakeRecogniser(PAIR, {}), **arguments)
    for number in packets:
        for name, (time, values) in given.items():
            rows = slice(number * length, (number + 1) * length)
            live.push(name, time[rows], values[rows])
    live.found += live.engine.finish()
    return live


def assert_same(live: Live, expected: Live) -> None:
    """The same windows with the same values."""
    assert live.spans() == expected.spans() and len(live.found) == 9
    for mine, other in zip(live.model.windows, expected.model.windows, strict=True):
        assert all(np.array_equal(mine[name], other[name]) for name in PAIR)


@pytest.mark.parametrize("delay", [0.0, 2.0])
@pytest.mark.parametrize("repeated", [[28], [29], [24, 25, 26, 27, 28, 29]])
def test_packets_that_come_twice_change_nothing(repeated, delay):
    live = delivered([*range(30), *repeated, *range(30, 50)], pair(), delay=delay)
    assert_same(live, delivered(range(50), pair()))
    assert live.problems() == {"duplicates": dict.fromkeys(PAIR, 20 * len(repeated))}
    assert [live.engine.streams[name].samples for name in PAIR] == [1000, 1000]


def test_an_old_packet_that_comes_again_does_not_begin_anew():
    live = delivered([*range(30), 2, *range(30, 50)], pair())
    assert_same(live, delivered(range(50), pair()))
    assert live.problems() == {"clock set back": dict.fromkeys(PAIR, 20)}


@pytest.mark.parametrize("order", [[31, 30], [33, 30, 31, 32], [30, 33, 32, 31]])
def test_packets_in_another_order_are_sorted_in_as_long_as_the_delay(order):
    packets = [*range(30), *order, *range(30 + len(order), 50)]
    live = delivered(packets, pair(), delay=1.0)
    assert_same(live, delivered(range(50), pair()))
    assert live.problems().keys() == {"out of order"}
    without = delivered(packets, pair())
    whole = [0, 1, 2, 3, 4, 7, 8]  # the others lack a packet
    assert without.spans() == [(start, tuple(PAIR)) for start in whole] and "restart" not in without.problems()


def test_a_packet_that_is_too_long_is_named_and_its_dropped_samples_are_not_used():
    live = delivered([0], pair(seconds=600.0), length=60_000)
    limit = live.engine.streams["wrist"].buffer.limit
    assert live.problems()["too long"] == dict.fromkeys(PAIR, 60_000 - limit) and "too fast" not in live.problems()
    assert [live.engine.streams[name].samples for name in PAIR] == [limit, limit]


@pytest.mark.parametrize("start", [-100.0, -1000.0, 5000.0])
@pytest.mark.parametrize("length", [20, 100, 2500])
def test_all_clocks_that_are_set_lose_no_packet_however_long(start, length):
    first, second = pair(1000.0, 50.0), pair(1000.0 + start, 150.0)
    both = {name: tuple(map(np.concatenate, zip(first[name], second[name], strict=True))) for name in PAIR}
    live = delivered(range(20000 // length), both, length)
    begin = round(1000 + start)
    starts = [window.start for window in live.found if window.sensors == tuple(PAIR)]
    assert starts == [*range(1000, 1049), *range(begin, begin + 149)]
