"""What the modalities of a dataset measure, and recordings at another rate."""

from __future__ import annotations

import numpy as np
import pytest

from cosmo_pl.data import USCDataModule, UTDDataModule
from cosmo_pl.data.channels import described_sensor
from cosmo_pl.data.recordings import at_rate, central
from cosmo_pl.sensors import SensorDescription

XYZ = ("x", "y", "z")


def test_the_datasets_describe_their_sensors(utd_root, usc_root):
    usc = USCDataModule(root=str(usc_root)).sensors
    assert usc["acc"] == SensorDescription("accelerometer", XYZ, ("g",) * 3, 100.0)
    assert usc["gyro"] == SensorDescription("gyroscope", XYZ, ("deg/s",) * 3, 100.0)
    stretched = UTDDataModule(root=str(utd_root)).sensors
    assert stretched["inertial"] == SensorDescription("inertial", XYZ * 2, ("g",) * 3 + ("deg/s",) * 3, None)
    assert stretched["skeleton"] == SensorDescription("skeleton", XYZ, ("m",) * 3, None)
    kept = UTDDataModule(root=str(utd_root), modalities=["acc", "gyro"], inertial_rate=50).sensors
    at_50 = USCDataModule(root=str(usc_root), rate=50).sensors
    assert kept == at_50


def test_differences_name_both_values():
    acc = SensorDescription("accelerometer", XYZ, ("g",) * 3, 50.0)
    other = SensorDescription("accelerometer", XYZ, ("m/s2",) * 3, None)
    assert other.differences(acc) == ["unit m/s2, not g", "rate varying, not 50 Hz"]
    assert acc.differences(acc) == []


@pytest.mark.parametrize(
    ("units", "kind"),
    [
        (("m/s2",), "accelerometer"),
        (("rad/s",), "gyroscope"),
        (("g", "deg/s"), "inertial"),
        (("g", "uT"), "series"),
        ((), "series"),
    ],
)
def test_a_kind_follows_from_units(units, kind):
    groups = [(3 * i, 3 * i + 1, 3 * i + 2) for i in range(max(1, len(units)))]
    assert described_sensor(groups, units, None, None).kind == kind


def test_a_lower_rate_keeps_slow_movements_and_removes_fast_ones():
    time = np.arange(1000) / 100
    slow, fast = np.sin(2 * np.pi * 1.0 * time), np.sin(2 * np.pi * 50.0 * time + 0.7)  # 50 Hz would become 0 Hz
    found = at_rate(np.stack([slow, fast], axis=1).astype(np.float32), 100, 50)
    assert found.shape == (500, 2) and found.dtype == np.float32
    assert np.allclose(found[1:, 0], slow[2::2], atol=0.01)  # the first average has no earlier step
    assert np.abs(fast[::2]).mean() > 0.5 and np.abs(found[1:, 1]).max() < 1e-3


def test_a_constant_stays_and_no_time_is_added():
    values = np.full((123, 4), 2.5, dtype=np.float32)
    for rate in (7.0, 33.3, 50.0, 100.0, 120.0):
        found = at_rate(values, 50, rate)
        assert np.allclose(found, 2.5)
        assert (len(found) - 1) / rate <= 122 / 50 < len(found) / rate + 1e-9


def test_windows_of_a_lower_rate_cover_the_same_time(usc_root):
    full = USCDataModule(root=str(usc_root), window_size=200, stride=70).load()
    half = USCDataModule(root=str(usc_root), rate=50, window_size=100, stride=35).load()
    at = {place: row for row, place in enumerate(zip(half.recording.tolist(), (2 * half.start).tolist(), strict=True))}
    rows = [at[place] for place in zip(full.recording.tolist(), full.start.tolist(), strict=True)]
    for name, values in full.inputs.items():
        error = half.inputs[name][rows, 1:] - values[:, 2::2]
        assert np.abs(error).mean() < 0.1 * values.std()


def test_the_halves_of_the_inertial_sensor(utd_root):
    both = UTDDataModule(root=str(utd_root), modalities=["inertial"]).load()
    halves = UTDDataModule(root=str(utd_root), modalities=["acc", "gyro"]).load()
    joined = np.concatenate([halves.inputs["acc"], halves.inputs["gyro"]], axis=2)
    assert np.array_equal(joined, both.inputs["inertial"])


def test_clips_in_real_time_are_central_and_short_ones_are_counted(utd_root):
    data = UTDDataModule(root=str(utd_root), modalities=["acc"], inertial_rate=50, inertial_steps=150)
    with pytest.warns(UserWarning, match=r"clips are shorter than 150 steps at 50 Hz and are padded"):
        samples = data.load()
    short = samples.start < 0
    assert short.any() and any(f"{short.sum()} clips are shorter" in line for line in data.faults.lines)
    clip = samples.inputs["acc"][np.flatnonzero(short)[0]]
    assert np.array_equal(clip[0], clip[1])


@pytest.mark.parametrize("length", [3, 4, 7, 8])
def test_the_centre_of_a_recording(length):
    values = np.arange(length)
    found, start = central(values, 5)
    assert len(found) == 5 and (start < 0) == (length < 5)
    inside = [value for value in range(start, start + 5) if 0 <= value < length]
    assert sorted(set(found.tolist())) == inside
    assert abs((start + start + 4) - (length - 1)) <= 1
