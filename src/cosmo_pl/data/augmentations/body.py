"""Augmentations of skeletons: the direction that a body faces, and its proportions.

Skeletons are in the Kinect's frame, y up, with the joints in the order of UTD-MHAD.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cosmo_pl.constraints import OpenShare, PositiveFloat
from cosmo_pl.data.augmentations.base import Augmentation, uniform
from cosmo_pl.data.augmentations.rotation import Rotation
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.skeleton import PARENT_INDEX as PARENT

LIMBS = ((2, 1), (0,), (4, 8), (5, 9), (6, 7, 10, 11), (12, 16), (13, 17), (14, 15, 18, 19))
"""Groups of joints whose bones are scaled by one factor, which includes left and right."""


def _check_skeletons(name: str, x: Tensor) -> None:
    if x.ndim != 4 or x.shape[2] != len(PARENT) + 1 or x.shape[3] != 3:
        raise ConfigurationError(
            name, f"samples of shape {tuple(x.shape[1:])} are no skeletons of 20 joints", "Name it under 'skeleton'"
        )


class RotateBody(Rotation):
    """Rotates a skeleton about the vertical axis through the origin; heights and distances stay the same.

    Args:
        max_degrees: Largest angle.

    Raises:
        ConfigurationError: The angle is not positive.
    """

    numerics = "1.0"

    def __init__(self, max_degrees: PositiveFloat = 30.0) -> None:
        super().__init__(max_degrees)

    def axis(self, x: Tensor) -> Tensor:
        """The vertical (N, 3)."""
        _check_skeletons("RotateBody", x)
        return torch.tensor([[0.0, 1.0, 0.0]], device=x.device).expand(len(x), 3)


class _Scale(Augmentation):
    """Multiplies parts of a skeleton by factors between 1 - strength and 1 + strength."""

    parts: int

    def __init__(self, strength: OpenShare = 0.2) -> None:
        self.strength = strength

    def random_parameters(self, x: Tensor) -> Tensor:
        """Random factors (N, parts)."""
        _check_skeletons(type(self).__name__, x)
        return uniform((len(x), self.parts), 1 - self.strength, 1 + self.strength, x)


class ScaleAxes(_Scale):
    """Scales a skeleton along width, height and depth.

    Args:
        strength: The factors lie between 1 - strength and 1 + strength.

    Raises:
        ConfigurationError: The strength is outside (0, 1).
    """

    numerics = "1.0"
    parts = 3

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Scales skeletons (N, T, 20, 3) by factors (N, 3)."""
        return x * parameters.view(-1, 1, 1, 3).to(x.dtype)


class ScaleLimbs(_Scale):
    """Changes the proportions of a body: bones change their lengths, not their directions, left and right equally.

    Args:
        strength: The factors lie between 1 - strength and 1 + strength.

    Raises:
        ConfigurationError: The strength is outside (0, 1).
    """

    numerics = "1.0"
    parts = len(LIMBS)

    def __init__(self, strength: OpenShare = 0.2) -> None:
        super().__init__(strength)
        # A joint is the root plus the sum of the bones between them: one matrix from bones to joints.
        self.path = torch.zeros(len(PARENT) + 1, len(PARENT) + 1)
        for joint in PARENT:
            ancestor = joint
            while ancestor in PARENT:
                self.path[joint, ancestor] = 1
                ancestor = PARENT[ancestor]
        self.parents = torch.tensor([PARENT.get(joint, joint) for joint in range(len(PARENT) + 1)])
        self.limb = torch.tensor(
            [next((i for i, limb in enumerate(LIMBS) if joint in limb), 0) for joint in range(len(PARENT) + 1)]
        )

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Scales the bones of skeletons (N, T, 20, 3) by factors (N, limbs)."""
        bones = x - x[:, :, self.parents.to(x.device)]  # 0 for the root
        change = bones * (parameters[:, self.limb.to(x.device)] - 1).unsqueeze(1).unsqueeze(3).to(x.dtype)
        return x + torch.einsum("jb,ntbc->ntjc", self.path.to(x), change)
