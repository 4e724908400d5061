"""Fusion-based feature augmentation of Cosmo (Ouyang et al., MobiCom 2022, Sec. 5.1, Eq. 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.constraints import ClosedShare, Constrained, Constraint, whole
from cosmo_pl.errors import ConfigurationError

GRID_STEP = 0.1  # Sec. 6.5.3: nine positives for the range [0.1, 0.9]
MAX_ROUNDS = 1000
WeightRange = Annotated[
    tuple[ClosedShare, ClosedShare], Constraint("the lowest weight before the highest", lambda ends: ends[0] <= ends[1])
]


class FusionAugmentation(Constrained, nn.Module):
    """Fuses the projected features of M modalities into P fused views, the positives of the contrastive loss.

    v_k = Σ_j α_jk r_j, then L2-normalised, with α_jk in `weight_range` and Σ_j α_jk = 1. The weights of Eq. 3 are
    random ("random"). For two modalities the default is a fixed grid, as in the released code.

    Args:
        num_fused: P; None makes one view per 0.1 of the range.
        weight_range: Lowest and highest weight of a modality.
        sampling: "grid" spaces the weight of the first of two modalities evenly, over the part of the range in which
            the weight of the second also lies in the range. "random" samples P weight vectors per batch, uniformly on
            the part of the simplex inside the range. "auto" is "grid" for two modalities and "random" for more.
        mode: "sum", or "concat" of the weighted features. In a concatenation the similarity of two views of a sample
            is Σ_j α_jk α_jl whatever the network does, so that the loss only separates samples. It is for comparison.

    Raises:
        ConfigurationError: An argument is out of range.

    Examples:
        >>> FusionAugmentation(num_fused=3).weights(num_modalities=2)
        tensor([[0.1000, 0.9000],
                [0.5000, 0.5000],
                [0.9000, 0.1000]])
    """

    def __init__(
        self,
        num_fused: Annotated[int, whole(2, 10_000)] | None = None,
        weight_range: WeightRange = (0.1, 0.9),
        sampling: Literal["auto", "grid", "random"] = "auto",
        mode: Literal["sum", "concat"] = "sum",
    ) -> None:
        super().__init__()
        low, high = weight_range
        self.num_fused = round((high - low) / GRID_STEP) + 1 if num_fused is None else num_fused
        if self.num_fused < 2:
            raise ConfigurationError("num_fused", f"is {self.num_fused}", "Use at least 2, or a wider weight_range")
        self.low, self.high = low, high
        self.sampling = sampling
        self.mode = mode

    def weights(self, num_modalities: int) -> Tensor:
        """The weights α (P, M) of one batch.

        Raises:
            ConfigurationError: No weights of that number of modalities lie within the range.
        """
        low, high = self.low, self.high
        # With equality there is only one weight vector, and all views of a sample would be equal.
        if num_modalities < 2 or not num_modalities * low < 1 < num_modalities * high:
            raise ConfigurationError(
                "weight_range",
                f"no different weights of {num_modalities} modalities within [{low}, {high}] sum to 1",
                "Use at least two modalities and M·low < 1 < M·high",
            )
        if self.sampling == "random" or (self.sampling == "auto" and num_modalities > 2):
            return self._random(num_modalities)
        if num_modalities > 2:
            raise ConfigurationError("sampling", f"no grid for {num_modalities} modalities", "Use 'auto' or 'random'")
        first = torch.linspace(max(low, 1 - high), min(high, 1 - low), self.num_fused)
        return torch.stack([first, 1 - first], dim=1)

    def _random(self, num_modalities: int) -> Tensor:
        """Uniform weights, by rejection from the smaller of the simplices α ≥ low and α ≤ high."""
        above, below = 1 - num_modalities * self.low, num_modalities * self.high - 1
        dirichlet = torch.distributions.Dirichlet(torch.ones(num_modalities))
        found = torch.empty(0, num_modalities)
        for _ in range(MAX_ROUNDS):
            sampled = dirichlet.sample((16 * self.num_fused,))
            sampled = self.low + above * sampled if above <= below else self.high - below * sampled
            inside = (sampled >= self.low - 1e-6).all(dim=1) & (sampled <= self.high + 1e-6).all(dim=1)
            found = torch.cat([found, sampled[inside]])
            if len(found) >= self.num_fused:
                return found[: self.num_fused]
        raise ConfigurationError(
            "weight_range", f"[{self.low}, {self.high}] leaves almost no weights", "Use a wider range"
        )

    def _of_available(self, stacked: Tensor, alpha: Tensor, available: Tensor) -> Tensor:
        """Weighted features of each sample's own modalities, (N, P, D) or (N, P, M·D)."""
        own = alpha.unsqueeze(0) * available.unsqueeze(1).to(alpha)
        total = own.sum(dim=2, keepdim=True)
        own = torch.where(total == 0, available.unsqueeze(1).to(alpha), own)
        own = own / own.sum(dim=2, keepdim=True)
        present = torch.where(available.unsqueeze(2), stacked, 0)
        if self.mode == "sum":
            return torch.einsum("npm,nmd->npd", own, present)
        return torch.einsum("npm,nmd->npmd", own, present).flatten(2)

    def forward(
        self,
        features: Mapping[str, Tensor] | Sequence[Tensor],
        available: Tensor | None = None,
        weights: Tensor | None = None,
    ) -> Tensor:
        """Fuses projected features.

        With missing modalities, the weights of each sample are renormalised over those that it has: with a_j 1 for an
        available and 0 for a missing modality, v_k = Σ_j a_j α_jk r_j / Σ_j a_j α_jk. They may then lie outside of
        `weight_range`, and the views of a sample with one modality are equal. Where the weights of all modalities that
        a sample has are 0, they count equally.

        Args:
            features: M tensors (N, D).
            available: Availability of each modality in each sample (N, M), at least one; None stands for all.
            weights: The weights α (P, M) of this batch; by default new ones.

        Returns:
            Fused views (N, P, D) of unit norm, (N, P, M·D) for "concat".
        """
        stacked = torch.stack(list(features.values() if isinstance(features, Mapping) else features), dim=1)
        alpha = (self.weights(stacked.shape[1]) if weights is None else weights).to(stacked)
        with torch.autocast(stacked.device.type, enabled=False):  # half precision is too coarse for a small τ
            if available is not None:
                fused = self._of_available(stacked, alpha, available)
            elif self.mode == "sum":
                fused = torch.einsum("pm,nmd->npd", alpha, stacked)
            else:
                fused = torch.einsum("pm,nmd->npmd", alpha, stacked).flatten(2)
        return F.normalize(fused, dim=2)  # its eps keeps the result finite where opposite features sum to 0
