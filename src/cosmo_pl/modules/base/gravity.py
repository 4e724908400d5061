"""Statistics of windows of worn sensors that do not depend on how the sensor is turned, or on the gain of a movement.

The mean of an accelerometer over a window is the direction of gravity while its wearer moves to and fro. D. Mizell,
"Using gravity to estimate accelerometer orientation", ISWC 2003.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.tensors import fourier_magnitude

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
SMALLEST = 1e-9  # keeps the logarithm of a constant series finite


def check_vectors(modality_shapes: Mapping[str, tuple[int, ...]], accelerometer: str) -> None:
    """Checks that all modalities are series of vectors like those of the accelerometer.

    Args:
        modality_shapes: Modality to shape of a sample.
        accelerometer: Modality that measures gravity.

    Raises:
        ConfigurationError: It is no modality, or a modality has another number of steps or not three axes.
    """
    if accelerometer not in modality_shapes:
        problem = f"is '{accelerometer}', and the modalities are {list(modality_shapes)}"
        raise ConfigurationError("accelerometer", problem, "Name one of them, or null")
    steps = modality_shapes[accelerometer][0]
    for name, shape in modality_shapes.items():
        if shape != (steps, 3):
            problem = f"needs samples of shape ({steps}, 3), and those of '{name}' are {shape}"
            raise ConfigurationError("accelerometer", problem, "Leave this modality out, or set it to null")


def gravity_columns(values: Mapping[str, Tensor], accelerometer: str, num_frequencies: int) -> Tensor:
    """Columns of a classifier by trees: quantiles, and statistics relative to gravity and to the total movement.

    Args:
        values: Modality to samples (N, time, 3) in units in which 0 is no acceleration and no rotation.
        accelerometer: Modality that measures gravity.
        num_frequencies: Number of Fourier magnitudes.

    Returns:
        Columns (N, F): quantiles of each axis and of each of `gravity_parts`; mean, standard deviation and magnitudes
        of each part; the magnitudes as shares of their sum; and the logarithm of the ratio of the deviations of each
        two parts.
    """
    parts = gravity_parts(values, accelerometer)
    mean = parts.mean(dim=1, keepdim=True)
    deviation = parts.std(dim=1, correction=0)
    spectrum = fourier_magnitude(parts - mean, range(1, num_frequencies + 1))
    shares = spectrum / (spectrum.sum(dim=1, keepdim=True) + SMALLEST)
    logarithm = (deviation + SMALLEST).log()
    ratios = [logarithm[:, i] - logarithm[:, j] for i, j in combinations(range(parts.shape[2]), 2)]
    columns = [quantiles(torch.cat([*values.values(), parts], dim=2)), mean.flatten(1), deviation]
    return torch.cat([*columns, spectrum.flatten(1), shares.flatten(1), torch.stack(ratios, dim=1)], dim=1)


def gravity_parts(values: Mapping[str, Tensor], accelerometer: str) -> Tensor:
    """Vertical part, size of the horizontal part, and size of each vector, by the direction of gravity in the window.

    They are the same however the sensor is turned, if it is turned alike during the whole window and all modalities
    have the same axes.

    Args:
        values: Modality to samples (N, time, 3), see `gravity_columns`.
        accelerometer: Modality that measures gravity.

    Returns:
        Series (N, time, 3 · modalities). Without gravity, as in free fall, the vertical part is 0.
    """
    up = torch.nn.functional.normalize(values[accelerometer].mean(dim=1, keepdim=True), dim=2)
    parts = []
    for vectors in values.values():
        vertical = (vectors * up).sum(dim=2, keepdim=True)
        horizontal = torch.linalg.vector_norm(vectors - vertical * up, dim=2, keepdim=True)
        parts += [vertical, horizontal, torch.linalg.vector_norm(vectors, dim=2, keepdim=True)]
    return torch.cat(parts, dim=2)


def quantiles(values: Tensor) -> Tensor:
    """Smallest value, quartiles and largest value (N, 5 · channels) of each channel of (N, time, channels)."""
    levels = torch.tensor(LEVELS, dtype=values.dtype, device=values.device)
    return torch.quantile(values, levels, dim=1).transpose(0, 1).flatten(1)
