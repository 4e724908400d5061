"""Whole recordings, as they are looked at: against the files, and against the samples that are trained on."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat

from cosmo_pl.data import MExDataModule, MultimodalDataModule, StreamsDataModule, USCDataModule, UTDDataModule
from cosmo_pl.data.recorded import Signal, at_rate_of, joined
from cosmo_pl.data.streams.store import Segment, read_store
from cosmo_pl.errors import ConfigurationError
from data.streams.written import write_streams


def recorded(data, name):
    return data.recorded(next(each for each in data.find_recordings(data.folder) if each.name == name))


def test_usc_has_the_whole_trial(usc_root: Path) -> None:
    found = recorded(USCDataModule(root=str(usc_root)), "Subject3/a2t1")
    readings = loadmat(usc_root / "USC-HAD/Subject3/a2t1.mat")["sensor_readings"]
    assert found.subject == 3 and np.allclose(found.signals["gyro"].values, readings[:, 3:])
    assert found.signals["acc"].time[-1] == found.duration == pytest.approx((len(readings) - 1) / 100)
    assert found.truth == ((0.0, found.duration, "walking left"),)


def test_utd_has_the_frames_of_the_files(utd_root: Path) -> None:
    found = recorded(UTDDataModule.for_viewing(str(utd_root)), "a3_s7_t1")
    skeleton = loadmat(utd_root / "UTD-MHAD/Skeleton/a3_s7_t1_skeleton.mat")["d_skel"]
    assert set(found.signals) == {"inertial", "skeleton"}, "the simulation has no depth"
    assert np.allclose(found.signals["skeleton"].values, np.moveaxis(skeleton, 2, 0))
    inertial, skeleton = found.signals["inertial"].time, found.signals["skeleton"].time
    assert np.diff(inertial) == pytest.approx(1 / 50)
    assert skeleton == pytest.approx(np.linspace(0, inertial[-1], len(skeleton)))  # whatever the camera's nominal rate


def test_a_skeleton_is_as_long_as_the_inertial_data_that_were_not_chosen(utd_root: Path, tmp_path: Path) -> None:
    data = UTDDataModule(root=str(utd_root), modalities=["skeleton"])
    both = recorded(UTDDataModule.for_viewing(str(utd_root)), "a3_s7_t1")
    assert recorded(data, "a3_s7_t1").signals["skeleton"].time == pytest.approx(both.signals["skeleton"].time)
    shutil.copytree(utd_root / "UTD-MHAD/Skeleton", tmp_path / "UTD-MHAD/Skeleton")
    alone = recorded(UTDDataModule(root=str(tmp_path), modalities=["skeleton"]), "a3_s7_t1")
    assert np.diff(alone.signals["skeleton"].time) == pytest.approx(1 / 19)


def test_usc_at_the_rate_of_its_samples(usc_root: Path) -> None:
    data = USCDataModule(root=str(usc_root), rate=50.0, window_size=64, stride=64)
    found, recording = recorded(data, "Subject3/a2t1"), data.find_recordings(data.folder)
    samples = data.read([each for each in recording if each.name == "Subject3/a2t1"])
    assert np.array_equal(found.signals["acc"].values[64:128], samples.inputs["acc"][1])
    assert np.diff(found.signals["acc"].time) == pytest.approx(1 / 50)


def test_samples_of_any_dataset_are_put_together(usc_root: Path) -> None:
    data = USCDataModule(root=str(usc_root), window_size=50, stride=20)
    recording = data.find_recordings(data.folder)[0]
    whole, made = data.recorded(recording), MultimodalDataModule.recorded(data, recording)
    for name, (time, values) in made.signals.items():
        rows = np.rint(100 * time).astype(int)
        assert len(rows) > 100 and (np.diff(rows) > 0).all()
        assert np.array_equal(values, whole.signals[name].values[rows])
    assert made.truth[0].activity == whole.truth[0].activity


def test_a_dataset_that_does_not_say_how_long_its_samples_are(utd_root: Path) -> None:
    data = UTDDataModule(root=str(utd_root))
    with pytest.raises(ConfigurationError, match="UTDDataModule does not say how many seconds a sample of 'inertial'"):
        MultimodalDataModule.recorded(data, data.find_recordings(data.folder)[0])


def test_gaps_of_streams_interrupt_them(tmp_path: Path) -> None:
    write_streams(tmp_path, subjects=[1])
    data = StreamsDataModule(root=str(tmp_path))
    data.store.recordings[0].segments["wrist"] = (Segment(0, 40, 0), Segment(100, 20, 60))
    found = recorded(data, "s1_0")
    assert [len(piece.time) for piece in found.pieces["wrist"]] == [40, 20] and found.aligned == 0
    time, values = found.signals["wrist"]
    assert time[[0, 39, 41, 60]] == pytest.approx([0, 39 / 20, 5, 119 / 20])
    assert np.isnan(values[40]).all() and np.isfinite(np.delete(values, 40, axis=0)).all()
    array = read_store(tmp_path).array("wrist")
    assert np.array_equal(values[41:], array[60:80])
    assert found.truth == ((0.0, 12.0, "walk"),) and found.signals["mat"].values.shape == (60, 4, 2)


def test_mex_has_all_four_sensors(mex_root: Path) -> None:
    found = recorded(MExDataModule.for_viewing(str(mex_root)), "01_03_1")
    assert {name: each.values.shape[1:] for name, each in found.signals.items()} == {
        "act": (3,), "acw": (3,), "dc": (12, 16), "pm": (32, 16),
    }  # fmt: skip
    assert [span.activity for span in found.truth] == ["pelvic tilt"]


def test_pieces_are_joined_in_time() -> None:
    time, values = joined([at_rate_of(np.ones((2, 3)), 10.0), Signal(np.array([5.0]), np.zeros((1, 3)))])
    assert time == pytest.approx([0, 0.1, 0.101, 5.0])
    assert np.isnan(values[2]).all() and np.isfinite(values[[0, 1, 3]]).all()
