"""Where live samples come from: lines of JSON, and recordings that are replayed."""

from __future__ import annotations

import io
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cosmo_pl import SelfCollectedDataModule, StreamsDataModule, USCDataModule, UTDDataModule
from cosmo_pl.data.reduction import reduce_depth
from cosmo_pl.data.streams.store import read_store
from cosmo_pl.edge.live import LiveRecogniser, Reporter, lines
from cosmo_pl.edge.live.lines import read_lines
from cosmo_pl.edge.live.messages import samples_in
from cosmo_pl.edge.live.replay import Replays, batches, replays_of
from cosmo_pl.edge.live.running import run
from cosmo_pl.edge.live.samples import Beginning, SensorSamples, Silence
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.simulation import simulate_self_collected
from data.streams.written import write_streams
from edge.live_fakes import FakeRecogniser


def read(line: str | bytes, reporter: Reporter) -> list[SensorSamples]:
    return list(samples_in(line if isinstance(line, bytes) else line.encode(), reporter))


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        (12.5, 12.5),
        (3, 3.0),
        ('"2024-05-06T12:00:00.25Z"', 1714996800.25),
        ('"2024-05-06T14:00:00+02:00"', 1714996800.0),
        ('"2024-05-06 12:00:00"', 1714996800.0),
    ],
)
def test_times_are_seconds_or_iso_8601(time, seconds, reporter):
    (found,) = read(f'{{"sensor": "acc", "time": {time}, "values": [1, null, 3]}}\n', reporter)
    assert (found.sensor, found.time, found.values) == ("acc", seconds, [1, None, 3])


def test_a_line_may_have_several_samples(reporter):
    (found,) = read('{"sensor": "acc", "time": [1, 2], "values": [[1, 2, 3], [4, 5, 6]]}', reporter)
    assert (found.time, found.values) == ([1.0, 2.0], [[1, 2, 3], [4, 5, 6]])
    several = read('{"sensor": "acc", "time": [1, 2, 3], "values": [[1, 2, 3], [4], 7]}', reporter)
    assert [(each.time, each.values) for each in several] == [(1.0, [1, 2, 3]), (2.0, [4]), (3.0, 7)]


def test_a_time_that_is_none_costs_its_own_sample_alone(reporter, reports):
    (found,) = read('{"sensor": "acc", "time": ["x", 2, null, 4], "values": [[1], [2], [3], [4]]}', reporter)
    assert (found.time, found.values) == ([2.0, 4.0], [[2], [4]])
    assert [(each.problem, each.count) for each in reports] == [("wrong time", 2)]


@pytest.mark.parametrize(
    ("line", "problem", "text"),
    [
        ('{"sensor": "acc", "ti', "broken line", "is no JSON"),
        (b"\xff\xfe\x00", "broken line", "is no JSON"),
        ("[" * 100_000, "broken line", "is no JSON"),
        ("[1, 2]", "broken line", "lacks sensor, time, values"),
        ('{"sensor": "acc", "values": [1]}', "broken line", "lacks time"),
        ('{"sensor": "acc", "time": "noon", "values": [1]}', "wrong time", "has no time"),
        ('{"sensor": "acc", "time": null, "values": [1]}', "wrong time", "has no time"),
        ('{"sensor": "acc", "time": true, "values": [1]}', "wrong time", "has no time"),
        ('{"sensor": "acc", "time": ["x", null], "values": [[1], [2]]}', "wrong time", "has no time"),
        ('{"sensor": "acc", "time": 1' + "0" * 400 + ', "values": [1]}', "wrong time", "has no time"),
    ],
)
def test_broken_lines_are_reported_and_give_nothing(line, problem, text, reporter, reports):
    assert read(line, reporter) == []
    (report,) = reports
    assert report.problem == problem and text in report.detail and len(report.detail) < 250


def test_empty_lines_are_no_problem(reporter, reports):
    assert read("  \r\n", reporter) == [] and not reports


def test_a_problem_is_reported_at_once_and_then_with_its_number_every_ten_seconds():
    now, reports = [0.0], []
    reporter = Reporter(reports.append, now=lambda: now[0])
    for second in range(25):
        now[0] = float(second)
        reporter.report("gap", "has a gap", "acc", count=2)
    reporter.report("gap", "has a gap", "gyro")
    assert [(report.sensor, report.count) for report in reports] == [("acc", 2), ("acc", 20), ("acc", 20), ("gyro", 1)]
    assert reporter.summary() == {"gap": {"acc": 50, "gyro": 1}}


def test_lines_of_a_file_are_read_to_its_end(reporter, reports, monkeypatch):
    monkeypatch.setattr(lines, "LONGEST", 100)
    good = b'{"sensor": "acc", "time": 1, "values": [1]}\n'
    file = io.BytesIO(good + b'{"sensor": "' + b"a" * 1000 + b'"}\n' + good[:-1])
    found = list(read_lines(file, reporter))
    assert [each.sensor for each in found] == ["acc", "acc"]
    assert [report.problem for report in reports] == ["broken line"] and "more than 100 bytes" in reports[0].detail


def test_silence_is_noticed(reporter):
    source = iter(read_lines(io.BytesIO(b""), reporter, quiet=0.02))
    assert list(source) == []
    quiet = lines.Lines(reporter, quiet=0.02)
    assert next(iter(quiet)) == Silence(0.02)
    threading.Timer(0.05, quiet.put, [None]).start()
    assert all(isinstance(each, Silence) for each in quiet)


# Recordings


def joined_samples(found: list[SensorSamples], sensor: str) -> tuple[np.ndarray, np.ndarray]:
    own = [each for each in found if each.sensor == sensor]
    return np.concatenate([each.time for each in own]), np.concatenate([each.values for each in own])


def live_windows(path: Path, model: FakeRecogniser, hop: float) -> list[tuple[str, float, str | None, tuple[str, ...]]]:
    """Recording, start, truth and sensors of the windows of a recording that is replayed."""
    live = LiveRecogniser(model, hop)
    found, name = [], ""
    for item in replays_of(str(path), model, live.reporter, realtime=False):
        if isinstance(item, Beginning):
            windows, before, name = live.begin(item.aligned, item.truth), name, item.recording
        else:
            windows, before = live.push(item.sensor, item.time, item.values), name
        found += [(before, each.start, each.truth, each.sensors) for each in windows]
    return found + [(name, each.start, each.truth, each.sensors) for each in live.finish()]


def test_trials_of_usc_have_the_windows_of_the_datamodule(usc_root):
    """The same values, bit by bit."""
    data = USCDataModule(root=str(usc_root), stride=70, label_rate=0.3)
    samples = data.load()
    rows = np.flatnonzero(samples.subject == 11)
    model = FakeRecogniser(data.modality_shapes, data.sensors, data.window_seconds)
    found = live_windows(usc_root / "USC-HAD/Subject11", model, hop=0.7)
    assert [name for name, *_ in found] == samples.recording[rows].tolist()
    assert [start for _, start, *_ in found] == pytest.approx(samples.start[rows] / 100)
    assert [truth for *_, truth, _ in found] == [data.class_names[label] for label in samples.label[rows]]
    for name in data.modalities:
        assert np.array_equal(np.stack([each[name] for each in model.windows]), samples.inputs[name][rows])


@pytest.mark.parametrize("rate", [50.0, 128.0])
def test_trials_of_usc_at_the_rate_of_the_model(usc_root, rate):
    data = USCDataModule(root=str(usc_root), window_size=64, stride=32, rate=rate, label_rate=0.3)
    samples = data.load()
    rows = np.flatnonzero(samples.recording == "Subject3/a2t1")
    model = FakeRecogniser(data.modality_shapes, data.sensors, data.window_seconds)
    found = live_windows(usc_root / "USC-HAD/Subject3/a2t1.mat", model, hop=32 / rate)
    assert len(found) == len(rows) > 1
    assert np.stack([each["acc"] for each in model.windows]) == pytest.approx(samples.inputs["acc"][rows], abs=1e-6)


def test_imported_recordings_have_the_windows_of_the_datamodule(tmp_path):
    write_streams(tmp_path / "kitchen", subjects=(1, 2), unlabeled=1)
    data = StreamsDataModule(root=str(tmp_path / "kitchen"), window=2.0, hop=0.5)
    samples = data.load()
    model = FakeRecogniser(data.modality_shapes, data.sensors, data.window_seconds)
    found = live_windows(tmp_path / "kitchen", model, hop=0.5)
    assert [name for name, *_ in found] == samples.recording.tolist()
    assert [start for _, start, *_ in found] == pytest.approx(samples.start / 1000)
    named = [data.class_names[label] if label >= 0 else None for label in samples.label]
    assert [truth for *_, truth, _ in found] == named and None in named
    for name in data.modalities:
        assert np.array_equal(np.stack([each[name] for each in model.windows]), np.asarray(samples.inputs[name][:]))
    second = replays_of(str(tmp_path / "kitchen"), model, Reporter(print), realtime=False, subject=2)
    assert [each.name for each in second.recordings] == ["s2_0", "s2_1", "s2_2", "s2_3"]
    one = live_windows(tmp_path / "kitchen/s2_1", FakeRecogniser(data.modality_shapes, data.sensors, 2.0), hop=0.5)
    assert one == [each for each in found if each[0] == "s2_1"]


def test_a_clip_of_utd_is_replayed_with_its_sensors_evenly_spaced(utd_root):
    data = UTDDataModule(root=str(utd_root), label_rate=0.3)
    model = FakeRecogniser(data.modality_shapes, data.sensors, None)
    beginning, *found = replays_of(str(utd_root / "UTD-MHAD/a3_s7_t1"), model, Reporter(print), realtime=False)
    assert isinstance(beginning, Beginning) and beginning.recording == "a3_s7_t1"
    assert beginning.truth(0.0, 100.0) == "wave"  # the last window may end after the last sample
    time, inertial = joined_samples(found, "inertial")
    assert time == pytest.approx(np.arange(len(inertial)) / 50)
    times, joints = joined_samples(found, "skeleton")
    assert times == pytest.approx(np.linspace(0, time[-1], len(joints)))
    (clip,) = [each for each in data.find_recordings(utd_root / "UTD-MHAD") if each.name == "a3_s7_t1"]
    ((expected, skeleton),) = data.pairs_of([clip])
    assert np.array_equal(inertial, expected) and np.array_equal(joints, skeleton)


def test_the_halves_of_an_inertial_sensor_are_replayed_for_a_model_of_them(utd_root):
    data = UTDDataModule(root=str(utd_root), label_rate=0.3, modalities=["gyro", "acc"])
    model = FakeRecogniser(data.modality_shapes, data.sensors, None)
    _, *found = replays_of("a3_s7_t1", model, Reporter(print), realtime=False, root=str(utd_root))
    assert {each.sensor for each in found} == {"gyro", "acc"}
    assert joined_samples(found, "gyro")[1].shape[1:] == (3,)


def test_depth_is_reduced_to_the_images_of_the_model(tmp_path):
    simulate_self_collected(tmp_path, subjects=[1], trials=1)
    data = SelfCollectedDataModule.for_viewing(str(tmp_path))
    model = FakeRecogniser({"depth": (16, 24, 32)}, {"depth": data.sensors["depth"]}, None)
    name = data.find_recordings(data.folder)[0].name
    _, *found = replays_of(name, model, Reporter(print), realtime=False, root=str(tmp_path))
    whole = data.recorded(data.find_recordings(data.folder)[0]).signals["depth"]
    times, images = joined_samples(found, "depth")
    assert times == pytest.approx(whole.time)
    assert np.array_equal(images, reduce_depth(whole.values, len(whole.values), (24, 32))[0])
    assert whole.values.shape[1:] > images.shape[1:] == (24, 32)


def test_a_recording_that_cannot_be_read_is_reported_and_left_out(usc_root, tmp_path, reporter, reports):
    shutil.copytree(usc_root / "USC-HAD/Subject12", tmp_path / "USC-HAD/Subject12")
    (tmp_path / "USC-HAD/Subject12/a3t1.mat").write_bytes(b"MATLAB 5.0")
    data = USCDataModule(root=str(usc_root), label_rate=0.3)
    model = FakeRecogniser(data.modality_shapes, data.sensors, data.window_seconds)
    found = [*replays_of(str(tmp_path / "USC-HAD"), model, reporter, realtime=False)]
    begun = {each.recording for each in found if isinstance(each, Beginning)}
    assert len(begun) == 11 and "Subject12/a3t1" not in begun
    (report,) = reports
    assert report.problem == "not readable" and "Subject12/a3t1 is left out" in report.detail


@pytest.mark.parametrize("step", [0.03, 0.1, 5.0])
def test_a_replay_gives_each_sample_once_in_the_order_of_time(tmp_path, step):
    store = write_streams(tmp_path / "kitchen", subjects=(1,))
    sensors = store.sensors
    shapes = {name: (round(2 * sensor.rate), *sensor.shape) for name, sensor in sensors.items()}
    model = FakeRecogniser(shapes, {name: sensor.description for name, sensor in sensors.items()})
    replays = replays_of(str(tmp_path / "kitchen/s1_0"), model, Reporter(print), realtime=False)
    found = [*batches(replays.data.recorded(replays.recordings[0]).pieces, step)]
    for name in sensors:
        times = np.concatenate([signal.time for _, sensor, signal in found if sensor == name])
        assert times == pytest.approx(np.arange(round(12 * sensors[name].rate)) / sensors[name].rate)
    assert all(end - step - 1e-9 <= signal.time[0] <= signal.time[-1] <= end for end, _, signal in found)
    firsts = [signal.time[0] for _, _, signal in found]
    assert max(before - after for before, after in pairwise(firsts)) <= step


def test_a_replay_in_real_time_waits(tmp_path):
    write_streams(tmp_path / "kitchen", subjects=(1,))
    model = FakeRecogniser({"mat": (10, 4, 2)}, {"mat": read_store(tmp_path / "kitchen").sensors["mat"].description})
    slept: list[float] = []
    found = replays_of(str(tmp_path / "kitchen/s1_0"), model, Reporter(print), realtime=True)
    shapes = {"mat": (4, 2)}
    replays = Replays(found.data, found.recordings, shapes, found.reporter, realtime=True, sleep=slept.append)
    assert len(list(replays)) == 1 + 60
    assert slept[-1] == pytest.approx(12.0, abs=0.5) and slept[0] <= 0.1


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere", "there is no recording '.*nowhere'"),
        ("kitchen/s1_9", "there is no recording 's1_9'. Choose from s1_0, s1_1, s1_2"),
        ("kitchen", r"has none of the model's sensors \['acc'\]. Its sensors are \['wrist', 'mat'\]"),
        ("empty", r"is in no folder of a dataset \(UTD-MHAD, USC-HAD.*Give --dataset"),
    ],
)
def test_recordings_that_cannot_be_replayed_are_refused(path, message, tmp_path):
    write_streams(tmp_path / "kitchen", subjects=(1,))
    (tmp_path / "empty").mkdir()
    model = FakeRecogniser({"acc": (200, 3)}, {})
    with pytest.raises(ConfigurationError, match=f"recording: .*{message}"):
        replays_of(str(tmp_path / path), model, Reporter(print), realtime=False, root=str(tmp_path))


def test_recordings_of_datasets_without_the_sensors_are_refused(usc_root, utd_root):
    radar, inertial = FakeRecogniser({"radar": (200, 3)}, {}), FakeRecogniser({"inertial": (120, 6)}, {})
    for model, path, message in (
        (radar, usc_root / "USC-HAD", r"USC-HAD has none of the model's sensors \['radar'\]"),
        (radar, utd_root / "UTD-MHAD", r"UTD-MHAD has none of the model's sensors \['radar'\]"),
        (inertial, utd_root / "UTD-MHAD/a99_s1_t1", "there is no recording 'a99_s1_t1'. The nearest"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            replays_of(str(path), model, Reporter(print), realtime=False)


# The loop


def test_the_loop_writes_a_line_per_window_and_a_summary(tmp_path, reporter):
    write_streams(tmp_path / "kitchen", subjects=(1,))
    data = StreamsDataModule(root=str(tmp_path / "kitchen"))
    model = FakeRecogniser(data.modality_shapes, data.sensors)
    model.class_names = ("sit", "walk")  # it does not know how to jump
    live = LiveRecogniser(model, hop=1.0, reporter=reporter)
    out, err = io.StringIO(), io.StringIO()
    ticks = iter(np.arange(0, 100, 9.0))
    source = replays_of(str(tmp_path / "kitchen"), model, reporter, realtime=False)
    run(live, source, out, err, now=lambda: float(next(ticks)))
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [row["recording"] for row in rows] == ["s1_0"] * 11 + ["s1_1"] * 11 + ["s1_2"] * 11
    assert rows[12]["time"] == [1.0, 3.0] and rows[12]["truth"] == "sit" and rows[12]["sensors"] == ["wrist", "mat"]
    assert rows[0].keys() == {
        "time", "activity", "probability", "weights", "latency_ms", "sensors", "recording", "truth",
    }  # fmt: skip
    summary = json.loads(err.getvalue())["summary"]
    assert (summary["windows"], summary["skipped"], summary["labelled_windows"]) == (33, 0, 22)
    assert summary["unknown_activity"] == {"windows": 11, "none_of_these": 0}
    right = [row["activity"] == row["truth"] for row in rows if row["truth"] != "jump"]
    assert summary["accuracy"] == pytest.approx(sum(right) / 22, abs=1e-6) and summary["events"]["segments"] == 2
    assert summary["samples"] == {"wrist": 720, "mat": 180} and summary["problems"] == {}
    assert summary["seconds"] == pytest.approx(3 * 11.95) and summary["times_real_time"] == pytest.approx(
        3.98, abs=0.01
    )
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p95"]


def test_an_interruption_ends_a_stream_as_its_end_does():
    def samples(interrupted: bool) -> Iterator[SensorSamples | Silence]:
        for number in range(60):
            yield SensorSamples("wrist", number / 20, [1, 2, 3])
        yield Silence(5.0)
        if interrupted:
            raise KeyboardInterrupt

    def ended(interrupted: bool) -> tuple[list[dict[str, object]], dict[str, object]]:
        out, err = io.StringIO(), io.StringIO()
        live = LiveRecogniser(FakeRecogniser(), reporter=Reporter(lambda report: None), patience=60.0)
        run(live, samples(interrupted), out, err)
        lines = [json.loads(line) for line in out.getvalue().splitlines()]
        return [{**line, "latency_ms": None} for line in lines], json.loads(err.getvalue())["summary"]

    windows, summary = ended(True)
    assert windows and summary["samples"] == {"wrist": 60, "mat": 0} and "silence" in summary["problems"]
    windows_of_end, summary_of_end = ended(False)
    assert windows == windows_of_end and summary["problems"] == summary_of_end["problems"]


def test_recordings_in_another_unit_than_the_models_are_not_replayed(tmp_path, reporter):
    store = write_streams(tmp_path / "kitchen")
    wrist = store.sensors["wrist"]
    model = SimpleNamespace(modality_shapes={"wrist": (20, 3)}, window=2.0, sensors={"wrist": wrist.description})
    model.sensors["wrist"] = replace(wrist.description, rate=10.0)
    assert replays_of(str(store.folder), model, reporter, False).recordings  # streams are brought to the model's rate
    replace(store, sensors={**store.sensors, "wrist": replace(wrist, units=("m/s2",) * 3)}).write()
    with pytest.raises(ConfigurationError, match=r"'wrist' of Kitchen does not suit the model.*unit m/s2, not g"):
        replays_of(str(store.folder), model, reporter, False)
