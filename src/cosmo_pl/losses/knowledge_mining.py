"""Loss of CMC-CMKM: contrastive multiview coding with cross-modal knowledge mining.

R. Brinzea, B. Khaertdinov and S. Asteriadis, "Contrastive Learning with Cross-Modal Knowledge Mining for Multimodal
Human Activity Recognition", IJCNN 2022, https://arxiv.org/abs/2205.10071.
"""

from __future__ import annotations

import math
from itertools import permutations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.constraints import Constrained, NonNegativeFloat, NonNegativeInt, PositiveFloat
from cosmo_pl.tensors import at_least_float32


class KnowledgeMiningLoss(Constrained, nn.Module):
    """InfoNCE between modalities, with positives that are mined within the modalities, and negatives within them.

        L    = mean over all a ≠ b of l_ab
        l_ab = -1/N Σ_n log( P_n / (P_n + Q_n) )
        P_n  = Σ_{m=n or m ∈ K_b(n)} exp(v_n^a · v_m^b / τ) + Σ_{m ∈ K_a(n)} exp(v_n^a · v_m^a)
        Q_n  = Σ_{others} exp(v_n^a · v_m^b / τ) + λ Σ_{m ≠ n, others} exp(v_n^a · v_m^a)

    K_a(n) are the K samples that are most similar to n in the modality a, by features of other, frozen encoders. As in
    the released code, similarities in each modality are not divided by τ. With K = 0 and λ = 0 it is `CrossViewLoss`.

    Args:
        temperature: τ.
        num_positives: K.
        intra_weight: λ.

    Raises:
        ConfigurationError: The temperature is not positive, or another argument is negative.
    """

    def __init__(
        self, temperature: PositiveFloat = 0.1, num_positives: NonNegativeInt = 1, intra_weight: NonNegativeFloat = 1.0
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.num_positives = num_positives
        self.intra_weight = intra_weight

    def forward(self, views: Tensor, similarity: Tensor) -> Tensor:
        """Computes the loss, in float32 at least.

        Args:
            views: Features (N, M, D) of M ≥ 2 modalities. They are L2-normalised here.
            similarity: Similarity of the samples within each modality (M, N, N).

        Returns:
            Scalar.

        Raises:
            ValueError: The shapes do not fit, or there are not more than K samples.
        """
        if views.ndim != 3 or views.shape[1] < 2 or similarity.shape != (views.shape[1], len(views), len(views)):
            raise ValueError(
                "views must be (N, M, D) with M >= 2 and similarity (M, N, N), "
                f"not {tuple(views.shape)} and {tuple(similarity.shape)}"
            )
        if len(views) <= self.num_positives:
            raise ValueError(f"{len(views)} samples have no {self.num_positives} others to mine")
        own = torch.eye(len(views), dtype=torch.bool, device=views.device)
        nearest = similarity.masked_fill(own, -torch.inf).topk(self.num_positives).indices
        mined = torch.zeros_like(similarity, dtype=torch.bool).scatter(2, nearest, True)
        weight = math.log(self.intra_weight) if self.intra_weight else -math.inf
        with torch.autocast(views.device.type, enabled=False):
            v = F.normalize(at_least_float32(views), dim=2).transpose(0, 1)  # (M, N, D)
            within = (v @ v.mT).masked_fill(own, -torch.inf)
            losses = []
            for a, b in permutations(range(len(v)), 2):
                weighted = torch.where(mined[a], within[a], within[a] + weight)
                scores = torch.cat([v[a] @ v[b].T / self.temperature, weighted], dim=1)
                positive = torch.cat([own | mined[b], mined[a]], dim=1)
                losses.append(scores.logsumexp(dim=1) - scores.masked_fill(~positive, -torch.inf).logsumexp(dim=1))
            return torch.stack(losses).mean()
