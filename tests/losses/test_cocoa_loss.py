"""The COCOA loss against naive loops, closed forms and the sum of the released code."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.losses import COCOALoss


def naive(views, temperature, scale, weight):
    """As the released code states "cocoa2": sums over samples, means over the pairs of each."""
    n, m, _ = views.shape
    z = F.normalize(views, dim=2)
    positives = sum(
        sum(math.exp((1 - float(z[i, a] @ z[i, b])) / temperature) for a in range(m) for b in range(m)) / m**2
        for i in range(n)
    )
    negatives = 0.0
    for a in range(m):
        for i in range(n):
            others = [math.exp(float(z[i, a] @ z[j, a]) / temperature) for j in range(n) if j != i]
            negatives += sum(others) / len(others)
    return scale * positives + weight * negatives


@pytest.mark.parametrize(("num_views", "temperature"), [(2, 0.1), (3, 0.5)])
def test_equals_the_released_code_but_for_a_factor(num_views, temperature):
    torch.manual_seed(0)
    views = torch.randn(7, num_views, 5, dtype=torch.float64)
    expected = naive(views, temperature, 1 / 32, 3.9e-3)
    assert COCOALoss(temperature)(views).item() * 7 / 32 == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("temperature", [0.05, 0.025])
def test_a_small_temperature_is_exact_in_float32(temperature):
    """The similarity of a sample with itself, exp(1/τ), would take away all digits of the others."""
    views = torch.eye(32).unsqueeze(1).repeat(1, 2, 1)
    expected = 1 + 0.5 * 2  # equal views, and other samples at right angles
    assert COCOALoss(temperature, 0.5)(views).item() == pytest.approx(expected, rel=1e-5)


def test_closed_forms():
    equal = torch.ones(5, 3, 4)
    assert COCOALoss(0.5, 0.2)(equal).item() == pytest.approx(1 + 0.2 * 3 * math.exp(2), rel=1e-5)
    opposite = torch.tensor([1.0, -1.0]).view(1, 2, 1).expand(2, 2, 1)  # the two views of each sample are opposite
    assert COCOALoss(0.5, 0.0)(opposite).item() == pytest.approx((1 + math.exp(4)) / 2, rel=1e-5)


def test_order_of_views_and_samples_does_not_matter():
    torch.manual_seed(0)
    views = torch.randn(6, 3, 4, dtype=torch.float64)
    loss = COCOALoss()
    for other in (views.flip(0), views.flip(1), views * 3):
        assert loss(other).item() == pytest.approx(loss(views).item(), rel=1e-9)


def test_half_precision_is_computed_in_float32():
    torch.manual_seed(0)
    views = torch.randn(6, 2, 4).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = COCOALoss()(views)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(COCOALoss()(views.float()).item(), rel=1e-5)


def test_the_smallest_temperature_is_finite_for_opposite_views():
    views = torch.tensor([[[1.0, 0.0], [-1.0, 0.0]]] * 9, requires_grad=True)
    loss = COCOALoss(0.025)(views)
    loss.backward()
    assert loss.isfinite() and views.grad.isfinite().all()


@pytest.mark.parametrize(
    "arguments", [{"temperature": 0.024}, {"temperature": 0.0}, {"temperature": math.nan}, {"negative_weight": -1.0}]
)
def test_bad_arguments_are_named(arguments):
    with pytest.raises(ConfigurationError, match=next(iter(arguments))):
        COCOALoss(**arguments)


@pytest.mark.parametrize("shape", [(4, 8), (4, 1, 8), (1, 2, 8)])
def test_bad_shapes_are_named(shape):
    with pytest.raises(ValueError, match="views must be"):
        COCOALoss()(torch.randn(*shape))
