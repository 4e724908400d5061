"""A sensor that measured nothing is named before any training."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from cosmo_pl.data import SelfCollectedDataModule, USCDataModule, UTDDataModule
from cosmo_pl.data.dead_sensors import sensor_faults
from cosmo_pl.data.describe import describe
from cosmo_pl.data.identity import DatasetIdentity
from cosmo_pl.data.samples import Samples
from cosmo_pl.errors import ConfigurationError, CosmoError

from .raw import write_self_collected
from .refusals import make, refusal


def own(root: Path, **arguments: Any) -> SelfCollectedDataModule:
    small = {"depth_frames": 4, "depth_size": (6, 8), "radar_frames": 3, "test_subjects": (4,), "labels_per_class": 1}
    return SelfCollectedDataModule(root=str(root), cache_dir=str(root / "cache"), **{**small, **arguments})


def rewrite(root: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    for path in (root / "SelfCollected" / "imu").iterdir():
        np.save(path, change(np.load(path)).astype(np.float32))


def without_units(root: Path) -> None:
    """Nothing is known of the sensor, so that nothing is left out before."""
    path = root / "SelfCollected" / "manifest.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'"(g|deg/s|uT)"', '"counts"', text), encoding="utf-8")


@pytest.mark.parametrize("distinct", [1, 3])
def test_a_dead_modality_is_refused_by_name_and_described(tmp_path: Path, distinct: int) -> None:
    write_self_collected(tmp_path)
    without_units(tmp_path)
    states = iter(range(10**6))
    rewrite(tmp_path, lambda x: np.where(np.arange(9) == 0, next(states) % distinct, 0) * np.ones_like(x))
    data = own(tmp_path, modalities=["imu", "radar"])
    told = ("modalities: 'imu' is dead", f"hold {distinct} different", "leave the modality out")
    refusal(ConfigurationError, data.setup, *told)
    assert "- 'imu' is dead: its 36 samples" in describe(own(tmp_path, modalities=["imu", "radar"]))
    own(tmp_path, modalities=["radar"]).setup()


def test_a_dead_sensor_of_a_known_unit_is_named_by_what_is_left_out(tmp_path: Path, originals: Path) -> None:
    shutil.copytree(originals / "utd", tmp_path / "utd")
    for path in (tmp_path / "utd").rglob("*_inertial.mat"):
        savemat(path, {"d_iner": 0 * loadmat(path)["d_iner"]})
    for act in (make(UTDDataModule, tmp_path).setup, lambda: describe(make(UTDDataModule, tmp_path))):
        refusal(ConfigurationError, act, "modalities", "'inertial' (g) never changes", "(Inertial/a10_s1_t1_iner")


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        (lambda x: np.where(np.arange(9) < 3, 0.25, x), "'imu' (channels 0, 1, 2) is always 0.25"),
        (lambda x: np.where(np.arange(9) < 3, np.clip(x, -9, 0.5), x), "is saturated"),
        (
            lambda x: np.where(np.arange(9) < 3, np.clip(x, -9, 0.5) * (np.arange(len(x))[:, None] % 3 < 1), x),
            "is saturated",  # two thirds of the values are no reading
        ),
        (lambda x: np.where(np.arange(9) > 5, np.sign(x), x), "'imu' (channels 6, 7, 8) holds 2 different values"),
    ],
)
def test_a_doubtful_sensor_is_warned_of_and_refused_under_strict(
    tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], doubt: str
) -> None:
    write_self_collected(tmp_path)
    without_units(tmp_path)
    rewrite(tmp_path, change)
    with pytest.warns(UserWarning, match=re.escape(doubt)):
        own(tmp_path, modalities=["imu"]).setup()
    assert doubt in describe(own(tmp_path, modalities=["imu"]))
    with pytest.raises(CosmoError):
        own(tmp_path, modalities=["imu"], strict=True).setup()


def test_good_sensors_are_not_doubted(tmp_path: Path, usc_root: Path, utd_root: Path) -> None:
    write_self_collected(tmp_path)
    for data in (own(tmp_path), USCDataModule(root=str(usc_root)), UTDDataModule(root=str(utd_root))):
        samples = data.load()
        assert sensor_faults(samples, np.arange(len(samples)), data) == ([], [])


def test_few_samples_are_no_fault(tmp_path: Path) -> None:
    write_self_collected(tmp_path, subjects=(1, 4), activities=2, trials=1)
    data = own(tmp_path, test_subjects=(4,))
    samples = data.load()
    assert sensor_faults(samples, np.arange(2), data) == ([], [])
    assert sensor_faults(samples, np.arange(0), data) == ([], [])


def test_a_sensor_is_judged_where_it_is_present() -> None:
    identity = DatasetIdentity()
    identity.channel_groups = {"x": ((0,),)}
    values = np.zeros((30, 4, 1), np.float32)
    values[:15] = np.random.default_rng(0).normal(size=(15, 4, 1))
    columns = (np.zeros(30, np.int64), np.zeros(30, np.int64), np.arange(30).astype(str), np.zeros(30, np.int64))
    half = Samples({"x": values}, *columns, {"x": np.arange(30) < 15})
    assert sensor_faults(half, np.arange(30), identity) == ([], [])
    (dead,), _ = sensor_faults(Samples({"x": values}, *columns), np.arange(15, 30), identity)
    assert "'x' is dead: its 15 samples hold 1 different" in dead
