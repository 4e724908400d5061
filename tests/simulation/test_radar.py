"""The radar: a known scatterer in the right voxel, moving at the right speed."""

from __future__ import annotations

import numpy as np
import pytest

from cosmo_pl.simulation.body import Motion
from cosmo_pl.simulation.radar import BIN, BINS, HIGH, LOW, echo, polar, radar_frames, scatterers
from cosmo_pl.simulation.utd import utd_motion
from cosmo_pl.skeleton import JOINTS


def place(distance: float, azimuth: float, elevation: float) -> np.ndarray:
    a, e = np.deg2rad([azimuth, elevation])
    return distance * np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])


def voxel(position: np.ndarray) -> tuple[int, ...]:
    """Bins of range, azimuth and elevation that contain a position (3,)."""
    return tuple(np.floor((polar(position) - LOW) / BIN).astype(int).tolist())


def test_polar_coordinates_are_what_they_say() -> None:
    for told in ((2.0, 0.0, 0.0), (1.3, 35.0, -12.0), (4.0, -50.0, 20.0)):
        np.testing.assert_allclose(polar(place(*told)), told, atol=1e-9)


def test_bins_tile_the_field() -> None:
    np.testing.assert_allclose(BIN, [0.25, 3.75, 3.75])
    assert voxel(place(0.51, -59.9, -29.9)) == (0, 0, 0)
    assert voxel(place(4.49, 59.9, 29.9)) == tuple(count - 1 for count in BINS)


@pytest.mark.parametrize("told", [(2.0, 10.0, 5.0), (1.1, -40.0, -20.0), (3.9, 55.0, 1.0)])
@pytest.mark.parametrize("speed", [1.5, -0.6])
def test_a_scatterer_peaks_in_its_voxel_with_its_speed(told: tuple[float, float, float], speed: float) -> None:
    seen = echo(np.array([[told]]), np.array([[speed]]), np.array([1.0]))
    assert seen.shape == (2, 1, *BINS)
    intensity, momentum = seen[:, 0]
    assert np.unravel_index(intensity.argmax(), BINS) == voxel(place(*told))
    np.testing.assert_allclose(momentum, speed * intensity, atol=1e-30)


def test_intensity_falls_with_the_square_of_the_range() -> None:
    middle = LOW + BIN * (np.array([2, 16, 8]) + 0.5)
    far = middle * [1, 1, 1] + [2 * BIN[0] * 4, 0, 0]
    near_one, far_one = (echo(np.array([[w]]), np.array([[1.0]]), np.array([1.0]))[0].max() for w in (middle, far))
    assert near_one / far_one == pytest.approx((far[0] / middle[0]) ** 2)


def test_what_stands_still_is_filtered_out() -> None:
    where = np.array([[(2.0, 0.0, 0.0)]])
    still, slow, fast = (echo(where, np.array([[v]]), np.array([1.0]))[0].max() for v in (0.0, 0.08, 5.0))
    assert still == 0 and slow / fast == pytest.approx(0.5, rel=0.01)


def moving(velocity: np.ndarray, rate: float = 300.0) -> Motion:
    """A body that moves as a whole."""
    joints = utd_motion(0, 1, 1, 1)[0].joints[:1]
    clock = np.arange(120)[:, None, None] / rate
    return Motion(rate, joints + clock * velocity, np.zeros((120, 13, 3, 3)))


@pytest.mark.parametrize("speed", [1.0, -1.0])
def test_a_body_that_walks_away_has_positive_speed(speed: float) -> None:
    frames = np.arange(10, 110, 20)
    seen = radar_frames([moving(np.array([0.0, 0.0, speed]))], frames, np.random.default_rng(0), 0.0).astype(float)
    assert seen.shape == (5, 2, *BINS)
    intensity, velocity = seen[:, 0], seen[:, 1]
    strong = intensity > 0.5 * intensity.max()
    np.testing.assert_allclose(velocity[strong], speed, rtol=0.15)
    assert (velocity[intensity < 0.01] == 0).all()
    body = moving(np.array([0.0, 0.0, speed]))
    trunk = voxel(body.joints[50, JOINTS.index("spine")])
    loudest = np.unravel_index(intensity[2].argmax(), BINS)
    assert all(abs(a - b) <= 2 for a, b in zip(loudest, trunk, strict=True))


def test_sideways_movement_has_no_doppler() -> None:
    frames = np.array([60])
    seen = radar_frames([moving(np.array([1.0, 0.0, 0.0]))], frames, np.random.default_rng(0), 0.0)
    along = radar_frames([moving(np.array([0.0, 0.0, 1.0]))], frames, np.random.default_rng(0), 0.0)
    assert seen[:, 0].max() < 0.5 * along[:, 0].max() and np.abs(seen[:, 1]).max() < 0.4


def test_bodies_add_up_and_noise_has_its_factor() -> None:
    frames, body = np.array([30, 60]), moving(np.array([0.0, 0.0, 1.0]))
    one = radar_frames([body], frames, np.random.default_rng(0), 0.0)[:, 0].astype(float)
    two = radar_frames([body, body], frames, np.random.default_rng(0), 0.0)[:, 0].astype(float)
    np.testing.assert_allclose(two, 2 * one, rtol=2e-3, atol=1e-4)
    floors = [
        radar_frames([moving(np.zeros(3))], frames, np.random.default_rng(0), factor)[:, 0].astype(float).mean()
        for factor in (0.0, 1.0, 3.0)
    ]
    assert floors[0] == 0 and floors[2] == pytest.approx(3 * floors[1], rel=0.01)


def test_scatterers_lie_on_the_limbs() -> None:
    body = moving(np.zeros(3))
    places, sections = scatterers(body)
    assert places.shape[1] == len(sections) and (sections > 0).all()
    low, high = body.joints[0].min(axis=0), body.joints[0].max(axis=0)
    assert ((places[0] >= low) & (places[0] <= high)).all()
    assert (HIGH > LOW).all()
