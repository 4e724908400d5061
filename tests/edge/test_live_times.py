"""Clocks since 1970, wrong times, long waits and sensors that become slower: no window of good samples is lost."""

from __future__ import annotations

import numpy as np
import pytest

from edge.live_fakes import FakeRecogniser, Live, stream, streams

BOTH = ("wrist", "mat")


@pytest.mark.parametrize("start", [1_700_000_000.0, 1_700_000_000.007, 1_764_412_345.678901, 3e9])
def test_times_since_1970_give_the_windows_of_times_since_0(start):
    expected = Live(hop=0.7).play_in_order(streams(20.0))
    live = Live(hop=0.7).play_in_order(streams(20.0, start))
    assert [window.start for window in live.found] == pytest.approx([start + 0.7 * n for n in range(26)], abs=1e-5)
    for mine, right in zip(live.model.windows, expected.model.windows, strict=True):
        for name in right:
            assert mine[name] == pytest.approx(right[name], abs=1e-4)
    assert live.problems() == expected.problems() == {} and live.engine.skipped == 0


@pytest.mark.parametrize(("patience", "waits"), [(20.0, True), (2.0, False)])
def test_windows_wait_as_long_as_their_patience_even_if_it_is_long(patience, waits):
    given = streams(40.0)
    time, values = given["mat"]
    live = Live(patience=patience)
    for number in range(40):  # seconds; the mat sends nothing from 10 to 25 s, and then all of it
        wrist, mat = slice(100 * number, 100 * number + 100), slice(20 * number, 20 * number + 20)
        live.push("wrist", given["wrist"][0][wrist], given["wrist"][1][wrist])
        if number == 25:
            mat = slice(200, 520)
        if not 10 <= number < 25:
            live.push("mat", time[mat], values[mat])
    live.found += live.engine.finish()
    assert [window.start for window in live.found] == [*range(39)]
    assert ({window.sensors for window in live.found} == {BOTH}) == waits


@pytest.mark.parametrize(("delay", "sorts"), [(15.0, True), (0.0, False)])
def test_samples_come_as_late_as_the_delay_says_even_if_it_is_long(delay, sorts):
    given = streams(60.0)
    live = Live(delay=delay, patience=30.0)
    order = [*range(20), *range(22, 32), 20, 21, *range(32, 60)]  # two seconds come ten seconds late
    for wrist, mat in zip(range(60), order, strict=True):
        for name, second in (("wrist", wrist), ("mat", mat)):
            each = slice(second * len(given[name][0]) // 60, (second + 1) * len(given[name][0]) // 60)
            live.push(name, given[name][0][each], given[name][1][each])
    live.found += live.engine.finish()
    assert ([window.sensors for window in live.found] == [BOTH] * 59) == sorts
    assert ("clock set back" in live.problems()) != sorts


def test_a_sensor_that_becomes_much_slower_has_gaps():
    time, values = stream("wrist", 20.0)
    kept = (time < 10.0) | (np.arange(len(time)) % 150 == 0)  # from 100 Hz to a sample each 1.5 s
    live = Live().play({"wrist": (time[kept], values[kept]), "mat": stream("mat", 20.0)})
    assert [window.sensors for window in live.found] == [BOTH] * 9 + [("mat",)] * 10
    assert live.problems()["missing"] == {"wrist": 10}


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("ahead", [5.0, 9.0])
def test_a_few_times_that_are_ahead_cost_no_other_sample(count, ahead):
    given = streams(30.0)
    given["mat"][0][200 : 200 + count] += ahead  # of 20 samples a second; the wrist stays right
    live, right = Live(hop=0.1).play_in_order(given), Live(hop=0.1).play(streams(30.0))
    assert live.spans() == right.spans() and live.problems()["wrong time"] == {"mat": count}


def test_a_first_time_of_1970_is_no_pause_of_decades():
    time, values = stream("wrist", 10.0, 1_700_000_000.0)
    live = Live(FakeRecogniser({"wrist": (200, 3)}))
    live.push("wrist", 0.0, values[0])
    live.play({"wrist": (time, values)})
    assert [window.start for window in live.found] == [1_700_000_000 + n for n in range(9)]
    assert live.engine.skipped == 0 and live.engine.seconds == pytest.approx(9.99)


@pytest.mark.parametrize("ahead", [[5000.0] * 3 + [9000.0] * 2, [5000.0, 9000.0] * 3, [5000.0] * 4])
def test_times_that_contradict_each_other_change_no_clock(ahead):
    time, values = stream("wrist", 30.0)
    time[1000 : 1000 + len(ahead)] += ahead
    live = Live(FakeRecogniser({"wrist": (200, 3)}))
    for at in range(len(time)):
        live.push("wrist", time[at], values[at])
        assert 0 <= live.engine.seconds <= 0.01 * at
    gap = {9, 10} if len(ahead) > 4 else set()  # five samples less are a gap
    assert {*range(29)} - {window.start for window in live.found} == gap and live.engine.skipped == len(gap)


def test_a_value_that_is_no_number_costs_its_own_sample_alone():
    time, values = stream("wrist", 4.0)
    rows = values.tolist()
    rows[50][1] = "x"
    rows[60] = [1.0, 2.0]
    rows[70] = {"x": 1.0}
    live, right = Live(FakeRecogniser({"wrist": (200, 3)})), Live(FakeRecogniser({"wrist": (200, 3)}))
    live.push("wrist", time.tolist(), rows)
    right.play({"wrist": (time, values)})
    assert [window.start for window in live.found] == [window.start for window in right.found] == [0, 1, 2]
    assert live.problems() == {"not numbers": {"wrist": 2}, "wrong number of values": {"wrist": 1}}
