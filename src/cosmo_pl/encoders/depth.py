"""3-D convolutional and recurrent encoder for depth sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from torch import Tensor

from cosmo_pl.constraints import MAX_SIZE, Probability, Size, whole
from cosmo_pl.encoders.layers import check_layers
from cosmo_pl.encoders.recurrent import RecurrentEncoder, volume_layers


class DepthEncoder(RecurrentEncoder):
    """3-D CNN over (frames, height, width), then a GRU over time (Ouyang et al., MobiCom 2022, Sec. 5.3.3).

    The paper names a 3-D CNN with an RNN and gives no sizes. Here the kernels have size 3, batch normalisation and ReLU
    follow each convolution, and strides replace pooling. With the defaults (16, 30, 40) becomes (64, 8), with 22
    million multiplications.

    Args:
        channels: Width of each convolution.
        strides: Stride (frames, height, width) of each.
        grid: Height and width that the feature map is averaged to before the GRU.
        recurrent: Size of the GRU's state. 0 leaves out the GRU: features are (channels[-1], frames', height', width').
        dropout: Dropout probability.

    Raises:
        ConfigurationError: Widths and strides differ in number.
    """

    numerics = "1.0"
    sample_axes = 3

    def __init__(
        self,
        channels: Sequence[Size] = (16, 32, 64),
        strides: Sequence[tuple[Size, Size, Size]] = ((1, 2, 2), (2, 2, 2), (1, 2, 2)),
        grid: tuple[Size, Size] = (4, 5),
        recurrent: Annotated[int, whole(0, MAX_SIZE)] = 64,
        dropout: Probability = 0.0,
    ) -> None:
        check_layers("DepthEncoder", channels, strides)
        super().__init__(channels[-1], grid, recurrent)
        channels, grid = tuple(channels), (grid[0], grid[1])
        strides = tuple((s[0], s[1], s[2]) for s in strides)
        self.save_hyperparameters()
        self.layers = volume_layers((1, *channels), strides, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Encodes (N, frames, height, width) into (N, recurrent, frames')."""
        return self.over_time(self.layers(x.unsqueeze(1)))
