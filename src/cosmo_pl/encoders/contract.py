"""What an encoder has to keep to, found before any training: other people write encoders, too."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cosmo_pl.errors import ConfigurationError, CosmoError
from cosmo_pl.own_code import described, is_own

OTHER_SAMPLES = "Use smaller kernels or longer windows, or an encoder made for this modality"
SAMPLES = 2  # an encoder that mixes up samples and another axis shows it with two


def feature_map(encoder: nn.Module, shape: Sequence[int], axes: int | None) -> Tensor:
    """The feature map (2, channels, time', *space) of two samples.

    Their values are fixed, and differ in every place: some encoders divide by a deviation.

    Args:
        encoder: The encoder, in eval mode.
        shape: Shape of a sample.
        axes: Its `sample_axes`.

    Raises:
        ConfigurationError: The samples do not fit, or the result is no feature map.
    """
    name = f"encoders ({type(encoder).__name__})"
    samples = torch.linspace(-1, 1, SAMPLES * math.prod(shape)).reshape(SAMPLES, *shape)
    problem = f"samples of shape {tuple(shape)} do not fit: "
    if len(shape) != axes and (axes is not None or len(shape) < 2):
        problem += f"they have {len(shape)} axes, not {axes or '2 or more'}"
        raise ConfigurationError(name, problem, OTHER_SAMPLES)
    try:
        with torch.no_grad():
            found = encoder(samples)
    except CosmoError:
        raise
    except Exception as error:
        if is_own(type(encoder)):
            problem += described(error, type(encoder))
            raise ConfigurationError(name, problem, _remedy(error)) from error
        if not isinstance(error, RuntimeError):
            raise
        raise ConfigurationError(name, f"{problem}{error}", OTHER_SAMPLES) from error
    fault = _fault(found, samples)
    if fault:
        remedy = "Return a tensor (N, channels, time, *space) of the type of the samples from its forward"
        raise ConfigurationError(name, fault, remedy)
    features: Tensor = found
    return features


def check_class(encoder: nn.Module) -> None:
    """Checks what a subclass of `Encoder` declares and keeps.

    Raises:
        ConfigurationError: It has no `sample_axes`, or did not call `save_hyperparameters`.
    """
    name = f"encoders ({type(encoder).__name__})"
    if not hasattr(encoder, "sample_axes"):
        remedy = "Set it on the class: the number of axes of a sample, 2 for (time, channels); None for any number"
        raise ConfigurationError(name, "has no sample_axes", remedy)
    if not hasattr(encoder, "hparams"):
        remedy = "Call self.save_hyperparameters() there, so that bundles and checkpoints can build the encoder again"
        raise ConfigurationError(name, "keeps no arguments of its constructor", remedy)


def _fault(found: Any, samples: Tensor) -> str:
    """What is wrong with the result of an encoder; empty if nothing is."""
    if not isinstance(found, Tensor):
        return f"returns a {type(found).__name__}, no tensor"
    shapes = f"returns the shape {tuple(found.shape)} for samples {tuple(samples.shape)}"
    if found.ndim < 3:
        return f"{shapes}, and a feature map has at least three axes"
    if len(found) != len(samples):
        return f"{shapes}, and the first axis is that of the samples"
    if found.dtype != samples.dtype:
        return f"returns {found.dtype} for samples of {samples.dtype}"
    if not found.isfinite().all():
        return "returns values that are not finite for samples with values from -1 to 1"
    return ""


def _remedy(error: Exception) -> str:
    if re.search(r"dtype|scalar type|\(double\)|Double", str(error)):
        return "Let it compute in the type of the samples, float32"
    return f"Correct its forward. {OTHER_SAMPLES}" if isinstance(error, RuntimeError) else "Correct its forward"
