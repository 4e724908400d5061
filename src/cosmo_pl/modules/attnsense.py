"""AttnSense: attention over sensors and over time (H. Ma et al., IJCAI 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from cosmo_pl.constraints import NonNegativeFloat, PositiveFloat, PositiveInt, Size
from cosmo_pl.encoders import Encoder
from cosmo_pl.modules.base import (
    FusedClassifier,
    Fusion,
    FusionClassifier,
    OptimizerSettings,
    Present,
    SequenceAxis,
    Shapes,
    Streams,
    Variant,
    variant_encoders,
)

HIDDEN = 120  # size of the states of the published network's GRU


class AttnSenseModule(FusedClassifier):
    """Supervised baseline, in two variants.

    "shared" is the baseline of Cosmo's authors: Cosmo's encoders and classifier with learned attention alone, all
    trained together. "original" follows the publication: noise on the training samples, spectra of short intervals,
    convolutions per sensor, attention over the sensors in each interval, GRUs, and attention over the intervals.

    Args:
        modality_shapes: Modality to shape of a sample. The command line takes it from the data.
        num_classes: Number of activities. The command line takes it from the data.
        variant: "shared" or "original".
        encoders: Modality to encoder for "shared"; None for "original", which has its own.
        score: Attention score of "shared", "dot" or "concat_mlp" (see `QualityGuidedAttention`).
        fusion: "sum" or "concat" of its weighted features; None sums features of equal size and concatenates others.
        sequence_axis: Axis of its GRU, "time" or "channel".
        steps: Length of its sequence over time.
        intervals: Number of intervals of a sample in "original": 8 of 0.25 s in two seconds.
        noise_std: Standard deviation of the noise of "original", in units of the standardised samples.
        lr: Learning rate.
        optimizer: Optimizer and schedule of the learning rate.

    Raises:
        ConfigurationError: An argument is unknown or out of range, or the encoders do not suit the variant.
    """

    numerics = "1.1"
    mixed_precision = False  # it lowers the accuracy on USC-HAD, see experiments/rendered/precision-quick.md

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        variant: Variant = "shared",
        encoders: dict[str, Encoder] | None = None,
        score: Literal["dot", "concat_mlp"] = "dot",
        fusion: Fusion | None = None,
        sequence_axis: SequenceAxis = "time",
        steps: Size = 16,
        intervals: Size = 8,
        noise_std: NonNegativeFloat = 0.1,
        lr: PositiveFloat = 1e-3,
        optimizer: OptimizerSettings = OptimizerSettings(milestones=(350, 400, 450)),
    ) -> None:
        streams = Streams(modality_shapes, variant_encoders(variant, modality_shapes, encoders, intervals))
        super().__init__(num_classes, attends_to=tuple(streams) if len(streams) > 1 else ())
        self.save_hyperparameters(ignore=["encoders"])
        self.encoders = streams
        self.noise_std = noise_std if variant == "original" else 0.0
        attention = {"quality_weights": None, "quality_lambda": 0.0, "mode": fusion, "score": score}
        self.classifier = (
            FusionClassifier(streams.feature_shapes, num_classes, sequence_axis, steps, attention)
            if variant == "shared"
            else AttentionClassifier(streams.feature_shapes, num_classes)
        )

    def classify(self, inputs: dict[str, Tensor], present: Present | None = None) -> tuple[Tensor, Tensor | None]:
        """Logits (N, num_classes) and attention weights (N, M), for "original" the mean over the intervals.

        Missing modalities have weight 0. The weights of the others sum to 1.
        """
        if self.training and self.noise_std:
            inputs = {name: x + self.noise_std * torch.randn_like(x) for name, x in inputs.items()}
        return super().classify(inputs, present)


class AdditiveAttention(nn.Module):
    """Weighted sum of items, with weights softmax(u · tanh(W x + b)).

    Args:
        in_features: Size D of an item.
        attention_dim: Size of the hidden layer.
    """

    def __init__(self, in_features: PositiveInt, attention_dim: int = 80) -> None:
        super().__init__()
        self.hidden = nn.Linear(in_features, attention_dim)
        self.score = nn.Linear(attention_dim, 1, bias=False)

    def forward(self, items: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Weighted sum (..., D) of items (..., K, D), and weights (..., K) that sum to 1 and are 0 outside the mask."""
        score = self.score(torch.tanh(self.hidden(items)))
        weights = (score if mask is None else score.masked_fill(~mask.unsqueeze(-1), -torch.inf)).softmax(dim=-2)
        return (weights * items).sum(dim=-2), weights.squeeze(-1)


class AttentionClassifier(nn.Module):
    """Attention over the sensors of each interval, two GRU layers over the intervals, attention over their states.

    Args:
        feature_shapes: Modality to shape (channels, intervals, frequencies) of its feature map, the same for all.
        num_classes: Number of activities.
    """

    def __init__(self, feature_shapes: Mapping[str, tuple[int, ...]], num_classes: Size) -> None:
        super().__init__()
        channels, _, frequencies = next(iter(feature_shapes.values()))
        self.sensors = AdditiveAttention(channels * frequencies)
        self.gru = nn.GRU(channels * frequencies, HIDDEN, num_layers=2, batch_first=True)
        self.intervals = AdditiveAttention(HIDDEN)
        self.output = nn.Linear(HIDDEN, num_classes)

    def forward(
        self, feature_maps: Mapping[str, Tensor], available: Present | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Classifies feature maps, modality to (N, channels, intervals, frequencies), of the `available` sensors.

        Returns:
            Logits (N, num_classes), and the mean weight of each sensor over the intervals (N, M); None for one sensor.
        """
        by_interval = [feature_map.movedim(2, 1).flatten(2) for feature_map in feature_maps.values()]
        mask = None if available is None else torch.stack(list(available.values()), dim=1).unsqueeze(1)
        sequence, weights = self.sensors(torch.stack(by_interval, dim=2), mask)
        context, _ = self.intervals(self.gru(sequence)[0])
        return self.output(context), weights.mean(dim=1) if len(by_interval) > 1 else None
