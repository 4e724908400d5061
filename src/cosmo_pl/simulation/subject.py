"""One simulated person: lengths, habits, sensor placement and position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosmo_pl.simulation.body import BONES, CHANNELS, COLUMN, Array, rotation
from cosmo_pl.skeleton import JOINTS


@dataclass(frozen=True)
class Subject:
    """A simulated person.

    Args:
        age: Years.
        height: Metres.
        weight: Kilograms.
        scale: Factor (20,) on the standard offset of each joint.
        tempo: Factor on all durations.
        gain: Factor (C,) on the difference of each channel from the neutral pose.
        posture: Offset (C,) of each channel in the neutral pose.
        facing: Rotation away from the camera, to the left (degrees).
        position: Position in the camera's frame: to the right, floor level, distance (metres).
        mount: Rotation (3, 3) of a worn sensor from its nominal orientation.
        slip: Shift (3,) of a worn sensor from its nominal position (metres).
        looseness: Rotation of a worn sensor by accelerations (3, 3), relative to the usual yielding of a sensor.
    """

    age: int
    height: float
    weight: int
    scale: Array
    tempo: float
    gain: Array
    posture: Array
    facing: float
    position: Array
    mount: Array
    slip: Array
    looseness: Array


def small_turn(rng: np.random.Generator, degrees: float | Array) -> Array:
    """A random rotation matrix whose angles about x, y and z have the specified standard deviation (degrees)."""
    x, y, z = rng.normal(scale=degrees, size=3)
    turn: Array = rotation(0, x) @ rotation(1, y) @ rotation(2, z)
    return turn


def steady_legs(noise: Array) -> Array:
    """Noise on the channels (..., C), smaller on the legs and the same on both, so that both feet reach the floor."""
    steady = noise.copy()
    for name in ("hip", "open", "knee", "ankle"):
        leg = 0.4 * noise[..., COLUMN[f"l_{name}"]]
        steady[..., COLUMN[f"l_{name}"]] = steady[..., COLUMN[f"r_{name}"]] = leg
    return steady


def _scale(rng: np.random.Generator, height: float) -> Array:
    """Lengths of a person's bones: proportional to the height, limbs vary by a few per cent, left like right."""
    scale = np.full(len(JOINTS), height / 1.7)
    for bone in BONES:
        if not bone.joint.startswith("right"):
            scale[JOINTS.index(bone.joint)] *= rng.normal(1.0, 0.03)
    for bone in BONES:
        if bone.joint.startswith("right"):
            scale[JOINTS.index(bone.joint)] = scale[JOINTS.index(bone.joint.replace("right", "left"))]
    return scale


def make_subject(seed: int, subject: int) -> Subject:
    """The person of a subject number.

    Args:
        seed: Seed of the whole simulation.
        subject: Number of the subject, from 1.

    Returns:
        The person, who depends only on these two numbers.
    """
    rng = np.random.default_rng([seed, subject])
    height = float(np.clip(rng.normal(1.7, 0.08), 1.5, 1.95))
    return Subject(
        age=int(rng.integers(21, 50)),
        height=height,
        weight=int(np.clip(rng.normal(22.5, 2.5), 17, 32) * height**2),
        scale=_scale(rng, height),
        tempo=float(np.exp(rng.normal(0.0, 0.1))),
        gain=np.exp(steady_legs(rng.normal(0.0, 0.12, len(CHANNELS)))),
        posture=steady_legs(rng.normal(0.0, 4.0, len(CHANNELS))),
        facing=float(rng.normal(0.0, 8.0)),
        position=rng.normal((-0.08, -1.06, 2.88), (0.04, 0.015, 0.08)),
        mount=small_turn(rng, np.array([14.0, 7.0, 10.0])),
        slip=rng.normal(0.0, 0.015, 3),
        looseness=rng.normal(size=(3, 3)),
    )
