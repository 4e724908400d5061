"""A body on a mat, seen from above: how far a camera is from it, and how hard it presses on the mat.

Both are computed from points on the surface of the limbs, which are cylinders with round ends.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.simulation.body import Array, Motion, rotation
from cosmo_pl.simulation.depth_camera import LIMBS, limb_size
from cosmo_pl.simulation.motion import smooth
from cosmo_pl.skeleton import JOINTS

MAT = (1.9, 0.8)
"""Length and width (metres)."""
CAMERA = 2.2
"""Height of the camera above the mat (metres)."""

Cells = NDArray[np.int64]

_POINTS = np.linspace(0.0, 1.0, 7)  # on the axis of a limb
_SETTLING = 0.15  # seconds in which the body settles on the mat
_SUNK = 12  # per cent of the points that are below the surface of the mat
_SOFTNESS = 0.04  # metres over which a limb that is lifted loses its contact
_HEAD = 0.75  # metres from the hip to the end of the mat


def lie_down(motion: Motion, lies: float) -> Motion:
    """Lays a body, described as standing, on a mat whose surface is at height 0.

    Args:
        motion: Its motion.
        lies: Rotation about its long axis, from lying on the back (degrees).

    Returns:
        The motion with x across the mat, y up, z towards the head, and the mean position of the hip at x = z = 0.
    """
    turned = rotation(0, np.array(90.0)) @ rotation(1, np.array(lies))
    joints = (motion.joints - motion.joints[:, :1].mean(axis=0)) @ turned.T
    points, radius = surface_points(joints)
    surface = np.percentile(points[..., 1] - radius, _SUNK, axis=1)
    joints[..., 1] -= smooth(surface, _SETTLING * motion.rate)[:, None]
    return Motion(motion.rate, joints, turned @ motion.rotations)


def surface_points(joints: Array) -> tuple[Array, Array]:
    """Points on the axes of the limbs (T, P, 3) of bodies (T, 20, 3), and the radius of the limb at each (P,)."""
    at = {name: joints[:, column] for column, name in enumerate(JOINTS)}
    size = limb_size(joints[0])
    lines = [at[a][:, None] + _POINTS[:, None] * (at[b] - at[a])[:, None] for a, b, _ in LIMBS]
    radius = np.repeat([size * radius for _, _, radius in LIMBS], len(_POINTS))
    return np.concatenate(lines, axis=1), radius


def camera_pictures(joints: Array, shape: tuple[int, int]) -> Array:
    """Pictures (T, *shape) of bodies (T, 20, 3) from above, the head at the top: 1 at the mat, 0 at the camera."""
    points, radius = surface_points(joints)
    height = np.zeros((len(points), *shape))
    np.maximum.at(height, _pixels(points, shape), np.clip(points[..., 1] + radius, 0, CAMERA))
    return 1 - height / CAMERA


def pressures(joints: Array, shape: tuple[int, int], highest: float) -> Array:
    """Pressure of bodies (T, 20, 3) on each cell of the mat (T, *shape), the head at the top, 0 to `highest`."""
    points, radius = surface_points(joints)
    contact = radius * np.exp(-np.clip(points[..., 1] - radius, 0, None) / _SOFTNESS)
    pressure = np.zeros((len(points), *shape))
    np.add.at(pressure, _pixels(points, shape), contact)
    return np.minimum(highest * pressure / 0.3, highest)


def _pixels(points: Array, shape: tuple[int, int]) -> tuple[Cells, Cells, Cells]:
    """Frame, row and column of each point (T, P); points beside the mat are at its edge."""
    row = np.clip((_HEAD - points[..., 2]) / MAT[0] * shape[0], 0, shape[0] - 1).astype(np.int64)
    column = np.clip((points[..., 0] / MAT[1] + 0.5) * shape[1], 0, shape[1] - 1).astype(np.int64)
    frame = np.broadcast_to(np.arange(len(points))[:, None], row.shape)
    return frame, row, column
