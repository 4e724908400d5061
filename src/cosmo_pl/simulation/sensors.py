"""Inertial sensors, skeletons and magnetometers: each is a function of a `Motion`, independent of the activity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.simulation.body import Array, Motion, rotation
from cosmo_pl.simulation.motion import slow_noise, smooth
from cosmo_pl.skeleton import JOINTS

GRAVITY = 9.80665
"""Standard gravity (m/s²)."""

_GIVING_WAY = 0.02  # seconds in which skin and strap follow an acceleration


@dataclass(frozen=True)
class Placement:
    """The placement of an inertial sensor.

    Args:
        segment: Segment that carries it.
        joint: Joint from which `offset` starts; it must be a point of the segment.
        offset: Position in the segment's frame (metres), (3,).
        mount: Columns are the sensor's axes in the segment's frame, (3, 3).
        yielding: Rotation of the sensor about its axes for each g along its axes (degrees, 3 × 3), as skin, cloth
            and strap yield to accelerations. None for a sensor fixed to the bone.
    """

    segment: str
    joint: str
    offset: Array
    mount: Array
    yielding: Array | None = None


@dataclass(frozen=True)
class InertialErrors:
    """Errors of an inertial sensor: standard deviations of bias and noise, and the range (g and degrees per second)."""

    acc_bias: float = 0.02
    acc_noise: float = 0.012
    gyro_bias: float = 0.6
    gyro_noise: float = 0.8
    acc_range: float = 8.0
    gyro_range: float = 1000.0


def imu(motion: Motion, placement: Placement) -> Array:
    """Readings of an ideal inertial sensor.

    Args:
        motion: The motion.
        placement: The placement of the sensor.

    Returns:
        Specific force in g (at rest: 1 upwards) and angular rate in degrees per second, both in the sensor's own
        axes, (T, 6), at the motion's rate.
    """
    turned = motion.segment(placement.segment)
    path = motion.joint(placement.joint) + turned @ placement.offset
    attitude = turned @ placement.mount
    step = 1.0 / motion.rate
    acceleration = np.gradient(np.gradient(path, step, axis=0, edge_order=2), step, axis=0, edge_order=2)
    if placement.yielding is not None:
        shake = np.einsum("tij,ti->tj", attitude, acceleration) / GRAVITY
        x, y, z = smooth(shake @ placement.yielding.T, _GIVING_WAY * motion.rate).T
        attitude = attitude @ rotation(0, x) @ rotation(1, y) @ rotation(2, z)
    force = acceleration + np.array([0.0, GRAVITY, 0.0])
    spin = attitude.transpose(0, 2, 1) @ np.gradient(attitude, step, axis=0, edge_order=2)
    # The antisymmetric part; the symmetric part is the error of the finite difference.
    rate = 0.5 * np.stack(
        [spin[:, 2, 1] - spin[:, 1, 2], spin[:, 0, 2] - spin[:, 2, 0], spin[:, 1, 0] - spin[:, 0, 1]], axis=1
    )
    return np.hstack([np.einsum("tij,ti->tj", attitude, force) / GRAVITY, np.rad2deg(rate)])


def with_errors(readings: Array, errors: InertialErrors, rng: np.random.Generator) -> Array:
    """Adds bias, white noise and saturation to ideal readings (T, 6)."""
    bias = rng.normal(size=6) * np.repeat([errors.acc_bias, errors.gyro_bias], 3)
    noise = rng.normal(size=readings.shape) * np.repeat([errors.acc_noise, errors.gyro_noise], 3)
    limit = np.repeat([errors.acc_range, errors.gyro_range], 3)
    clipped: Array = np.clip(readings + bias + noise, -limit, limit)
    return clipped


_ERROR = {"elbow": 0.011, "wrist": 0.015, "hand": 0.019, "knee": 0.012, "ankle": 0.012, "foot": 0.014}
_JOINT_ERROR = np.array([_ERROR.get(name.split("_")[-1], 0.005) for name in JOINTS])
"""Standard deviation of a joint's position by the Kinect (metres): worse towards the ends of the limbs."""


def hidden(joints: Array) -> NDArray[np.bool_]:
    """Whether the trunk hides joints (T, 20, 3) from a camera in front: (T, 20) bool."""
    spine, shoulder = joints[:, JOINTS.index("spine")], joints[:, JOINTS.index("shoulder_center")]
    behind = joints[..., 2] > np.maximum(spine, shoulder)[:, None, 2] + 0.05
    below = joints[..., 1] < shoulder[:, None, 1]
    above = joints[..., 1] > spine[:, None, 1] - 0.15
    mask: NDArray[np.bool_] = behind & below & above & (np.abs(joints[..., 0] - spine[:, None, 0]) < 0.16)
    return mask


def kinect(motion: Motion, rng: np.random.Generator, step: int, noise: float = 1.0) -> Array:
    """Skeleton of a camera in front of the subject.

    Args:
        motion: The motion; its world axes are the camera's.
        rng: Source of the tracking errors.
        step: Number of frames of the motion per frame of the camera.
        noise: Factor on all tracking errors; 0 gives the true joints.

    Returns:
        Joint positions (20, 3, T) in metres.
    """
    true = motion.joints[::step]
    frames, joints, _ = true.shape
    drift = slow_noise(rng, frames, joints * 3, 4.0).reshape(true.shape)
    jitter = rng.normal(size=true.shape)
    error = _JOINT_ERROR[:, None] * (drift + 0.25 * jitter) * np.where(hidden(true), 3.0, 1.0)[..., None]
    measured: NDArray[np.float64] = (true + noise * error).transpose(1, 2, 0)
    return measured


EARTH_FIELD = np.array([0.0, -42.0, -22.0])
"""Magnetic field at middle latitudes (µT) in world axes: downwards, and towards north, where the camera is."""


def magnetometer(motion: Motion, placement: Placement) -> Array:
    """Earth's field in the sensor's own axes (µT), (T, 3), at the motion's rate."""
    attitude = motion.segment(placement.segment) @ placement.mount
    return np.asarray(np.einsum("tij,i->tj", attitude, EARTH_FIELD))
