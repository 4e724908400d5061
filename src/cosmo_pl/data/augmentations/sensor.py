"""Changes of how an inertial sensor is worn and how well it measures."""

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
    """Turns the sensor's frame about an axis of any direction: it sits a little askew.

    All three-axis sensors of the modality turn together, and gravity with them.

    Args:
        max_degrees: Largest angle.

    Raises:
        ConfigurationError: The angle is not positive.
    """

    numerics = "1.0"

    def __init__(self, max_degrees: PositiveFloat = 20.0) -> None:
        super().__init__(max_degrees)

    def axis(self, x: Tensor) -> Tensor:
        """Random directions (N, 3)."""
        _check_axes("RotateSensor", x)
        return torch.randn(len(x), 3, device=x.device)


class RotateAboutGravity(Rotation):
    """Turns the sensor's frame about the vertical: it sits elsewhere around the body.

    The vertical is the direction of the mean acceleration, the first three channels; its components stay.

    Args:
        max_degrees: Largest angle.

    Raises:
        ConfigurationError: The angle is not positive.
    """

    numerics = "1.0"

    def __init__(self, max_degrees: PositiveFloat = 20.0) -> None:
        super().__init__(max_degrees)

    def axis(self, x: Tensor) -> Tensor:
        """Directions of the mean acceleration (N, 3)."""
        _check_axes("RotateAboutGravity", x)
        return x[:, :, :3].mean(dim=1)


class Gain(Augmentation):
    """Multiplies each three-axis sensor by a factor of its own: a stronger or weaker movement.

    Args:
        strength: The factor lies between 1 - strength and 1 + strength.

    Raises:
        ConfigurationError: The strength is outside (0, 1).
    """

    numerics = "1.0"

    def __init__(self, strength: OpenShare = 0.2) -> None:
        self.strength = strength

    def random_parameters(self, x: Tensor) -> Tensor:
        """Draws factors (N, channels / 3)."""
        _check_axes("Gain", x)
        return uniform((len(x), x.shape[2] // 3), 1 - self.strength, 1 + self.strength, x)

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Scales samples (N, T, 3·k)."""
        return x * parameters.repeat_interleave(3, dim=1).unsqueeze(1).to(x.dtype)


class Jitter(Augmentation):
    """Adds normal noise to every value of any modality.

    Args:
        std: Its deviation, in the units of the modality; one value for all channels or one a channel.

    Raises:
        ConfigurationError: A deviation is not positive.
    """

    numerics = "1.0"

    def __init__(self, std: PositiveFloat | Deviations) -> None:
        values = [std] if isinstance(std, int | float) else list(std)
        self.std = torch.tensor(values)

    def random_parameters(self, x: Tensor) -> Tensor:
        """Draws noise of the samples' shape."""
        if self.std.numel() not in (1, x.shape[-1]):
            raise ConfigurationError(
                "Jitter.std", f"{self.std.numel()} values for {x.shape[-1]} channels", "Give one, or one a channel"
            )
        return torch.randn_like(x) * self.std.to(x)

    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Adds noise to samples (N, T, *shape)."""
        return x + parameters
