"""The base of encoders for sequences of images and volumes: a GRU over the steps of a feature map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.constraints import MAX_SIZE, Size, whole
from cosmo_pl.encoders.base import Encoder
from cosmo_pl.encoders.layers import conv_blocks


class RecurrentEncoder(Encoder):
    """Convolutions, then an optional GRU over time.

    The GRU has no dropout. If frozen it stays in train mode, which is the same as eval mode only without dropout.

    Args:
        channels: Width of the last convolution.
        grid: Size that the spatial axes are averaged to before the GRU, so that samples may have any resolution.
        recurrent: Size of the GRU's state; 0 leaves out the GRU.
    """

    numerics = "1.0"

    def __init__(self, channels: Size, grid: Sequence[Size], recurrent: Annotated[int, whole(0, MAX_SIZE)]) -> None:
        super().__init__()
        self.grid = tuple(grid)
        self.gru = nn.GRU(channels * math.prod(self.grid), recurrent, batch_first=True) if recurrent else None

    def over_time(self, features: Tensor) -> Tensor:
        """Feature map (N, C, T, *space) as (N, recurrent, T), or unchanged without a GRU."""
        if self.gru is None:
            return features
        steps = features.movedim(2, 1).flatten(0, 1)
        averaged = _averaged(steps, self.grid).flatten(1)
        sequence = averaged.reshape(features.shape[0], -1, averaged.shape[1])
        states: Tensor = self.gru(sequence)[0]
        return states.transpose(1, 2)


def _averaged(volumes: Tensor, grid: tuple[int, ...]) -> Tensor:
    """Volumes or images (N, C, *space) averaged to (N, C, *grid)."""
    if len(grid) == 2:
        return F.adaptive_avg_pool2d(volumes, grid)  # type: ignore[arg-type]
    if not torch.compiler.is_compiling():
        return F.adaptive_avg_pool3d(volumes, grid)  # type: ignore[arg-type]
    # An exporter to ONNX knows the pooling of images only. A mean over a box is one of means over its slices.
    size = grid[1] * grid[2]
    slices = F.adaptive_avg_pool2d(volumes.flatten(1, 2), grid[1:])  # type: ignore[arg-type]
    over_slices = F.adaptive_avg_pool2d(slices.reshape(*volumes.shape[:3], size), (grid[0], size))
    return over_slices.reshape(*volumes.shape[:2], *grid)


def volume_layers(
    channels: Sequence[int], strides: Sequence[int | tuple[int, int, int]], dropout: float
) -> nn.Sequential:
    """3-D convolutions with kernel 3, batch normalisation and ReLU, and dropout after all but the last.

    Args:
        channels: Channels of the input, then the width of each convolution.
        strides: Stride of each.
        dropout: Dropout probability.
    """
    sizes = zip(channels, channels[1:], strides, strict=False)
    convolutions = [nn.Conv3d(before, after, 3, stride, 1, bias=False) for before, after, stride in sizes]
    return conv_blocks(convolutions, nn.BatchNorm3d, dropout)
