"""Augmentation of the pace."""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from cosmo_pl.constraints import Constraint, PositiveFloat, whole
from cosmo_pl.data.augmentations.base import Augmentation
from cosmo_pl.errors import ConfigurationError


class WarpTime(Augmentation):
    """Resamples a sample at a pace that varies smoothly, and crops its ends.

    The pace is exp(g), where g is piecewise linear between normally distributed values of standard deviation
    `strength`. The warped time is the normalised integral of the pace, so it increases. Without `crop` the first and
    the last step stay the same.

    Args:
        strength: Standard deviation of the logarithm of the pace; at 0.3, two deviations are 1.8 times as fast or slow.
        knots: Number of random values of the pace in a sample.
        crop: Largest share of the sample that is cropped at each end; None crops nothing.

    Raises:
        ConfigurationError: An argument is out of range.
    """

    numerics = "1.0"

    def __init__(
        self,
        strength: PositiveFloat = 0.3,
        knots: Annotated[int, whole(2, 1000)] = 4,
        crop: Annotated[float, Constraint("a share in (0, 0.5)", lambda share: 0 < share < 0.5)] | None = 0.1,
    ) -> None:
        self.strength, self.knots, self.crop = strength, knots, crop

    def random_parameters(self, x: Tensor) -> Tensor:
        """Random times (N, T) in [0, 1], ascending.

        Raises:
            ConfigurationError: The samples have one step.
        """
        if x.shape[1] < 2:
            raise ConfigurationError(
                "augmentations", "WarpTime changes the pace, and a sample has one step", "Remove it"
            )
        pace = torch.randn(len(x), 1, self.knots, device=x.device).mul(self.strength)
        pace = F.interpolate(pace, x.shape[1] - 1, mode="linear", align_corners=True).squeeze(1).exp()
        times = F.pad(pace.cumsum(dim=1), (1, 0))
        times = times / times[:, -1:]
        if self.crop is None:
            return times
        start, end = torch.rand(2, len(x), 1, device=x.device).mul(self.crop)
        cropped: Tensor = start + (1 - start - end) * times
        return cropped

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Linearly interpolates samples (N, T, *shape) at the times (N, T)."""
        position = parameters * (x.shape[1] - 1)
        before = position.floor().long().clamp(0, x.shape[1] - 2)
        share = (position - before).view(-1, 1).to(x.dtype)
        steps = x.flatten(2).flatten(0, 1)  # (N T, values): whole rows are copied, which is faster than gather
        rows = (before + x.shape[1] * torch.arange(len(x), device=x.device).unsqueeze(1)).flatten()
        return torch.lerp(steps.index_select(0, rows), steps.index_select(0, rows + 1), share).view_as(x)
