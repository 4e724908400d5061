"""Heads on top of encoders: projection for stage 1, recurrent classifier for stage 2."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated

import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.constraints import Constrained, PositiveInt, Size, whole
from cosmo_pl.tensors import at_least_float32


class ProjectionHead(Constrained, nn.Module):
    """Two-layer perceptron onto the unit sphere (Eq. 2). It is used in stage 1 only.

    Args:
        in_features: Size D_j of a flattened feature map.
        hidden_features: Size of the hidden layer.
        out_features: Size D of the projected feature.
    """

    def __init__(self, in_features: PositiveInt, hidden_features: Size = 1280, out_features: Size = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(in_features, hidden_features),
            nn.BatchNorm1d(hidden_features),
            nn.ReLU(),
            nn.Linear(hidden_features, out_features),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Projects (N, D_j) to unit vectors r (N, D)."""
        return F.normalize(at_least_float32(self.layers(z)), dim=1)


class RecurrentClassifier(Constrained, nn.Module):
    """GRU over a sequence of fused features, and a perceptron from its flattened states to the logits.

    Args:
        in_features: Size of the feature of a step.
        steps: Length of the sequence.
        num_classes: Number of classes.
        hidden_size: Size of the GRU's state.
        num_layers: Number of layers of the GRU.
        mlp_features: Sizes of the perceptron's hidden layers, each with batch normalisation and ReLU.
    """

    def __init__(
        self,
        in_features: PositiveInt,
        steps: Size,
        num_classes: PositiveInt,
        hidden_size: Size = 120,
        num_layers: Annotated[int, whole(1, 100)] = 2,
        mlp_features: Sequence[Size] = (1280, 128),
    ) -> None:
        super().__init__()
        # Without dropout between the layers. A frozen GRU stays in train mode, because cuDNN has no backward pass
        # through one in eval mode; the two modes are the same only without dropout.
        self.gru = nn.GRU(in_features, hidden_size, num_layers, batch_first=True)
        sizes = [steps * hidden_size, *mlp_features]
        hidden = [
            layer
            for before, after in itertools.pairwise(sizes)
            for layer in (nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU())
        ]
        self.mlp = nn.Sequential(*hidden, nn.Linear(sizes[-1], num_classes))

    def forward(self, sequence: Tensor) -> Tensor:
        """Classifies (N, steps, in_features) into logits (N, num_classes)."""
        states, _ = self.gru(sequence)
        logits: Tensor = self.mlp(states.flatten(1))
        return logits
