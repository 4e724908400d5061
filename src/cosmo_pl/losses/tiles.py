"""Log-sum-exp of the similarities of many features, in memory that is linear in their number."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

TILE = 256  # rows of similarities in memory at once


def similarity_logsumexp(features: Tensor, temperature: float) -> Tensor:
    """Log Σ_{a ≠ s} exp(v_s · v_a / τ) for each feature v_s.

    The similarities are computed in tiles of `TILE` rows, and again for the gradient.

    Args:
        features: v (M, D).
        temperature: τ.

    Returns:
        (M,).
    """
    result: Tensor = _Tiled.apply(features, temperature)  # type: ignore[no-untyped-call]
    return result


class _Tiled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, temperature: float) -> Tensor:
        ctx.temperature = temperature
        result = features.new_empty(len(features))  # allocated once, so that the tiles can reuse one piece of memory
        for first in range(0, len(features), TILE):
            result[first : first + TILE] = _rows(features, temperature, first).logsumexp(dim=1)
        ctx.save_for_backward(features, result)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        features, result = ctx.saved_tensors
        total = torch.zeros_like(features)
        for first in range(0, len(features), TILE):
            rows = slice(first, first + TILE)
            share = _rows(features, ctx.temperature, first).sub_(result[rows, None]).exp_()
            share.mul_(gradient[rows, None] / ctx.temperature)
            total[rows] += share @ features
            total.addmm_(share.T, features[rows])
        return total, None


def _rows(features: Tensor, temperature: float, first: int) -> Tensor:
    """Similarities over τ of `TILE` features with all, -inf with themselves, (TILE, M)."""
    rows = (features[first : first + TILE] / temperature) @ features.T
    rows[:, first : first + TILE].fill_diagonal_(-math.inf)
    return rows
