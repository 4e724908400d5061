"""Contrastive fusion loss of Cosmo (Ouyang et al., MobiCom 2022, Eq. 4)."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.constraints import Constrained, PositiveFloat
from cosmo_pl.losses.tiles import similarity_logsumexp
from cosmo_pl.tensors import at_least_float32

TILED_FROM = 1024  # features; above it the whole matrix of similarities takes more memory and time


class ContrastiveFusionLoss(Constrained, nn.Module):
    """Makes the P fused views of a sample similar, and those of different samples dissimilar.

        L = Σ_{s ∈ S} -1/|P(s)| Σ_{p ∈ P(s)} log( exp(v_s · v_p / τ) / Σ_{a ∈ S∖{s}} exp(v_s · v_a / τ) )

    S holds all N·P fused views, P(s) the P-1 others of the same sample. If the views of each sample are identical and
    the samples well separated, the mean tends to its lower bound log(P-1). Equal similarities give log(PN-1).

    Args:
        temperature: τ.
        reduction: "mean" over the anchors s, or the paper's "sum", whose step grows with the batch.

    Raises:
        ConfigurationError: The temperature is not positive or the reduction unknown.

    Examples:
        Identical views of well separated samples reach the lower bound log(P - 1):

        >>> import torch
        >>> views = torch.eye(2).unsqueeze(1).repeat(1, 9, 1)  # N = 2 samples, P = 9 views each, D = 2
        >>> round(float(ContrastiveFusionLoss()(views)), 4)
        2.0794
    """

    def __init__(self, temperature: PositiveFloat = 0.07, reduction: Literal["mean", "sum"] = "mean") -> None:
        super().__init__()
        self.temperature = temperature
        self.reduction = reduction

    def forward(self, views: Tensor) -> Tensor:
        """Computes the loss, in float32 at least.

        Args:
            views: Fused views (N, P, D), P ≥ 2. They are L2-normalised here.

        Returns:
            Scalar.

        Raises:
            ValueError: `views` is not three-dimensional or has fewer than two views.
        """
        if views.ndim != 3 or views.shape[1] < 2:
            raise ValueError(f"views must be (N, P, D) with P >= 2, not {tuple(views.shape)}")
        num_fused = views.shape[1]
        with torch.autocast(views.device.type, enabled=False):
            views = F.normalize(at_least_float32(views), dim=2)
            # The similarities of the positives sum to v_s · (sum of the sample's views - v_s). This needs no mask.
            centre = views.sum(dim=1, keepdim=True)
            positives = ((views * centre).sum(dim=2) - (views * views).sum(dim=2)).flatten()
            features = views.flatten(0, 1)
            losses = self._negatives(features) - positives / ((num_fused - 1) * self.temperature)
            return losses.mean() if self.reduction == "mean" else losses.sum()

    def _negatives(self, features: Tensor) -> Tensor:
        """Logarithm of the denominator for each of M features (M, D): (M,)."""
        if len(features) > TILED_FROM:
            return similarity_logsumexp(features, self.temperature)
        similarity = features @ features.T / self.temperature
        similarity.fill_diagonal_(-math.inf)
        return similarity.logsumexp(dim=1)
