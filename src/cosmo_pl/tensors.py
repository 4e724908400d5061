"""What several layers do with tensors."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """A tensor in single precision where it is in half, for losses and metrics under mixed precision."""
    return x if x.dtype == torch.float64 else x.float()
