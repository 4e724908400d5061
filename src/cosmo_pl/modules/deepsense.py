"""DeepSense: convolutions by sensor, then across sensors, then a GRU (S. Yao et al., WWW 2017)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from cosmo_pl.constraints import PositiveFloat, Size
from cosmo_pl.encoders import Encoder
from cosmo_pl.modules.base import (
    FusedClassifier,
    FusionClassifier,
    OptimizerSettings,
    Present,
    SequenceAxis,
    Shapes,
    Streams,
    Variant,
    variant_encoders,
)

HIDDEN = 120  # size of the states of the published network's GRUs


class DeepSenseModule(FusedClassifier):
    """Supervised baseline, in two variants.

    "shared" is the baseline of Cosmo's authors: Cosmo's encoders and classifier on features that are concatenated
    without weights, all trained together. "original" is the published network: spectra of short intervals,
    convolutions per sensor and across sensors, a GRU over the intervals. The publication also appends the length of
    each interval to the features. It is left out because all intervals are equally long here. The sensors are the
    modalities: accelerometer and gyroscope of UTD-MHAD are one modality and share their convolutions.

    Args:
        modality_shapes: Modality to shape of a sample. The command line takes it from the data.
        num_classes: Number of activities. The command line takes it from the data.
        variant: "shared" or "original".
        encoders: Modality to encoder for "shared"; None for "original", which has its own.
        sequence_axis: Axis of the GRU of "shared", "time" or "channel".
        steps: Length of its sequence over time.
        intervals: Number of intervals of a sample in "original": 8 of 0.25 s in two seconds, as published.
        lr: Learning rate.
        optimizer: Optimizer and schedule of the learning rate.

    Raises:
        ConfigurationError: An argument is unknown or out of range, or the encoders do not suit the variant.
    """

    numerics = "1.1"

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        variant: Variant = "shared",
        encoders: dict[str, Encoder] | None = None,
        sequence_axis: SequenceAxis = "time",
        steps: Size = 16,
        intervals: Size = 8,
        lr: PositiveFloat = 1e-3,
        optimizer: OptimizerSettings = OptimizerSettings(milestones=(350, 400, 450)),
    ) -> None:
        streams = Streams(modality_shapes, variant_encoders(variant, modality_shapes, encoders, intervals))
        super().__init__(num_classes)
        self.save_hyperparameters(ignore=["encoders"])
        self.encoders = streams
        self.classifier = (
            FusionClassifier(streams.feature_shapes, num_classes, sequence_axis, steps)
            if variant == "shared"
            else MergeClassifier(streams.feature_shapes, num_classes)
        )


class MergeClassifier(nn.Module):
    """Convolutions across sensors and frequencies in each interval, then GRUs over the intervals and their mean.

    Three convolutions with kernels over 2 sensors and 8, 6 and 4 frequencies, padded to keep the size, with batch
    normalisation and ReLU. Dropout of whole channels precedes each convolution, dropout of values follows each GRU.

    Args:
        feature_shapes: Modality to shape (channels, intervals, frequencies) of its feature map, the same for all.
        num_classes: Number of activities.
    """

    def __init__(self, feature_shapes: Mapping[str, tuple[int, ...]], num_classes: Size) -> None:
        super().__init__()
        channels, _, frequencies = next(iter(feature_shapes.values()))
        self.merge = nn.Sequential(
            *(
                layer
                for kernel in (8, 6, 4)
                for layer in (
                    nn.Dropout3d(0.2),
                    nn.ConstantPad3d(((kernel - 1) // 2, kernel // 2, 0, 1, 0, 0), 0.0),
                    nn.Conv3d(channels, channels, (1, 2, kernel)),
                    nn.BatchNorm3d(channels),
                    nn.ReLU(),
                )
            )
        )
        features = channels * len(feature_shapes) * frequencies
        # Two GRUs instead of one with two layers, which has no dropout after its last layer.
        self.grus = nn.ModuleList(nn.GRU(size, HIDDEN, batch_first=True) for size in (features, HIDDEN))
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(HIDDEN, num_classes)

    def forward(self, feature_maps: Mapping[str, Tensor], available: Present | None = None) -> tuple[Tensor, None]:
        """Classifies feature maps, modality to (N, channels, intervals, frequencies), into logits (N, num_classes).

        Those of modalities that are not `available` are 0.
        """
        merged = self.merge(torch.stack(list(feature_maps.values()), dim=3))
        sequence = merged.movedim(2, 1).flatten(2)
        for gru in self.grus:
            sequence = self.dropout(gru(sequence)[0])
        return self.output(sequence.mean(dim=1)), None
