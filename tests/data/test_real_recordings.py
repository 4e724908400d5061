"""The official recordings, where they are: their numbers, and the accuracy that needs no training."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from cosmo_pl.data import MultimodalDataModule, USCDataModule, UTDDataModule
from cosmo_pl.data.describe import describe
from cosmo_pl.data.extremes import Extremes
from cosmo_pl.data.limits import ranges_of
from cosmo_pl.data.plausibility import TORSO
from cosmo_pl.data.recordings import read_mat, window_starts
from cosmo_pl.data.transforms import torso_length


@pytest.fixture(scope="module")
def usc(real_root: Path) -> USCDataModule:
    if not (real_root / "USC-HAD").is_dir():
        pytest.skip("COSMO_PL_DATA holds no USC-HAD")
    data = USCDataModule(root=str(real_root))
    data.setup()
    return data


@pytest.fixture(scope="module")
def utd_folder(real_root: Path) -> Path:
    if not (real_root / "UTD-MHAD").is_dir():
        pytest.skip("COSMO_PL_DATA holds no UTD-MHAD")
    return real_root


def utd(root: Path, **arguments: object) -> UTDDataModule:
    data = UTDDataModule(**{"root": str(root), **arguments})
    data.setup()
    return data


# USC-HAD


def test_usc_has_840_recordings_of_all_activities_and_subjects(usc: USCDataModule) -> None:
    recordings = usc.find_recordings(usc.folder)
    assert len(recordings) == 840
    assert set(Counter((recording.subject, recording.label) for recording in recordings).values()) == {5}
    assert "| 12 | 14 | 840 | 38240 |" in describe(usc)


def test_usc_windows(usc: USCDataModule) -> None:
    files = [recording.files["readings"] for recording in usc.find_recordings(usc.folder)]
    lengths = [len(read_mat(path, "sensor_readings", (None, 6))) for path in files]
    assert (sum(lengths), min(lengths), max(lengths)) == (2_811_490, 600, 13_500)
    windows = {stride: sum(len(window_starts(n, 200, stride)) for n in lengths) for stride in (70, 100, 200)}
    assert windows == {70: 38_240, 100: 27_205, 200: 13_864}
    assert len(usc.samples) == windows[70]


def test_usc_preset(usc: USCDataModule) -> None:
    split = usc.split
    assert (len(split.unlabeled), len(split.labeled), len(split.val), len(split.test)) == (19_800, 200, 0, 2000)
    assert set(usc.samples.subject[split.train].tolist()) == set(range(1, 11))
    assert set(usc.samples.subject[split.test].tolist()) == {11, 12, 13, 14}
    counts = Counter(usc.samples.label[split.labeled].tolist())
    assert sorted(counts.values()) == [16] * 4 + [17] * 8
    units = {name: values[usc.samples.label == 7] for name, values in usc.samples.inputs.items()}  # sitting
    assert np.linalg.norm(units["acc"].mean(1), axis=-1).mean() == pytest.approx(1, abs=0.1)  # g
    assert np.abs(units["gyro"]).mean() < 10 and np.abs(usc.samples.inputs["gyro"]).max() > 400  # degrees/s


def test_usc_file_names_are_the_truth(usc: USCDataModule) -> None:
    # These files name another activity or trial inside.
    for name, subject, label in (("Subject14/a3t2", 14, 2), ("Subject3/a8t5", 3, 7), ("Subject5/a8t3", 5, 7)):
        rows = usc.samples.recording == name
        assert rows.any() and (usc.samples.label[rows] == label).all() and (usc.samples.subject[rows] == subject).all()


def test_usc_quality_is_measured_on_windows_apart(usc: USCDataModule) -> None:
    assert {len(values) for values in usc.quality_inputs().values()} == {2000}
    assert {len(values) for values in usc.quality_inputs(limit=100).values()} == {100}


# Plausibility: the defaults leave every official recording as it is


def far_from_the_limits(data: MultimodalDataModule) -> None:
    for name, values in data.samples.inputs.items():
        found = Extremes.of(values, data.channel_groups[name], data.channel_axis.get(name, -1))
        for group, bounds in enumerate(ranges_of(data.units[name], None)):
            assert bounds is not None and 2 * found.high[:, group].max() < bounds[1], (name, group)
            assert 2 * found.low[:, group].min() > bounds[0], (name, group)


def test_usc_is_plausible(usc: USCDataModule) -> None:
    assert not usc.faults.lines
    far_from_the_limits(usc)
    USCDataModule(root=usc.root, strict=True).prepare_data()


def test_utd_is_plausible(utd_folder: Path) -> None:
    data = utd(utd_folder, strict=True)
    assert not data.faults.lines
    far_from_the_limits(data)
    torso = torso_length(torch.from_numpy(data.samples.inputs["skeleton"]))
    assert 2 * TORSO[0] < float(torso.min()) and 2 * float(torso.max()) < TORSO[1]


# UTD-MHAD


def test_utd_clips(utd_folder: Path) -> None:
    data = utd(utd_folder)
    split = data.split
    assert len(data.samples) == 861 and (len(split.train), len(split.test)) == (646, 215)
    assert (len(split.labeled), len(split.unlabeled), len(split.val)) == (27, 513, 0)
    assert sorted(data.samples.label[split.labeled].tolist()) == list(range(27))
    kept = np.concatenate([split.labeled, split.unlabeled])
    assert set(Counter(data.samples.label[kept].tolist()).values()) == {20}
    missing = {"a8_s1_t4", "a23_s6_t4", "a27_s8_t4"} & set(data.samples.recording.tolist())
    assert not missing


def test_utd_statistics_are_the_archives(utd_folder: Path) -> None:
    inputs = utd(utd_folder).samples.inputs
    acc, gyro = (inputs["inertial"][..., group].astype(np.float64) for group in (slice(0, 3), slice(3, 6)))
    assert (acc.mean(), acc.std()) == (pytest.approx(-0.326, abs=0.002), pytest.approx(0.67, abs=0.01))
    assert (gyro.mean(), gyro.std()) == (pytest.approx(-0.87, abs=0.02), pytest.approx(113, abs=1))
    joints = inputs["skeleton"].astype(np.float64)
    np.testing.assert_allclose(joints.mean((0, 1, 2)), (-0.084, -0.291, 2.872), atol=0.002)
    np.testing.assert_allclose(joints.std((0, 1, 2)), (0.142, 0.472, 0.162), atol=0.002)


@pytest.mark.parametrize(("name", "labels", "unlabelled"), [("5", 27, 513), ("10", 54, 486), ("40", 216, 324)])
def test_utd_released_labels(utd_folder: Path, name: str, labels: int, unlabelled: int) -> None:
    listed = json.loads((utd_folder / "UTD-MHAD" / "released_label_splits.json").read_text(encoding="utf-8"))[name]
    data = utd(utd_folder, label_split=name)
    assert set(data.samples.recording[data.split.labeled].tolist()) == set(listed)
    assert (len(data.split.labeled), len(data.split.unlabeled)) == (labels, unlabelled)


def nearest_neighbour(data: UTDDataModule) -> float:
    """Accuracy on the test clips of the label of the nearest labelled clip."""
    values = data.inputs["inertial"].flatten(1)
    nearest = torch.cdist(values[data.split.test], values[data.split.labeled]).argmin(1).numpy()
    labels = data.samples.label
    return float((labels[data.split.labeled][nearest] == labels[data.split.test]).mean())


def test_utd_without_any_training(utd_folder: Path) -> None:
    # The floor for everything that is learned: another reader, resampling or normalisation would move it.
    released = utd(utd_folder, modalities=["inertial"], label_split="5")
    assert nearest_neighbour(released) == pytest.approx(0.405, abs=0.001)
    drawn = [nearest_neighbour(utd(utd_folder, modalities=["inertial"], label_seed=seed)) for seed in range(10)]
    assert np.mean(drawn) == pytest.approx(0.416, abs=0.02)
