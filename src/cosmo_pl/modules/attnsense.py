"""AttnSense: attention over sensors and over time (H. Ma et al., IJCAI 2019)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from cosmo_pl.constraints import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Probability, Size
from cosmo_pl.encoders import Encoder
from cosmo_pl.modules.base import (
    ClassifierModule,
    Fusion,
    FusionClassifier,
    OptimizerName,
    Present,
    SequenceAxis,
    Shapes,
    Streams,
    Variant,
    presence,
    variant_encoders,
)


class AttnSenseModule(ClassifierModule):
    """Supervised baseline, in two variants.

    "shared" is what Cosmo's authors compare with: Cosmo's encoders and classifier with learned attention alone, all
    trained together. "original" follows the publication: noise on the training samples, spectra of short intervals,
    convolutions by sensor, in every interval attention over the sensors, GRUs, and attention over the intervals.

    Args:
        modality_shapes: Modality to shape of a sample; on the command line from the data.
        num_classes: Number of activities; on the command line from the data.
        variant: "shared" or "original".
        encoders: Modality to encoder for "shared"; None for "original", which has its own.
        score: Attention score of "shared", "dot" or "concat_mlp" (see `QualityGuidedAttention`).
        fusion: "sum" or "concat" of its weighted features; None sums features of equal size and concatenates others.
        sequence_axis: Axis of its GRU, "time" or "channel".
        steps: Steps of its sequence over time.
        intervals: Intervals that "original" cuts a sample in: 8 of 0.25 s in two seconds.
        noise_std: Standard deviation of its noise, in units of the standardised samples.
        optimizer: "sgd", "adam" or "adamw".
        lr: Learning rate.
        momentum: Momentum of SGD.
        betas: β₁ and β₂ of Adam.
        weight_decay: Weight decay.
        lr_milestones: Epochs after which the learning rate is multiplied by `lr_gamma`.
        lr_gamma: That factor.

    Raises:
        ConfigurationError: An argument is unknown or out of range, or the encoders do not suit the variant.
    """

    numerics = "1.1"
    mixed_precision = False  # less accurate with it on USC-HAD, see experiments/rendered/precision-quick.md

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
        optimizer: OptimizerName = "sgd",
        lr: PositiveFloat = 1e-3,
        momentum: Probability = 0.9,
        betas: tuple[Probability, Probability] = (0.9, 0.999),
        weight_decay: NonNegativeFloat = 1e-4,
        lr_milestones: Sequence[NonNegativeInt] = (350, 400, 450),
        lr_gamma: PositiveFloat = 0.9,
    ) -> None:
        streams = Streams(modality_shapes, variant_encoders(variant, modality_shapes, encoders, intervals))
        super().__init__(num_classes, attends_to=tuple(streams) if len(streams) > 1 else ())
        self.save_hyperparameters(ignore=["encoders"])
        self.encoders = streams
        self.noise_std = noise_std if variant == "original" else 0.0
        attention = {"quality_weights": None, "quality_lambda": 0.0, "mode": fusion, "score": score}
        self.classifier: nn.Module = (
            FusionClassifier(streams.feature_shapes, num_classes, sequence_axis, steps, attention)
            if variant == "shared"
            else AttentionClassifier(streams.feature_shapes, num_classes)
        )

    def classify(self, inputs: dict[str, Tensor], present: Present | None = None) -> tuple[Tensor, Tensor | None]:
        """Logits (N, num_classes) and attention weights (N, M), of "original" the mean over the intervals.

        The weights of what is absent are 0, those of the rest still sum to 1.
        """
        there = presence(self.encoders, inputs, present)
        if self.training and self.noise_std:
            inputs = {name: x + self.noise_std * torch.randn_like(x) for name, x in inputs.items()}
        logits, weights = self.classifier(self.encoders(inputs, there), there)
        return logits, weights


class AdditiveAttention(nn.Module):
    """Weighted sum of items, with weights softmax(u · tanh(W x + b)).

    Args:
        in_features: Size D of an item.
        attention_dim: int of the hidden layer.
    """

    def __init__(self, in_features: PositiveInt, attention_dim: int = 80) -> None:
        super().__init__()
        self.hidden = nn.Linear(in_features, attention_dim)
        self.score = nn.Linear(attention_dim, 1, bias=False)

    def forward(self, items: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Sums items (..., K, D): the sum (..., D), and weights (..., K) that sum to 1, 0 outside `mask` (..., K)."""
        score = self.score(torch.tanh(self.hidden(items)))
        weights = (score if mask is None else score.masked_fill(~mask.unsqueeze(-1), -torch.inf)).softmax(dim=-2)
        return (weights * items).sum(dim=-2), weights.squeeze(-1)


class AttentionClassifier(nn.Module):
    """Attention over the sensors of each interval, two GRU layers over the intervals, attention over their states.

    Args:
        feature_shapes: Modality to shape (channels, intervals, frequencies) of its feature map, alike for all.
        num_classes: Number of activities.
        hidden_size: Size of the GRU's state.
    """

    def __init__(
        self, feature_shapes: Mapping[str, tuple[int, ...]], num_classes: Size, hidden_size: Size = 120
    ) -> None:
        super().__init__()
        channels, _, frequencies = next(iter(feature_shapes.values()))
        self.sensors = AdditiveAttention(channels * frequencies)
        self.gru = nn.GRU(channels * frequencies, hidden_size, num_layers=2, batch_first=True)
        self.intervals = AdditiveAttention(hidden_size)
        self.output = nn.Linear(hidden_size, num_classes)

    def forward(self, feature_maps: Mapping[str, Tensor], there: Present | None = None) -> tuple[Tensor, Tensor | None]:
        """Classifies feature maps, modality to (N, channels, intervals, frequencies), of what is `there`.

        Returns:
            Logits (N, num_classes), and the sensors' weights (N, M), their mean over the intervals; None of one sensor.
        """
        by_interval = [feature_map.movedim(2, 1).flatten(2) for feature_map in feature_maps.values()]
        mask = None if there is None else torch.stack(list(there.values()), dim=1).unsqueeze(1)
        sequence, weights = self.sensors(torch.stack(by_interval, dim=2), mask)
        context, _ = self.intervals(self.gru(sequence)[0])
        return self.output(context), weights.mean(dim=1) if len(by_interval) > 1 else None
