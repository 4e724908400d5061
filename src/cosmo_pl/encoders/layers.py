"""Blocks of layers of the encoders, optimised for CPUs.

On a CPU, passes over memory take most of a training step of a small network. A block therefore makes few passes: ReLU
and dropout are one pass in place, with a mask from random bytes, and its gradient is computed from its result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from cosmo_pl.errors import ConfigurationError

INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # by the bytes of a floating-point number


class Dropout(nn.Dropout):
    """Dropout with a mask from random bytes on the CPU, where Bernoulli sampling in torch is slow."""

    def forward(self, x: Tensor) -> Tensor:
        """Sets each value to zero with probability p and scales the others by 1 / (1 - p), in train mode."""
        if not self.training or self.p in (0, 1) or x.device.type != "cpu":
            return super().forward(x)
        threshold, kind = _threshold(self.p)
        return torch.where(_random(x, kind) >= threshold, x * _scale(self.p), 0)


class ConvBlock(nn.Sequential):
    """Convolution, batch normalisation, ReLU and, if `dropout` is above 0, dropout.

    Args:
        conv: The convolution.
        norm: Batch normalisation of its channels.
        dropout: Dropout probability.
    """

    def __init__(self, conv: nn.Module, norm: nn.Module, dropout: float) -> None:
        super().__init__(conv, norm, nn.ReLU(), *([Dropout(dropout)] if dropout else []))

    def forward(self, x: Tensor) -> Tensor:
        """Computes the next feature map from a feature map."""
        norm: Any = self[1]
        p: Any = self[3].p if len(self) > 3 else 0.0
        cumulative = norm.momentum is None  # as `torch.optim.swa_utils.update_bn` sets it
        if x.device.type != "cpu" or not self.training or not norm.training or p == 1 or cumulative:
            return super().forward(x)  # type: ignore[no-any-return, no-untyped-call]
        # Dropout scales by 1 / (1 - p). Scaling the normalised values before the ReLU has the same effect.
        norm.num_batches_tracked.add_(1)
        scale = _scale(p)
        weight, bias = norm.weight * scale, norm.bias * scale
        x = F.batch_norm(self[0](x), norm.running_mean, norm.running_var, weight, bias, True, norm.momentum, norm.eps)
        rectified: Tensor = _Rectified.apply(x, p)  # type: ignore[no-untyped-call]
        return rectified


def conv_blocks(convolutions: Sequence[_ConvNd], norm: type[nn.Module], dropout: float) -> nn.Sequential:
    """A `ConvBlock` for each convolution, with dropout after all but the last.

    Args:
        convolutions: The convolutions.
        norm: Class of the batch normalisations.
        dropout: Dropout probability.
    """
    last = convolutions[-1]
    return nn.Sequential(
        *(ConvBlock(each, norm(each.out_channels), 0.0 if each is last else dropout) for each in convolutions)
    )


class _Rectified(torch.autograd.Function):
    """ReLU in place, then dropout with probability p. The other values are not scaled."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, p: float) -> Tensor:
        x.relu_()
        if p:
            threshold, kind = _threshold(p)
            whole = INTEGERS[x.element_size()]
            kept = (_random(x, kind) >= threshold).to(whole).neg_()  # all bits set, or none
            x.view(whole).bitwise_and_(kept)
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        return torch.ops.aten.threshold_backward(gradient, x, 0), None


def _threshold(p: float) -> tuple[int, torch.dtype]:
    """A type of integers, and a threshold that a random integer is below with probability p.

    One byte is enough if p is a multiple of 1/256, as 0.5 is. Two bytes approximate any p to within 1/131072,
    and one near 1 by 65535/65536.
    """
    bits, kind = (8, torch.int8) if (256 * p) % 1 == 0 else (16, torch.int16)
    return min(round(p * 2**bits), 2**bits - 1) - 2 ** (bits - 1), kind


def _scale(p: float) -> float:
    """Factor of the values that dropout keeps."""
    threshold, kind = _threshold(p)
    low, high = torch.iinfo(kind).min, torch.iinfo(kind).max
    return (high - low + 1) / (high - threshold + 1)


def _random(x: Tensor, kind: torch.dtype) -> Tensor:
    """Random integers in the shape and the memory layout of a tensor without gaps."""
    count = x.numel()
    words = torch.empty(-(-count * kind.itemsize // 8), dtype=torch.int64).random_(-(2**63), None)  # type: ignore[arg-type]
    return words.view(kind)[:count].as_strided(x.shape, x.stride())


def check_layers(name: str, channels: Sequence[int], kernels: Sequence[object]) -> None:
    """Checks that there are as many widths as kernels."""
    if not channels or len(channels) != len(kernels):
        raise ConfigurationError(
            f"{name}.channels", f"{len(channels)} widths for {len(kernels)} kernels", "Give one width per kernel"
        )
