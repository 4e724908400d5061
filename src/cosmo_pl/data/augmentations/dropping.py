"""Parts of a sample that are missing for a while."""

from __future__ import annotations

import torch
from torch import Tensor

from cosmo_pl.data.augmentations.base import Augmentation, check_share, uniform


def _still(x: Tensor) -> Tensor:
    """What stands in for what is missing: each value's mean over the sample's time."""
    return x.mean(dim=1, keepdim=True)


class DropChannels(Augmentation):
    """Holds single channels (the last axis) at their mean over the sample.

    Args:
        share: Probability of each channel.

    Raises:
        ConfigurationError: The share is outside (0, 1).
    """

    def __init__(self, share: float = 0.1) -> None:
        check_share("DropChannels.share", share)
        self.share = share

    def draw(self, x: Tensor) -> Tensor:
        """Draws which channels (N, channels) are dropped."""
        return torch.rand(len(x), x.shape[-1], device=x.device) < self.share

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Holds channels of samples (N, T, ..., channels)."""
        return torch.where(parameters.view(len(x), *(1,) * (x.ndim - 2), -1), _still(x), x)


class DropJoints(Augmentation):
    """Holds single joints (the axis before the last) at their mean over the sample.

    Args:
        share: Probability of each joint.

    Raises:
        ConfigurationError: The share is outside (0, 1).
    """

    def __init__(self, share: float = 0.1) -> None:
        check_share("DropJoints.share", share)
        self.share = share

    def draw(self, x: Tensor) -> Tensor:
        """Draws which joints (N, joints) are dropped."""
        return torch.rand(len(x), x.shape[2], device=x.device) < self.share

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Holds joints of skeletons (N, T, joints, 3)."""
        return torch.where(parameters.view(len(x), 1, -1, 1), _still(x), x)


class MaskTime(Augmentation):
    """Holds everything at its mean over the sample for one stretch of time.

    Args:
        max_share: Longest stretch, as a share of the sample.

    Raises:
        ConfigurationError: The share is outside (0, 1).
    """

    def __init__(self, max_share: float = 0.2) -> None:
        check_share("MaskTime.max_share", max_share)
        self.max_share = max_share

    def draw(self, x: Tensor) -> Tensor:
        """Draws the steps (N, T) that are masked."""
        length = uniform((len(x), 1), 0, self.max_share, x)
        start = torch.rand(len(x), 1, device=x.device) * (1 - length)
        time = (torch.arange(x.shape[1], device=x.device) + 0.5) / x.shape[1]
        return (time >= start) & (time < start + length)

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Masks samples (N, T, *shape)."""
        return torch.where(parameters.view(*x.shape[:2], *(1,) * (x.ndim - 2)), _still(x), x)
