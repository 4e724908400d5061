"""Augmentations that replace parts of a sample by their mean."""

from __future__ import annotations

import torch
from torch import Tensor

from cosmo_pl.constraints import OpenShare
from cosmo_pl.data.augmentations.base import Augmentation, uniform
from cosmo_pl.errors import ConfigurationError


class _Drop(Augmentation):
    """Replaces single parts of a sample by their mean over time."""

    axis: int  # of the parts, counted from the end

    def __init__(self, share: OpenShare = 0.1) -> None:
        self.share = share

    def random_parameters(self, x: Tensor) -> Tensor:
        """Random mask (N, parts) of the parts that are dropped."""
        return torch.rand(len(x), x.shape[self.axis], device=x.device) < self.share

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Replaces parts of samples (N, T, *shape)."""
        after = (1,) * (-1 - self.axis)
        dropped = parameters.view(len(x), *(1,) * (x.ndim - 2 - len(after)), -1, *after)
        return torch.where(dropped, x.mean(dim=1, keepdim=True), x)


class DropChannels(_Drop):
    """Replaces single channels (the last axis) by their mean over time.

    Args:
        share: Probability that a channel is dropped.

    Raises:
        ConfigurationError: The share is outside (0, 1).
    """

    numerics = "1.0"
    axis = -1


class DropJoints(_Drop):
    """Replaces single joints (the axis before the last) by their mean over time.

    Args:
        share: Probability that a joint is dropped.

    Raises:
        ConfigurationError: The share is outside (0, 1), or samples have no joints.
    """

    numerics = "1.0"
    axis = -2

    def random_parameters(self, x: Tensor) -> Tensor:
        """Random mask (N, joints) of the joints that are dropped."""
        if x.ndim != 4:
            raise ConfigurationError(
                "DropJoints", f"samples of shape {tuple(x.shape[1:])} have no joints", "Name it under 'skeleton'"
            )
        return super().random_parameters(x)


class MaskTime(Augmentation):
    """Replaces all values in one random interval of time by their mean over time.

    Args:
        max_fraction: Longest interval, as a share of the sample.

    Raises:
        ConfigurationError: The share is outside (0, 1).
    """

    numerics = "1.0"

    def __init__(self, max_fraction: OpenShare = 0.2) -> None:
        self.max_fraction = max_fraction

    def random_parameters(self, x: Tensor) -> Tensor:
        """Random mask (N, T) of the steps that are replaced."""
        length = uniform((len(x), 1), 0, self.max_fraction, x)
        start = torch.rand(len(x), 1, device=x.device) * (1 - length)
        time = (torch.arange(x.shape[1], device=x.device) + 0.5) / x.shape[1]
        return (time >= start) & (time < start + length)

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Masks samples (N, T, *shape)."""
        return torch.where(parameters.view(*x.shape[:2], *(1,) * (x.ndim - 2)), x.mean(dim=1, keepdim=True), x)
