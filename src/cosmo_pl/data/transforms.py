"""Preprocessing of a modality before standardisation, the same for every method.

A transform uses one sample at a time, so nothing leaks from one subject to another. Skeletons are in the
Kinect's frame, x to the right of a person who faces the camera, y up, z away from the camera, with the joints in the
order of UTD-MHAD.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any, Literal

import torch
from torch import Tensor

from cosmo_pl.constraints import Constrained
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.skeleton import JOINTS
from cosmo_pl.trust import load_class

SHOULDER_CENTER, HIP_CENTER = JOINTS.index("shoulder_center"), JOINTS.index("hip_center")
LEFT_SHOULDER, RIGHT_SHOULDER = JOINTS.index("left_shoulder"), JOINTS.index("right_shoulder")
NO_TORSO = 1e-3  # shorter is a failure of the tracker in any unit but kilometres


class Transform(Constrained, ABC):
    """A preprocessing step on the samples of one modality.

    A subclass keeps each argument of its constructor as an attribute of the same name, from which a checkpoint
    describes it.
    """

    numerics = "1.0"

    def described(self) -> dict[str, Any]:
        """Class path and arguments, in plain values, from which `built_transforms` makes the same step.

        Raises:
            AttributeError: An argument is not kept as an attribute.
        """
        constructor = type(self).__init__
        names = [] if constructor is object.__init__ else list(signature(constructor).parameters)[1:]  # without self
        arguments = {name: getattr(self, name) for name in names}
        return {"class_path": f"{type(self).__module__}.{type(self).__qualname__}", "init_args": arguments}

    @abstractmethod
    def __call__(self, values: Tensor) -> Tensor:
        """Transforms (N, *shape) without changing the shape."""


def _check_skeletons(values: Tensor) -> None:
    if values.ndim != 4 or values.shape[2] <= RIGHT_SHOULDER or values.shape[3] != 3:
        raise ConfigurationError(
            "transforms", f"samples of shape {tuple(values.shape[1:])} are no skeletons", "Name them under 'skeleton'"
        )


class CenterOnHip(Transform):
    """Moves the origin to the hip centre, which removes the position of the person.

    Args:
        frame: "each" takes the hip of every frame; "first" takes the hip of the first frame, which keeps the movement
            of the person through the room.
    """

    numerics = "1.0"

    def __init__(self, frame: Literal["each", "first"] = "each") -> None:
        self.frame = frame

    def __call__(self, values: Tensor) -> Tensor:
        """Centres skeletons (N, T, joints, 3) in metres."""
        _check_skeletons(values)
        hip = values[:, :, HIP_CENTER : HIP_CENTER + 1]
        return values - (hip if self.frame == "each" else hip[:, :1])


def torso_length(values: Tensor) -> Tensor:
    """Distance (N,) from hip to shoulder centre of skeletons (N, T, joints, 3), averaged over a clip."""
    _check_skeletons(values)
    torso = values[:, :, SHOULDER_CENTER] - values[:, :, HIP_CENTER]
    length: Tensor = torch.linalg.vector_norm(torso, dim=-1).mean(dim=1)
    return length


class ScaleByTorso(Transform):
    """Divides by `torso_length`, which removes the size of the person.

    A clip without a torso is not scaled. Datamodules leave such clips out, see `cosmo_pl.data.plausibility`.
    """

    numerics = "1.0"

    def __call__(self, values: Tensor) -> Tensor:
        """Scales skeletons (N, T, joints, 3)."""
        torso = torso_length(values)
        return torch.div(values, torch.where(torso > NO_TORSO, torso, 1.0).view(-1, 1, 1, 1))


class FaceCamera(Transform):
    """Rotates a clip about the vertical axis through the origin, so that its mean shoulder line lies along x.

    A clip has one angle, so rotations of the body during the clip are kept.
    """

    numerics = "1.0"

    def __call__(self, values: Tensor) -> Tensor:
        """Rotates skeletons (N, T, joints, 3)."""
        _check_skeletons(values)
        across = (values[:, :, RIGHT_SHOULDER] - values[:, :, LEFT_SHOULDER]).mean(dim=1)
        angle = torch.atan2(across[:, 2], across[:, 0])
        cos, sin = angle.cos().view(-1, 1, 1), angle.sin().view(-1, 1, 1)
        x, y, z = values.unbind(dim=-1)
        return torch.stack([cos * x + sin * z, y, cos * z - sin * x], dim=-1)


Described = Mapping[str, Sequence[Mapping[str, Any]]]


def described_transforms(transforms: Mapping[str, Sequence[Transform]]) -> Described | None:
    """Modality to its steps in plain values.

    Args:
        transforms: Modality to its steps.

    Returns:
        The description; None where a step of another package does not keep its arguments, or has others than JSON's.
    """
    try:
        found: Described = json.loads(
            json.dumps({name: [step.described() for step in steps] for name, steps in transforms.items()})
        )
    except (AttributeError, TypeError, ValueError):
        return None
    return found


def built_transforms(described: Described, source: str) -> dict[str, tuple[Transform, ...]]:
    """The steps that `described_transforms` describes.

    Args:
        described: What it gave.
        source: Which file names them, as "checkpoint 'runs/...'".

    Raises:
        CodeError: A class is not trusted, or no transform.
    """
    return {
        name: tuple(load_class(step["class_path"], Transform, source)(**step["init_args"]) for step in steps)
        for name, steps in described.items()
    }
