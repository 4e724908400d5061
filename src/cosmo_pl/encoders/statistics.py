"""Encoder of what an inertial sensor shows over a whole window, whatever the phase of the movement."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from cosmo_pl.constraints import PositiveInt, Size, Widths
from cosmo_pl.encoders.base import Encoder

FLOOR = 0.1  # added before logarithms: in standardised units, below what the sensors resolve


class StatisticsEncoder(Encoder):
    """Perceptron on mean, log deviation and log spectrum of each axis and of the axes' magnitude.

    Windows cut from a stream begin anywhere in a step, so their spectrum says more than their shape. The statistics
    are standardised by batch normalisation; every layer has batch normalisation and ReLU. With the defaults (200, 3)
    becomes (256, 1).

    Args:
        in_features: Axes of a sample.
        num_frequencies: Fourier magnitudes of an axis, from one period a sample upwards.
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
        self.layers = nn.Sequential(
            *(
                nn.Sequential(nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU())
                for before, after in itertools.pairwise((size, *widths))
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Encodes (N, time, axes) into (N, widths[-1], 1)."""
        series = torch.cat([x, torch.linalg.vector_norm(x, dim=2, keepdim=True)], dim=2)
        if x.shape[1] // 2 < self.num_frequencies:
            raise RuntimeError(f"{self.num_frequencies} frequencies in {x.shape[1]} steps")
        mean = series.mean(dim=1, keepdim=True)
        centred = series - mean
        spectrum = torch.fft.rfft(centred.float(), dim=1)[:, 1 : self.num_frequencies + 1].abs().to(x.dtype)
        spread = centred.square().mean(dim=1, keepdim=True).sqrt()
        statistics = torch.cat([mean, (spread + FLOOR).log(), (spectrum + FLOOR).log()], dim=1).flatten(1)
        features: Tensor = self.layers(self.standardize(statistics)).unsqueeze(2)
        return features
