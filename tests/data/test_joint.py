"""Several datasets as one: the union of their sensors, what each sample has of it, and what cannot be joined."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cosmo_pl.data import JointDataModule, USCDataModule, UTDDataModule
from cosmo_pl.data.augmentations import Gain, Jitter
from cosmo_pl.data.transforms import CenterOnHip
from cosmo_pl.errors import ConfigurationError


@pytest.fixture
def parts(utd_root, usc_root):
    def make(utd=None, usc=None):
        real_time = {"inertial_rate": 50, "inertial_steps": 100, "label_rate": 0.2, "max_train_per_class": None}
        windows = {"rate": 50, "window_size": 100, "stride": 50, "labels_per_class": 2}
        return [
            UTDDataModule(
                root=str(utd_root), **{"modalities": ["acc", "gyro", "skeleton"], **real_time, **(utd or {})}
            ),
            USCDataModule(root=str(usc_root), **{**windows, **(usc or {})}),
        ]

    return make


@pytest.fixture
def joint(parts):
    data = JointDataModule(parts(), pretrain_batch_size=32)
    data.setup("fit")
    return data


def test_the_union_of_sensors_and_what_each_sample_has(joint, parts):
    utd, usc = parts()
    for each in (utd, usc):
        each.setup()
    assert joint.modality_shapes == {"acc": (100, 3), "gyro": (100, 3), "skeleton": (40, 20, 3)}
    assert joint.sensors == {**usc.sensors, "skeleton": utd.sensors["skeleton"]}
    assert joint.num_classes == 27 + 12 and joint.class_names[27] == "USC-HAD: walking forward"
    assert len(joint.samples) == len(utd.samples) + len(usc.samples)
    assert list(joint.samples.present) == ["skeleton"]
    assert np.array_equal(joint.samples.present["skeleton"], np.arange(len(joint.samples)) < len(utd.samples))
    for part in ("train", "labeled", "unlabeled", "test"):
        own = [getattr(utd.split, part), getattr(usc.split, part) + len(utd.samples)]
        assert np.array_equal(getattr(joint.split, part), np.concatenate(own))
    assert len(np.unique(joint.samples.subject)) == 8 + 14
    assert joint.training_subjects == {"utd": (1, 2, 3, 4, 5, 6), "usc": tuple(range(1, 11))}


def test_statistics_are_those_of_all_training_samples_that_have_the_modality(joint):
    raw, train = joint.samples.inputs, joint.split.train
    acc = raw["acc"][train].astype(np.float64)
    assert joint.normalization["acc"].mean == pytest.approx((acc.mean(),) * 3)
    assert joint.normalization["acc"].std == pytest.approx((acc.std(),) * 3)
    having = train[joint.samples.present["skeleton"][train]]
    skeleton = raw["skeleton"][having].astype(np.float64)
    assert joint.normalization["skeleton"].mean == pytest.approx(tuple(skeleton.mean(axis=(0, 1, 2))))


def test_samples_without_a_label_have_none_in_the_union(parts, monkeypatch):
    utd, usc = parts()
    own = usc.load()
    own.label[:7] = -1
    monkeypatch.setattr(usc, "load", lambda: own)
    label = JointDataModule([utd, usc]).load().label[-len(own) :]
    assert (label[:7] == -1).all() and np.array_equal(label[7:], own.label[7:] + 27)


def test_missing_sensors_are_zero_in_batches_with_augmentation(parts):
    changes = {"skeleton": [Jitter(0.1)], "acc": [Gain()]}
    data = JointDataModule(parts(), pretrain_batch_size=32, augmentations=changes, num_augmentations=2)
    data.setup()
    torch.manual_seed(0)
    batch = next(iter(data.train_dataloader()))
    has = batch["present"]["skeleton"]
    assert has.any() and not has.all() and len(has) == 64
    assert torch.equal(batch["inputs"]["skeleton"].flatten(1).any(dim=1), has)
    assert batch["inputs"]["acc"].flatten(1).any(dim=1).all()


def test_quality_is_measured_on_samples_that_have_the_modality(joint):
    found = joint.quality_inputs()
    assert found["skeleton"].flatten(1).any(dim=1).all()
    assert len(found["skeleton"]) < len(found["acc"])


def test_numbers_of_people_that_are_another_datasets_are_refused(parts, monkeypatch):
    utd, usc = parts()
    samples = utd.load()
    samples.subject[samples.subject == 2] = 1_000_001
    monkeypatch.setattr(utd, "load", lambda: samples)
    with pytest.raises(ConfigurationError, match="datasets: UTD-MHAD has a subject 1000001, and numbers are below"):
        JointDataModule([utd, usc]).load()


def test_names_join_and_separate_modalities(parts):
    apart = JointDataModule(parts(), names=[{"acc": "wrist_acc"}, {}])
    assert list(apart.modality_shapes) == ["wrist_acc", "gyro", "skeleton", "acc"]


@pytest.mark.parametrize("seed", [3, 4])
def test_one_label_seed_for_all(parts, seed):
    data = JointDataModule(parts(), label_seed=seed)
    data.setup()
    expected = []
    for each, first in zip(parts({"label_seed": seed}, {"label_seed": seed}), (0, 216), strict=True):
        each.setup()
        expected += (each.split.labeled + first).tolist()
    assert data.split.labeled.tolist() == expected


@pytest.mark.parametrize(
    ("utd", "usc", "arguments", "named"),
    [
        ({"modalities": ["acc"]}, {}, {}, r"datasets\[0\].*UTD-MHAD has one modality, acc, and a sample needs two"),
        ({}, {"rate": None}, {}, r"'acc' of USC-HAD is not 'acc' of UTD-MHAD: rate 100 Hz, not 50 Hz"),
        ({}, {"window_size": 90}, {}, r"shape \(90, 3\), not \(100, 3\)"),
        ({}, {}, {"names": [{"gyro": "acc", "acc": "gyro"}, {}]}, "kind .*not"),
        ({}, {}, {"names": [{"gyro": "acc"}, {}]}, r"names\[0\].*gives two modalities of UTD-MHAD one name"),
        ({}, {}, {"names": [{"imu": "acc"}, {}]}, r"names\[0\].*UTD-MHAD has no \['imu'\]"),
        ({}, {}, {"names": [{}]}, "2 datasets with names for 1"),
        ({"augmentations": {"acc": [Gain()]}}, {}, {}, r"datasets\[0\].*no effect"),
        ({}, {"normalization": "adapt"}, {}, r"datasets\[1\].*no effect"),
    ],
)
def test_what_cannot_be_joined_is_refused_before_anything_is_read(parts, utd, usc, arguments, named):
    with pytest.raises(ConfigurationError, match=named):
        JointDataModule(parts(utd, usc), **arguments)


def test_other_transforms_are_refused(parts):
    first, second = parts({"transforms": {"skeleton": [CenterOnHip()]}})[0], parts()[0]
    with pytest.raises(ConfigurationError, match=r"'skeleton' of UTD-MHAD is not.*other transforms"):
        JointDataModule([first, second])


def test_the_same_recordings_twice_are_refused(parts, tmp_path):
    utd = parts()[0]
    again = parts()[0]
    (tmp_path / "link").symlink_to(again.folder)
    again.root = str(tmp_path / "link")
    for other in (parts({"modalities": ["acc", "skeleton"]})[0], again):
        with pytest.raises(ConfigurationError, match=r"^datasets\[2\]: UTD-MHAD in '.*' is also datasets\[0\]"):
            JointDataModule([utd, parts()[1], other])
