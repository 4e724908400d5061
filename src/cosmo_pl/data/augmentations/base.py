"""Base of the augmentations: random parameters of each sample, and the change that they describe."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from cosmo_pl.constraints import Constrained


class Augmentation(Constrained, ABC):
    """A random change of a modality's samples, on whatever device they are.

    It is applied after `transforms`, in the sensor's units. The parameters depend only on the random generator of torch
    for that device, so a seed repeats them.
    """

    numerics: ClassVar[str] = "1.0"
    """As "meaning.rounding", see CHANGELOG.md."""

    @abstractmethod
    def random_parameters(self, x: Tensor) -> Tensor:
        """Random parameters (N, ...) for samples (N, T, *shape)."""

    @abstractmethod
    def apply(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Changes each sample (N, T, *shape) by its own parameters, without changing the shape."""

    def __call__(self, x: Tensor) -> Tensor:
        """Changes samples (N, T, *shape) at random."""
        return self.apply(x, self.random_parameters(x))


def uniform(shape: tuple[int, ...], low: float, high: float, like: Tensor) -> Tensor:
    """Uniform numbers on the device of a tensor."""
    return torch.rand(shape, device=like.device) * (high - low) + low
