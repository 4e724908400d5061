"""Encoder of statistics of a whole window of an inertial sensor, which do not depend on the start of the window."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cosmo_pl.constraints import PositiveInt, Size, Widths
from cosmo_pl.encoders.base import Encoder
from cosmo_pl.tensors import fourier_magnitude

FLOOR = 0.1  # added before logarithms; in standardised units, below the resolution of the sensors


class StatisticsEncoder(Encoder):
    """Perceptron on mean, log standard deviation and log spectrum of each axis and of the magnitude over the axes.

    The axes are standardised before, so that this magnitude is the distance from the mean of the training samples.

    Windows of a continuous stream begin at any point of a movement, so that their spectrum is more informative than
    their shape. Batch normalisation standardises the statistics. Each layer has batch normalisation and ReLU. With the
    defaults (200, 3) becomes (256, 1).

    Args:
        in_features: Number of axes of a sample.
        num_frequencies: Number of Fourier magnitudes per axis, from one period per sample upwards.
        widths: Widths of the layers.

    Raises:
        ConfigurationError: A size is out of range.
    """

    numerics = "1.0"
    sample_axes = 2

    def __init__(self, in_features: PositiveInt, num_frequencies: Size = 25, widths: Widths = (256, 256, 256)) -> None:
        super().__init__()
        widths = tuple(widths)
        self.save_hyperparameters()
        self.num_frequencies = num_frequencies
        size = (in_features + 1) * (2 + num_frequencies)
        self.standardize = nn.BatchNorm1d(size, affine=False)
        self.layers = perceptron(size, widths)

    def forward(self, x: Tensor) -> Tensor:
        """Encodes (N, time, axes) into (N, widths[-1], 1)."""
        series = torch.cat([x, torch.linalg.vector_norm(x, dim=2, keepdim=True)], dim=2)
        if x.shape[1] // 2 < self.num_frequencies:
            raise RuntimeError(f"{self.num_frequencies} frequencies in {x.shape[1]} steps")
        mean = series.mean(dim=1, keepdim=True)
        centred = series - mean
        spectrum = fourier_magnitude(centred.float(), range(1, self.num_frequencies + 1)).to(x.dtype)
        spread = centred.square().mean(dim=1, keepdim=True).sqrt()
        statistics = torch.cat([mean, (spread + FLOOR).log(), (spectrum + FLOOR).log()], dim=1).flatten(1)
        features: Tensor = self.layers(self.standardize(statistics)).unsqueeze(2)
        return features


def perceptron(size: int, widths: Sequence[int]) -> nn.Sequential:
    """Linear layers with batch normalisation and ReLU.

    Args:
        size: Number of features of the input.
        widths: Widths of the layers.
    """
    return nn.Sequential(
        *(
            nn.Sequential(nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU())
            for before, after in itertools.pairwise((size, *widths))
        )
    )
