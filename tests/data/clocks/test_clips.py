"""Clocks of short clips: closed forms, a naive loop, and what must not be changed."""

from __future__ import annotations

import numpy as np
import pytest

from cosmo_pl.data.clocks.clips import (
    SPACING,
    Motion,
    clip_ages,
    clock_shifts,
    estimate_from_clips,
    motion_curve,
    motion_of_gyroscope,
    motion_of_skeleton,
    overlap,
)
from cosmo_pl.data.clocks.features import RATE
from cosmo_pl.errors import ConfigurationError

SECONDS = 4.0


def clips(count: int = 60, shared: bool = True) -> list[tuple[Motion, Motion]]:
    """A skeleton at 18 frames per second and an inertial sensor at 50 Hz that see the same smooth random motion."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(count):
        slow, fast = np.linspace(0, SECONDS, 73), np.arange(0, SECONDS, 1 / 50)
        waves = random.uniform(0.3, 1.5, 6), random.uniform(0, 6.3, 6)
        other = waves if shared else (random.uniform(0.3, 1.5, 6), random.uniform(0, 6.3, 6))
        found.append((Motion(slow, _motion(slow, *waves)), Motion(fast, _motion(fast, *other))))
    return found


def _motion(times: np.ndarray, frequency: np.ndarray, phase: np.ndarray) -> np.ndarray:
    return np.abs(np.sin(2 * np.pi * np.outer(times, frequency) + phase).sum(axis=1))


@pytest.mark.parametrize("offset", [-0.6, -0.13, 0.0, 0.25, 0.7])
def test_a_known_offset_is_found_and_corrected(offset: float) -> None:
    found = clock_shifts(clips(), np.ones(60, dtype=np.int64), (offset, 0.0), correct=True)
    assert found.estimates[1].reliable
    assert found.estimates[1].offset == pytest.approx(offset, abs=0.01)
    assert np.abs(found.shift).max() < 0.02


def test_a_known_drift_is_found_for_each_subject() -> None:
    subjects = np.repeat([3, 8], 60)
    found = clock_shifts([*clips(), *clips()], subjects, (-0.2, 120.0), correct=True)
    assert sorted(found.estimates) == [3, 8]
    for each in found.estimates.values():
        assert each.drift == pytest.approx(120, abs=10)
        assert each.offset == pytest.approx(-0.2, abs=0.02)
    assert np.abs(found.shift).max() < 0.03


def test_without_a_correction_the_error_stays() -> None:
    found = clock_shifts(clips(3), np.array([1, 1, 2]), (0.1, 1000.0))
    assert not found.estimates
    assert np.allclose(sorted(found.shift), [0.1, 0.1, 0.1 + SPACING / 1000])


def test_sensors_that_see_different_motion_are_not_corrected() -> None:
    found = clock_shifts(clips(shared=False), np.ones(60, dtype=np.int64), (0.3, 0.0), correct=True)
    assert not found.estimates[1].reliable
    assert np.allclose(found.shift, 0.3)


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_not_believed(seed: int) -> None:
    random = np.random.default_rng(seed)
    noise = [tuple(Motion(each.times, random.random(len(each.times))) for each in clip) for clip in clips()]
    assert not estimate_from_clips(noise, SPACING * np.arange(60)).reliable


def test_few_or_still_clips_say_so() -> None:
    assert "9 clips" in estimate_from_clips(clips(9), np.zeros(9)).problem
    still = [(one, Motion(two.times, np.ones_like(two.values))) for one, two in clips(20)]
    found = estimate_from_clips(still, np.zeros(20))
    assert "0 clips" in found.problem and not found.reliable and found.offset == 0.0
    apart = [(one, two.shifted(SECONDS - 0.5)) for one, two in clips(20)]
    assert "0 clips" in estimate_from_clips(apart, np.zeros(20)).problem


def test_an_offset_beyond_the_searched_range_is_not_believed() -> None:
    found = estimate_from_clips([(one, two.shifted(1.03)) for one, two in clips()], np.zeros(60))
    assert "edge" in found.problem and not found.reliable


def test_the_curve_is_the_correlation_over_the_shared_time() -> None:
    ((one, two),) = clips(1)
    curve = motion_curve(one, two, 20)
    assert curve is not None
    for lag in range(-20, 21):
        first, second = max(0.0, -lag / RATE), min(one.times[-1], two.times[-1] - lag / RATE)
        times = np.arange(round(first * RATE), np.floor(second * RATE + 1e-9) + 1) / RATE
        a = np.interp(times, one.times, one.values)
        b = np.interp(times + lag / RATE, two.times, two.values)
        assert curve[lag + 20] == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-9)


def test_ages_of_clips_are_in_random_order() -> None:
    """In the order of the files, which are sorted by action, a drift would reveal the action."""
    subjects = np.repeat([2, 5], 50)
    ages = clip_ages(subjects)
    for subject in (2, 5):
        own = ages[subjects == subject]
        assert sorted(own) == [SPACING * number for number in range(50)]
        assert abs(np.corrcoef(own, np.arange(50))[0, 1]) < 0.4
    assert np.array_equal(ages, clip_ages(subjects))


def test_motion_is_large_where_the_body_moves() -> None:
    times = np.arange(0, 4, 1 / 50)
    moving = (times > 1) & (times < 2)
    rate = np.where(moving, 200 * np.sin(20 * (times - 1)), 0)[:, None] * np.ones(3)
    joints = np.where(moving, np.sin(20 * times), 0)[:, None, None] * np.ones((1, 20, 3))
    for motion in (
        motion_of_gyroscope(rate.astype(np.float32), times),
        motion_of_skeleton(joints.astype(np.float32), times),
    ):
        assert motion.values[moving].mean() > 3 * motion.values[(times < 0.5) | (times > 2.5)].mean()


def test_an_error_that_leaves_no_clip_is_refused() -> None:
    assert overlap((0, 4), (0.5, 4.5)) == (0.5, 4)
    with pytest.raises(ConfigurationError, match=r"clock_error: leaves 1\.00 s of a clip of 4\.00 s"):
        overlap((0, 4), (3, 7))
