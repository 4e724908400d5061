"""Windows of live samples, against slices, interpolation and the windows of imported recordings."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from cosmo_pl.data.streams.ordering import Piece
from cosmo_pl.data.streams.resampling import on_grid
from cosmo_pl.data.streams.store import Segment, StreamRecording, StreamSensor
from cosmo_pl.data.streams.times import SECOND
from cosmo_pl.data.streams.windows import common_start, cut_windows
from cosmo_pl.edge.live import LiveRecogniser
from cosmo_pl.edge.live.deciding import Raw
from cosmo_pl.edge.live.grids import LONGEST_GAP
from cosmo_pl.edge.switching import Change, SensorSwitch
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.sensors import SensorDescription
from edge.live_fakes import RATES, SENSORS, SHAPES, FakeRecogniser, JoinedRecogniser, Live, stream, streams, without


@pytest.mark.parametrize("step", [0.01, 0.07, 1.0, 30.0])
@pytest.mark.parametrize("start", [0.0, 1_700_000_000.25])
def test_windows_are_slices_of_streams_on_the_grid_whatever_the_batches(step, start):
    given = streams(10.0, start)
    live = Live(hop=0.7).play(given, step)
    starts = [window.start for window in live.found]
    assert starts == pytest.approx([start + 0.7 * n for n in range(12)], rel=0, abs=1e-5)
    assert [window.end - 2 for window in live.found] == pytest.approx(starts, rel=0, abs=1e-5)
    for number, window in enumerate(live.model.windows):
        for name, rate in RATES.items():
            first = round(0.7 * number * rate)
            expected = given[name][1][first : first + SHAPES[name][0]]
            assert window[name] == pytest.approx(expected, abs=1e-4 if start else 0)
    assert live.problems() == {} and live.engine.skipped == 0


def test_windows_come_as_soon_as_their_last_samples_are_there():
    given = streams(2.0)
    live = Live()
    live.push("mat", *given["mat"])
    time, values = given["wrist"]
    assert live.push("wrist", time[:-1], values[:-1]) == []
    (window,) = live.push("wrist", time[-1], values[-1])
    assert (window.start, window.end, window.sensors) == (0.0, 2.0, ("wrist", "mat"))
    assert window.activity == max(window.probability, key=window.probability.get)
    assert window.weights == {"wrist": 0.5, "mat": 0.5} and window.latency > 0


def test_samples_between_the_ticks_are_interpolated_linearly():
    random = np.random.default_rng(0)
    time = np.cumsum(random.uniform(0.008, 0.012, size=1200))
    values = np.stack([np.sin(time), np.cos(3 * time), time], axis=1)
    live = Live(FakeRecogniser({"wrist": (200, 3)})).play({"wrist": (time, values)})
    for window, arrays in zip(live.found, live.model.windows, strict=True):
        ticks = time[0] + np.round((window.start - time[0]) * 100) / 100 + np.arange(200) / 100
        expected = np.stack([np.interp(ticks, time, column) for column in values.T], axis=1)
        assert arrays["wrist"] == pytest.approx(expected, abs=1e-4)
    assert len(live.found) == int(time[-1] - time[0] - 2) + 1


@pytest.mark.parametrize("step", [0.013, 0.5, 40.0])
def test_streams_that_are_faster_than_the_grid_are_averaged_as_an_import_averages(step):
    time, values = stream("wrist", 8.0, rate=430.0)
    live = Live(FakeRecogniser({"wrist": (200, 3)})).play({"wrist": (time, values)}, step)
    pieces = [Piece(True, np.rint(time * SECOND).astype(np.int64), values)]
    frames = np.concatenate([each.values for each in on_grid(pieces, 100.0, 0, average=True)])
    assert len(live.found) == 6
    for number, arrays in enumerate(live.model.windows):
        assert arrays["wrist"] == pytest.approx(frames[100 * number : 100 * number + 200], abs=1e-6)


def test_gaps_and_late_starts_give_the_windows_of_an_imported_recording():
    """With the sensors that each window has."""
    given = streams(20.0)
    given["mat"] = without(without(given["mat"], 0.0, 0.65), 7.1, 8.3)
    given["wrist"] = without(given["wrist"], 12.34, 12.5)
    live = Live(hop=0.5).play(given)
    sensors = {name: StreamSensor("series", RATES[name], SHAPES[name][1:], ("c",), ("au",)) for name in RATES}
    segments = {
        "wrist": (Segment(0, 1234, 0), Segment(1250, 750, 1234)),
        "mat": (Segment(13, 129, 0), Segment(166, 234, 129)),
    }
    recording = StreamRecording("r", 1, "2024-05-06T10:00:00", 20.0, (), segments)
    aligned = common_start(recording, sensors)
    expected = cut_windows(recording, sensors, (), 2.0, 0.5, keep_incomplete=True, aligned=aligned)
    assert [window.start for window in live.found] == pytest.approx(expected.start)
    for number, (window, arrays) in enumerate(zip(live.found, live.model.windows, strict=True)):
        assert window.sensors == tuple(name for name in RATES if expected.rows[name][number] >= 0)
        for name in window.sensors:
            row = expected.rows[name][number]
            assert arrays[name] == pytest.approx(given[name][1][row : row + SHAPES[name][0]], abs=1e-6)
    assert set(live.problems()) == {"missing", "returned"}


def test_a_pause_of_the_training_is_interpolated_and_a_longer_one_is_a_gap():
    time, values = without(without(stream("wrist", 30.0), 5.0, 6.5), 20.0, 22.5)
    sensor = replace(SENSORS["wrist"], max_gap=2.0)
    live = Live(FakeRecogniser({"wrist": (200, 3)}, {"wrist": sensor})).play({"wrist": (time, values)})
    missing = {19.0, 20.0, 21.0, 22.0}
    assert [window.start for window in live.found] == [each for each in range(29) if each not in missing]
    for window, arrays in zip(live.found, live.model.windows, strict=True):
        ticks = window.start + np.arange(200) / 100
        expected = np.stack([np.interp(ticks, time, column) for column in values.T], axis=1)
        assert arrays["wrist"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("pause", "patience", "lacking"), [(50.0, 100.0, ()), (50.0, 2.0, range(9, 59)), (70.0, 100.0, range(9, 80))]
)
def test_a_pause_is_interpolated_within_the_patience_and_a_minute(pause, patience, lacking):
    sensors = {**SENSORS, "wrist": replace(SENSORS["wrist"], max_gap=1e6)}
    live = Live(FakeRecogniser(sensors=sensors), patience=patience)
    given = streams(100.0)
    live.play({**given, "wrist": without(given["wrist"], 10.0, 10.0 + pause)})
    assert LONGEST_GAP == 60 and len(live.found) == 99
    assert [window.start for window in live.found if window.sensors == ("mat",)] == [*lacking]


def test_values_that_were_plausible_in_training_are_used_and_others_are_not():
    time, values = stream("wrist", 3.0)
    values[50], values[150] = 90.0, -90.0  # g
    wide, narrow = ({"g": (-100.0, 100.0)}, {"g": (-0.5, 0.5)})
    for plausible, left_out in ((None, 2), (wide, 0), (narrow, int((np.abs(values) > 0.5).any(axis=1).sum()))):
        sensor = replace(SENSORS["wrist"], plausible=plausible)
        live = Live(FakeRecogniser({"wrist": (200, 3)}, {"wrist": sensor})).play({"wrist": (time, values)})
        assert live.problems().get("implausible", {}) == ({"wrist": left_out} if left_out else {})
        assert plausible is not wide or np.abs(live.model.windows[0]["wrist"]).max() == 90.0


def test_a_window_that_no_sensor_has_is_skipped():
    live = Live().play({name: without(each, 5.0, 9.0) for name, each in streams(15.0).items()})
    assert [window.start for window in live.found] == [0, 1, 2, 3, 9, 10, 11, 12, 13]
    assert live.engine.skipped == 5 and live.problems()["gap"] == {"": 5}


def test_a_day_without_samples_is_skipped_at_once():
    first, second = streams(6.0), streams(6.0, 86_400.0)
    both = {name: [np.concatenate(pair) for pair in zip(first[name], second[name], strict=True)] for name in first}
    live = Live()
    for low, high in ((0, 6), (86_400, 86_406)):
        for start in range(low, high):
            for name, (time, values) in both.items():
                inside = (time >= start) & (time < start + 1)
                live.push(name, time[inside], values[inside])
    live.found += live.engine.finish()
    assert [window.start for window in live.found] == [0, 1, 2, 3, 4, 86400, 86401, 86402, 86403, 86404]
    assert {window.sensors for window in live.found} == {("wrist", "mat")}
    assert live.engine.skipped == 2  # those that the pause cuts; the pause itself does not count
    assert live.engine.seconds == pytest.approx(12.0, abs=0.1)


def test_a_method_that_needs_all_sensors_skips_windows_without_one():
    given = streams(10.0)
    live = Live(FakeRecogniser(needs=("mat",))).play({**given, "mat": without(given["mat"], 4.0, 6.0)})
    assert [window.start for window in live.found] == [0, 1, 2, 6, 7, 8]
    (report,) = [each for each in live.reports if each.problem == "not recognised"]
    assert "needs every modality" in report.detail
    assert live.engine.skipped == 3


def test_a_model_of_clips_needs_a_window_and_gets_its_number_of_frames():
    model = FakeRecogniser(sensors={}, window=None)
    with pytest.raises(ConfigurationError, match=r"window: the model is one of clips .* Give the seconds"):
        LiveRecogniser(model)
    live = Live(model, window=4.0, hop=2.0).play(streams(10.0))
    assert [window.start for window in live.found] == [0, 2, 4, 6]  # of 50 Hz and 10 Hz
    assert live.model.windows[1]["mat"] == pytest.approx(streams(10.0)["mat"][1][40:120:2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window": 3.0}, "window: is 3 s, and the model's windows have 2 s"),
        ({"hop": 0.0}, "hop: is 0.0"),
        ({"hop": 0.001}, "hop: is 0.001 s, less than a frame"),
        ({"patience": -1.0}, "patience: is -1.0"),
        ({"delay": float("nan")}, "delay: is nan"),
    ],
)
def test_arguments_that_cannot_work_are_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        LiveRecogniser(FakeRecogniser(), **arguments)


def test_a_window_of_other_rates_than_the_models_is_refused():
    sensors = {"wrist": SensorDescription("accelerometer", ("x", "y", "z"), ("g",) * 3, 50.0)}
    with pytest.raises(ConfigurationError, match=r"2 s have 100 frames of 'wrist' at 50 Hz, and the model takes 200"):
        LiveRecogniser(FakeRecogniser({"wrist": (200, 3)}, sensors))


def test_another_recording_begins_at_its_own_time():
    live = Live(hop=0.5)
    live.found += live.engine.begin(aligned=0.25, truth=lambda start, end: "up" if start < 1 else None)
    live.play(streams(4.0), finish=False)
    live.found += live.engine.begin()
    live.play(streams(3.0))
    assert [window.start for window in live.found] == pytest.approx([0.25, 0.75, 1.25, 1.75, 0, 0.5, 1.0])
    assert [window.truth for window in live.found] == ["up", "up", *[None] * 5]
    assert live.engine.seconds == pytest.approx(3.99 + 2.99)


class Hooks:
    """Everything that can be attached; it remembers what it gets."""

    transitions = ((0.5, 0.5), (0.5, 0.5))

    def __init__(self) -> None:
        self.got: list[tuple] = []
        self.smoothers = 0

    def apply(self, probability):
        return probability**2 / (probability**2).sum(axis=1, keepdims=True)

    def rejects(self, probability, distance):
        assert distance is None  # the model has none
        return probability.max(axis=1) < 0.5003

    def smoother(self):
        self.smoothers += 1
        return self

    def update(self, probability):
        return probability[::-1]

    def check_dispensable(self):
        """Both sensors may be left out."""

    def active(self):
        return ("wrist",) if len(self.got) > 2 else tuple(RATES)

    def observe(self, prediction, used, arrays):
        assert tuple(arrays) == used
        self.got.append((prediction.label.shape, used))
        return [Change("mat", on=False, worth=0.01)] if len(self.got) == 3 else []


def test_decision_smoother_and_switch_are_applied():
    hooks = Hooks()
    live = Live(decision=hooks, switch=hooks).play(streams(8.0))
    plain = Live().play(streams(8.0))
    assert [window.sensors for window in live.found] == [("wrist", "mat")] * 3 + [("wrist",)] * 4
    assert hooks.got[0] == ((1,), ("wrist", "mat")) and hooks.smoothers == 2  # at the start, and as it begins
    for mine, other in zip(live.found[:3], plain.found, strict=False):
        down, up = other.probability.values()
        assert mine.probability["down"] == pytest.approx(up**2 / (up**2 + down**2))  # the smoother swaps them
        rejected = max(mine.probability.values()) < 0.5003
        assert mine.raw == Raw(other.activity, other.probability[other.activity]) and other.raw is None
        assert mine.activity == (None if rejected else max(mine.probability, key=mine.probability.get))
    assert live.problems() == {"switched off": {"mat": 1}}  # a sensor that is switched off is not missing


def test_what_a_switch_does_is_reported():
    model = FakeRecogniser()  # whose two sensors have weight 1/2
    live = Live(model, hop=0.5, switch=SensorSwitch(model, threshold=0.9, patience=2, recheck=3)).play(streams(8.0))
    both, mat = ("wrist", "mat"), ("mat",)
    assert [window.sensors for window in live.found] == [both] * 2 + ([mat] * 3 + [both]) * 2 + [mat] * 3
    first, second = (report for report in live.reports if report.problem.startswith("switched"))
    assert (first.problem, first.sensor, first.detail) == ("switched off", "wrist", "wrist off, worth 0.500")
    assert (second.problem, second.time) == ("switched on", pytest.approx(2.0))
    assert live.problems() == {"switched off": {"wrist": 3}, "switched on": {"wrist": 3}}


def test_a_device_command_that_fails_is_reported_though_a_sensor_was_switched_before():
    class Switch:
        observed = 0

        def check_dispensable(self):
            """Both sensors may be left out."""

        def active(self):
            return tuple(RATES)

        def observe(self, prediction, used, arrays):
            self.observed += 1
            return [Change("mat", on=False, problem=None if self.observed < 3 else "'power' failed")]

    live = Live(switch=Switch()).play(streams(5.0))
    (report,) = (each for each in live.reports if each.problem == "device command")
    assert (report.sensor, report.time, report.detail) == ("mat", 2.0, "'power' failed")
    assert live.problems() == {"switched off": {"mat": 4}, "device command": {"mat": 2}}


def test_when_the_only_sensor_that_is_on_stops_all_are_switched_on():
    model = FakeRecogniser()
    given = streams(12.0)
    given["mat"] = without(given["mat"], 5.0, 12.0)
    live = Live(model, hop=0.5, switch=SensorSwitch(model, threshold=0.9, patience=1, recheck=100)).play(given)
    assert {window.sensors for window in live.found if 1 <= window.start <= 3} == {("mat",)}
    assert live.found[-1].sensors == ("wrist",) and live.problems()["switched on"] == {"wrist": 1}


def test_when_the_sensors_that_are_on_do_not_suffice_all_are_switched_on():
    """An encoder of two sensors loses one of them while the others are off."""

    class NeedsOneEncoder(JoinedRecogniser):
        def predict(self, arrays):
            if set(arrays) == {"wrist"}:
                raise ConfigurationError("arrays", "are of no whole encoder", "Give all its sensors")
            return super().predict(arrays)

    model = NeedsOneEncoder()
    given = {**streams(20.0), "band": stream("wrist", 6.0, seed=2)}
    switch = SensorSwitch(model, threshold=0.5, patience=2, recheck=100, sensors=model.streams)
    live = Live(model, switch=switch, patience=1.5).play(given)
    assert {window.sensors for window in live.found if 3 <= window.start <= 4} == {("wrist", "band")}
    assert live.problems()["not recognised"] == {"": 1} and live.problems()["switched on"] == {"mat": 1}
    assert live.found[-1].sensors == ("wrist", "mat") and live.found[-1].start == 18.0


def test_sensors_with_one_encoder_have_one_weight_and_are_switched_together():
    model = JoinedRecogniser()
    given = {**streams(6.0), "band": stream("wrist", 6.0)}
    live = Live(model).play({**given, "band": without(given["band"], 4.5, 6.0)})
    assert [window.weights for window in live.found] == [{"wrist+band": 0.6, "mat": 0.4}] * 3 + [{"mat": 1.0}] * 2
    switch = SensorSwitch(model, threshold=0.5, patience=2, recheck=9, sensors=model.streams)
    switched = Live(model, switch=switch).play(given)
    assert [len(window.sensors) for window in switched.found] == [3, 3, 2, 2, 2]
    assert switched.problems() == {"switched off": {"mat": 1}}


class Viewer:
    def __init__(self) -> None:
        self.samples_of, self.windows = {name: [] for name in RATES}, []
        self.begun = 0

    def begin(self):
        self.begun += 1

    def samples(self, sensor, time, values):
        assert values.shape == (len(time), *SHAPES[sensor][1:])
        self.samples_of[sensor] += time.tolist()

    def window(self, start, end, activity, probability, weights, truth=None):
        self.windows.append((start, end, activity, set(probability), set(weights), truth))


def test_a_viewer_gets_samples_and_windows():
    viewer = Viewer()
    live = Live(viewer=viewer).play(streams(3.0))
    live.engine.begin()
    assert viewer.begun == 1
    assert viewer.samples_of["mat"] == pytest.approx(streams(3.0)["mat"][0])
    assert viewer.windows[1] == (1.0, 3.0, live.found[1].activity, {"down", "up"}, set(RATES), None)


def test_an_hour_of_samples_leaves_memory_as_it_was():
    model = FakeRecogniser({"wrist": (40, 3), "mat": (40, 2, 2)}, {})
    live = Live(model, hop=5.0)
    values = {name: np.zeros((100, *shape[1:])) for name, shape in model.modality_shapes.items()}

    def minutes(first: int, last: int) -> None:
        for second in range(60 * first, 60 * last, 5):
            for name in values:
                if name == "wrist" or second % 600 > 7:  # the mat stalls now and then
                    list(live.engine.push(name, second + np.arange(100) / 20, values[name]))
        model.windows.clear()
        gc.collect()

    tracemalloc.start()
    try:
        minutes(0, 12)
        before = tracemalloc.get_traced_memory()[0]
        minutes(12, 60)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 20_000 and peak < 2_000_000
    assert live.engine.seconds == pytest.approx(3600, abs=0.1)
    assert max(len(stream.buffer) for stream in live.engine.streams.values()) < 500
