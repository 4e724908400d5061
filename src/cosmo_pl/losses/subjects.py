"""Weights of negatives of the same subject."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def same_subject_logits(subject: Tensor | None, weight: float | None, num_views: int) -> Tensor | None:
    """Logarithms of the weights of all pairs of views, to be added to their similarities over τ.

    Args:
        subject: Subject of each view (N, P).
        weight: Weight of views of other samples of the same subject; None for no weights.
        num_views: P.

    Returns:
        (N·P, N·P): log `weight` for views of other samples of the same subject, 0 for all others; None for no weights.

    Raises:
        ValueError: There is a weight, and `subject` is None or not (N, P).
    """
    if weight is None:
        return None
    if subject is None or subject.ndim != 2 or subject.shape[1] != num_views:
        shape = None if subject is None else tuple(subject.shape)
        raise ValueError(f"same_subject_weight needs the subject of each view (N, {num_views}), not {shape}")
    who = subject.flatten()
    sample = torch.arange(len(subject), device=subject.device).repeat_interleave(num_views)
    alike = (who.unsqueeze(1) == who) & (sample.unsqueeze(1) != sample)
    return math.log(weight) * alike.to(torch.get_default_dtype())
