"""A depth camera: a pinhole that sees the nearest surface of bodies of capsules and spheres in a room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.simulation.body import Array, Motion
from cosmo_pl.skeleton import JOINTS

FIELD_OF_VIEW = (43.0, 57.0)
"""Vertical and horizontal angle of view of a Kinect v1 (degrees)."""

FAR = 8.0  # metres; beyond it the camera has no reading
NEAR = 0.4
_EDGE = 0.2  # metres

LIMBS = (
    *(
        (f"{side}_{a}", f"{side}_{b}", radius)
        for side in ("left", "right")
        for a, b, radius in (
            ("shoulder", "elbow", 0.05),
            ("elbow", "wrist", 0.04),
            ("wrist", "hand", 0.045),
            ("hip", "knee", 0.075),
            ("knee", "ankle", 0.05),
            ("ankle", "foot", 0.045),
        )
    ),
    ("left_shoulder", "right_shoulder", 0.09),
    ("shoulder_center", "spine", 0.14),
    ("spine", "hip_center", 0.14),
    ("left_hip", "right_hip", 0.11),
    ("shoulder_center", "head", 0.06),
)
"""Joint, joint, and radius in metres for a body 1.7 m tall; it is scaled by `limb_size`."""
_HEAD_RADIUS = 0.11


@dataclass(frozen=True)
class Box:
    """An axis-aligned box, such as a table: lowest and highest corner (3,), metres."""

    low: Array
    high: Array


@dataclass(frozen=True)
class Room:
    """The inside of a box, with boxes in it.

    Args:
        low: Lowest x, y, z: left wall, floor, behind the camera (metres).
        high: Highest: right wall, ceiling, back wall.
        boxes: Boxes in the room.
    """

    low: Array
    high: Array
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True)
class Camera:
    """A pinhole at the origin that looks along z, x to the right of the picture, y up.

    Args:
        height: Rows.
        width: Columns.
    """

    height: int = 60
    width: int = 80

    @cached_property
    def focal(self) -> tuple[float, float]:
        """Focal length in pixels, vertical and horizontal."""
        vertical, horizontal = np.tan(np.deg2rad(FIELD_OF_VIEW) / 2)
        return self.height / 2 / float(vertical), self.width / 2 / float(horizontal)

    def rays(self) -> Array:
        """Directions (rows, columns, 3) with z = 1, so that the length along one is the depth."""
        fy, fx = self.focal
        y = ((self.height - 1) / 2 - np.arange(self.height)) / fy
        x = (np.arange(self.width) - (self.width - 1) / 2) / fx
        rays = np.ones((self.height, self.width, 3))
        rays[..., 0], rays[..., 1] = x, y[:, None]
        return rays

    def window(self, centres: Array, radius: float) -> tuple[slice, slice]:
        """Rows and columns in which spheres (n, 3) of a radius can be seen; empty where they cannot."""
        corners = (centres + radius * _CORNERS).reshape(-1, 3)
        if corners[:, 2].min() < NEAR / 2:
            return slice(0, self.height), slice(0, self.width)
        fy, fx = self.focal
        rows = (self.height - 1) / 2 - fy * corners[:, 1] / corners[:, 2]
        columns = (self.width - 1) / 2 + fx * corners[:, 0] / corners[:, 2]
        return _within(rows, self.height), _within(columns, self.width)


_CORNERS = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])[:, None]


def _within(pixels: Array, size: int) -> slice:
    low, high = math.floor(pixels.min()), math.ceil(pixels.max()) + 1
    low, high = (min(max(pixel, 0), size) for pixel in (low, high))
    return slice(low, max(low, high))


def capsule_depth(rays: Array, start: Array, end: Array, radius: float) -> Array:
    """Depth (...,) at which rays (..., 3) from the origin enter a capsule, infinite where they miss it.

    The line between the ends, as thick as `radius`, with round ends; a sphere where the ends are one.

    Args:
        rays: Directions with z = 1.
        start: One end (3,), metres.
        end: The other (3,).
        radius: Metres.
    """
    axis = end - start
    length2, across, along = float(axis @ axis), rays @ axis, -float(axis @ start)
    towards, square, distance2 = -(rays @ start), (rays * rays).sum(axis=-1), float(start @ start)
    # Quadratic in the depth t for the distance of t·ray from the line; what lies beyond an end belongs to its sphere.
    a = length2 * square - across**2
    b = length2 * towards - along * across
    c = length2 * distance2 - along**2 - radius**2 * length2
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = (-b - np.sqrt(b * b - a * c)) / a
        share = along + depth * across
        side = np.where((share > 0) & (share < length2) & (depth > 0), depth, np.inf)
    ends = np.minimum(sphere_depth(rays, start, radius, square), sphere_depth(rays, end, radius, square))
    nearest: NDArray[np.float64] = np.minimum(side, ends)
    return nearest


def sphere_depth(rays: Array, centre: Array, radius: float, square: Array | None = None) -> Array:
    """Depth (...,) at which rays (..., 3) from the origin enter a sphere, infinite where they miss it.

    Args:
        rays: Directions with z = 1.
        centre: Its centre (3,), metres.
        radius: Metres.
        square: Squares of the rays' lengths (...,), where they are known.
    """
    if square is None:
        square = (rays * rays).sum(axis=-1)
    towards = rays @ centre
    under = towards**2 - square * (float(centre @ centre) - radius**2)
    with np.errstate(invalid="ignore"):
        depth = (towards - np.sqrt(under)) / square
    return np.asarray(np.where((under >= 0) & (depth > 0), depth, np.inf))


def room_depth(rays: Array, room: Room) -> Array:
    """Depth (...,) at which rays (..., 3) from within a room meet its walls or a box."""
    with np.errstate(divide="ignore"):
        walls = np.where(rays > 0, room.high / rays, np.where(rays < 0, room.low / rays, np.inf)).min(axis=-1)
    for box in room.boxes:
        walls = np.minimum(walls, box_depth(rays, box))
    return np.asarray(walls)


def box_depth(rays: Array, box: Box) -> Array:
    """Depth (...,) at which rays (..., 3) from the origin, outside, enter a box, infinite where they miss it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = box.low / rays, box.high / rays
    enter, leave = np.minimum(first, second).max(axis=-1), np.maximum(first, second).min(axis=-1)
    return np.asarray(np.where((enter <= leave) & (enter > 0), enter, np.inf))


def limb_size(joints: Array) -> float:
    """Size of a body with joints (20, 3), relative to one 1.7 m tall."""
    trunk = joints[JOINTS.index("shoulder_center")] - joints[JOINTS.index("spine")]
    return float(np.linalg.norm(trunk)) / 0.34


def limbs(joints: Array) -> list[tuple[Array, Array, float]]:
    """Capsules (start, end, radius) of a body with joints (20, 3); the head is a sphere."""
    at = dict(zip(JOINTS, joints, strict=True))
    size = limb_size(joints)
    found = [(at[a], at[b], size * radius) for a, b, radius in LIMBS]
    return [*found, (at["head"], at["head"], size * _HEAD_RADIUS)]


def depth_frames(bodies: Sequence[Motion], room: Room, camera: Camera, frames: NDArray[np.int64]) -> Array:
    """Depth frames of an ideal camera.

    Args:
        bodies: The bodies.
        room: The room.
        camera: The camera.
        frames: Frames (T,) of the motions that it takes.

    Returns:
        Depth (T, height, width) along the camera's axis in metres.
    """
    rays = camera.rays()
    empty = room_depth(rays, room)
    pictures = np.repeat(empty[None], len(frames), axis=0)
    for picture, frame in zip(pictures, frames, strict=True):
        for body in bodies:
            for start, end, radius in limbs(body.joints[frame]):
                window = camera.window(np.stack([start, end]), radius)
                seen = picture[window]
                np.minimum(seen, capsule_depth(rays[window], start, end, radius), out=seen)
    return pictures


def with_depth_errors(depth: Array, rng: np.random.Generator, factor: float = 1.0) -> NDArray[np.uint16]:
    """Adds the errors of a structured-light camera, and rounds.

    Noise along the ray grows with the square of the distance (K. Khoshelham and S. Elberink, Sensors 2012: 1.4 mm at
    1 m); readings are lost where a neighbouring pixel is much nearer or farther, and at random pixels.

    Args:
        depth: True depth (T, height, width), metres.
        rng: Source of the errors.
        factor: Factor on noise and losses; 0 for none.

    Returns:
        Millimetres; 0 where there is no reading.
    """
    noisy = depth + factor * 0.0014 * depth**2 * rng.standard_normal(depth.shape)
    edge = np.zeros(depth.shape, dtype=bool)
    # Second differences: small on a slanted floor, however few the rows.
    edge[:, 1:-1] |= np.abs(np.diff(depth, n=2, axis=1)) > _EDGE
    edge[:, :, 1:-1] |= np.abs(np.diff(depth, n=2, axis=2)) > _EDGE
    lost = (rng.random(depth.shape) < factor * np.where(edge, 0.35, 0.005)) | (depth > FAR) | (depth < NEAR)
    return np.where(lost, 0, np.round(1000 * noisy)).astype(np.uint16)
