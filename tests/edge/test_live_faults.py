"""Samples with which something is wrong: they are reported, and never end the recognition or change it silently."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge.live_fakes import RATES, SHAPES, FakeRecogniser, Live, stream, streams, without


def detail(live: Live, problem: str) -> str:
    return next(each.detail for each in live.reports if each.problem == problem)


def test_a_sensor_that_stalls_is_reported_and_not_waited_for_and_comes_back():
    given = streams(20.0)
    live = Live(patience=1.5).play({**given, "mat": without(given["mat"], 6.0, 12.0)}, finish=False)
    whole, alone = ("wrist", "mat"), ("wrist",)
    expected = [*[whole] * 5, *[alone] * 7, *[whole] * 7]
    assert [window.sensors for window in live.found] == expected
    assert [window.start for window in live.found] == [*range(19)]
    assert live.problems() == {"missing": {"mat": 7}, "returned": {"mat": 1}}
    missing, returned = live.reports
    assert (missing.sensor, missing.time) == ("mat", 5.0) and "has a gap" in missing.detail
    assert (returned.sensor, returned.time) == ("mat", 12.0) and "after 7 windows" in returned.detail


def test_windows_wait_for_a_stalled_sensor_only_as_long_as_its_patience():
    given = streams(20.0)
    live = Live(patience=1.5)
    for number in range(100):
        for name in ("wrist", "mat") if number < 40 else ("wrist",):
            time, values = given[name]
            each = round(RATES[name] / 10)
            live.push(name, time[number * each :][:each], values[number * each :][:each])
        waited = number < 56  # the last time of the mat is 3.99 s by the clock of the wrist
        assert len(live.found) == (max(0, (min(number, 39) - 9) // 10) if waited else (number - 9) // 10)


def test_a_sensor_that_never_starts_is_missing():
    live = Live().play({"wrist": stream("wrist", 6.0)})
    assert live.spans() == [(float(n), ("wrist",)) for n in range(5)]
    assert "has no samples" in detail(live, "missing")


@pytest.mark.parametrize(("early", "begin"), [([0.013], 1.8), ([0.013, 1.213], 2.8)])
def test_a_sensor_that_gives_single_samples_and_pauses_begins_after_the_pause(early, begin):
    given = streams(9.8)
    time, values = without(given["mat"], 0.0, begin)
    given["mat"] = np.concatenate([early, time]), np.concatenate([np.zeros((len(early), 2, 2)), values])
    live, at_once = Live().play(given, finish=False), Live()
    for name, samples in given.items():
        at_once.push(name, *samples)
    starts = [0.8 + n for n in range(8)]
    expected = [(pytest.approx(each), ("wrist", "mat") if each >= begin else ("wrist",)) for each in starts]
    assert live.spans() == at_once.spans() == expected
    assert live.problems().keys() == {"missing", "returned"}


def test_samples_out_of_order_are_sorted_in_and_duplicates_left_out():
    given = streams(6.0)
    time, values = given["wrist"]
    swapped = np.arange(600)
    swapped[[100, 101, 102]] = [102, 100, 101]
    live = Live().play(given)
    other = Live()
    other.push("mat", *given["mat"])
    order = [*swapped[:300].tolist(), 299, 298, *swapped[300:].tolist()]
    for at in order:
        other.push("wrist", time[at], values[at])
    other.found += other.engine.finish()
    for mine, expected in zip(other.model.windows, live.model.windows, strict=True):
        assert np.array_equal(mine["wrist"], expected["wrist"])
    assert other.problems() == {"out of order": {"wrist": 2}, "duplicates": {"wrist": 2}}


@pytest.mark.parametrize("seconds", [0.5, 1.5])
def test_a_recording_that_is_shorter_than_a_window_is_reported(seconds):
    live = Live().play(streams(seconds))
    live.engine.begin(aligned=0.0)
    live.play(streams(3.0))
    assert len(live.found) == 2 and live.problems() == {"too short": {"": 2}}
    assert f"{seconds - 0.01:.2f} s of samples are shorter than a window of 2 s" in detail(live, "too short")


def test_a_burst_of_nan_is_a_gap():
    given = streams(9.0)
    given["wrist"][1][410:440, 1] = np.nan
    given["wrist"][1][700] = np.inf  # one sample is interpolated
    live = Live().play(given)
    assert [window.sensors for window in live.found] == [("wrist", "mat")] * 3 + [("mat",)] * 2 + [("wrist", "mat")] * 3
    assert live.problems()["not finite"] == {"wrist": 31}


def test_values_that_no_sensor_can_have_measured_are_left_out():
    given = streams(5.0)
    given["wrist"][1][300:400] *= 9.80665 * 50
    live = Live().play(given)
    assert 50 < live.problems()["implausible"]["wrist"] <= 100
    assert [window.sensors for window in live.found] == [("wrist", "mat")] * 2 + [("mat",)] * 2


@pytest.mark.parametrize(
    ("sensor", "time", "values", "problem", "text"),
    [
        ("gyro", 1.0, [1, 2, 3], "unknown sensor", "'gyro' is no sensor of the model. Choose from wrist, mat"),
        ("wrist", 1.0, [1, 2], "wrong number of values", "1 samples have 2 values, not 3 each"),
        ("wrist", 1.0, 5, "wrong number of values", "have one values"),
        ("mat", [1.0, 1.1], np.zeros((2, 3)), "wrong number of values", "2 samples have 2×3 values, not 2×2 each"),
        ("wrist", 1.0, "abc", "not numbers", "are not 3 numbers"),
        ("wrist", 1.0, [[1, 2, 3], [4, 5]], "not numbers", "are not 3 numbers"),
        ("wrist", 1.0, [1, {"a": 2}, 3], "not numbers", "are not 3 numbers"),
        ("wrist", 1.0, [1, None, 3], "not finite", "NaN"),
        ("wrist", math.nan, [1, 2, 3], "wrong time", "nan is no time in seconds"),
        ("wrist", 1_700_000_000_000, [1, 2, 3], "wrong time", "1.7e+12 is no time in seconds"),
        ("wrist", "noon", [1, 2, 3], "not numbers", ""),
        ("wrist", [], [], "not numbers", "is empty"),
    ],
)
def test_what_is_no_sample_is_reported(sensor, time, values, problem, text):
    live = Live()
    assert live.push(sensor, time, values) == []
    assert [report.problem for report in live.reports] == [problem] and text in live.reports[0].detail
    live.play(streams(3.0))
    assert len(live.found) == 2


def test_a_clock_that_is_set_back_for_one_sensor_is_left_out_until_it_is_right():
    given = streams(20.0)
    time, _ = given["mat"]
    time[120:200] -= 4.0  # from 6 s on; right again at 10 s
    live = Live().play_in_order(given)
    assert live.spans() == [
        *((float(n), ("wrist", "mat")) for n in range(5)),
        *((float(n), ("wrist",)) for n in range(5, 10)),
        *((float(n), ("wrist", "mat")) for n in range(10, 19)),
    ]
    assert live.problems()["clock set back"] == {"mat": 80}
    assert "3.95 s before its own latest time" in detail(live, "clock set back")


def test_clocks_that_are_all_set_back_begin_anew_and_lose_nothing():
    first, second = streams(5.0, 1000.0), streams(5.0, 0.0)
    live = Live().play(first, finish=False).play(second)
    assert [window.start for window in live.found] == [1000, 1001, 1002, 1003, 0, 1, 2, 3]
    assert {window.sensors for window in live.found} == {("wrist", "mat")}
    for window, start in zip(live.model.windows[4:], range(4), strict=True):
        assert window["wrist"] == pytest.approx(second["wrist"][1][100 * start : 100 * start + 200], abs=1e-6)
    assert live.problems()["restart"] == {"": 1}


def test_a_clock_that_is_set_forward_for_one_sensor_is_left_out():
    given = streams(12.0)
    given["mat"][0][100:160] += 3600.0  # from 5 s to 8 s
    live = Live().play_in_order(given)
    assert [window.sensors for window in live.found] == [
        *[("wrist", "mat")] * 4,
        *[("wrist",)] * 4,
        *[("wrist", "mat")] * 3,
    ]
    assert live.problems()["clock set forward"] == {"mat": 60}
    assert "s after all sensors' latest time" in detail(live, "clock set forward")


def test_one_wrong_time_changes_nothing_else():
    given = streams(8.0)
    given["wrist"][0][333] += 1e6
    given["mat"][0][71] = 0.001
    live, right = Live().play_in_order(given), Live().play(streams(8.0))
    assert live.spans() == right.spans()
    assert live.problems() == {"clock set forward": {"wrist": 1}, "clock set back": {"mat": 1}}


def test_clocks_that_differ_by_less_than_the_jump_are_waited_for():
    given = {"wrist": stream("wrist", 12.0), "mat": stream("mat", 12.0, start=4.0)}
    live = Live().play_in_order(given)  # the mat is ahead by 4 s
    assert [window.sensors for window in live.found] == [*[("wrist",)] * 4, *[("wrist", "mat")] * 7, *[("mat",)] * 4]


def test_a_rate_that_is_not_the_models_is_reported_once():
    live = Live().play({"wrist": stream("wrist", 70.0, rate=40.0), "mat": stream("mat", 70.0)}, step=0.5)
    assert live.problems()["rate"] == {"wrist": 1}
    assert "has 40 Hz, and the model was trained at 100 Hz" in detail(live, "rate")
    assert len(live.found) == 69


def test_a_unit_that_looks_wrong_and_a_dead_channel_are_reported():
    given = streams(40.0)
    _, values = given["wrist"]
    values[:] = np.array([0.0, 0.1, 9.81]) + 0.01 * values
    values[:, 0] = 3.0
    live = Live().play(given, step=0.5)
    assert "looks like m/s2" in detail(live, "unit") and "channels x never change" in detail(live, "constant")


def test_a_stream_that_is_far_too_fast_keeps_memory_bounded():
    live = Live()
    for second in range(3):
        live.push("wrist", second + np.arange(60_000) / 60_000, np.zeros((60_000, 3)))
    assert live.problems()["too fast"]["wrist"] > 0
    assert len(live.engine.streams["wrist"].buffer) <= live.engine.streams["wrist"].buffer.limit < 40_000


GARBAGE = (None, "x", [], [[]], {}, [1, "2", 3], np.zeros((2, 3)), math.inf, [math.nan] * 3, True)


def damaged(random, time, values):
    """Samples with a random fault."""
    fault, any_of = random.integers(9), GARBAGE[random.integers(len(GARBAGE))]
    if fault < 2:
        return (any_of, values) if fault else (time, any_of)
    if fault == 2:
        return time + random.choice([-1e6, -100, -1, -0.05, 0.05, 1, 100, 1e6]), values
    if fault == 3:
        return random.permutation(time), values
    if fault == 4:
        return np.repeat(time, 2), np.repeat(values, 2, axis=0)
    if fault == 5:
        return time, np.where(random.random(values.shape) < 0.3, np.nan, values)
    if fault == 6:
        return time, values * 1e6
    return (time[:3], values[:3]) if fault == 7 else (time[:0], values[:0])


def test_anything_at_all_gives_reports_and_right_windows():
    """Random faults by the thousand; the fake checks shapes and values of its windows."""
    random = np.random.default_rng(1)
    live, shift = Live(FakeRecogniser(needs=("wrist",)), patience=1.0), 0.0
    for number in range(3000):
        if random.random() < 0.003:
            shift += random.choice([-1e4, -3.0, 4.0, 1e5])  # all clocks
        for name, rate in RATES.items():
            time = shift + 0.2 * number + np.arange(round(rate / 5)) / rate
            values = random.normal(size=(len(time), *SHAPES[name][1:]))
            faulty = number % 100 > 70 and random.random() < 0.2
            live.push(name, *(damaged(random, time, values) if faulty else (time, values)))
        live.push("gyro", shift, 0.0)
    live.found += live.engine.finish()
    assert 200 < len(live.found) < 600
    assert all(window.end - window.start == pytest.approx(2.0, abs=1e-5) for window in live.found)
    assert len(live.reports) < 60  # and many more problems
    assert set(live.problems()) >= {"unknown sensor", "not numbers", "restart", "gap", "missing", "out of order"}
    assert max(len(stream.buffer) for stream in live.engine.streams.values()) < 2000
