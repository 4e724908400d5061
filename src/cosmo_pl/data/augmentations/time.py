"""Changes of pace."""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from cosmo_pl.constraints import Constraint, PositiveFloat, whole
from cosmo_pl.data.augmentations.base import Augmentation


class WarpTime(Augmentation):
    """Plays a sample at a pace that varies smoothly, and cuts a little off its ends.

    The pace is exp(g) with g piecewise linear between normal values of deviation `strength`; the warped time is its
    normalised integral, so it never runs backwards. Without `crop` the first and the last step stay what they are.

    Args:
        strength: Deviation of the logarithm of the pace; at 0.3, 1.8 times as fast or slow is two deviations.
        knots: Values of the pace over the sample.
        crop: Largest share cut off at each end; None cuts nothing.

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
        """Draws times (N, T) in [0, 1], ascending."""
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
        """Takes the values of (N, T, *shape) at the times (N, T), linearly interpolated."""
        place = parameters * (x.shape[1] - 1)
        before = place.floor().long().clamp(0, x.shape[1] - 2)
        flat = x.flatten(2)
        share = (place - before).unsqueeze(2).to(x.dtype)
        index = before.unsqueeze(2).expand(-1, -1, flat.shape[2])
        return torch.lerp(flat.gather(1, index), flat.gather(1, index + 1), share).view_as(x)
