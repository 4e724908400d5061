"""Contrastive multiview loss (Y. Tian, D. Krishnan and P. Isola, "Contrastive Multiview Coding", ECCV 2020)."""

from __future__ import annotations

from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.constraints import Constrained, PositiveFloat
from cosmo_pl.losses.subjects import same_subject_logits
from cosmo_pl.tensors import at_least_float32


class CrossViewLoss(Constrained, nn.Module):
    """InfoNCE between every pair of views in both directions, with negatives from the other view only.

        L    = mean over all a < b of (l_ab + l_ba) / 2
        l_ab = -1/N Σ_n log( exp(v_n^a · v_n^b / τ) / Σ_m exp(v_n^a · v_m^b / τ) )

    With V examples of each view, all V of the other view are positives, and l is the mean over them. Views are compared
    as in the full graph of the reference, averaged over its pairs so that the step does not grow with the number of
    views; the batch replaces its memory bank. Equal similarities give log(N·V). The lower bound is log V.

    Args:
        temperature: τ.
        same_subject_weight: Factor of exp(v_n^a · v_m^b / τ) for other samples of the same subject, see
            `ContrastiveFusionLoss`; None is the publication's loss.

    Raises:
        ConfigurationError: The temperature or the weight is not positive.
    """

    def __init__(self, temperature: PositiveFloat = 0.07, same_subject_weight: PositiveFloat | None = None) -> None:
        super().__init__()
        self.temperature = temperature
        self.same_subject_weight = same_subject_weight

    def forward(self, views: Tensor, subject: Tensor | None = None) -> Tensor:
        """Computes the loss, in float32 at least.

        Args:
            views: Features (N, M, D) of M ≥ 2 views, or (N, M, V, D) of V examples of each. They are L2-normalised
                here.
            subject: Subject of each example (N, V), with V = 1 for features of three axes, for `same_subject_weight`.

        Returns:
            Scalar.

        Raises:
            ValueError: `views` has other axes or fewer than two views, or `subject` is missing.
        """
        if views.ndim not in (3, 4) or views.shape[1] < 2:
            raise ValueError(f"views must be (N, M, D) or (N, M, V, D) with M >= 2, not {tuple(views.shape)}")
        with torch.autocast(views.device.type, enabled=False):
            views = F.normalize(at_least_float32(views), dim=-1)
            samples, examples = len(views), 1 if views.ndim == 3 else views.shape[2]
            # The target of a row is uniform over the V examples of its own sample.
            own = torch.eye(samples, device=views.device, dtype=views.dtype)
            own = own.repeat_interleave(examples, 0).repeat_interleave(examples, 1) / examples
            weights = same_subject_logits(subject, self.same_subject_weight, examples)
            losses = []
            for a, b in combinations(range(views.shape[1]), 2):
                one, other = views[:, a].reshape(len(own), -1), views[:, b].reshape(len(own), -1)
                similarity = one @ other.T / self.temperature
                if weights is not None:
                    similarity = similarity + weights
                losses += [F.cross_entropy(similarity, own), F.cross_entropy(similarity.T, own)]
            return torch.stack(losses).mean()
