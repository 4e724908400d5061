"""The base of all encoders: networks from the samples of one modality to a feature map over time."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from cosmo_pl.constraints import Constrained
from cosmo_pl.errors import ConfigurationError


class Encoder(Constrained, nn.Module, ABC):
    """Encoder of one modality.

    A subclass calls ``self.save_hyperparameters()`` in its constructor. A bundle stores the class path and these
    arguments, and builds the same encoder from them.
    """

    numerics: ClassVar[str] = "1.0"
    """As "meaning.rounding", see CHANGELOG.md."""

    sample_axes: ClassVar[int | None]
    """Number of axes of a sample, including time; None for any number of at least two."""

    any_length: ClassVar[bool] = False
    """Whether samples with another number of steps than in training have features of the same shape and meaning."""

    def save_hyperparameters(self) -> None:
        """Stores the arguments of the calling constructor as `hparams`.

        For an encoder that a module builds, Lightning's own method would also store the arguments of the module.
        """
        frame = inspect.currentframe()
        assert frame is not None and frame.f_back is not None
        names, _, _, values = inspect.getargvalues(frame.f_back)
        self.hparams: dict[str, Any] = {name: values[name] for name in names if name != "self"}

    def described(self) -> dict[str, Any]:
        """Class path and arguments as plain values. A bundle or a checkpoint builds the same encoder from them."""
        return {"class_path": f"{type(self).__module__}.{type(self).__qualname__}", "init_args": dict(self.hparams)}

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Encodes samples (N, time, *shape) into a feature map (N, channels, time', *space); Eq. 1 flattens it."""

    def feature_shape(self, input_shape: Sequence[int]) -> tuple[int, ...]:
        """Shape (channels, time', *space) of the feature map of one sample.

        Raises:
            ConfigurationError: The sample is too small for the kernels.
        """
        training = self.training
        self.eval()
        try:
            with torch.no_grad():
                axes = len(input_shape)
                if axes != self.sample_axes and (self.sample_axes is not None or axes < 2):
                    raise RuntimeError(f"they have {axes} axes, not {self.sample_axes or '2 or more'}")
                return tuple(self(torch.zeros(1, *input_shape)).shape[1:])
        except RuntimeError as error:
            raise ConfigurationError(
                f"encoders ({type(self).__name__})",
                f"samples of shape {tuple(input_shape)} do not fit: {error}",
                "Use smaller kernels or longer windows, or an encoder made for this modality",
            ) from error
        finally:
            self.train(training)
