import json
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import pytest
import scipy.io

from cosmo_pl.data import USCDataModule
from cosmo_pl.data.identity import dataset_folder
from cosmo_pl.errors import ConfigurationError, UnfinishedError
from cosmo_pl.simulation import simulate_usc, simulate_utd
from cosmo_pl.simulation.usc import usc_readings
from cosmo_pl.simulation.utd import utd_recording
from cosmo_pl.simulation.writing import claimed
from cosmo_pl.storage import only_writer


def load(path):
    return {name: value for name, value in scipy.io.loadmat(path).items() if not name.startswith("__")}


def contents(folder):
    """Every array of a dataset, by file and field."""
    return {
        (str(path.relative_to(folder)), name): value
        for path in sorted(folder.rglob("*.mat"))
        for name, value in load(path).items()
    }


def assert_same(one, two):
    assert one.keys() == two.keys()
    for key in one:
        np.testing.assert_array_equal(one[key], two[key], err_msg=str(key))


@pytest.fixture(scope="module")
def usc(tmp_path_factory):
    return simulate_usc(tmp_path_factory.mktemp("usc"), subjects=[1, 2], trials=2, seconds=3.0, progress=False)


@pytest.fixture(scope="module")
def utd(tmp_path_factory):
    return simulate_utd(tmp_path_factory.mktemp("utd"), subjects=[1, 2], trials=1, progress=False)


def test_usc_has_the_official_layout_and_fields(usc):
    assert usc.name == "USC-HAD"
    files = {str(path.relative_to(usc)) for path in usc.rglob("*.mat")}
    assert files == {f"Subject{s}/a{a}t{t}.mat" for s in (1, 2) for a in range(1, 13) for t in (1, 2)}
    fields = load(usc / "Subject2" / "a12t1.mat")
    assert set(fields) == {
        "title", "version", "date", "subject", "age", "height", "weight", "activity", "activity_number", "trial",
        "sensor_location", "sensor_orientation", "sensor_readings",
    }  # fmt: skip
    assert [fields[name].tolist() for name in ("subject", "activity", "activity_number", "trial")] == [
        ["2"], ["elevator-down"], ["12"], ["1"],
    ]  # fmt: skip
    assert fields["height"][0].endswith("cm")
    readings = fields["sensor_readings"]
    assert readings.dtype == np.float64
    assert readings.shape[1] == 6
    lengths = {len(load(path)["sensor_readings"]) for path in usc.rglob("*.mat")}
    assert 240 <= min(lengths) < max(lengths) <= 361


def test_utd_has_the_official_layout_and_fields(utd):
    names = {f"a{a}_s{s}_t1" for a in range(1, 28) for s in (1, 2)}
    assert {path.name for path in (utd / "Inertial").glob("*.mat")} == {f"{name}_inertial.mat" for name in names}
    assert {path.name for path in (utd / "Skeleton").glob("*.mat")} == {f"{name}_skeleton.mat" for name in names}
    frames = set()
    for name in names:
        inertial = load(utd / "Inertial" / f"{name}_inertial.mat")
        skeleton = load(utd / "Skeleton" / f"{name}_skeleton.mat")
        assert (set(inertial), set(skeleton)) == ({"d_iner"}, {"d_skel"})
        samples, (joints, axes, images) = len(inertial["d_iner"]), skeleton["d_skel"].shape
        assert (joints, axes) == (20, 3)
        assert abs(samples / 50 - images / 30) < 0.05  # both last as long
        frames.add(images)
    assert 1.2 * 30 < min(frames) < max(frames) < 7 * 30
    order = (utd / "Skeleton" / "Skeleton_joint_order.txt").read_text(encoding="utf-8")
    assert "1. head" in order
    assert "20. right_foot" in order


def test_units_are_g_and_degrees_per_second(usc):
    standing = load(usc / "Subject1" / "a9t1.mat")["sensor_readings"]
    assert np.linalg.norm(standing[:, :3], axis=1).mean() == pytest.approx(1.0, abs=0.06)
    running = load(usc / "Subject1" / "a6t1.mat")["sensor_readings"]
    assert 30 < running[:, 3:].std() < 300
    assert running[:, 0].std() > 5 * standing[:, 0].std()


def test_turns_and_lifts_have_the_right_sign():
    def turning(activity):
        return np.mean([usc_readings(0, s, activity, 1, 6.0)[:, 3].mean() for s in (1, 2, 3)])

    assert turning(2) > 12
    assert turning(3) < -12
    assert abs(turning(1)) < 8
    for activity, sign in ((11, 1), (12, -1)):
        force = usc_readings(0, 1, activity, 1, 12.0)
        force = np.linalg.norm(force[:, :3], axis=1)
        half = len(force) // 2
        # The lift first pushes its way, and brakes in the second half.
        assert sign * (force[:half].mean() - force[half:].mean()) > 0.01


def test_gravity_leaves_the_long_axis_of_a_sleeper():
    for subject in (1, 2, 3):
        standing, sleeping = (usc_readings(0, subject, activity, 1, 3.0)[:, 0].mean() for activity in (9, 10))
        assert standing > 0.8
        assert abs(sleeping) < 0.6


def test_the_same_seed_gives_the_same_arrays_and_another_seed_others(tmp_path, usc):
    again = simulate_usc(tmp_path / "again", subjects=[1, 2], trials=2, seconds=3.0, progress=False)
    assert_same(contents(usc), contents(again))
    np.testing.assert_array_equal(utd_recording(0, 1, 5, 1)[1], utd_recording(0, 1, 5, 1)[1])
    other = utd_recording(1, 1, 5, 1)[0]
    same = utd_recording(0, 1, 5, 1)[0]
    assert other.shape != same.shape or not np.allclose(other, same)


def test_a_recording_does_not_depend_on_which_others_are_made(tmp_path, usc, utd):
    alone = contents(simulate_usc(tmp_path, subjects=[2], trials=1, seconds=3.0, progress=False))
    many = contents(usc)
    assert_same(alone, {key: many[key] for key in alone})
    alone = contents(simulate_utd(tmp_path, subjects=[2], trials=1, progress=False))
    many = contents(utd)
    assert_same(alone, {key: many[key] for key in alone})


def test_a_killed_run_leaves_no_half_file_and_the_same_call_completes_it(tmp_path, monkeypatch):
    settings = {"subjects": [1], "trials": 1, "seconds": 2.0, "progress": False}
    write, written = scipy.io.savemat, []

    def die_on_the_fifth(path, fields, **options):
        if len(written) == 4:
            path.write_bytes(b"half a file")
            raise KeyboardInterrupt
        write(path, fields, **options)
        written.append(path)

    monkeypatch.setattr(scipy.io, "savemat", die_on_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        simulate_usc(tmp_path, **settings)
    monkeypatch.undo()
    folder = tmp_path / "USC-HAD"
    done = {path: path.stat().st_mtime_ns for path in folder.rglob("*.mat")}
    assert len(done) == 4
    assert all("sensor_readings" in load(path) for path in done)
    with pytest.raises(UnfinishedError, match=r"holds a part of a simulation.*run the same `cosmo-pl data simulate`"):
        USCDataModule(root=str(tmp_path)).prepare_data()

    simulate_usc(tmp_path, **settings)
    with claimed(folder, json.loads((folder / "simulation.json").read_text())["settings"]):
        assert dataset_folder(str(tmp_path), "USC-HAD") == folder  # a repeated call is no interrupted one
    assert {path: path.stat().st_mtime_ns for path in done} == done  # what was there is kept
    assert_same(contents(folder), contents(simulate_usc(tmp_path / "whole", **settings)))
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".mat", ".json"}


def test_a_lost_half_of_a_recording_is_made_again(tmp_path):
    folder = simulate_utd(tmp_path, subjects=[1], trials=1, progress=False)
    before = contents(folder)
    (folder / "Skeleton" / "a7_s1_t1_skeleton.mat").unlink()
    assert_same(before, contents(simulate_utd(tmp_path, subjects=[1], trials=1, progress=False)))


def test_the_manifest_says_that_the_data_are_simulated_and_how(usc):
    manifest = json.loads((usc / "simulation.json").read_text(encoding="utf-8"))
    assert manifest["simulated"] is True
    assert manifest["settings"]["seconds"] == 3.0
    assert manifest["settings"]["subjects"] == [1, 2]
    assert manifest["settings"]["version"]


@pytest.mark.parametrize("name", ["a1t1.mat", "USC-HAD.zip", "packed-0123.npz"])
def test_a_folder_with_other_recordings_is_refused_and_left_alone(tmp_path, name):
    real = tmp_path / "USC-HAD" / "Subject1" / name
    real.parent.mkdir(parents=True)
    real.write_bytes(b"a measured recording")
    with pytest.raises(ConfigurationError, match=r"root: .*were not simulated"):
        simulate_usc(tmp_path, subjects=[1], trials=1, progress=False)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [name]
    assert real.read_bytes() == b"a measured recording"


@pytest.mark.parametrize("change", [{"seed": 1}, {"subjects": [1, 3]}, {"trials": 3}, {"seconds": 4.0}])
def test_a_folder_of_other_settings_is_refused(usc, change):
    settings = {"subjects": [1, 2], "trials": 2, "seconds": 3.0, "progress": False}
    before = {path: path.stat().st_mtime_ns for path in usc.rglob("*")}
    with pytest.raises(ConfigurationError, match="other settings"):
        simulate_usc(usc.parent, **{**settings, **change})
    assert {path: path.stat().st_mtime_ns for path in usc.rglob("*")} == before


def test_a_second_simulation_waits_for_the_first(tmp_path):
    few = {"subjects": [1], "trials": 1, "seconds": 2.0, "progress": False}
    with ThreadPoolExecutor() as pool:
        with only_writer(tmp_path / "USC-HAD"):
            second = pool.submit(simulate_usc, tmp_path, **few)
            wait([second], timeout=0.5)
            assert not second.done() and not (tmp_path / "USC-HAD").exists()
        assert second.result(timeout=60) == tmp_path / "USC-HAD"
    assert [path.name for path in tmp_path.iterdir()] == ["USC-HAD"]
    assert len(list(tmp_path.rglob("*.mat"))) == 12


@pytest.mark.parametrize(
    ("argument", "value"), [("subjects", []), ("subjects", [0]), ("subjects", [1, 1]), ("trials", 0), ("seed", -1)]
)
@pytest.mark.parametrize("simulate", [simulate_usc, simulate_utd])
def test_arguments_out_of_range_are_named(tmp_path, simulate, argument, value):
    with pytest.raises(ConfigurationError) as caught:
        simulate(tmp_path, progress=False, **{argument: value})
    assert caught.value.argument == argument
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("seconds", [1.0, float("nan")])
def test_a_recording_too_short_is_refused(tmp_path, seconds):
    with pytest.raises(ConfigurationError, match="seconds"):
        simulate_usc(tmp_path, seconds=seconds, progress=False)


def test_progress_is_shown_only_when_asked_for(tmp_path, capsys):
    simulate_usc(tmp_path / "quiet", subjects=[1], trials=1, seconds=2.0, progress=False)
    assert capsys.readouterr().err == ""
    simulate_usc(tmp_path / "loud", subjects=[1], trials=1, seconds=2.0, progress=True)
    assert "12/12" in capsys.readouterr().err


def resampled(series, frames=40):
    clock = np.linspace(0, len(series) - 1, frames)
    return np.stack([np.interp(clock, np.arange(len(series)), column) for column in series.T], axis=1).ravel()


def nearest_accuracy(features, labels, train):
    features = (features - features.mean(axis=0)) / features.std()
    distance = ((features[~train][:, None] - features[train]) ** 2).sum(axis=-1)
    return (labels[train][distance.argmin(axis=1)] == labels[~train]).mean()


def test_utd_actions_are_told_apart_across_people_but_not_trivially():
    labels, subjects, inertial, skeleton = [], [], [], []
    for subject in range(1, 6):
        for action in range(1, 28):
            readings, joints = utd_recording(0, subject, action, 1)
            labels.append(action)
            subjects.append(subject)
            inertial.append(resampled(readings / [1, 1, 1, 150, 150, 150]))
            skeleton.append(resampled((joints - joints[3:4]).transpose(2, 0, 1).reshape(-1, 60)))
    labels, train = np.array(labels), np.array(subjects) <= 3
    for features in (inertial, skeleton):
        # Chance is 1 in 27.
        assert 0.35 < nearest_accuracy(np.array(features), labels, train) < 0.98


def test_usc_activities_are_told_apart_across_people_but_not_trivially():
    features, labels, subjects = [], [], []
    for subject in range(1, 6):
        for activity in range(1, 13):
            readings = usc_readings(0, subject, activity, 1, 4.0) / [1, 1, 1, 100, 100, 100]
            features.append(np.r_[readings.mean(axis=0), readings.std(axis=0)])
            labels.append(activity)
            subjects.append(subject)
    accuracy = nearest_accuracy(np.array(features), np.array(labels), np.array(subjects) <= 3)
    # Chance is 1 in 12.
    assert 0.4 < accuracy < 0.98
