"""An articulated body: twenty joints, thirteen rigid segments, and forward kinematics from joint angles.

Every frame here is right-handed with x to the subject's right, y up and z backwards. For a subject who faces a Kinect
these are the camera's axes, so that world coordinates need no further rotation.

All angles are in degrees. A positive angle bends a limb forwards (``flex``, ``elbow``, ``hip``, ``ankle``), a knee
backwards, moves a limb away from the body (``abd``, ``open``), rotates it inwards (``spin``, ``roll``), bends the
trunk forwards (``pitch``, ``bend``, ``nod``), and rotates or leans it to the left (``yaw``, ``twist``) or to the right
(``side``, ``lean``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.skeleton import JOINTS, PARENT

Array = NDArray[np.float64]

SIDES = {"l": ("left", -1.0), "r": ("right", 1.0)}
_LIMB = ("flex", "abd", "spin", "elbow", "roll", "hip", "open", "knee", "ankle")
_TRUNK = ("yaw", "side", "pitch", "twist", "lean", "bend", "nod")
SHIFTS = ("right", "rise", "ahead")
"""Channels that move the whole body, in metres; every other channel is an angle in degrees."""

CHANNELS = (*_TRUNK, *SHIFTS, *(f"{side}_{name}" for side in SIDES for name in _LIMB))
"""All channels of a pose."""

COLUMN = {name: column for column, name in enumerate(CHANNELS)}
_PARTS = ("upper_arm", "forearm", "thigh", "shank", "foot")
SEGMENTS = ("pelvis", "torso", "head", *(f"{side}_{part}" for side in SIDES for part in _PARTS))


@dataclass(frozen=True)
class Bone:
    """A joint, its segment, and its position in the segment's frame for a body 1.7 m tall (metres)."""

    joint: str
    segment: str
    offset: tuple[float, float, float]

    @property
    def parent(self) -> str:
        """The next joint on the way to the root."""
        return PARENT[self.joint]


def _side_bones(side: str) -> tuple[Bone, ...]:
    word, sign = SIDES[side]
    return (
        Bone(f"{word}_shoulder", "torso", (sign * 0.165, -0.10, 0.0)),
        Bone(f"{word}_elbow", f"{side}_upper_arm", (0.0, -0.262, 0.0)),
        Bone(f"{word}_wrist", f"{side}_forearm", (0.0, -0.235, 0.0)),
        Bone(f"{word}_hand", f"{side}_forearm", (0.0, -0.067, 0.0)),
        Bone(f"{word}_hip", "pelvis", (sign * 0.07, -0.075, 0.0)),
        Bone(f"{word}_knee", f"{side}_thigh", (0.0, -0.45, 0.0)),
        Bone(f"{word}_ankle", f"{side}_shank", (0.0, -0.35, 0.0)),
        Bone(f"{word}_foot", f"{side}_foot", (0.0, -0.06, -0.05)),
    )


BONES = (
    Bone("spine", "pelvis", (0.0, 0.075, 0.0)),
    Bone("shoulder_center", "torso", (0.0, 0.34, 0.0)),
    Bone("head", "head", (0.0, 0.19, 0.0)),
    *_side_bones("l"),
    *_side_bones("r"),
)
"""Bones from the root outwards."""

ARM = (0.262, 0.235)
"""Lengths of the standard upper arm and forearm (metres)."""


def rotation(axis: int, degrees: Array) -> Array:
    """Rotation matrices about a coordinate axis.

    Args:
        axis: 0, 1 or 2 for x, y or z.
        degrees: Angles of shape (...,).

    Returns:
        Matrices of shape (..., 3, 3).
    """
    angle = np.deg2rad(np.asarray(degrees, dtype=np.float64))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.zeros((*angle.shape, 3, 3))
    matrix[..., axis, axis] = 1.0
    matrix[..., i, i] = matrix[..., j, j] = np.cos(angle)
    matrix[..., j, i] = np.sin(angle)
    matrix[..., i, j] = -matrix[..., j, i]
    return matrix


@dataclass(frozen=True)
class Motion:
    """The motion that the sensors observe: joints and segments of a body over time.

    Args:
        rate: Frames per second.
        joints: Joint positions (T, 20, 3) in metres, in the order of `JOINTS`.
        rotations: Segment orientations (T, 13, 3, 3), segment to world, in the order of `SEGMENTS`.
    """

    rate: float
    joints: Array
    rotations: Array

    def joint(self, name: str) -> Array:
        """Path of one joint, (T, 3)."""
        return self.joints[:, JOINTS.index(name)]

    def segment(self, name: str) -> Array:
        """Orientation of one segment, (T, 3, 3)."""
        return self.rotations[:, SEGMENTS.index(name)]


def segment_rotations(angles: Array) -> Array:
    """Orientation of each segment.

    Args:
        angles: Channels (T, len(CHANNELS)).

    Returns:
        Matrices (T, 13, 3, 3) from segment to world.
    """

    def about(axis: int, channel: str, sign: float = 1.0) -> Array:
        return rotation(axis, sign * angles[:, COLUMN[channel]])

    turned = {"pelvis": about(1, "yaw") @ about(2, "side", -1) @ about(0, "pitch", -1)}
    turned["torso"] = turned["pelvis"] @ about(1, "twist") @ about(2, "lean", -1) @ about(0, "bend", -1)
    turned["head"] = turned["torso"] @ about(0, "nod", -1)
    for s, (_, sign) in SIDES.items():
        turned[f"{s}_upper_arm"] = (
            turned["torso"] @ about(0, f"{s}_flex") @ about(2, f"{s}_abd", sign) @ about(1, f"{s}_spin", sign)
        )
        turned[f"{s}_forearm"] = turned[f"{s}_upper_arm"] @ about(0, f"{s}_elbow") @ about(1, f"{s}_roll", sign)
        turned[f"{s}_thigh"] = turned["pelvis"] @ about(0, f"{s}_hip") @ about(2, f"{s}_open", sign)
        turned[f"{s}_shank"] = turned[f"{s}_thigh"] @ about(0, f"{s}_knee", -1)
        turned[f"{s}_foot"] = turned[f"{s}_shank"] @ about(0, f"{s}_ankle")
    return np.stack([turned[name] for name in SEGMENTS], axis=1)


def forward_kinematics(rotations: Array, scale: Array) -> Array:
    """Joint positions relative to ``hip_center``.

    Args:
        rotations: Segment orientations (T, 13, 3, 3).
        scale: Factor (20,) on the standard offset of each joint.

    Returns:
        Positions (T, 20, 3) in metres.
    """
    joints = np.zeros((len(rotations), len(JOINTS), 3))
    for bone in BONES:
        joint, parent = JOINTS.index(bone.joint), JOINTS.index(bone.parent)
        offset = scale[joint] * np.array(bone.offset)
        joints[:, joint] = joints[:, parent] + rotations[:, SEGMENTS.index(bone.segment)] @ offset
    return joints


def reach(right: float, up: float, ahead: float) -> dict[str, float]:
    """Arm angles that bring the right wrist to a point: two-link inverse kinematics with the elbow down.

    Args:
        right: Distance to the right of the shoulder (metres, standard body).
        up: Distance above the shoulder.
        ahead: Distance in front of the shoulder.

    Returns:
        The channels ``r_flex``, ``r_abd``, ``r_spin`` and ``r_elbow``.

    Raises:
        ValueError: The point is out of reach.
    """
    upper, fore = ARM
    cosine = (right**2 + up**2 + ahead**2 - upper**2 - fore**2) / (2 * upper * fore)
    if not -1 <= cosine <= 1:
        raise ValueError(f"({right}, {up}, {ahead}) is out of the arm's reach")
    elbow = np.arccos(cosine)
    along, across = upper + fore * np.cos(elbow), fore * np.sin(elbow)
    abd = np.arcsin(np.clip(right / along, -1, 1))
    # Before the swing by `flex` the wrist hangs `along * cos(abd)` below the shoulder and `across` in front of it.
    flex = np.arctan2(ahead, -up) - np.arctan2(across, along * np.cos(abd))
    angles = np.rad2deg([flex, abd, 0.0, elbow])
    return dict(zip(("r_flex", "r_abd", "r_spin", "r_elbow"), angles.tolist(), strict=True))
