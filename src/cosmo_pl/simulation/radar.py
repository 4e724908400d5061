"""A millimetre-wave radar: voxels of range, azimuth and elevation from moving scatterers on the limbs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.simulation.body import Array, Motion
from cosmo_pl.skeleton import JOINTS

BINS = (16, 32, 16)
"""Bins of range, azimuth and elevation."""

LOW, HIGH = np.array([0.5, -60.0, -30.0]), np.array([4.5, 60.0, 30.0])
"""Ends of the first and the last bin: metres, degrees to the right, degrees upwards."""

BIN = (HIGH - LOW) / BINS
"""Size of a bin: 0.25 m and 3.75 degrees."""

SPREAD = 0.6  # standard deviation of the point spread, in bins
CLUTTER_SPEED = 0.08  # m/s: slower scatterers are filtered out as clutter
NOISE = 0.004  # mean of the noise floor; an arm that moves at a distance of 3 m gives about 0.1
REFERENCE = 2.0  # metres at which intensities are the cross sections
_FLOOR = 0.02  # smallest intensity of a voxel with a velocity

# Joint, joint and cross section, relative to a trunk; each line carries POINTS scatterers.
POINTS = 4
_LINES = (
    *(
        (f"{side}_{a}", f"{side}_{b}", section)
        for side in ("left", "right")
        for a, b, section in (
            ("shoulder", "elbow", 0.2),
            ("elbow", "hand", 0.15),
            ("hip", "knee", 0.35),
            ("knee", "foot", 0.25),
        )
    ),
    ("head", "shoulder_center", 0.4),
    ("shoulder_center", "spine", 0.8),
    ("spine", "hip_center", 0.8),
)
_FIRST, _SECOND = ([JOINTS.index(line[i]) for line in _LINES] for i in (0, 1))


def scatterers(body: Motion) -> tuple[Array, Array]:
    """Points on a body's limbs: positions (T, S, 3) in metres, and cross sections (S,)."""
    share = (np.arange(POINTS) + 0.5) / POINTS
    first, second = body.joints[:, _FIRST, None], body.joints[:, _SECOND, None]
    positions = first + share[:, None] * (second - first)
    sections = np.repeat([line[2] / POINTS for line in _LINES], POINTS)
    return positions.reshape(len(positions), -1, 3), sections


def polar(positions: Array) -> Array:
    """Range (metres), azimuth and elevation (degrees) of positions (..., 3) seen from the origin along z."""
    x, y, z = np.moveaxis(positions, -1, 0)
    distance = np.linalg.norm(positions, axis=-1)
    return np.stack([distance, np.rad2deg(np.arctan2(x, z)), np.rad2deg(np.arcsin(y / distance))], axis=-1)


def radar_frames(
    bodies: Sequence[Motion],
    frames: NDArray[np.int64],
    rng: np.random.Generator,
    factor: float = 1.0,
) -> NDArray[np.float16]:
    """Radar frames of moving bodies.

    Args:
        bodies: The bodies; the radar is at the origin, beside the camera.
        frames: Frames (T,) of the motions that it takes.
        rng: Source of the noise.
        factor: Factor on the noise; 0 for none.

    Returns:
        (T, 2, 16, 32, 16): intensity relative to a trunk at 2 m, and radial velocity in m/s, positive away from the
        radar and 0 in empty voxels; by range, azimuth and elevation.
    """
    intensity, momentum = np.zeros((2, len(frames), *BINS))
    for body in bodies:
        positions, sections = scatterers(body)
        speed = np.gradient(np.linalg.norm(positions, axis=-1), 1 / body.rate, axis=0)[frames]
        seen = echo(polar(positions[frames]), speed, sections)
        intensity += seen[0]
        momentum += seen[1]
    intensity += factor * NOISE * rng.standard_exponential(intensity.shape)
    velocity = np.divide(momentum, intensity, out=np.zeros_like(momentum), where=intensity > _FLOOR)
    return np.stack([intensity, velocity], axis=1).astype(np.float16)


def echo(where: Array, speed: Array, sections: Array) -> Array:
    """Echoes of scatterers.

    Args:
        where: Range, azimuth and elevation (T, S, 3).
        speed: Radial velocity (T, S), m/s.
        sections: Cross sections (S,).

    Returns:
        Intensity, and intensity times velocity, (2, T, 16, 32, 16). Intensity falls with the square of the range, not
        the fourth power, as the receiver's gain compensates for the rest. Static scatterers are filtered out.
    """
    moving = speed**2 / (speed**2 + CLUTTER_SPEED**2)
    strength = sections * moving * (REFERENCE / where[..., 0]) ** 2
    spreads = []
    for axis, count in enumerate(BINS):
        position = (where[..., axis] - LOW[axis]) / BIN[axis] - 0.5  # in bins, from the middle of the first
        spreads.append(np.exp(-0.5 * ((np.arange(count) - position[..., None]) / SPREAD) ** 2))
    by_range, by_azimuth, by_elevation = spreads
    weighted = np.stack([strength, strength * speed])[..., None] * by_range
    # Range first, then the two angles: one matrix product per frame.
    angles = (by_azimuth[..., :, None] * by_elevation[..., None, :]).reshape(*speed.shape, -1)
    return np.asarray(weighted.swapaxes(-1, -2) @ angles).reshape(2, len(speed), *BINS)
