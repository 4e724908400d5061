"""Encoder of statistics of every pixel of an image sequence, which do not depend on the start of the window."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cosmo_pl.constraints import PositiveInt, Widths
from cosmo_pl.encoders.base import Encoder
from cosmo_pl.encoders.statistics import FLOOR, perceptron

STATISTICS = 5  # of each pixel


class ImageStatisticsEncoder(Encoder):
    """Perceptron on mean, log standard deviation, log mean change, minimum and maximum of each pixel over time.

    The mean change is that of the absolute differences of consecutive frames. A camera or a pressure mat that does not
    move sees a pose in the mean, and a movement in the other statistics, wherever in the movement the window begins.
    Batch normalisation standardises the statistics. Each layer has batch normalisation and ReLU. With the default
    widths and 192 pixels, (25, 12, 16) becomes (256, 1).

    Args:
        in_features: Number of pixels: the product of all axes of a sample except time.
        widths: Widths of the layers.

    Raises:
        ConfigurationError: A size is out of range.

    Examples:
        >>> import torch
        >>> ImageStatisticsEncoder(in_features=192)(torch.rand(2, 25, 12, 16)).shape
        torch.Size([2, 256, 1])
    """

    numerics = "1.0"
    sample_axes = None

    def __init__(self, in_features: PositiveInt, widths: Widths = (256, 256)) -> None:
        super().__init__()
        widths = tuple(widths)
        self.save_hyperparameters()
        self.standardize = nn.BatchNorm1d(STATISTICS * in_features, affine=False)
        self.layers = perceptron(STATISTICS * in_features, widths)

    def forward(self, x: Tensor) -> Tensor:
        """Encodes (N, time, *shape) into (N, widths[-1], 1)."""
        if x.shape[1] < 2:
            raise RuntimeError("a change needs two frames")
        series = x.flatten(2)
        mean = series.mean(dim=1, keepdim=True)
        spread = (series - mean).square().mean(dim=1).sqrt()  # on a CPU 30 times as fast as Tensor.std over this axis
        change = series.diff(dim=1).abs().mean(dim=1)
        logarithms = (spread + FLOOR).log(), (change + FLOOR).log()
        statistics = torch.cat([mean.squeeze(1), *logarithms, series.amin(dim=1), series.amax(dim=1)], dim=1)
        features: Tensor = self.layers(self.standardize(statistics)).unsqueeze(2)
        return features
