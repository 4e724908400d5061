"""Augmentations of depth images and radar volumes: the position of a body."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from cosmo_pl.constraints import Constraint, NonNegativeInt, PositiveFloat
from cosmo_pl.data.augmentations.base import Augmentation
from cosmo_pl.errors import ConfigurationError

Shifts = Annotated[list[NonNegativeInt], Constraint("0 or more for each axis, not all 0", any)]
READING = 1.0  # millimetres; a pixel with a smaller value has no reading


class ShiftSpace(Augmentation):
    """Shifts all frames of a sample by the same whole number of pixels or voxels along each of the last axes.

    Values that are shifted in are 0, which is no reading of a depth camera and no echo of a radar.

    Args:
        max_shift: Largest shift along each of the last axes: [rows, columns], or [range, azimuth, elevation].

    Raises:
        ConfigurationError: No shift is given, or a negative one.
    """

    numerics = "1.0"

    def __init__(self, max_shift: Shifts) -> None:
        self.max_shift = max_shift

    def random_parameters(self, x: Tensor) -> Tensor:
        """Random shifts (N, axes)."""
        if x.ndim - 2 < len(self.max_shift):
            problem = f"has {len(self.max_shift)} axes, samples are {tuple(x.shape[1:])}"
            raise ConfigurationError("ShiftSpace.max_shift", problem, "Name it under depth or radar")
        return torch.stack(
            [torch.randint(-most, most + 1, (len(x),), device=x.device) for most in self.max_shift], dim=1
        )

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Shifts samples (N, T, *shape)."""
        shifted = torch.zeros_like(x)
        sizes = x.shape[x.ndim - parameters.shape[1] :]
        # One copy of a slice per sample, which is faster than to gather all samples at once.
        for before, after, shifts in zip(x, shifted, parameters.tolist(), strict=True):
            filled = [_remaining(shift, size) for shift, size in zip(shifts, sizes, strict=True)]
            kept = [_remaining(-shift, size) for shift, size in zip(shifts, sizes, strict=True)]
            after[(..., *filled)] = before[(..., *kept)]
        return shifted


class ShiftDistance(Augmentation):
    """Adds one random distance to all readings of a depth camera; pixels without a reading stay without.

    Args:
        max_millimetres: Largest distance.

    Raises:
        ConfigurationError: It is not positive.
    """

    numerics = "1.0"

    def __init__(self, max_millimetres: PositiveFloat = 200.0) -> None:
        self.most = max_millimetres

    def random_parameters(self, x: Tensor) -> Tensor:
        """Random distances (N,)."""
        return (2 * torch.rand(len(x), device=x.device) - 1) * self.most

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Shifts depth (N, T, height, width) in millimetres."""
        moved = (x + parameters.view(-1, *(1,) * (x.ndim - 1)).to(x.dtype)).clamp_min(READING)
        return torch.where(x >= READING, moved, x)


def _remaining(shift: int, size: int) -> slice:
    """The part of an axis that values of this axis fill after a shift."""
    return slice(max(shift, 0), max(size + min(shift, 0), 0))
