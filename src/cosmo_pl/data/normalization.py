"""Standardisation with statistics of the training subjects."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

VALUES_AT_ONCE = 2**24  # values of a modality that are processed together: 128 MiB in double precision


@dataclass(frozen=True)
class Normalization:
    """Mean and standard deviation of each channel of one modality.

    Args:
        mean: One value per channel.
        std: One value per channel, never 0.
        axis: Axis of the channels, counted from the end; None for samples without a channel axis, which have one
            mean and one deviation.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    axis: int | None = -1

    @classmethod
    def fit(
        cls, values: Tensor | Iterable[Tensor], groups: Sequence[Sequence[int]], axis: int | None = -1
    ) -> Normalization:
        """Fits the statistics over samples, time and space.

        Args:
            values: Training samples, (N, ..., channels), or chunks of them.
            groups: Channels that share one mean and one deviation. The axes of one sensor do, because their ratios
                contain the direction of gravity.
            axis: Axis of the channels, counted from the end; None for no channel axis.

        Returns:
            The statistics. The deviation of a constant group is 1.
        """
        if isinstance(values, Tensor):
            values = torch.split(values, samples_at_once(values.shape[1:]))
        pooled = [(0, 0.0, 0.0)] * len(groups)
        for chunk in values:
            last = chunk.unsqueeze(-1) if axis is None else chunk.movedim(axis, -1)
            pooled = [_merge(so_far, last[..., list(group)]) for so_far, group in zip(pooled, groups, strict=True)]
        mean, std = (np.zeros(sum(map(len, groups))) for _ in range(2))
        for group, (_, centre, variance) in zip(groups, pooled, strict=True):
            mean[list(group)] = centre
            std[list(group)] = math.sqrt(variance) or 1.0
        return cls(tuple(mean.tolist()), tuple(std.tolist()), axis)

    def apply(self, values: Tensor) -> Tensor:
        """Standardises (N, ..., channels, ...)."""
        mean, std = self._broadcast(values)
        return (values - mean) / std

    def invert(self, values: Tensor) -> Tensor:
        """Inverts `apply` on (N, ..., channels, ...)."""
        mean, std = self._broadcast(values)
        return values * std + mean

    def _broadcast(self, like: Tensor) -> tuple[Tensor, Tensor]:
        after = (1,) * (-1 - (self.axis or -1))
        mean, std = (torch.tensor(s, dtype=like.dtype, device=like.device) for s in (self.mean, self.std))
        return mean.view(-1, *after), std.view(-1, *after)

    def close_to(self, other: Normalization) -> bool:
        """Whether two statistics are equal up to rounding (1e-4 of a standard deviation)."""
        return len(self.mean) == len(other.mean) and bool(
            np.allclose(self.std, other.std, rtol=1e-4)
            and np.all(np.abs(np.subtract(self.mean, other.mean)) <= 1e-4 * np.asarray(self.std))
        )


def samples_at_once(shape: Sequence[int]) -> int:
    """Number of samples of a shape that are processed together."""
    return max(1, VALUES_AT_ONCE // max(1, math.prod(shape)))


def _merge(so_far: tuple[int, float, float], values: Tensor) -> tuple[int, float, float]:
    """Count, mean and variance of all values so far and of further ones (T. Chan, G. Golub and R. LeVeque, 1979)."""
    before, old, spread = so_far
    pooled = values.double()
    count, mean, variance = pooled.numel(), pooled.mean().item(), pooled.var(correction=0).item()
    if not before:
        return count, mean, variance
    whole = before + count
    share = count / whole
    within = (1 - share) * spread + share * variance
    return whole, old + share * (mean - old), within + share * (1 - share) * (mean - old) ** 2
