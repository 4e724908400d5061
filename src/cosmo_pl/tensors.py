"""What several layers do with tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """A tensor in single precision where it is in half, for losses and metrics under mixed precision."""
    return x if x.dtype == torch.float64 else x.float()


def fourier_magnitude(series: Tensor, frequencies: range) -> Tensor:
    """Magnitudes of some frequencies of the discrete Fourier transform over time.

    Args:
        series: Real series (..., time, channels).
        frequencies: Frequencies in periods per series, consecutive; those above time // 2 are left out.

    Returns:
        Magnitudes (..., frequencies, channels).
    """
    if not torch.compiler.is_compiling():
        spectrum: Tensor = torch.fft.rfft(series, dim=-2)[..., frequencies.start : frequencies.stop, :]
        return spectrum.abs()
    real, imaginary = _fourier_matrices(series, frequencies, series.shape[-2])
    magnitude: Tensor = (real.square() + imaginary.square()).sqrt().to(series.dtype)
    return magnitude


def fourier_polar(series: Tensor, frequencies: range, length: int) -> tuple[Tensor, Tensor]:
    """Magnitudes and phases of some frequencies of the discrete Fourier transform over time.

    Args:
        series: Real series (..., time, channels).
        frequencies: As those of `fourier_magnitude`.
        length: Number of steps that the series are padded to with zeros, at least their own.

    Returns:
        Magnitudes and phases in [-π, π], each (..., frequencies, channels).
    """
    if not torch.compiler.is_compiling():
        spectrum = torch.fft.rfft(series, n=length, dim=-2)[..., frequencies.start : frequencies.stop, :]
        return spectrum.abs(), spectrum.angle()
    real, imaginary = (part.to(series.dtype) for part in _fourier_matrices(series, frequencies, length))
    # ONNX has no atan2, and what PyTorch writes instead gives -π here.
    phase = torch.where((imaginary == 0) & (real < 0), torch.pi, torch.atan2(imaginary, real))
    return (real.square() + imaginary.square()).sqrt(), phase


def _fourier_matrices(series: Tensor, frequencies: range, length: int) -> tuple[Tensor, Tensor]:
    """Real and imaginary part by matrix products, for exported graphs: runtimes have no exact Fourier transform.

    They are in double precision, so that they are as exact as the transform, and that quantisation leaves them alone.
    """
    known = np.arange(frequencies.start, min(frequencies.stop, length // 2 + 1))
    turns = known[:, None] * np.arange(series.shape[-2]) % length  # in units of 2π / length
    angle = 2 * np.pi / length * turns
    sine = np.where(2 * turns % length == 0, 0.0, -np.sin(angle))  # 0 exactly, where the spectrum is real
    values = series.double()
    return torch.from_numpy(np.cos(angle)) @ values, torch.from_numpy(sine) @ values
