"""Clocks since 1970, wrong times, long waits and sensors that become slower: no window of good samples is lost."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from edge.live_fakes import FakeRecogniser, Live, stream, streams, without

BOTH = ("wrist", "mat")


@cache
def right_spans(seconds: float, hop: float) -> list[tuple[float, tuple[str, ...]]]:
    """Windows of streams whose times are right."""
    return Live(hop=hop).play(streams(seconds)).spans()


@pytest.mark.parametrize("start", [1_700_000_000.0, 1_700_000_000.007, 1_764_412_345.678901, 3e9])
def test_times_since_1970_give_the_windows_of_times_since_0(start):
    expected = Live(hop=0.7).play(streams(20.0))
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
    given = streams(20.0)
    given["mat"][0][120 : 120 + count] += ahead  # of 20 samples a second; the wrist stays right
    live = Live(hop=0.1).play_in_order(given)
    assert live.spans() == right_spans(20.0, 0.1) and live.problems()["wrong time"] == {"mat": count}


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


@pytest.mark.parametrize("packet", [1, 2, 3, 4])
@pytest.mark.parametrize("ahead", [12.0, 3600.0])
def test_wrong_times_of_the_first_packets_of_all_sensors_cost_no_window(packet, ahead):
    given = streams(30.0)
    for time, _ in given.values():
        time[:packet] += ahead
    live = Live()
    arrival = [(n / len(time), name, n) for name, (time, _) in given.items() for n in range(0, len(time), packet)]
    for _, name, n in sorted(arrival):
        time, values = given[name]
        live.push(name, time[n : n + packet], values[n : n + packet])
        assert live.engine.seconds >= 0
    live.found += live.engine.finish()
    assert len(live.found) == 28 and {window.sensors for window in live.found} == {BOTH}
    assert live.engine.seconds < 30.1 and live.engine.skipped == 0


@pytest.mark.parametrize("seconds", [0.5, 5.0])
def test_time_that_the_clock_was_set_forward_by_has_no_windows(seconds):
    """A device begins in 1970, and gets the right time from the network."""
    live = Live()
    live.play(streams(seconds), finish=False)
    live.play_in_order(streams(20.0, 1_700_000_000.0))
    assert live.engine.skipped < 5 and live.engine.seconds == pytest.approx(seconds + 20.0, abs=0.2)
    assert len([window for window in live.found if window.start > 1e9]) >= 18


@pytest.mark.parametrize("at", [0.0, 20.0])
def test_a_burst_of_a_slow_sensor_passes(at):
    """3 Hz where the model has 20, with 100 samples within 0.1 s: the usual interval is that of the last samples."""
    time = np.arange(0.0, 120.0, 1 / 3)
    time = np.unique(np.concatenate([time, at + np.arange(100) / 1000]))
    mat = time, np.zeros((len(time), 2, 2), np.float32)
    live = Live().play({"wrist": stream("wrist", 120.0), "mat": mat})
    alone = [window.start for window in live.found if window.sensors != BOTH]
    assert len(live.found) >= 118 and all(-3 < start - at < 34 for start in alone[:-1])


@pytest.mark.parametrize("ahead", [(5.0, 7.0), (9.0, 5.0), (0.2, 0.4), (7.0, 5.0, 9.0), (1.0, 2.0, 3.0, 4.0)])
def test_wrong_times_that_differ_cost_no_other_sample(ahead):
    given = streams(20.0)
    given["mat"][0][120 : 120 + len(ahead)] += ahead
    live = Live().play_in_order(given)
    assert live.spans() == right_spans(20.0, 1.0)
    assert "restart" not in live.problems() and live.engine.seconds == pytest.approx(19.99, abs=0.1)


@pytest.mark.parametrize("rate", [1.0, 0.8])
def test_a_sensor_of_one_sample_per_second_has_all_windows(rate):
    random = np.random.default_rng(0)
    time = np.arange(0.0, 60.0, 1 / rate)
    time += random.uniform(-0.05, 0.05, len(time))
    mat = time - time[0], np.zeros((len(time), 2, 2), np.float32)
    live = Live().play({"wrist": stream("wrist", 60.0), "mat": mat})
    both = sum(window.sensors == BOTH for window in live.found)
    assert both >= int(mat[0][-1] - 2) and len(live.found) == 59


def test_a_sensor_near_twice_the_rate_is_treated_alike_in_all_windows():
    random = np.random.default_rng(0)
    time = np.sort(np.arange(12_000) / 200.5 + random.uniform(-1e-4, 1e-4, 12_000))
    values = np.repeat(np.sin(2 * np.pi * 90 * time)[:, None], 3, axis=1)  # folds to 10 Hz unless it is averaged
    live = Live(FakeRecogniser({"wrist": (200, 3)})).play({"wrist": (time, values)})
    levels = [float(np.sqrt(np.square(window["wrist"]).mean())) for window in live.model.windows]
    assert len(levels) == 58 and max(levels) < 2 * min(levels)


def test_times_in_milliseconds_are_suspected():
    time, values = stream("wrist", 2.0)
    live = Live(hop=2.0).play({"wrist": (1000 * time, values)}, step=50.0)
    (report,) = (each for each in live.reports if each.problem == "rate")
    assert "are its times in milliseconds instead of seconds?" in report.detail


@pytest.mark.parametrize("hop", [0.05, 0.35])
def test_the_means_after_a_short_pause_are_complete_before_a_window_uses_them(hop):
    """80 Hz where the model has 20: samples one by one give the windows of all at once."""
    mat = without(stream("mat", 6.0, rate=80.0), 3.11, 3.24)
    one, whole = (Live(FakeRecogniser({"mat": (40, 2, 2)}), hop=hop) for _ in range(2))
    for time, values in zip(*mat, strict=True):
        one.push("mat", time, values)
    whole.push("mat", *mat)
    for live in (one, whole):
        live.found += live.engine.finish()
    assert [window.start for window in one.found] == [window.start for window in whole.found]
    for mine, other in zip(one.model.windows, whole.model.windows, strict=True):
        assert mine["mat"] == pytest.approx(other["mat"], abs=1e-6)


def test_a_sensor_that_becomes_much_faster_has_all_windows():
    """From then on frames are means, and the last one of a window waits for its whole interval."""
    slow, fast = np.arange(0, 10, 1 / 50), np.arange(10, 20, 1 / 500)
    time = np.concatenate([slow, fast])
    values = np.repeat(np.sin(time)[:, None], 3, axis=1)
    live = Live(hop=0.5).play({"wrist": (time, values), "mat": stream("mat", 20.0)}, step=0.02)
    assert "missing" not in live.problems()
    assert {window.sensors for window in live.found} == {("wrist", "mat")}
