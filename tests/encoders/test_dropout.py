"""Dropout drawn from uniform numbers is PyTorch's in distribution."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from cosmo_pl.encoders.base import Dropout

COUNT = 100_000


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("p", [0.05, 0.5, 0.9])
def test_drops_the_share_and_scales_the_rest(p: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.rand(COUNT, dtype=dtype) + 0.5
    out = Dropout(p)(x)
    kept = out != 0
    assert out.dtype == dtype
    torch.testing.assert_close(out[kept], x[kept] / (1 - p))
    share, error = 1 - kept.double().mean().item(), math.sqrt(p * (1 - p) / COUNT)
    assert share == pytest.approx(p, abs=4 * error)


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_half_precision_drops_the_share_too(p: float) -> None:
    torch.manual_seed(0)
    out = Dropout(p)(torch.ones(COUNT, dtype=torch.bfloat16))
    assert out.dtype == torch.bfloat16
    assert (out == 0).double().mean().item() == pytest.approx(p, abs=0.006)


def test_values_are_dropped_independently_of_each_other() -> None:
    torch.manual_seed(0)
    kept = (Dropout(0.5)(torch.ones(400, 50, 5)) != 0).double() - 0.5
    for axis in range(3):
        neighbours = (kept * kept.roll(1, dims=axis)).mean().item() * 4
        assert abs(neighbours) < 4 / math.sqrt(kept.numel())


def test_draws_anew_and_follows_the_seed() -> None:
    x = torch.ones(1000)
    torch.manual_seed(1)
    first, second = Dropout()(x), Dropout()(x)
    torch.manual_seed(1)
    assert torch.equal(first, Dropout()(x)) and not torch.equal(first, second)


def test_gradient_is_the_mask() -> None:
    torch.manual_seed(0)
    x = (torch.rand(1000) + 0.5).requires_grad_()
    out = Dropout(0.25)(x)
    out.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad * x.detach(), out.detach())


@pytest.mark.parametrize(("p", "training"), [(0.5, False), (1.0, False), (0.0, True)])
def test_changes_nothing_in_eval_mode_or_without_a_probability(p: float, training: bool) -> None:
    x = torch.randn(1000)
    assert torch.equal(Dropout(p).train(training)(x), x)


def test_probability_one_drops_everything() -> None:
    assert torch.equal(Dropout(1.0)(torch.ones(10)), nn.Dropout(1.0)(torch.ones(10)))
