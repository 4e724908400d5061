"""Rotation matrices."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def rotation_matrices(axis: Tensor, angle: Tensor) -> Tensor:
    """Rotations (N, 3, 3) about axes (N, 3) by angles (N,) in radians (Rodrigues)."""
    x, y, z = F.normalize(axis, dim=1).unbind(dim=1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).view(-1, 3, 3)
    sin, cos = angle.sin().view(-1, 1, 1), angle.cos().view(-1, 1, 1)
    return torch.eye(3, device=axis.device, dtype=axis.dtype) + sin * cross + (1 - cos) * (cross @ cross)


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Turns the vectors of samples (N, T, ..., 3·k) by the samples' rotations (N, 3, 3)."""
    vectors = x.reshape(len(x), -1, 3)
    return (vectors @ rotation.transpose(1, 2).to(x.dtype)).view_as(x)


def uniform(shape: tuple[int, ...], low: float, high: float, like: Tensor) -> Tensor:
    """Uniform numbers on the device of a tensor."""
    return torch.rand(shape, device=like.device) * (high - low) + low
