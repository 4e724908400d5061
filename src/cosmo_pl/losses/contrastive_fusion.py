"""Contrastive fusion loss of Cosmo (Ouyang et al., MobiCom 2022, Eq. 4)."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.constraints import Constrained, PositiveFloat
from cosmo_pl.losses.subjects import same_subject_logits
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
        same_subject_weight: Factor of exp(v_s · v_a / τ) for other samples of the same subject; above 1 it emphasises
            negatives that the subject's identity does not separate. The idea is that of SICL ("Subject Invariant
            Contrastive Learning for Human Activity Recognition", MLSP 2025). None is the paper's loss.

    Raises:
        ConfigurationError: The temperature or the weight is not positive, or the reduction is unknown.

    Examples:
        Identical views of well separated samples reach the lower bound log(P - 1):

        >>> import torch
        >>> views = torch.eye(2).unsqueeze(1).repeat(1, 9, 1)  # N = 2 samples, P = 9 views each, D = 2
        >>> round(float(ContrastiveFusionLoss()(views)), 4)
        2.0794
    """

    def __init__(
        self,
        temperature: PositiveFloat = 0.07,
        reduction: Literal["mean", "sum"] = "mean",
        same_subject_weight: PositiveFloat | None = None,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.reduction = reduction
        self.same_subject_weight = same_subject_weight

    def forward(self, views: Tensor, subject: Tensor | None = None) -> Tensor:
        """Computes the loss, in float32 at least.

        Args:
            views: Fused views (N, P, D), P ≥ 2. They are L2-normalised here.
            subject: Subject of each view (N, P), for `same_subject_weight`.

        Returns:
            Scalar.

        Raises:
            ValueError: `views` is not three-dimensional or has fewer than two views, or `subject` is missing.
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
            weights = same_subject_logits(subject, self.same_subject_weight, num_fused)
            losses = self._negatives(features, weights) - positives / ((num_fused - 1) * self.temperature)
            return losses.mean() if self.reduction == "mean" else losses.sum()

    def _negatives(self, features: Tensor, weights: Tensor | None) -> Tensor:
        """Logarithm of the denominator for each of M features (M, D), with weights (M, M) if there are any: (M,)."""
        if weights is None and len(features) > TILED_FROM:
            return similarity_logsumexp(features, self.temperature)
        similarity = features @ features.T / self.temperature
        if weights is not None:
            similarity = similarity + weights
        similarity.fill_diagonal_(-math.inf)
        return similarity.logsumexp(dim=1)
