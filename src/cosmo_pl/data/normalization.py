"""Standardisation with statistics of the training subjects."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cosmo_pl.data.samples import samples_at_once
from cosmo_pl.errors import ConfigurationError

StatisticsOf = Literal["bundle", "data", "adapt"]
"""Whose statistics standardise the samples, see `MultimodalDataModule`."""


CONSTANT = 1.0  # deviation of a constant group, by which it can be divided
ROUNDING = 1e-9  # of the mean; values in float32 that differ at all deviate by more


def deviation(variance: float, mean: float) -> float:
    """Standard deviation of a group of channels; `CONSTANT` where only rounding varies."""
    found = math.sqrt(variance)
    return found if found > ROUNDING * abs(mean) else CONSTANT


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

    @property
    def level(self) -> float:
        """Root mean square of the values that the statistics were fitted to, all channels together."""
        squares = [mean**2 + std**2 for mean, std in zip(self.mean, self.std, strict=True)]
        return math.sqrt(sum(squares) / len(squares))

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
            std[list(group)] = deviation(variance, centre)
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


@dataclass(frozen=True)
class SubjectStatistics:
    """Statistics of each subject's own samples, of one modality.

    Args:
        subject: Subject of each sample of the dataset (N,).
        statistics: Subject to its statistics.
    """

    subject: NDArray[np.int64]
    statistics: Mapping[int, Normalization]

    @classmethod
    def fit(
        cls,
        subject: NDArray[np.int64],
        rows: NDArray[np.int64],
        read: Callable[[NDArray[np.int64]], Iterable[Tensor]],
        groups: Sequence[Sequence[int]],
        axis: int | None,
    ) -> SubjectStatistics:
        """Fits the statistics of every subject; labels are not used.

        Args:
            subject: Subject of each sample of the dataset (N,).
            rows: Indices of the samples that have the modality.
            read: Reads samples by their indices, in chunks (n, *shape).
            groups: Channels that share statistics, see `Normalization.fit`.
            axis: Axis of the channels, counted from the end; None for no channel axis.
        """
        own = {int(each): rows[subject[rows] == each] for each in np.unique(subject[rows])}
        return cls(subject, {each: Normalization.fit(read(some), groups, axis) for each, some in own.items()})

    def apply(self, values: Tensor, rows: Tensor) -> Tensor:
        """Standardises samples (n, *shape) of the indices (n,); those of a subject without the modality stay."""
        subject, result = self.subject[rows.cpu().numpy()], values.clone()
        for each in np.unique(subject):
            if (statistics := self.statistics.get(int(each))) is not None:
                mine = torch.from_numpy(subject == each).to(values.device)
                result[mine] = statistics.apply(values[mine])
        return result


def check_statistics(found: Mapping[str, Normalization], channels: Mapping[str, int]) -> None:
    """Checks that a bundle's statistics are those of some modalities.

    Args:
        found: Modality to its statistics.
        channels: Modality to its number of channels.

    Raises:
        ConfigurationError: A modality is missing or has another number of channels.
    """
    for name, count in channels.items():
        if name not in found or len(found[name].mean) != count:
            problem = f"is 'bundle', and no bundle has statistics of {count} channels of '{name}'"
            remedy = "Give the model a bundle with a datamodule's statistics, or set data.bundle_statistics"
            raise ConfigurationError("normalization", problem, remedy)


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
