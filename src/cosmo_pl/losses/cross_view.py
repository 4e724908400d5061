"""Contrastive multiview loss (Y. Tian, D. Krishnan and P. Isola, "Contrastive Multiview Coding", ECCV 2020)."""

from __future__ import annotations

import math
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.errors import ConfigurationError


class CrossViewLoss(nn.Module):
    r"""InfoNCE between every pair of views, in both directions, negatives from the batch and the other view only.

    .. math:: L = \frac{1}{|\{a < b\}|} \sum_{a < b} \frac{1}{2} \left( l_{ab} + l_{ba} \right), \quad
              l_{ab} = -\frac{1}{N} \sum_n
              \log \frac{\exp(v_n^a \cdot v_n^b / \tau)}{\sum_m \exp(v_n^a \cdot v_m^b / \tau)}

    The full graph of the reference, averaged over its pairs so that the step does not grow with the number of views.
    Equal similarities give log N; the floor is 0.

    Args:
        temperature: τ.

    Raises:
        ConfigurationError: The temperature is not positive.
    """

    def __init__(self, temperature: float = 0.07) -> None:
        super().__init__()
        if not 0 < temperature < math.inf:
            raise ConfigurationError("temperature", f"is {temperature}", "Use a positive number")
        self.temperature = temperature

    def forward(self, views: Tensor) -> Tensor:
        """Computes the loss, in float32 at least.

        Args:
            views: Features (N, M, D) of M ≥ 2 views; they are L2-normalised here.

        Returns:
            Scalar.

        Raises:
            ValueError: `views` is not three-dimensional or has fewer than two views.
        """
        if views.ndim != 3 or views.shape[1] < 2:
            raise ValueError(f"views must be (N, M, D) with M >= 2, not {tuple(views.shape)}")
        with torch.autocast(views.device.type, enabled=False):
            views = F.normalize(views if views.dtype == torch.float64 else views.float(), dim=2)
            own = torch.arange(len(views), device=views.device)
            losses = []
            for a, b in combinations(range(views.shape[1]), 2):
                similarity = views[:, a] @ views[:, b].T / self.temperature
                losses += [F.cross_entropy(similarity, own), F.cross_entropy(similarity.T, own)]
            return torch.stack(losses).mean()
