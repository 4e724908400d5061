"""1-D convolutional encoder over time, for a modality of any shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.constraints import Constraint, PositiveInt, Probability, Size
from cosmo_pl.encoders.base import Encoder
from cosmo_pl.encoders.layers import check_layers, conv_blocks

ODD = Constraint("an odd number above 0", lambda size: size > 0 and size % 2 == 1)


class FlatConv1d(nn.Conv1d):
    """1-D convolution padded with zeros, computed as a 2-D one of height 1, for which a channels-last layout exists."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolves (N, C, 1, T) to (N, C', 1, T')."""
        return F.conv2d(x, self.weight.unsqueeze(2), self.bias, (1, *self.stride), (0, int(self.padding[0])))


class TemporalEncoder(Encoder):
    """1-D CNN over (time, channels), where all other axes of a sample are channels, and averages over segments of time.

    Batch normalisation standardises the channels, and their velocities with `velocities`. Batch normalisation and ReLU
    follow each convolution, dropout all but the last. The averages over `segments` segments of time keep the order of
    a movement and little more. With the defaults (40, 20, 3) becomes (192, 6).

    Args:
        in_features: Number of channels of a sample: the product of all its axes except time.
        channels: Width of each convolution.
        kernel_size: Kernel of all convolutions, odd.
        strides: Stride of each convolution.
        segments: Number of segments of time that the features are averaged over.
        dropout: Dropout probability.
        velocities: Whether differences of consecutive steps are appended to the channels.

    Raises:
        ConfigurationError: Widths and strides do not match, or a size is out of range.

    Examples:
        >>> import torch
        >>> TemporalEncoder(in_features=60)(torch.rand(2, 40, 20, 3)).shape
        torch.Size([2, 192, 6])
    """

    numerics = "1.1"
    sample_axes = None
    any_length = True

    def __init__(
        self,
        in_features: PositiveInt,
        channels: Sequence[Size] = (96, 96, 192, 192),
        kernel_size: Annotated[int, ODD] = 5,
        strides: Sequence[Size] = (1, 2, 2, 2),
        segments: Size = 6,
        dropout: Probability = 0.0,
        velocities: bool = False,
    ) -> None:
        super().__init__()
        check_layers("TemporalEncoder", channels, strides)
        channels, strides = tuple(channels), tuple(strides)
        self.save_hyperparameters()
        self.segments = segments
        self.velocities = velocities
        first = in_features * (2 if velocities else 1)
        self.standardize = nn.BatchNorm2d(first, affine=False)
        convolutions = [
            FlatConv1d(before, after, kernel_size, stride, kernel_size // 2, bias=False)
            for before, after, stride in zip((first, *channels), channels, strides, strict=False)
        ]
        self.layers = conv_blocks(convolutions, nn.BatchNorm2d, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Encodes (N, time, *shape) into (N, channels, segments)."""
        x = x.flatten(2)
        if self.velocities:
            x = torch.cat([x, F.pad(x.diff(dim=1), (0, 0, 1, 0))], dim=2)
        # (N, channels, 1, time) in a channels-last layout, in which convolutions are up to 1.5 times faster.
        maps: Tensor = self.layers(self.standardize(x.unsqueeze(1).movedim(3, 1)))
        return F.adaptive_avg_pool2d(maps, (1, self.segments)).squeeze(2)
