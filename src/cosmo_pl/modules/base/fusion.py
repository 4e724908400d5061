"""The classifier that Cosmo and its baselines share: from feature maps of several streams to logits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.constraints import Constrained, PositiveInt, Size
from cosmo_pl.encoders import RecurrentClassifier
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.fusion import QualityGuidedAttention
from cosmo_pl.modules.base.encoding import Present

SequenceAxis = Literal["time", "channel"]
Head = Literal["recurrent", "linear"]
Fusion = Literal["sum", "concat"]


class FusionClassifier(Constrained, nn.Module):
    """Fuses sequences of all streams, with or without attention, and classifies them by a GRU and a perceptron.

    Args:
        feature_shapes: Stream to shape (channels, time, *space) of its feature map.
        num_classes: Number of activities.
        sequence_axis: Axis of the GRU: "time", with every map averaged to `steps` steps, or "channel", as in the
            released code.
        steps: Length of the sequence for "time".
        attention: Arguments of `QualityGuidedAttention` without the feature sizes. Its ``mode`` None is "sum" for
            features of equal size (Eq. 8) and "concat" for others (Eq. 9). None concatenates without weights. A single
            stream has no weight.
        head: "recurrent", or "linear" for a linear probe on the flattened sequence.

    Raises:
        ConfigurationError: An argument is unknown, or the sequences cannot be fused.
    """

    def __init__(
        self,
        feature_shapes: Mapping[str, tuple[PositiveInt, ...]],
        num_classes: Size,
        sequence_axis: SequenceAxis = "time",
        steps: Size = 16,
        attention: Mapping[str, Any] | None = None,
        head: Head = "recurrent",
    ) -> None:
        super().__init__()
        self.names = tuple(feature_shapes)
        self.sequence_axis = sequence_axis
        self.steps = steps
        self.attention = None
        shapes = {name: self._sequence(torch.zeros(1, *shape)).shape[1:] for name, shape in feature_shapes.items()}
        lengths, sizes = {shape[0] for shape in shapes.values()}, [shape[1] for shape in shapes.values()]
        if attention is not None and len(feature_shapes) > 1:
            dims = {name: math.prod(shape) for name, shape in feature_shapes.items()}
            equal = len(set(sizes)) == 1 and len(set(dims.values())) == 1
            self.attention = QualityGuidedAttention(
                dims, **{**attention, "mode": attention["mode"] or ("sum" if equal else "concat")}
            )
        if len(lengths) > 1:
            problem = f"the modalities' sequences differ in length: {sorted(lengths)}"
            raise ConfigurationError("sequence_axis", problem, "Give all encoders the same last width, or use 'time'")
        length = lengths.pop()
        summed = self.attention is not None and self.attention.mode == "sum"
        if summed and len(set(sizes)) > 1:
            raise ConfigurationError("fusion", f"'sum' cannot add features of sizes {sizes}", "Use 'concat'")
        width = sizes[0] if summed else sum(sizes)
        self.classifier: nn.Module = (
            RecurrentClassifier(width, length, num_classes)
            if head == "recurrent"
            else nn.Sequential(nn.Flatten(), nn.Linear(width * length, num_classes))
        )

    def _sequence(self, feature_map: Tensor) -> Tensor:
        """Feature map (N, C, T, *space) as a sequence over time (N, steps, C·space) or channels (N, C, T·space)."""
        if self.sequence_axis == "channel":
            return feature_map.flatten(2)
        over_time = feature_map.flatten(3) if feature_map.ndim > 3 else feature_map.unsqueeze(3)
        return F.adaptive_avg_pool1d(over_time.movedim(2, -1).flatten(1, -2), self.steps).transpose(1, 2)

    def forward(
        self, feature_maps: Mapping[str, Tensor], available: Present | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Classifies feature maps: logits (N, num_classes), and the attention weights (N, M) or None.

        Streams that are not `available` (see `availability`) have weight 0. `Streams` sets their features to 0.
        """
        sequences = {name: self._sequence(feature_maps[name]) for name in self.names}
        if self.attention is None:
            return self.classifier(torch.cat(list(sequences.values()), dim=2)), None
        mask = None if available is None else torch.stack([available[name] for name in self.names], dim=1)
        weights = self.attention.weights({name: feature_maps[name].flatten(1) for name in self.names}, mask)
        return self.classifier(self.attention.fuse(sequences, weights)), weights
