"""The training step as it was before it was made faster, for `bench.py` to compare with; nothing else uses it.

The encoders have the parameters of today's, by the same names. Three things are missing, and were: one layout of memory
through all layers, dropout fused with what comes before it, and optimizers that update all parameters in one pass.
The 3-D convolution over three coordinates was computed as a 2-D one already, and dropout drew uniform numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Dropout(nn.Dropout):
    """Dropout with a mask from uniform numbers."""

    def forward(self, x: Tensor) -> Tensor:
        """Zeroes each value with probability p and scales the others by 1 / (1 - p) in train mode."""
        if not self.training:
            return x
        return x * (torch.rand_like(x) >= self.p).to(x.dtype).div_(1 - self.p)


def conv_block(conv: nn.Module, norm: nn.Module, dropout: float) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU and, where `dropout` is not 0, dropout, one after the other."""
    layers = [conv, norm, nn.ReLU()]
    return nn.Sequential(*layers, Dropout(dropout)) if dropout else nn.Sequential(*layers)


def dropouts(channels: Sequence[int], dropout: float) -> list[float]:
    """Dropout probability after each convolution: none after the last."""
    return [dropout] * (len(channels) - 1) + [0.0]


class Inertial(nn.Module):
    """`InertialEncoder` as it was; the arguments are its own."""

    def __init__(self, channels: Sequence[int], kernels: Sequence[int], dropout: float) -> None:
        super().__init__()
        shapes = zip((1, *channels), channels, kernels, dropouts(channels, dropout), strict=False)
        self.layers = nn.Sequential(
            *(conv_block(nn.Conv2d(first, then, kernel), nn.BatchNorm2d(then), p) for first, then, kernel, p in shapes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Encodes (N, time, axes) into (N, channels, time', axes')."""
        return self.layers(x.unsqueeze(1))


class NarrowConv3d(nn.Conv3d):
    """3-D convolution over a short last axis, unfolded anew in each layer into a 2-D one."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolves (N, C, T, J, D) to (N, C', T', J', D')."""
        width = self.kernel_size[2]
        places = x.shape[4] - width + 1
        windows = x.unfold(4, width, 1).permute(0, 4, 5, 1, 2, 3).flatten(0, 1).flatten(1, 2)
        out = F.conv2d(windows, self.weight.permute(0, 4, 1, 2, 3).flatten(1, 2), self.bias)
        return out.view(x.shape[0], places, *out.shape[1:]).permute(0, 2, 3, 4, 1)


class Skeleton(nn.Module):
    """`SkeletonEncoder` as it was; the arguments are its own."""

    def __init__(self, channels: Sequence[int], kernels: Sequence[tuple[int, int, int]], dropout: float) -> None:
        super().__init__()
        shapes = zip((1, *channels), channels, kernels, dropouts(channels, dropout), strict=False)
        self.layers = nn.Sequential(
            *(
                conv_block(NarrowConv3d(first, then, kernel), nn.BatchNorm3d(then), p)
                for first, then, kernel, p in shapes
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Encodes (N, frames, joints, 3) into (N, channels, frames', joints', coordinates')."""
        return self.layers(x.unsqueeze(1))


class Temporal(nn.Module):
    """`TemporalEncoder` as it was; the arguments are its own."""

    def __init__(
        self,
        in_features: int,
        channels: Sequence[int],
        kernel_size: int,
        strides: Sequence[int],
        segments: int,
        dropout: float,
        velocities: bool,
    ) -> None:
        super().__init__()
        self.segments, self.velocities = segments, velocities
        first = in_features * (2 if velocities else 1)
        self.standardize = nn.BatchNorm1d(first, affine=False)
        shapes = zip((first, *channels), channels, strides, dropouts(channels, dropout), strict=False)
        self.layers = nn.Sequential(
            *(
                conv_block(
                    nn.Conv1d(before, after, kernel_size, stride, kernel_size // 2, bias=False),
                    nn.BatchNorm1d(after),
                    p,
                )
                for before, after, stride, p in shapes
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Encodes (N, time, *shape) into (N, channels, segments)."""
        x = x.flatten(2).transpose(1, 2)
        if self.velocities:
            x = torch.cat([x, F.pad(x.diff(dim=2), (1, 0))], dim=1)
        return F.adaptive_avg_pool1d(self.layers(self.standardize(x)), self.segments)


BEFORE: dict[str, type[nn.Module]] = {
    "InertialEncoder": Inertial,
    "SkeletonEncoder": Skeleton,
    "TemporalEncoder": Temporal,
}


def as_before(encoder: Any) -> nn.Module:
    """One of today's encoders as it was, with the same weights."""
    before = BEFORE[type(encoder).__name__](**encoder.hparams)
    before.load_state_dict(encoder.state_dict())
    return before


def check_equal(encoder: nn.Module, before: nn.Module, x: Tensor) -> None:
    """Refuses a comparison of encoders that do not compute the same in eval mode."""
    with torch.no_grad():
        now, then = encoder.eval()(x), before.eval()(x)
    torch.testing.assert_close(now, then, rtol=1e-4, atol=1e-4)


def unfused(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """The same optimizer with a loop over the parameters, as torch has it unless it is asked for a fused one."""
    for group in optimizer.param_groups:
        group["fused"] = False
    optimizer.defaults["fused"] = False
    return optimizer
