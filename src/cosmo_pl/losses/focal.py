"""Loss of FOCAL: shared and private features of modalities in orthogonal halves.

S. Liu et al., "FOCAL: Contrastive Learning for Multimodal Time-Series Sensing Signals in Factorized Orthogonal Latent
Space", NeurIPS 2023, https://arxiv.org/abs/2310.20071.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.constraints import Constrained, NonNegativeFloat, PositiveFloat
from cosmo_pl.tensors import at_least_float32


class FOCALLoss(Constrained, nn.Module):
    """Four terms on features whose first half is shared by the modalities and whose second half is private.

        shared         Σ_v Σ_{a<b} NCE(s_v^a, s_v^b)              the modalities of a sample are similar in s
        private        Σ_a Σ_{v<w} NCE(p_v^a, p_w^a)              its augmented views are similar in p
        orthogonality  Σ_v [ Σ_a C(s_v^a, p_v^a) + Σ_{a<b} C(p_v^a, p_v^b) ]
        temporal       Σ_v Σ_a R(x_v^a)                           neighbouring windows are closer than others

    for augmented views v, modalities a and features x = (s, p). NCE(y, z) is InfoNCE of the 2N features y and z: y_n
    and z_n are a positive pair, and features of other sequences are negatives. C is the mean of max(0, cosine). R is
    the mean of max(0, d_gg - d_gh + margin) over sequences g ≠ h, with the mean Euclidean distance d_gg of two windows
    of g and that of windows of g and h. A sequence of one window has no d_gg and is no g; without others R is 0.

    Args:
        temperature: τ of InfoNCE.
        shared_weight: Weight of the shared term.
        private_weight: Weight of the private term.
        orthogonality_weight: Weight of orthogonality.
        temporal_weight: Weight of the temporal term.
        margin: Margin of the temporal term.

    Raises:
        ConfigurationError: The temperature is not positive, or a weight or the margin is negative.
    """

    def __init__(
        self,
        temperature: PositiveFloat = 0.5,
        shared_weight: NonNegativeFloat = 1.0,
        private_weight: NonNegativeFloat = 1.0,
        orthogonality_weight: NonNegativeFloat = 3.0,
        temporal_weight: NonNegativeFloat = 5.0,
        margin: NonNegativeFloat = 1.0,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.weights = {
            "shared": shared_weight,
            "private": private_weight,
            "orthogonality": orthogonality_weight,
            "temporal": temporal_weight,
        }
        self.margin = margin

    def forward(self, features: Tensor, sequence: Tensor | None = None) -> Tensor:
        """Computes the loss, in float32 at least; see `terms`."""
        return self.weighted(self.terms(features, sequence))

    def weighted(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum (scalar) of the terms."""
        return torch.stack([self.weights[name] * term for name, term in terms.items()]).sum()

    def terms(self, features: Tensor, sequence: Tensor | None = None) -> dict[str, Tensor]:
        """Computes the terms, in float32 at least.

        Args:
            features: Features (N, V, M, D) of N samples, V ≥ 2 augmented views and M ≥ 2 modalities, with an even D.
            sequence: Number of each sample's sequence (N,); None stands for samples without neighbours.

        Returns:
            "shared", "private", "orthogonality" and "temporal" to its value (scalar).

        Raises:
            ValueError: `features` has other axes, fewer views or modalities, or an odd D.
        """
        if features.ndim != 4 or min(features.shape[1:3]) < 2 or features.shape[3] % 2:
            raise ValueError(f"features must be (N, V, M, D) with V, M >= 2 and an even D, not {tuple(features.shape)}")
        if sequence is None:
            sequence = torch.arange(len(features), device=features.device)
        others = sequence.unsqueeze(1) != sequence
        with torch.autocast(features.device.type, enabled=False):
            x = at_least_float32(features).permute(1, 2, 0, 3)  # (V, M, N, D)
            shared, private = x.chunk(2, dim=3)
            modalities, views = range(x.shape[1]), range(x.shape[0])
            of_pairs = [(v, a, b) for v in views for a, b in combinations(modalities, 2)]
            orthogonal = [_positive_cosine(shared[v, a], private[v, a]) for v in views for a in modalities]
            orthogonal += [_positive_cosine(private[v, a], private[v, b]) for v, a, b in of_pairs]
            similar = [self._contrast(shared[v, a], shared[v, b], others) for v, a, b in of_pairs]
            own = [
                self._contrast(private[v, a], private[w, a], others)
                for a in modalities
                for v, w in combinations(views, 2)
            ]
            close = [self._ranking(x[v, a], sequence) for v in views for a in modalities]
        parts = {"shared": similar, "private": own, "orthogonality": orthogonal, "temporal": close}
        return {name: torch.stack(values).sum() for name, values in parts.items()}

    def _contrast(self, one: Tensor, other: Tensor, others: Tensor) -> Tensor:
        """InfoNCE of positive pairs (N, D); `others` (N, N) marks samples of different sequences."""
        count = len(one)
        both = F.normalize(torch.cat([one, other]), dim=1)
        positive = torch.arange(2 * count, device=one.device).roll(count)
        used = others.repeat(2, 2).scatter(1, positive.unsqueeze(1), True)
        similarity = (both @ both.T / self.temperature).masked_fill(~used, -torch.inf)
        return F.cross_entropy(similarity, positive)

    def _ranking(self, features: Tensor, sequence: Tensor) -> Tensor:
        """The temporal term of features (N, D)."""
        _, member, sizes = sequence.unique(return_inverse=True, return_counts=True)  # type: ignore[no-untyped-call]
        of = F.one_hot(member).to(features)  # (N, G)
        distance = torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")
        total = of.T @ distance @ of
        pairs = sizes.unsqueeze(1) * sizes
        within = total.diagonal() / (pairs.diagonal() - sizes).clamp_min(1)
        different = ~torch.eye(len(sizes), dtype=torch.bool, device=features.device)
        compared = different & (sizes > 1).unsqueeze(1)
        excess = F.relu(within.unsqueeze(1) - total / pairs + self.margin)[compared]
        return excess.sum() / max(len(excess), 1)


def _positive_cosine(one: Tensor, other: Tensor) -> Tensor:
    return F.relu(F.cosine_similarity(one, other, dim=1)).mean()
