"""The skeleton of the Kinect v1, as UTD-MHAD has it: its joints, and the joint that each of them hangs on."""

from itertools import pairwise

JOINTS = (
    "head",
    "shoulder_center",
    "spine",
    "hip_center",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "left_hand",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "right_hand",
    "left_hip",
    "left_knee",
    "left_ankle",
    "left_foot",
    "right_hip",
    "right_knee",
    "right_ankle",
    "right_foot",
)
"""Joints in the order of the recordings."""

ROOT = "hip_center"
_CHAINS = (
    (ROOT, "spine", "shoulder_center", "head"),
    ("shoulder_center", *JOINTS[4:8]),
    ("shoulder_center", *JOINTS[8:12]),
    (ROOT, *JOINTS[12:16]),
    (ROOT, *JOINTS[16:20]),
)
PARENT = {joint: parent for chain in _CHAINS for parent, joint in pairwise(chain)}
"""Joint to the next joint on its way to the root, which has none."""

PARENT_INDEX = {JOINTS.index(joint): JOINTS.index(parent) for joint, parent in PARENT.items()}
"""The same by the positions of the joints in `JOINTS`."""
