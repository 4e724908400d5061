"""Sensors: each is a function of a `Motion` and knows nothing of what is being done.

A further sensor (depth, radar) is one more function here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.simulation.body import Array, Motion, rotation
from cosmo_pl.simulation.motion import slow_noise, smooth
from cosmo_pl.skeleton import JOINTS

GRAVITY = 9.80665
"""Standard gravity (m/s²)."""

_GIVING_WAY = 0.02  # seconds over which skin and strap follow a shake


@dataclass(frozen=True)
class Placement:
    """Where an inertial sensor is worn.

    Args:
        segment: Segment that carries it.
        joint: Joint from which `offset` counts; it must be a point of the segment.
        offset: Place in the segment's frame (metres), (3,).
        mount: Columns are the sensor's axes in the segment's frame, (3, 3).
        yielding: Turn of the sensor about its own axes for each g along its own axes (degrees, 3 × 3): skin, cloth
            and strap give way to a shake. None for a sensor fixed to the bone.
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
    """What an ideal inertial sensor reads.

    Args:
        motion: The motion.
        placement: Where the sensor is worn.

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
    # The antisymmetric part: what is left of the symmetric one is the error of the finite difference.
    rate = 0.5 * np.stack(
        [spin[:, 2, 1] - spin[:, 1, 2], spin[:, 0, 2] - spin[:, 2, 0], spin[:, 1, 0] - spin[:, 0, 1]], axis=1
    )
    return np.hstack([np.einsum("tij,ti->tj", attitude, force) / GRAVITY, np.rad2deg(rate)])


def with_errors(readings: Array, errors: InertialErrors, rng: np.random.Generator) -> Array:
    """Add bias, white noise and saturation to ideal readings (T, 6)."""
    bias = rng.normal(size=6) * np.repeat([errors.acc_bias, errors.gyro_bias], 3)
    noise = rng.normal(size=readings.shape) * np.repeat([errors.acc_noise, errors.gyro_noise], 3)
    limit = np.repeat([errors.acc_range, errors.gyro_range], 3)
    clipped: Array = np.clip(readings + bias + noise, -limit, limit)
    return clipped


_ERROR = {"elbow": 0.011, "wrist": 0.015, "hand": 0.019, "knee": 0.012, "ankle": 0.012, "foot": 0.014}
_JOINT_ERROR = np.array([_ERROR.get(name.split("_")[-1], 0.005) for name in JOINTS])
"""Standard deviation of a joint's position by the Kinect (metres): worse towards the ends of the limbs."""


def hidden(joints: Array) -> NDArray[np.bool_]:
    """Which joints (T, 20, 3) the trunk hides from a camera in front: (T, 20) bool."""
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
        step: Every how many frames of the motion the camera takes one.
        noise: Factor on all tracking errors; 0 gives the true joints.

    Returns:
        Joint positions (20, 3, T) in metres.
    """
    true = motion.joints[::step]
    frames, joints, _ = true.shape
    drift = slow_noise(rng, frames, joints * 3, 4.0).reshape(true.shape)
    jitter = rng.normal(size=true.shape)
    error = _JOINT_ERROR[:, None] * (drift + 0.25 * jitter) * np.where(hidden(true), 3.0, 1.0)[..., None]
    return (true + noise * error).transpose(1, 2, 0)


EARTH_FIELD = np.array([0.0, -42.0, -22.0])
"""Magnetic field at middle latitudes (µT) in world axes: downwards, and north, which lies towards the camera."""


def magnetometer(motion: Motion, placement: Placement) -> Array:
    """Earth's field in the sensor's own axes (µT), (T, 3), at the motion's rate."""
    attitude = motion.segment(placement.segment) @ placement.mount
    return np.asarray(np.einsum("tij,i->tj", attitude, EARTH_FIELD))
