"""Standardisation with statistics of the training subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Normalization:
    """Mean and standard deviation of each channel (the last axis) of one modality.

    Args:
        mean: One value a channel.
        std: One value a channel, never 0.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def fit(cls, values: Tensor, groups: Sequence[Sequence[int]]) -> Normalization:
        """Fits the statistics over samples, time and space.

        Args:
            values: Training samples, (N, ..., channels).
            groups: Channels that share one mean and one deviation: the axes of one sensor, whose ratios carry the
                direction of gravity, are pooled.

        Returns:
            The statistics. A constant group gets the deviation 1.
        """
        mean, std = np.zeros(values.shape[-1]), np.ones(values.shape[-1])
        for group in groups:
            pooled = values[..., list(group)].double()
            mean[list(group)] = pooled.mean().item()
            spread = pooled.std(correction=0).item()
            std[list(group)] = spread if spread > 0 else 1.0
        return cls(tuple(mean.tolist()), tuple(std.tolist()))

    def apply(self, values: Tensor) -> Tensor:
        """Standardises (N, ..., channels)."""
        mean = torch.tensor(self.mean, dtype=values.dtype, device=values.device)
        std = torch.tensor(self.std, dtype=values.dtype, device=values.device)
        return (values - mean) / std

    def invert(self, values: Tensor) -> Tensor:
        """Undoes `apply` on (N, ..., channels)."""
        mean = torch.tensor(self.mean, dtype=values.dtype, device=values.device)
        std = torch.tensor(self.std, dtype=values.dtype, device=values.device)
        return values * std + mean

    def close_to(self, other: Normalization) -> bool:
        """Whether two statistics are the same up to rounding (1e-4 of a standard deviation)."""
        return len(self.mean) == len(other.mean) and bool(
            np.allclose(self.std, other.std, rtol=1e-4)
            and np.all(np.abs(np.subtract(self.mean, other.mean)) <= 1e-4 * np.asarray(self.std))
        )
