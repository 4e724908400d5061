"""Quality-guided attention of Cosmo (Ouyang et al., MobiCom 2022, Sec. 5.2.1, Eq. 5-9)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from cosmo_pl.constraints import ClosedShare, Constrained, NonNegativeFloat, PositiveInt
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.tensors import at_least_float32


class DotProductScore(nn.Module):
    """Score of each modality, Eq. 5-6: μ_j = tanh(W h_j + b), score μ_j · h_j / √d, softmax over modalities.

    The feature sizes D_j differ, so that the modalities cannot share the W of the paper. Each z_j is first mapped
    linearly to a common size d. Unlike in the paper, the score is divided by √d, √128 by default. Otherwise it would
    grow with d and saturate the softmax.

    Args:
        feature_dims: Modality to D_j.
        attention_dim: d.
    """

    def __init__(self, feature_dims: Mapping[str, int], attention_dim: int = 128) -> None:
        super().__init__()
        self.embed = nn.ModuleDict({name: nn.Linear(size, attention_dim) for name, size in feature_dims.items()})
        self.hidden = nn.Linear(attention_dim, attention_dim)

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        """Scores features (N, D_j) of M modalities: (N, M)."""
        embedded = torch.stack([layer(features[name]) for name, layer in self.embed.items()], dim=1)
        return (torch.tanh(self.hidden(embedded)) * embedded).sum(dim=2) / math.sqrt(embedded.shape[2])


class ConcatScore(nn.Module):
    """Score as in the released code: a perceptron on the concatenated features, tanh before the softmax.

    The last tanh keeps each of two learned weights within [0.119, 0.881].

    Args:
        feature_dims: Modality to D_j, each mapped linearly to 1280 values.
    """

    def __init__(self, feature_dims: Mapping[str, int]) -> None:
        super().__init__()
        self.embed = nn.ModuleDict({name: nn.Linear(size, 1280) for name, size in feature_dims.items()})
        sizes = [1280 * len(feature_dims), 1280, 128, len(feature_dims)]
        self.mlp = nn.Sequential(
            *(
                layer
                for before, after in itertools.pairwise(sizes)
                for layer in (nn.Linear(before, after), nn.BatchNorm1d(after), nn.Tanh())
            )
        )

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        """Scores features (N, D_j) of M modalities: (N, M)."""
        scores: Tensor = self.mlp(torch.cat([layer(features[name]) for name, layer in self.embed.items()], dim=1))
        return scores


SCORES = {"dot": DotProductScore, "concat_mlp": ConcatScore}


class QualityGuidedAttention(Constrained, nn.Module):
    """Weights modalities by learned attention, guided by their quality on unlabelled data.

    β_j = (1 - λ) β_j^attn + λ β_j^quality (Eq. 7). Fused feature: Σ_j β_j z_j for "sum" (Eq. 8, equal sizes),
    [β_1 z_1, ..., β_M z_M] for "concat" (Eq. 9).

    Args:
        feature_dims: Modality to feature size D_j.
        quality_weights: Modality to quality weight. They are scaled to sum to 1. None requires `quality_lambda` 0.
        quality_lambda: λ; 0 uses learned attention only, 1 quality only.
        mode: "sum" or "concat".
        score: "dot" (Eq. 5-6), or "concat_mlp", that of the released code.

    Raises:
        ConfigurationError: λ is outside [0, 1], quality weights are missing, negative or of other modalities, or
            the mode is "sum" and the features have different sizes.

    Examples:
        With λ = 1 the weights are the measured ones:

        >>> import torch
        >>> attention = QualityGuidedAttention({"acc": 8, "gyro": 8}, {"acc": 3.0, "gyro": 1.0}, quality_lambda=1.0)
        >>> attention.weights({"acc": torch.rand(1, 8), "gyro": torch.rand(1, 8)}).detach()
        tensor([[0.7500, 0.2500]])
    """

    quality: Tensor

    def __init__(
        self,
        feature_dims: Mapping[str, PositiveInt],
        quality_weights: Mapping[str, NonNegativeFloat] | None = None,
        quality_lambda: ClosedShare = 0.8,
        mode: Literal["sum", "concat"] = "concat",
        score: Literal["dot", "concat_mlp"] = "dot",
    ) -> None:
        super().__init__()
        if mode == "sum" and len(set(feature_dims.values())) > 1:
            raise ConfigurationError("mode", f"'sum' cannot add features of sizes {dict(feature_dims)}", "Use 'concat'")
        self.names = tuple(feature_dims)
        self.quality_lambda = quality_lambda
        self.mode = mode
        self.score = SCORES[score](feature_dims)
        self.register_buffer("quality", self._quality(quality_weights))

    def set_quality(self, weights: Mapping[str, float]) -> None:
        """Replaces the quality weights, by modality; they are scaled to sum to 1."""
        self.quality.copy_(self._quality(weights))

    def _quality(self, weights: Mapping[str, float] | None) -> Tensor:
        if weights is None:
            if self.quality_lambda > 0:
                raise ConfigurationError(
                    "quality_weights",
                    f"none are given and quality_lambda is {self.quality_lambda}",
                    "Use a bundle, give them, or set quality_lambda to 0",
                )
            return torch.full((len(self.names),), 1 / len(self.names))
        total = sum(weights.values())
        if set(weights) != set(self.names) or not 0 < total < math.inf:
            raise ConfigurationError(
                "quality_weights",
                f"{dict(weights)} cannot be used",
                f"Give a weight for each of {self.names}, not all 0",
            )
        return torch.tensor([weights[name] / total for name in self.names])

    def weights(self, features: Mapping[str, Tensor], mask: Tensor | None = None) -> Tensor:
        """Weight of each modality (Eq. 5-7).

        Args:
            features: Modality to feature z_j (N, D_j).
            mask: Availability of each modality in each sample (N, M), at least one; None stands for all.

        Returns:
            β (N, M) in the order of `names`; rows sum to 1. Both terms of Eq. 7 are renormalised over the available
            modalities. Missing ones have weight 0.
        """
        score = at_least_float32(self.score(features))
        if mask is None:
            return (1 - self.quality_lambda) * torch.softmax(score, dim=1) + self.quality_lambda * self.quality
        learned = torch.softmax(score.masked_fill(~mask, -torch.inf), dim=1)
        known = torch.where(mask, self.quality, 0)
        # If all available modalities have quality 0, they share the weight equally.
        known = torch.where(known.sum(dim=1, keepdim=True) > 0, known, mask.to(known.dtype))
        return (1 - self.quality_lambda) * learned + self.quality_lambda * known / known.sum(dim=1, keepdim=True)

    def fuse(self, features: Mapping[str, Tensor], weights: Tensor) -> Tensor:
        """Fuses features (N, ..., D_j) with weights (N, M) along the last axis (Eq. 8-9)."""
        scaled = [
            weights[:, column].view(-1, *(1,) * (features[name].ndim - 1)) * features[name]
            for column, name in enumerate(self.names)
        ]
        return torch.stack(scaled).sum(dim=0) if self.mode == "sum" else torch.cat(scaled, dim=-1)

    def forward(self, features: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Fuses features z_j (N, D_j).

        Returns:
            The fused feature, (N, D) for "sum", (N, Σ_j D_j) for "concat", and the weights β (N, M).
        """
        weights = self.weights(features)
        return self.fuse(features, weights), weights
