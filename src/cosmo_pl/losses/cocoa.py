"""Loss of COCOA (S. Deldar et al., "COCOA: Cross Modality Contrastive Learning for Sensor Data", IMWUT 6(3), 2022)."""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.constraints import Constrained, Constraint, NonNegativeFloat
from cosmo_pl.tensors import at_least_float32

Temperature = Annotated[
    float, Constraint("a finite number of at least 0.025, as exp(2/τ) overflows below", lambda value: value >= 0.025)
]
RELEASED_WEIGHT = 3.9e-3 * 32  # ``lambd`` over ``scale_loss`` of the released code, "cocoa2"


class COCOALoss(Constrained, nn.Module):
    """Makes the M views of a sample similar, and different samples dissimilar within each view.

        L = 1/N Σ_n [ 1/M² Σ_ab exp((1 - v_n^a · v_n^b) / τ) + λ/(N-1) Σ_a Σ_{m≠n} exp(v_n^a · v_m^a / τ) ]

    Its cost is linear in the number of pairs of views and of samples; no pair of another view and another sample is
    compared. The released code sums over the samples and divides by 32, which is N/32 · L.

    Args:
        temperature: τ.
        negative_weight: λ, by default that of the released code.

    Raises:
        ConfigurationError: The temperature is below 0.025, or the weight is negative.

    Examples:
        Identical views of orthogonal samples cost 1 for the positives and λM for the negatives:

        >>> import torch
        >>> views = torch.eye(4).unsqueeze(1).repeat(1, 2, 1)  # N = 4 samples, M = 2 views
        >>> float(COCOALoss(negative_weight=0.5)(views))
        2.0
    """

    def __init__(self, temperature: Temperature = 0.1, negative_weight: NonNegativeFloat = RELEASED_WEIGHT) -> None:
        super().__init__()
        self.temperature = temperature
        self.negative_weight = negative_weight

    def forward(self, views: Tensor) -> Tensor:
        """Computes the loss, in float32 at least.

        Args:
            views: Features (N, M, D) of N ≥ 2 samples in M ≥ 2 views. They are L2-normalised here.

        Returns:
            Scalar.

        Raises:
            ValueError: `views` has other axes, or fewer than two samples or views.
        """
        if views.ndim != 3 or min(views.shape[:2]) < 2:
            raise ValueError(f"views must be (N, M, D) with N, M >= 2, not {tuple(views.shape)}")
        with torch.autocast(views.device.type, enabled=False):
            views = F.normalize(at_least_float32(views), dim=2)
            positives = ((1 - views @ views.mT) / self.temperature).exp().mean()
            of_view = views.transpose(0, 1)  # (M, N, D)
            similarity = of_view @ of_view.mT / self.temperature
            samples = len(views)
            itself = torch.eye(samples, dtype=torch.bool, device=views.device)
            others = similarity.masked_fill(itself, -torch.inf).exp().sum()
            return positives + self.negative_weight * others / (samples * (samples - 1))
