"""3-D convolutional encoder for skeleton sequences."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.constraints import Probability, Size
from cosmo_pl.encoders.base import Encoder
from cosmo_pl.encoders.layers import ConvBlock, check_layers, conv_blocks


class NarrowConv3d(nn.Conv3d):
    """3-D convolution with stride 1 and no padding over few coordinates, computed as a 2-D convolution.

    The coordinates under the kernel become channels, and its positions along them become samples. The result is the
    same. 2-D kernels are much faster on a CPU, and a kernel over all coordinates, or over one, needs no unfolding.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Convolves (N·positions, coordinates·C, T, J), see `beside`, to (N·positions, C', T', J')."""
        return F.conv2d(x, self.weight.permute(0, 4, 1, 2, 3).flatten(1, 2), self.bias)

    def beside(self, x: Tensor) -> Tensor:
        """Input of `forward` from feature maps (N, coordinates, T, J, C): the coordinates under the kernel as channels.

        Raises:
            RuntimeError: The kernel covers more coordinates than there are.
        """
        width = self.kernel_size[2]
        if x.shape[1] < width:
            raise RuntimeError(f"kernel of width {width} on {x.shape[1]} coordinates")
        if width == 1:
            joined = x.flatten(0, 1)
        elif width == x.shape[1]:  # a single position
            joined = x.movedim(1, 3).flatten(3)
        else:
            joined = x.unfold(1, width, 1).movedim(5, 4).flatten(0, 1).flatten(3)
        return joined.movedim(3, 1)


class SkeletonEncoder(Encoder):
    """3-D CNN over (frames, joints, coordinates), as the released code of Cosmo has it.

    The convolutions have stride 1 and no padding, and there is no pooling. Batch normalisation and ReLU follow each
    convolution, dropout all but the last. With the defaults (40, 20, 3) becomes (16, 24, 7, 1). There are 264,848
    parameters.

    Args:
        channels: Width of each convolution.
        kernels: Kernel (frames, joints, coordinates) of each convolution.
        dropout: Dropout probability.
    """

    numerics = "1.1"
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
        sizes = zip((1, *channels), channels, kernels, strict=False)
        self.layers = conv_blocks([NarrowConv3d(*each) for each in sizes], nn.BatchNorm2d, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Encodes (N, frames, joints, 3) into (N, channels, frames', joints', coordinates')."""
        # (N, coordinates, frames, joints, channels) between layers: a layout that needs no copies.
        maps = x.movedim(3, 1).unsqueeze(4)
        for block in self.layers:
            assert isinstance(block, ConvBlock) and isinstance(block[0], NarrowConv3d)
            maps = block(block[0].beside(maps)).movedim(1, 3).unflatten(0, (x.shape[0], -1))
        return maps.movedim(4, 1).movedim(2, 4)
