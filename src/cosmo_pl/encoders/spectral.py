"""Short-time spectra and their encoder, of DeepSense and AttnSense (S. Yao, WWW 2017; H. Ma, IJCAI 2019)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import torch
from torch import Tensor, nn

from cosmo_pl.constraints import MAX_SIZE, PositiveInt, Probability, Size, whole
from cosmo_pl.encoders.base import Encoder
from cosmo_pl.encoders.layers import ConvBlock
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.tensors import fourier_polar

LEAST_FREQUENCIES = 7  # of which three convolutions of width 3 leave one


def interval_spectrum(x: Tensor, intervals: int, frequencies: int) -> Tensor:
    """Magnitude and phase of the lowest frequencies of each interval of a sample.

    Interval i begins at step floor(i T / intervals) and has floor(T / intervals) steps, so that a few steps may belong
    to no interval. An interval too short for `frequencies` is padded with zeros to 2 (frequencies - 1) steps, which
    interpolates its spectrum. The phase is atan2(imaginary, real) in [-π, π]. It is 0 if the spectrum is exactly 0, and
    that of the rounding error if the spectrum is 0 up to rounding.

    Args:
        x: Samples (N, T, C).
        intervals: Number of intervals of a sample.
        frequencies: Number of frequencies of each interval, from 0 upwards.

    Returns:
        (N, intervals, frequencies, 2C); the last axis is magnitude and phase of the first channel, then of the second.

    Raises:
        ConfigurationError: There are more intervals than steps, or none.
    """
    steps = x.shape[1]
    if not 1 <= intervals <= steps:
        raise ConfigurationError(
            "intervals", f"samples of {steps} steps cannot be cut into {intervals}", f"Use 1 to {steps}"
        )
    length = steps // intervals
    starts = torch.arange(intervals, device=x.device) * steps // intervals
    cut = x[:, starts[:, None] + torch.arange(length, device=x.device)]
    polar = fourier_polar(cut, range(frequencies), max(length, 2 * (frequencies - 1)))
    return torch.stack(polar, dim=-1).flatten(3)


class SpectralEncoder(Encoder):
    """Three convolutions over the frequencies of each interval.

    The first covers all channels of three neighbouring frequencies: a kernel [1, 6C] with stride [1, 2C] on spectra
    arranged in one row is the same. The others also have width 3. Batch normalisation and ReLU follow each, dropout of
    whole channels the first two. (120, 6) with 6 features and (40, 20, 3) with 60 both become (64, 8, 4).

    Args:
        in_features: Number of channels C of a sample. Axes beyond the second are flattened: 60 for 20 joints in space.
        intervals: Number of intervals of a sample: 8 of 0.25 s in two seconds. DeepSense has 20 in five seconds.
        frequencies: Number of frequencies of each interval.
        width: Width of each convolution.
        dropout: Dropout probability.
    """

    numerics = "1.0"
    sample_axes = None

    def __init__(
        self,
        in_features: PositiveInt,
        intervals: Size = 8,
        frequencies: Annotated[int, whole(LEAST_FREQUENCIES, MAX_SIZE)] = 10,
        width: Size = 64,
        dropout: Probability = 0.2,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.intervals, self.frequencies = intervals, frequencies
        self.layers = nn.Sequential(
            ConvBlock(nn.Conv2d(2 * in_features, width, (1, 3)), nn.BatchNorm2d(width), 0.0),
            nn.Dropout2d(dropout),
            ConvBlock(nn.Conv2d(width, width, (1, 3)), nn.BatchNorm2d(width), 0.0),
            nn.Dropout2d(dropout),
            ConvBlock(nn.Conv2d(width, width, (1, 3)), nn.BatchNorm2d(width), 0.0),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Encodes (N, time, *shape) into (N, width, intervals, frequencies - 6)."""
        spectrum = interval_spectrum(x.flatten(2), self.intervals, self.frequencies)
        features: Tensor = self.layers(spectrum.movedim(3, 1))
        return features


def spectral_encoders(modality_shapes: Mapping[str, tuple[int, ...]], intervals: int) -> dict[str, Encoder]:
    """A `SpectralEncoder` per modality. All use the same intervals, whatever the sampling rates."""
    return {name: SpectralEncoder(math.prod(shape[1:]), intervals) for name, shape in modality_shapes.items()}
