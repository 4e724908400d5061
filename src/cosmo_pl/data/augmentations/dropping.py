"""Parts of a sample that are missing for a while."""

from __future__ import annotations

import torch
from torch import Tensor

from cosmo_pl.constraints import OpenShare
from cosmo_pl.data.augmentations.base import Augmentation, uniform
from cosmo_pl.errors import ConfigurationError


def _still(x: Tensor) -> Tensor:
    """What stands in for what is missing: each value's mean over the sample's time."""
    return x.mean(dim=1, keepdim=True)


class _Drop(Augmentation):
    """Holds single parts of a sample at their mean over its time."""

    axis: int  # that the parts are along, counted from the end

    def __init__(self, share: OpenShare = 0.1) -> None:
        self.share = share

    def random_parameters(self, x: Tensor) -> Tensor:
        """Draws which parts (N, parts) are dropped."""
        return torch.rand(len(x), x.shape[self.axis], device=x.device) < self.share

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Holds parts of samples (N, T, *shape)."""
        after = (1,) * (-1 - self.axis)
        dropped = parameters.view(len(x), *(1,) * (x.ndim - 2 - len(after)), -1, *after)
        return torch.where(dropped, _still(x), x)


class DropChannels(_Drop):
    """Holds single channels (the last axis) at their mean over the sample.

    Args:
        share: Probability of each channel.

    Raises:
        ConfigurationError: The share is outside (0, 1).
    """

    numerics = "1.0"
    axis = -1


class DropJoints(_Drop):
    """Holds single joints (the axis before the last) at their mean over the sample.

    Args:
        share: Probability of each joint.

    Raises:
        ConfigurationError: The share is outside (0, 1), or samples have no joints.
    """

    numerics = "1.0"
    axis = -2

    def random_parameters(self, x: Tensor) -> Tensor:
        """Draws which joints (N, joints) are dropped."""
        if x.ndim != 4:
            raise ConfigurationError(
                "DropJoints", f"samples of shape {tuple(x.shape[1:])} have no joints", "Name it under 'skeleton'"
            )
        return super().random_parameters(x)


class MaskTime(Augmentation):
    """Holds everything at its mean over the sample for one stretch of time.

    Args:
        max_fraction: Longest stretch, as a share of the sample.

    Raises:
        ConfigurationError: The share is outside (0, 1).
    """

    numerics = "1.0"

    def __init__(self, max_fraction: OpenShare = 0.2) -> None:
        self.max_fraction = max_fraction

    def random_parameters(self, x: Tensor) -> Tensor:
        """Draws the steps (N, T) that are masked."""
        length = uniform((len(x), 1), 0, self.max_fraction, x)
        start = torch.rand(len(x), 1, device=x.device) * (1 - length)
        time = (torch.arange(x.shape[1], device=x.device) + 0.5) / x.shape[1]
        return (time >= start) & (time < start + length)

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Masks samples (N, T, *shape)."""
        return torch.where(parameters.view(*x.shape[:2], *(1,) * (x.ndim - 2)), _still(x), x)
