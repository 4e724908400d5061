"""What every augmentation is: parameters drawn for each sample, and what they do to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from cosmo_pl.constraints import Constrained


class Augmentation(Constrained, ABC):
    """A random change of a modality's samples, on whatever device they are.

    It sees them as `transforms` leave them, in the sensor's units, before normalisation. The draw hangs on torch's
    generator of that device alone, so a seed repeats it.
    """

    numerics: ClassVar[str] = "1.0"
    """As "meaning.rounding", see CHANGELOG.md."""

    @abstractmethod
    def random_parameters(self, x: Tensor) -> Tensor:
        """Draws the parameters (N, ...) for samples (N, T, *shape)."""

    @abstractmethod
    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Changes samples (N, T, *shape), each by its own parameters; the shape stays."""

    def __call__(self, x: Tensor) -> Tensor:
        """Changes samples (N, T, *shape) at random."""
        return self.apply(x, self.random_parameters(x))


def uniform(shape: tuple[int, ...], low: float, high: float, like: Tensor) -> Tensor:
    """Uniform numbers on the device of a tensor."""
    return torch.rand(shape, device=like.device) * (high - low) + low
