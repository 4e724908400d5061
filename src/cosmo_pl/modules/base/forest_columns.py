"""Columns of a forest: statistics of channels, and networks that compute the columns of each stream, and the logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.modules.base.self_training import finite_logits
from cosmo_pl.tensors import fourier_magnitude

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier


def channel_statistics(values: Tensor, num_frequencies: int) -> Tensor:
    """Mean, standard deviation and lowest Fourier magnitudes of each channel.

    Args:
        values: Samples (N, time, *axes). Each index of the axes is a channel.
        num_frequencies: Number of magnitudes per channel, from one period per sample upwards. A sample shorter than
            twice as many steps has fewer. The frequency 0 is the mean.

    Returns:
        Features (N, channels · (2 + num_frequencies)), in double precision.
    """
    series = values.double().reshape(*values.shape[:2], -1)
    mean = series.mean(dim=1, keepdim=True)
    spectrum = fourier_magnitude(series - mean, range(1, num_frequencies + 1))
    return torch.cat([mean, series.std(dim=1, correction=0, keepdim=True), spectrum], dim=1).flatten(1)


class StreamColumns(nn.Module):
    """A forest's columns of one stream: statistics of its modalities, then features of its encoder, if it has one.

    Args:
        shapes: Modality to shape of a sample.
        num_frequencies: See `RandomForestModule`.
        encoder: The encoder.
    """

    def __init__(
        self, shapes: Mapping[str, tuple[int, ...]], num_frequencies: int, encoder: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.shapes = shapes
        self.num_frequencies = num_frequencies
        self.encoder = encoder

    def forward(self, samples: Tensor) -> Tensor:
        """Columns (N, F) of samples (N, *shape), those of several modalities joined on the last axis."""
        parts = torch.split(samples, [shape[-1] for shape in self.shapes.values()], dim=-1)
        statistics = [channel_statistics(part, self.num_frequencies).float() for part in parts]
        encoded = [] if self.encoder is None else [self.encoder(samples).flatten(1)]
        return torch.cat([*statistics, *encoded], dim=1)

    def names(self) -> list[str]:
        """Modality of each column that is a statistic; "" for a feature of the encoder."""
        joined = *next(iter(self.shapes.values()))[:-1], sum(shape[-1] for shape in self.shapes.values())
        count = self(torch.zeros(1, *joined)).shape[1]
        statistics = {
            name: channel_statistics(torch.zeros(1, *s), self.num_frequencies) for name, s in self.shapes.items()
        }
        named = [name for name, values in statistics.items() for _ in range(values.shape[1])]
        return [*named, *[""] * (count - len(named))]


class JoinedColumns(nn.Module):
    """All columns of a forest from those of its streams: the statistics of all modalities, then all features.

    Args:
        streams: The streams.
        modalities: The modalities in their order.
    """

    order: Tensor

    def __init__(self, streams: Sequence[StreamColumns], modalities: Sequence[str]) -> None:
        super().__init__()
        rank = {name: number for number, name in enumerate([*modalities, ""])}
        names = [name for stream in streams for name in stream.names()]
        self.register_buffer("order", torch.tensor(sorted(range(len(names)), key=lambda at: rank[names[at]])))

    def forward(self, *columns: Tensor) -> Tensor:
        """Columns (N, F) from those of each stream."""
        return torch.cat(columns, dim=1)[:, self.order]


class VoteLogits(nn.Module):
    """Logits of `RandomForestModule.classify` from the sums of the trees' probabilities.

    Args:
        forest: The forest.
        num_classes: Number of activities, of which the forest may know fewer.
    """

    one_hot: Tensor

    def __init__(self, forest: RandomForestClassifier, num_classes: int) -> None:
        super().__init__()
        self.num_trees = len(forest.estimators_)
        self.register_buffer("one_hot", F.one_hot(torch.from_numpy(forest.classes_), num_classes).double())

    def forward(self, votes: Tensor) -> Tensor:
        """Logits (N, num_classes) of sums (N, K)."""
        probability = votes.double() / self.num_trees @ self.one_hot
        return finite_logits(probability).float()
