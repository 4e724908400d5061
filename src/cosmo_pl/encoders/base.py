"""The base of all encoders: networks from the samples of one modality to a feature map over time."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from cosmo_pl.constraints import Constrained
from cosmo_pl.encoders.contract import check_class, feature_map


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
            ConfigurationError: The sample is too small for the kernels, or the class breaks the contract of encoders.
        """
        check_class(self)
        training = self.training
        self.eval()
        try:
            return tuple(feature_map(self, input_shape, self.sample_axes).shape[1:])
        finally:
            self.train(training)
