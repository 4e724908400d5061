"""Oddities that begin in mid-stream, wrong times ahead, late samples: each is named for what it is."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.sensors import SensorDescription
from edge.live_fakes import RATES, SENSORS, SHAPES, FakeRecogniser, Live, stream, streams, without

GYRO = {"wrist": SensorDescription("gyroscope", ("x", "y", "z"), ("deg/s",) * 3, 100.0)}


def details(live: Live, problem: str) -> list[str]:
    return [each.detail for each in live.reports if each.problem == problem]


def wrist(seconds: float, rate: float = 100.0):
    """An acceleration with gravity in g."""
    time, values = stream("wrist", seconds, rate=rate)
    return time, (np.array([0.0, 0.1, 1.0]) + 0.05 * values).astype(np.float32)


def test_a_unit_that_changes_in_mid_stream_is_reported():
    time, values = wrist(420.0)
    values[25200:] *= 9.80665
    live = Live().play({"wrist": (time, values)}, step=1.0)
    assert live.problems()["unit"] == {"wrist": 1} and "looks like m/s2" in details(live, "unit")[0]
    (report,) = (each for each in live.reports if each.problem == "unit")
    assert 252 < report.time < 252 + 61


@pytest.mark.parametrize(("times", "said"), [(1000.0, 1), (0.001, 1), (5.0, 0), (0.1, 0), (0.0, 0)])
def test_values_of_another_size_than_in_training_look_like_another_unit(times, said):
    time, values = stream("mat", 40.0)
    values = np.abs(values) + 1
    recogniser = FakeRecogniser({"mat": SHAPES["mat"]}, {"mat": SENSORS["mat"]})
    recogniser.levels = {"mat": float(np.sqrt(np.mean(np.square(values))))}
    live = Live(recogniser).play({"mat": (time, (values * times).astype(np.float32))}, step=1.0)
    found = details(live, "unit")
    assert len(found) == said and all("look like another unit" in each for each in found)


def test_a_channel_that_freezes_is_reported_each_time_it_does():
    time, values = wrist(300.0)
    values[6500:13000, 1] = 0.25
    values[20000:, 1] = 0.5
    live = Live().play({"wrist": (time, values)}, step=1.0)
    assert live.problems()["constant"] == {"wrist": 2}
    assert details(live, "constant") == ["channels y never change within 30 s"]  # the second time by its number


def test_a_short_rest_at_the_end_is_no_frozen_sensor():
    time, values = wrist(35.0)
    values[3200:] = values[3200]
    live = Live().play({"wrist": (time, values)}, step=1.0)
    assert "constant" not in live.problems()


def test_a_person_who_rests_does_not_turn_a_gyroscope_into_another_unit():
    time, values = stream("wrist", 400.0)
    values[:5000] *= 40
    live = Live(FakeRecogniser({"wrist": (200, 3)}, GYRO)).play({"wrist": (time, values)}, step=1.0)
    assert "unit" not in live.problems()
    time, values = stream("wrist", 800.0)
    values[:5000] *= 40
    live = Live(FakeRecogniser({"wrist": (200, 3)}, GYRO)).play({"wrist": (time, values)}, step=1.0)
    assert "looks like rad/s, unless nobody moved" in details(live, "unit")[0]


@pytest.mark.parametrize(("rate", "seconds"), [(1.0, 45.0), (5.0, 8.0), (50.0, 2.5)])
def test_a_rate_that_is_not_the_models_is_seen_in_few_samples(rate, seconds):
    live = Live().play({"wrist": wrist(seconds, rate), "mat": stream("mat", seconds)}, step=0.5)
    assert live.problems()["rate"] == {"wrist": 1}
    assert f"has {rate:g} Hz, and the model was trained at 100 Hz" in details(live, "rate")[0]


def test_a_stream_before_0_s_is_judged_as_well():
    time, values = wrist(60.0, 40.0)
    values[:, 1] = 0.25
    live = Live().play({"wrist": (time - 100, values), "mat": stream("mat", 60.0, -100.0)}, step=0.5)
    assert live.problems().keys() >= {"rate", "constant"}


@pytest.mark.parametrize("wrong", [1e6, 8.0])
def test_one_wrong_time_at_the_start_costs_nothing(wrong):
    given, live = streams(20.0), Live()
    live.push("wrist", wrong, given["wrist"][1][0])
    given["wrist"] = without(given["wrist"], 0.0, 0.005)
    live.play_in_order(given)
    right = Live().play(streams(20.0))
    expected = [(pytest.approx(start, abs=0.02), sensors) for start, sensors in right.spans()]
    assert live.spans()[:18] == expected[:18]  # a frame is missing at the end
    assert live.problems()["wrong time"] == {"wrist": 1} and live.problems().get("missing", {"wrist": 1}) == {
        "wrist": 1
    }
    assert f"1 samples up to {wrong:.10g} s are left out" in details(live, "wrong time")[0]
    assert live.engine.seconds == pytest.approx(19.99, abs=0.02) and live.engine.skipped == 0
    assert live.engine.streams["wrist"].samples == 1999


@pytest.mark.parametrize("count", [1, 3])
def test_first_times_of_a_sensor_whose_clock_is_not_set_yet_cost_nothing(count):
    """They would be the origin of all windows, years before the others."""
    given, live = {name: (time + 1.7e9, values) for name, (time, values) in streams(20.0).items()}, Live()
    right = Live().play_in_order(given)
    live.push("wrist", *(part[:1] for part in given["wrist"]))
    for number in range(count):
        live.push("mat", number / 20, given["mat"][1][0])
    given["wrist"] = tuple(part[1:] for part in given["wrist"])
    live.play_in_order(given)
    assert live.spans() == right.spans() and live.engine.skipped == 0
    assert live.engine.seconds == pytest.approx(right.engine.seconds) and live.engine.seconds < 20
    assert live.problems() == {"clock set back": {"mat": count}}
    assert (
        "samples 1.7e+09 s before all sensors' latest time are left out, unless" in details(live, "clock set back")[0]
    )


@pytest.mark.parametrize("sensors", [("wrist", "mat"), ("wrist",)])
def test_one_sample_a_few_seconds_ahead_costs_nothing(sensors):
    given = {name: stream(name, 20.0, seed=seed) for seed, name in enumerate(sensors)}
    given["wrist"][0][777] += 7.5
    live, right = Live().play_in_order(given), Live().play({name: stream(name, 20.0) for name in sensors})
    assert live.spans() == right.spans() and live.engine.skipped == 0
    assert live.problems() == {"clock set back": {"wrist": 5}, "wrong time": {"wrist": 1}} | (
        {} if "mat" in sensors else {"missing": {"mat": 19}}
    )
    assert "before its own latest time are left out until it has passed" in details(live, "clock set back")[0]


def test_a_few_samples_before_a_gap_are_no_wrong_times():
    given = streams(30.0)
    given["mat"] = without(given["mat"], 8.0, 14.0)
    live = Live().play_in_order(given)
    assert live.problems().keys() == {"missing", "returned"}
    assert live.engine.streams["mat"].samples == len(given["mat"][0])


def lagging(seconds: float, **arguments) -> Live:
    """The mat's samples come later than those of the wrist."""
    given, live = streams(40.0), Live(**arguments)
    arrival = [
        (at / RATES[n] + seconds * (n == "mat"), n, at) for n, (time, _) in given.items() for at in range(len(time))
    ]
    for _, name, at in sorted(arrival):
        live.push(name, given[name][0][at], given[name][1][at])
    live.found += live.engine.finish()
    return live


def test_samples_that_come_too_late_are_counted_and_reported_with_the_remedy():
    live = lagging(15.0)
    assert live.problems()["missing"]["mat"] > 30
    late = live.problems()["late"]["mat"]
    assert late > 400 and live.engine.streams["mat"].samples == 800 - late
    assert "samples come 15 s after the latest time" in details(live, "late")[0]
    assert "use --delay 15 to wait for them" in details(live, "late")[0]
    waiting = lagging(15.0, delay=15.0)
    assert {sensors for _, sensors in waiting.spans()} == {("wrist", "mat")}
    assert "late" not in waiting.problems() and waiting.engine.streams["mat"].samples == 800


def test_a_sensor_that_gets_late_is_not_said_to_have_no_samples():
    given, live = streams(60.0), Live()
    lag = {"mat": np.where(given["mat"][0] > 20, 15.0, 0.0), "wrist": np.zeros(6000)}
    arrival = [(at / RATES[n] + lag[n][at], n, at) for n, (time, _) in given.items() for at in range(len(time))]
    for _, name, at in sorted(arrival):
        live.push(name, given[name][0][at], given[name][1][at])
    live.found += live.engine.finish()
    assert live.problems()["late"]["mat"] > 200
    assert not any("so far" in each for each in details(live, "missing"))


def test_the_time_that_clocks_are_set_forward_by_is_no_time_of_samples():
    first, second = streams(10.0), streams(10.0, 3610.0)
    live = Live().play(first, finish=False).play(second)
    assert live.engine.seconds == pytest.approx(20.0, abs=0.2)


@pytest.mark.parametrize("name", ["hop", "patience", "delay"])
@pytest.mark.parametrize("seconds", [1e300, 1e6])
def test_absurd_seconds_are_refused(name, seconds):
    with pytest.raises(ConfigurationError, match=rf"{name}: is .* more than a day\. Use at most 86400 s"):
        Live(**{name: seconds})


def test_an_absurd_window_is_refused():
    with pytest.raises(ConfigurationError, match="window: is 1e"):
        Live(FakeRecogniser({"wrist": (200, 3)}, {}, None), window=1e300)


def test_a_value_beyond_single_precision_warns_of_nothing_but_is_reported():
    live = Live()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        live.push("wrist", 1.0, [1e39, 2, 3])
        live.push("wrist", [1.1, 1.2], np.full((2, 3), -1e39))
    assert live.problems() == {"not finite": {"wrist": 3}}
