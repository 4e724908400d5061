"""Augmentations of inertial sensors: how they are worn, and how well they measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor

from cosmo_pl.constraints import Constraint, OpenShare, PositiveFloat
from cosmo_pl.data.augmentations.base import Augmentation, uniform
from cosmo_pl.data.augmentations.rotation import Rotation
from cosmo_pl.errors import ConfigurationError

Deviations = Annotated[Sequence[PositiveFloat], Constraint("at least one deviation", bool)]


def _check_axes(name: str, x: Tensor) -> None:
    if x.ndim != 3 or x.shape[2] % 3:
        raise ConfigurationError(
            name, f"samples of shape {tuple(x.shape[1:])} are no three-axis sensors", "Name it under an inertial one"
        )


class RotateSensor(Rotation):
    """Rotates the sensor's frame about a random axis, as if it were worn slightly askew.

    All three-axis sensors of the modality are rotated together, and gravity with them.

    Args:
        max_degrees: Largest angle.

    Raises:
        ConfigurationError: The angle is not positive.
    """

    numerics = "1.0"

    def axis(self, x: Tensor) -> Tensor:
        """Random directions (N, 3)."""
        _check_axes("RotateSensor", x)
        return torch.randn(len(x), 3, device=x.device)


class RotateAboutGravity(Rotation):
    """Rotates the sensor's frame about the vertical, as if it were worn at another side of the body.

    The vertical is the direction of the mean acceleration, the first three channels. Vertical components stay.

    Args:
        max_degrees: Largest angle.

    Raises:
        ConfigurationError: The angle is not positive.
    """

    numerics = "1.0"

    def axis(self, x: Tensor) -> Tensor:
        """Directions of the mean acceleration (N, 3)."""
        _check_axes("RotateAboutGravity", x)
        return x[:, :, :3].mean(dim=1)


class Gain(Augmentation):
    """Multiplies each three-axis sensor by its own factor, as if the movement were stronger or weaker.

    Args:
        strength: The factor lies between 1 - strength and 1 + strength.

    Raises:
        ConfigurationError: The strength is outside (0, 1).
    """

    numerics = "1.0"

    def __init__(self, strength: OpenShare = 0.2) -> None:
        self.strength = strength

    def random_parameters(self, x: Tensor) -> Tensor:
        """Random factors (N, channels / 3)."""
        _check_axes("Gain", x)
        return uniform((len(x), x.shape[2] // 3), 1 - self.strength, 1 + self.strength, x)

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Scales samples (N, T, 3·k)."""
        return x * parameters.repeat_interleave(3, dim=1).unsqueeze(1).to(x.dtype)


class Jitter(Augmentation):
    """Adds normally distributed noise to every value of any modality.

    Args:
        std: Standard deviation in the units of the modality, one value for all channels or one value per channel.

    Raises:
        ConfigurationError: A standard deviation is not positive.
    """

    numerics = "1.0"

    def __init__(self, std: PositiveFloat | Deviations) -> None:
        values = [std] if isinstance(std, int | float) else list(std)
        self.std = torch.tensor(values)

    def random_parameters(self, x: Tensor) -> Tensor:
        """Random noise of the samples' shape."""
        if self.std.numel() not in (1, x.shape[-1]):
            raise ConfigurationError(
                "Jitter.std",
                f"{self.std.numel()} values for {x.shape[-1]} channels",
                "Give one value, or one per channel",
            )
        return torch.randn_like(x) * self.std.to(x)

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Adds noise to samples (N, T, *shape)."""
        return x + parameters
