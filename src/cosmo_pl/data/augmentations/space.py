"""Changes of where a body stands, for depth images and radar volumes."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from cosmo_pl.constraints import Constraint, NonNegativeInt, PositiveFloat
from cosmo_pl.data.augmentations.base import Augmentation
from cosmo_pl.errors import ConfigurationError

Shifts = Annotated[list[NonNegativeInt], Constraint("0 or more for each axis, not all 0", any)]
READING = 1.0  # millimetres; below it a pixel has no reading


class ShiftSpace(Augmentation):
    """Moves a sample by whole pixels or voxels along its last axes, alike in all its frames.

    What comes in from outside is 0: no reading of a depth camera, no echo of a radar.

    Args:
        max_shift: Largest shift along each of the last axes: [rows, columns], or [range, azimuth, elevation].

    Raises:
        ConfigurationError: There is no shift, or a negative one.
    """

    numerics = "1.0"

    def __init__(self, max_shift: Shifts) -> None:
        self.max_shift = max_shift

    def random_parameters(self, x: Tensor) -> Tensor:
        """Draws shifts (N, axes)."""
        if x.ndim - 2 < len(self.max_shift):
            raise ConfigurationError(
                "ShiftSpace.max_shift", f"has {len(self.max_shift)} axes, samples are {tuple(x.shape[1:])}",
                "Name it under depth or radar",
            )  # fmt: skip
        return torch.stack(
            [torch.randint(-most, most + 1, (len(x),), device=x.device) for most in self.max_shift], dim=1
        )

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Moves samples (N, T, *shape)."""
        for axis, shift in zip(range(-parameters.shape[1], 0), parameters.unbind(dim=1), strict=True):
            size = x.shape[axis]
            source = torch.arange(size, device=x.device) - shift.unsqueeze(1)  # (N, size): where each place comes from
            shape = [len(x), *(1,) * (x.ndim - 1)]
            shape[axis] = size
            inside = ((source >= 0) & (source < size)).view(shape)
            index = source.clamp(0, size - 1).view(shape).expand_as(x)
            x = torch.where(inside, x.gather(x.ndim + axis, index), 0)
        return x


class ShiftDistance(Augmentation):
    """Moves what a depth camera sees nearer or farther; pixels without a reading stay without.

    Args:
        max_millimetres: Largest change.

    Raises:
        ConfigurationError: It is not positive.
    """

    numerics = "1.0"

    def __init__(self, max_millimetres: PositiveFloat = 200.0) -> None:
        self.most = max_millimetres

    def random_parameters(self, x: Tensor) -> Tensor:
        """Draws changes (N,)."""
        return (2 * torch.rand(len(x), device=x.device) - 1) * self.most

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Moves depth (N, T, height, width) in millimetres."""
        moved = (x + parameters.view(-1, *(1,) * (x.ndim - 1)).to(x.dtype)).clamp_min(READING)
        return torch.where(x >= READING, moved, x)
