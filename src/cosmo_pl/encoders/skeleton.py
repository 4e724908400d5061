"""3-D convolutional encoder for skeleton sequences."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.constraints import Probability, Size
from cosmo_pl.encoders.base import Encoder, check_layers, conv_block


class NarrowConv3d(nn.Conv3d):
    """3-D convolution, stride 1 and unpadded, computed on the CPU as a 2-D one.

    The last axis holds three coordinates: each of the few places of the kernel along it becomes a sample, the
    coordinates under the kernel become channels. The result is the same and the CPU's 2-D kernels are much faster;
    `make bench` has the figures.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Convolves (N, C, T, J, D) to (N, C', T', J', D')."""
        if x.device.type != "cpu" or x.ndim != 5:
            return super().forward(x)
        width = self.kernel_size[2]
        places = x.shape[4] - width + 1
        if places < 1:
            raise RuntimeError(f"kernel of width {width} on {x.shape[4]} coordinates")
        windows = x.unfold(4, width, 1).permute(0, 4, 5, 1, 2, 3).flatten(0, 1).flatten(1, 2)
        weight = self.weight.permute(0, 4, 1, 2, 3).flatten(1, 2)
        out = F.conv2d(windows, weight, self.bias)
        return out.view(x.shape[0], places, *out.shape[1:]).permute(0, 2, 3, 4, 1)


class SkeletonEncoder(Encoder):
    """3-D CNN over (frames, joints, coordinates), as the released code of Cosmo has it.

    Stride 1, no padding, no pooling; batch normalisation and ReLU after every convolution, dropout after all but the
    last. With the defaults (40, 20, 3) becomes (16, 24, 7, 1); 264,848 parameters.

    Args:
        channels: Width of each convolution.
        kernels: Kernel (frames, joints, coordinates) of each convolution.
        dropout: Dropout probability.
    """

    numerics = "1.0"
    sample_axes = 3

    def __init__(
        self,
        channels: Sequence[Size] = (64, 64, 32, 16),
        kernels: Sequence[tuple[Size, Size, Size]] = ((5, 5, 2), (5, 5, 2), (5, 5, 1), (5, 2, 1)),
        dropout: Probability = 0.5,
    ) -> None:
        super().__init__()
        check_layers("SkeletonEncoder", channels, kernels)
        channels, kernels = tuple(channels), tuple((k[0], k[1], k[2]) for k in kernels)
        self.save_hyperparameters()
        last = len(channels) - 1
        self.layers = nn.Sequential(
            *(
                conv_block(NarrowConv3d(before, after, kernel), nn.BatchNorm3d(after), dropout if layer < last else 0.0)
                for layer, (before, after, kernel) in enumerate(zip((1, *channels), channels, kernels, strict=False))
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Encodes (N, frames, joints, 3) into (N, channels, frames', joints', coordinates')."""
        features: Tensor = self.layers(x.unsqueeze(1))
        return features
