"""The clock of UTD-MHAD's inertial sensor: an error that is put in cuts clips, and is corrected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.data import UTDDataModule
from cosmo_pl.data.clocks.clips import clock_shifts
from cosmo_pl.data.recordings import resample
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.utd_clocks import motions, with_clocks
from cosmo_pl.errors import ConfigurationError

from .raw import write_utd

STEPS = {"inertial": 120, "skeleton": 40}


def read(root: Path, **arguments: object) -> Samples:
    data = UTDDataModule(**{"root": str(root), "labels_per_class": 1, **arguments})
    return data.load()


def test_without_an_error_the_clips_are_those_that_are_resampled() -> None:
    random = np.random.default_rng(0)
    clip = random.normal(size=(151, 6)).astype(np.float32), random.normal(size=(61, 20, 3)).astype(np.float32)
    inputs, estimates = with_clocks([clip], np.array([1]), STEPS, (0.0, 0.0), correct=False)
    assert not estimates
    for values, name in zip(clip, STEPS, strict=True):
        assert np.allclose(inputs[name][0], resample(values, STEPS[name]), atol=1e-6)


@pytest.mark.parametrize("offset", [-0.5, 0.4])
def test_both_sensors_are_cut_to_the_time_that_they_share(offset: float) -> None:
    """Each value is the true time at which it was recorded."""
    true = np.linspace(0, 3, 151, dtype=np.float32)[:, None].repeat(6, axis=1)
    joints = np.linspace(0, 3, 61, dtype=np.float32)[:, None, None] * np.ones((1, 20, 3), dtype=np.float32)
    inputs, _ = with_clocks([(true, joints)], np.array([1]), STEPS, (offset, 0.0), correct=False)
    start, stop = max(0.0, offset), min(3.0, 3.0 + offset)
    assert np.allclose(inputs["skeleton"][0, [0, -1], 0, 0], [start, stop], atol=1e-5)
    assert np.allclose(inputs["inertial"][0, [0, -1], 0], [start - offset, stop - offset], atol=1e-5)


def test_simulated_clips_are_corrected(utd_root: Path) -> None:
    """The simulation has no error, so what is read after the correction is nearly what is recorded."""
    recorded, late = read(utd_root), read(utd_root, clock_error=(0.4, 0.0))
    corrected = read(utd_root, clock_error=(0.4, 0.0), correct_clocks=True)
    for name in STEPS:
        apart = [np.abs(each.inputs[name] - recorded.inputs[name]).mean() for each in (late, corrected)]
        assert apart[1] < 0.5 * apart[0]


def test_an_uncertain_clock_is_not_changed_and_that_is_said(tmp_path: Path) -> None:
    """Clips of noise, 54 of each subject: the sensors have nothing in common."""
    random = np.random.default_rng(0)
    write_utd(
        tmp_path,
        inertial=lambda *_: random.normal(size=(150, 6)),
        skeleton=lambda *_: np.arange(20)[:, None, None] / 20 + random.normal(size=(20, 3, 60)) / 100,
    )
    plain = read(tmp_path, test_subjects=[4])
    with pytest.warns(UserWarning, match="keep the clock of their inertial sensor"):
        found = read(tmp_path, test_subjects=[4], correct_clocks=True)
    for name in STEPS:
        assert np.allclose(found.inputs[name], plain.inputs[name], atol=1e-4)


def test_clocks_need_both_sensors() -> None:
    with pytest.raises(ConfigurationError, match="clock_error: compares stretched clips of inertial and skeleton"):
        UTDDataModule(modalities=["inertial"], clock_error=(0.1, 0.0))
    with pytest.raises(ConfigurationError, match="correct_clocks: compares"):
        UTDDataModule(modalities=["inertial", "skeleton", "depth"], correct_clocks=True)


def test_errors_of_real_clips_are_found(real_root: Path) -> None:
    """Relative to what is found as recorded, to within 60 ms for every subject."""
    if not (real_root / "UTD-MHAD").is_dir():
        pytest.skip("COSMO_PL_DATA holds no UTD-MHAD")
    data = UTDDataModule(root=str(real_root))
    recordings = [each for each in data.find_recordings(data.folder) if each.subject in (7, 8) and not each.lacks]
    subjects = np.array([each.subject for each in recordings])
    clips = motions(data.pairs_of(recordings))
    recorded = clock_shifts(clips, subjects, correct=True)
    for error in ((0.5, 0.0), (-0.3, 90.0)):
        found = clock_shifts(clips, subjects, error, correct=True)
        assert all(each.reliable for each in found.estimates.values())
        apart = np.abs(found.shift - recorded.shift)
        assert max(apart[subjects == subject].mean() for subject in (7, 8)) < 0.06
