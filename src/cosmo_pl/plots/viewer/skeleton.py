"""A skeleton in space, with its bones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.plots.viewer.drawing import TIMELINE, Drawing, rgba
from cosmo_pl.skeleton import JOINTS, PARENT_INDEX, ROOT

if TYPE_CHECKING:
    from rerun import RecordingStream
    from rerun.blueprint import TimeAxis, View

SIDES = {"left": "#56B4E9", "right": "#E69F00", "centre": "#909090"}
"""Side of the body to the colour of its bones."""
MIRRORED = (-1.0, 1.0, 1.0)  # x is to the right in the camera's image, and Rerun's space is right-handed
JOINT_RADIUS, BONE_RADIUS = 0.022, 0.014  # metres


class Skeleton(Drawing):
    """Joints and bones, seen from the camera that recorded them.

    The first skeleton's hip is in the middle of the picture. Joints in another order than that of `cosmo_pl.skeleton`
    are drawn without bones.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._begun = False

    def draw(self, stream: RecordingStream, time: NDArray[Any], values: NDArray[Any]) -> None:
        """Sends skeletons (n, joints, 3) in metres, y upwards and z away from the camera."""
        import rerun as rr

        known = values.shape[1] == len(JOINTS)
        joint_colours = rgba([SIDES[_side(joint)] for joint in JOINTS] if known else [SIDES["centre"]])
        bone_colours = rgba([SIDES[_side(JOINTS[joint])] for joint in PARENT_INDEX])
        for second, joints in zip(time, values, strict=True):
            if not np.isfinite(joints).all():
                continue
            if not self._begun:
                middle = joints[JOINTS.index(ROOT)] if known else joints.mean(axis=0)
                stream.log(self.entity, rr.ViewCoordinates.RIGHT_HAND_Y_UP, static=True)
                stream.log(
                    f"{self.entity}/body", rr.Transform3D(translation=middle * (1, -1, -1), scale=MIRRORED), static=True
                )
                self._begun = True
            stream.set_time(TIMELINE, duration=float(second))
            stream.log(f"{self.entity}/body/joints", rr.Points3D(joints, colors=joint_colours, radii=JOINT_RADIUS))
            if known:
                bones = [joints[[joint, parent]] for joint, parent in PARENT_INDEX.items()]
                stream.log(f"{self.entity}/body/bones", rr.LineStrips3D(bones, colors=bone_colours, radii=BONE_RADIUS))

    def views(self, axis: TimeAxis) -> list[View]:
        """A view in space from the camera."""
        import rerun.blueprint as rrb

        eye = rrb.EyeControls3D(position=(0.0, 0.1, -1.9), look_target=(0.0, -0.08, 0.0), eye_up=(0.0, 1.0, 0.0))
        return [rrb.Spatial3DView(origin=self.entity, name=self.name, eye_controls=eye, line_grid=False)]


def _side(joint: str) -> str:
    side = joint.partition("_")[0]
    return side if side in SIDES else "centre"
