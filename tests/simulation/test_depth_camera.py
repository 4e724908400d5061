"""The depth camera against closed forms and a ray march."""

from __future__ import annotations

import numpy as np
import pytest

from cosmo_pl.simulation.body import Motion
from cosmo_pl.simulation.depth_camera import (
    FIELD_OF_VIEW,
    Box,
    Camera,
    Room,
    box_depth,
    capsule_depth,
    depth_frames,
    limbs,
    room_depth,
    sphere_depth,
    with_depth_errors,
)
from cosmo_pl.simulation.utd import utd_motion
from cosmo_pl.skeleton import JOINTS

ROOM = Room(np.array([-2.0, -1.0, -1.0]), np.array([3.0, 1.5, 5.0]))


def test_rays_span_the_field_of_view() -> None:
    camera = Camera(60, 80)
    rays = camera.rays()
    assert rays.shape == (60, 80, 3) and (rays[..., 2] == 1).all()
    fy, fx = camera.focal
    # The edges are half a pixel beyond the outermost rays.
    for axis, ends, focal, angle in (
        (1, rays[[0, -1], 0], fy, FIELD_OF_VIEW[0]),
        (0, rays[0, [-1, 0]], fx, FIELD_OF_VIEW[1]),
    ):
        reach = np.arctan(np.array([ends[0, axis] + 0.5 / focal, ends[1, axis] - 0.5 / focal]))
        np.testing.assert_allclose(np.rad2deg(reach), [angle / 2, -angle / 2])
    assert rays[0, 0, 0] < 0 < rays[0, 0, 1]  # left and up


def test_a_sphere_is_as_far_and_as_wide_as_it_should_be() -> None:
    centre, radius = np.array([0.0, 0.0, 3.0]), 0.4
    rays = Camera(481, 641).rays()
    depth = sphere_depth(rays, centre, radius)
    assert depth[240, 320] == pytest.approx(3.0 - radius, abs=1e-12)
    # A ray grazes it where sin(angle) = radius / distance.
    angle = np.arctan(np.linalg.norm(rays[..., :2], axis=2))
    np.testing.assert_array_equal(np.isfinite(depth), angle < np.arcsin(radius / 3.0))
    hit = np.isfinite(depth)
    points = rays[hit] * depth[hit][:, None]
    np.testing.assert_allclose(np.linalg.norm(points - centre, axis=1), radius, atol=1e-9)


def test_walls_are_planes() -> None:
    rays = Camera().rays()
    depth = room_depth(rays, ROOM)
    assert depth[30, 40] == pytest.approx(5.0)
    points = rays * depth[..., None]
    on_wall = np.stack(
        [points[..., 0] + 2, points[..., 0] - 3, points[..., 1] + 1, points[..., 1] - 1.5, points[..., 2] - 5], axis=-1
    )
    assert (np.abs(on_wall).min(axis=-1) < 1e-9).all()
    inside = (points >= ROOM.low - 1e-9) & (points <= ROOM.high + 1e-9)
    assert inside.all()


def test_a_capsule_is_where_a_ray_march_finds_it() -> None:
    rng = np.random.default_rng(0)
    rays = Camera(9, 12).rays()
    for _ in range(12):
        start = rng.uniform((-0.8, -0.6, 1.5), (0.8, 0.6, 3.0))
        end, radius = start + rng.normal(0, 0.5, 3), 0.25
        depth = capsule_depth(rays, start, end, radius)
        steps = np.arange(0.5, 5.0, 0.002)
        points = rays[..., None, :] * steps[:, None]
        share = np.clip(((points - start) @ (end - start)) / ((end - start) @ (end - start)), 0, 1)
        inside = np.linalg.norm(points - (start + share[..., None] * (end - start)), axis=-1) < radius
        marched = np.where(inside.any(axis=-1), steps[inside.argmax(axis=-1)], np.inf)
        missed = np.isinf(marched) & np.isfinite(depth)  # grazed between two steps
        assert missed.sum() <= 1
        np.testing.assert_allclose(depth[~missed], marched[~missed], atol=0.0021)


def test_a_capsule_of_one_point_is_a_sphere() -> None:
    rays, centre = Camera().rays(), np.array([0.2, -0.1, 2.0])
    np.testing.assert_allclose(capsule_depth(rays, centre, centre, 0.3), sphere_depth(rays, centre, 0.3))


def test_a_box_hides_what_is_behind_it() -> None:
    rays = Camera().rays()
    box = Box(np.array([-0.5, -1.0, 2.0]), np.array([0.5, -0.2, 2.6]))
    depth, empty = room_depth(rays, Room(ROOM.low, ROOM.high, (box,))), room_depth(rays, ROOM)
    hit = np.isfinite(box_depth(rays, box))
    assert hit.any() and (depth[hit] < empty[hit]).all()
    np.testing.assert_array_equal(depth[~hit], empty[~hit])
    assert depth[59, 40] == pytest.approx(2.0)  # its front is nearest below the middle
    points = rays[hit] * depth[hit][:, None]
    assert ((points >= box.low - 1e-9) & (points <= box.high + 1e-9)).all()


def standing(z: float, x: float = 0.0) -> Motion:
    joints = utd_motion(0, 1, 1, 1)[0].joints[:1].copy()
    joints += np.array([x, 0.0, z]) - joints[:, [JOINTS.index("hip_center")]] * [1, 0, 1]
    return Motion(30.0, joints, np.zeros((1, 13, 3, 3)))


def test_every_body_is_seen_and_the_nearer_one_in_front() -> None:
    camera, frames = Camera(120, 160), np.array([0])
    near, far, beside = standing(2.0), standing(3.5), standing(3.0, 0.9)
    both = depth_frames([far, near], ROOM, camera, frames)[0]
    np.testing.assert_array_equal(both, np.minimum(*(depth_frames([b], ROOM, camera, frames)[0] for b in (near, far))))
    np.testing.assert_array_equal(both, depth_frames([near, far], ROOM, camera, frames)[0])
    two = depth_frames([near, beside], ROOM, camera, frames)[0]
    empty = room_depth(camera.rays(), ROOM)
    for body in (near, beside):
        alone = depth_frames([body], ROOM, camera, frames)[0]
        assert ((alone < empty) & (two == alone)).sum() > 200


def test_windows_cut_nothing_off() -> None:
    camera, body = Camera(), standing(1.2)
    picture = depth_frames([body], ROOM, camera, np.array([0]))[0]
    rays = camera.rays()
    whole = np.min([room_depth(rays, ROOM), *(capsule_depth(rays, *limb) for limb in limbs(body.joints[0]))], axis=0)
    np.testing.assert_array_equal(picture, whole)


def test_without_errors_depth_is_rounded_alone() -> None:
    depth = np.random.default_rng(0).uniform(0.5, 7.9, (2, 6, 8))
    np.testing.assert_array_equal(with_depth_errors(depth, np.random.default_rng(1), 0.0), np.round(1000 * depth))
    beyond = with_depth_errors(np.full((1, 4, 4), 9.0), np.random.default_rng(1), 0.0)
    assert beyond.dtype == np.uint16 and not beyond.any()


def test_noise_grows_with_the_distance_and_the_factor() -> None:
    def deviation(metres: float, factor: float) -> float:
        seen = with_depth_errors(np.full((20, 40, 40), metres), np.random.default_rng(0), factor).astype(float)
        return float((seen[seen > 0] - 1000 * metres).std())

    assert deviation(2.0, 1.0) == pytest.approx(1.4 * 4, rel=0.05)
    assert deviation(4.0, 1.0) == pytest.approx(1.4 * 16, rel=0.05)
    assert deviation(4.0, 2.0) == pytest.approx(2 * 1.4 * 16, rel=0.05)


def test_readings_are_lost_at_edges() -> None:
    depth = np.full((50, 20, 20), 3.0)
    depth[:, :, 10:] = 2.0
    lost = (with_depth_errors(depth, np.random.default_rng(0)) == 0).mean(axis=(0, 1))
    assert (lost[9:11] > 0.25).all() and (np.delete(lost, [9, 10]) < 0.02).all()
    slanted = np.repeat(np.linspace(2.0, 4.0, 20)[None, :, None], 50, axis=0) * np.ones((1, 1, 20))
    assert (with_depth_errors(slanted, np.random.default_rng(0)) == 0).mean() < 0.02
