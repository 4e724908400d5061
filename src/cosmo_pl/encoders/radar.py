"""Encoder for sequences of radar volumes: a 3-D CNN on each frame, then a GRU over the frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from torch import Tensor

from cosmo_pl.constraints import MAX_SIZE, PositiveInt, Probability, Size, whole
from cosmo_pl.encoders.layers import check_layers
from cosmo_pl.encoders.recurrent import RecurrentEncoder, volume_layers


class RadarEncoder(RecurrentEncoder):
    """3-D CNN over (range, azimuth, elevation) of each frame, then a GRU over time.

    The paper (Ouyang et al., MobiCom 2022, Sec. 5.3.3) names a 3-D CNN with an RNN and gives no sizes. Here the kernels
    have size 3, batch normalisation and ReLU follow each convolution, and strides replace pooling. With the defaults
    (10, 2, 16, 32, 16) becomes (64, 10), with 12 million multiplications.

    Args:
        in_channels: Channels of a voxel: intensity and Doppler.
        channels: Width of each convolution.
        strides: Stride of each, the same in all directions.
        grid: Range, azimuth and elevation that the feature map is averaged to before the GRU.
        recurrent: Size of the GRU's state. 0 leaves out the GRU: features are (channels[-1], frames, *space').
        dropout: Dropout probability.

    Raises:
        ConfigurationError: Widths and strides differ in number.
    """

    numerics = "1.0"
    sample_axes = 5

    def __init__(
        self,
        in_channels: PositiveInt = 2,
        channels: Sequence[Size] = (8, 16, 32),
        strides: Sequence[Size] = (2, 2, 2),
        grid: tuple[Size, Size, Size] = (2, 4, 2),
        recurrent: Annotated[int, whole(0, MAX_SIZE)] = 64,
        dropout: Probability = 0.0,
    ) -> None:
        check_layers("RadarEncoder", channels, strides)
        super().__init__(channels[-1], grid, recurrent)
        channels, strides, grid = tuple(channels), tuple(strides), (grid[0], grid[1], grid[2])
        self.save_hyperparameters()
        self.layers = volume_layers((in_channels, *channels), strides, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Encodes (N, frames, channels, range, azimuth, elevation) into (N, recurrent, frames)."""
        frames = self.layers(x.flatten(0, 1)).unflatten(0, (x.shape[0], -1))
        return self.over_time(frames.transpose(1, 2))
