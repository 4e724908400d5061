"""Base of the augmentations that rotate."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from cosmo_pl.constraints import PositiveFloat
from cosmo_pl.data.augmentations.base import Augmentation, uniform


class Rotation(Augmentation):
    """Rotates all vectors of a sample, whose last axis is (3·k), by one random angle about the `axis` of a subclass.

    Args:
        max_degrees: Largest angle.

    Raises:
        ConfigurationError: The angle is not positive.
    """

    def __init__(self, max_degrees: PositiveFloat = 20.0) -> None:
        self.max_angle = math.radians(max_degrees)

    @abstractmethod
    def axis(self, x: Tensor) -> Tensor:
        """Rotation axes (N, 3) of samples (N, T, *shape), of any length."""

    def random_parameters(self, x: Tensor) -> Tensor:
        """Random rotations (N, 3, 3)."""
        axis = self.axis(x)
        return rotation_matrices(axis, uniform((len(x),), -self.max_angle, self.max_angle, x))

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Rotates samples (N, T, ..., 3·k)."""
        vectors = x.reshape(len(x), -1, 3)
        return (vectors @ parameters.transpose(1, 2).to(x.dtype)).view_as(x)


def rotation_matrices(axis: Tensor, angle: Tensor) -> Tensor:
    """Rotations (N, 3, 3) about axes (N, 3) by angles (N,) in radians (Rodrigues)."""
    x, y, z = F.normalize(axis, dim=1).unbind(dim=1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).view(-1, 3, 3)
    sin, cos = angle.sin().view(-1, 1, 1), angle.cos().view(-1, 1, 1)
    return torch.eye(3, device=axis.device, dtype=axis.dtype) + sin * cross + (1 - cos) * (cross @ cross)
