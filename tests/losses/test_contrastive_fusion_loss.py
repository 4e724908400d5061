"""Eq. 4 against its definition written as loops, and the values it must have in closed form."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.losses import ContrastiveFusionLoss


def random_views(samples: int, views: int, size: int = 5, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, views, size, generator=generator, dtype=torch.float64).to(dtype)


def naive(views: Tensor, temperature: float, reduction: str) -> Tensor:
    """Eq. 4 term by term: anchors s, positives p, all a other than s."""
    unit = views / views.norm(dim=2, keepdim=True)
    keys = [(i, k) for i in range(views.shape[0]) for k in range(views.shape[1])]
    total = torch.zeros((), dtype=views.dtype)
    for i, k in keys:
        others = [(j, m) for j, m in keys if (j, m) != (i, k)]
        scores = {key: (unit[i, k] @ unit[key] / temperature).exp() for key in others}
        denominator = sum(scores.values())
        positives = [key for key in others if key[0] == i]
        total = total - sum((scores[key] / denominator).log() for key in positives) / len(positives)
    return total if reduction == "sum" else total / len(keys)


def separated(samples: int, views: int) -> Tensor:
    """Identical views; two samples are opposite, more are orthogonal."""
    features = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]) if samples == 2 else torch.eye(samples)
    return features.double()[:, None].expand(-1, views, -1)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("temperature", [0.07, 0.5, 2])
@pytest.mark.parametrize(("samples", "views"), [(1, 2), (1, 4), (2, 2), (3, 2), (4, 3), (2, 5), (5, 4)])
def test_equals_the_definition(samples: int, views: int, temperature: float, reduction: str) -> None:
    x = random_views(samples, views, seed=10 * samples + views)
    expected = naive(x, temperature, reduction)
    loss = ContrastiveFusionLoss(temperature, reduction)(x)
    assert loss.shape == () and loss.dtype == torch.float64
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_gradient_equals_that_of_the_definition(temperature: float, reduction: str) -> None:
    x, y = (random_views(3, 4, seed=7).requires_grad_() for _ in range(2))
    ContrastiveFusionLoss(temperature, reduction)(x).backward()
    naive(y, temperature, reduction).backward()
    assert x.grad is not None and y.grad is not None and y.grad.abs().max() > 1e-3
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("samples", "views"), [(1, 2), (1, 3), (3, 2), (2, 4)])
def test_gradient_equals_finite_differences(samples: int, views: int) -> None:
    x = random_views(samples, views, size=3, seed=5).requires_grad_()
    assert torch.autograd.gradcheck(ContrastiveFusionLoss(0.5), x)


def test_does_not_change_its_input() -> None:
    x = random_views(3, 3)
    before = x.clone()
    ContrastiveFusionLoss()(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("views", [2, 3, 9])
@pytest.mark.parametrize("samples", [1, 2, 6])
def test_identical_views_of_separated_samples_reach_the_floor(samples: int, views: int) -> None:
    loss = ContrastiveFusionLoss(0.02)(separated(samples, views))
    assert float(loss) == pytest.approx(math.log(views - 1), abs=1e-12)


def test_floor_of_nine_views_at_the_papers_temperature() -> None:
    assert float(ContrastiveFusionLoss()(separated(32, 9))) == pytest.approx(2.0794, abs=1e-3)
    assert float(ContrastiveFusionLoss()(separated(2, 9))) == pytest.approx(2.0794415, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("samples", "views"), [(1, 3), (4, 2), (8, 5)])
def test_never_below_the_floor(samples: int, views: int, seed: int) -> None:
    x = random_views(samples, views, seed=seed) + 2 * random_views(samples, 1, seed=seed + 100)  # views that agree
    assert float(ContrastiveFusionLoss(0.2)(x)) >= math.log(views - 1) - 1e-12


@pytest.mark.parametrize("temperature", [0.01, 0.07, 3.0])
@pytest.mark.parametrize(("samples", "views"), [(1, 2), (2, 2), (4, 9), (64, 3)])
def test_equal_similarities_give_the_uniform_value(samples: int, views: int, temperature: float) -> None:
    x = torch.tensor([0.6, 0.8, 0.0]).expand(samples, views, 3).double()
    expected = math.log(samples * views - 1)
    assert float(ContrastiveFusionLoss(temperature)(x)) == pytest.approx(expected, abs=1e-9)


def test_two_samples_by_hand() -> None:
    """Two views of angle 60°, the other sample at right angles to both: positive 1/2, both negatives 0."""
    root = math.sqrt(3) / 2
    x = torch.tensor([[[1, 0, 0, 0], [0.5, root, 0, 0]], [[0, 0, 1, 0], [0, 0, 0.5, root]]], dtype=torch.float64)
    expected = -math.log(math.exp(0.5) / (math.exp(0.5) + 2))
    assert float(ContrastiveFusionLoss(1.0)(x)) == pytest.approx(expected, abs=1e-12)
    assert float(ContrastiveFusionLoss(1.0, "sum")(x)) == pytest.approx(4 * expected, abs=1e-12)


def test_order_of_samples_and_of_each_samples_views_does_not_matter() -> None:
    x = random_views(5, 4, seed=3)
    generator = torch.Generator().manual_seed(0)
    shuffled = torch.stack([sample[torch.randperm(4, generator=generator)] for sample in x])
    shuffled = shuffled[torch.randperm(5, generator=generator)]
    assert not torch.equal(shuffled, x)
    loss = ContrastiveFusionLoss()
    torch.testing.assert_close(loss(shuffled), loss(x), rtol=1e-12, atol=1e-12)


def test_exchanging_views_between_samples_does_matter() -> None:
    x = separated(2, 2).clone()
    mixed = x.clone()
    mixed[0, 0], mixed[1, 0] = x[1, 0], x[0, 0]
    assert float(ContrastiveFusionLoss()(mixed)) > float(ContrastiveFusionLoss()(x)) + 1


def test_scale_of_each_view_and_rotation_do_not_matter() -> None:
    x = random_views(4, 3, seed=8)
    scale = torch.rand(4, 3, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 100 + 0.01
    rotation, _ = torch.linalg.qr(random_views(1, 5, seed=2)[0])
    loss = ContrastiveFusionLoss()
    torch.testing.assert_close(loss(x * scale), loss(x), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(loss(x @ rotation), loss(x), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("factor", [0.0, 1e-30, 1e-6, 1.0, 1e6, 1e30])
@pytest.mark.parametrize("temperature", [1e-3, 0.07])
@pytest.mark.parametrize(("samples", "views"), [(1, 2), (3, 4)])
def test_extreme_values_stay_finite(samples: int, views: int, temperature: float, factor: float) -> None:
    x = (random_views(samples, views, dtype=torch.float32) * factor).requires_grad_()
    loss = ContrastiveFusionLoss(temperature)(x)
    loss.backward()
    assert torch.isfinite(loss)
    assert x.grad is not None and torch.isfinite(x.grad).all()


@pytest.mark.parametrize("temperature", [1e-3, 0.07])
def test_float32_is_accurate_at_a_real_batch_size(temperature: float) -> None:
    x = random_views(32, 9, size=128, seed=4)
    loss = ContrastiveFusionLoss(temperature)
    torch.testing.assert_close(loss(x.float()).double(), loss(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_input_is_computed_in_float32(dtype: torch.dtype) -> None:
    x = random_views(4, 3, size=16, dtype=dtype)
    loss = ContrastiveFusionLoss()(x)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, ContrastiveFusionLoss()(x.float()), rtol=0, atol=0)


def test_autocast_changes_neither_value_nor_gradient() -> None:
    x, y = (random_views(6, 5, size=64, dtype=torch.float32).requires_grad_() for _ in range(2))
    plain = ContrastiveFusionLoss()(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (x[0] @ x[0].T).dtype == torch.bfloat16  # autocast is on
        cast = ContrastiveFusionLoss()(y)
    plain.backward()
    cast.backward()
    assert cast.dtype == torch.float32 and torch.equal(cast, plain)
    assert x.grad is not None and y.grad is not None and torch.equal(x.grad, y.grad)


def test_descent_separates_samples_and_aligns_views() -> None:
    x = random_views(6, 3, size=16, seed=9).requires_grad_()
    loss = ContrastiveFusionLoss(0.2)
    optimizer = torch.optim.Adam([x], 0.1)
    for _ in range(200):
        optimizer.zero_grad()
        loss(x).backward()
        optimizer.step()
    unit = F.normalize(x.detach(), dim=2)
    within = torch.einsum("npd,nqd->npq", unit, unit)
    across = torch.einsum("npd,mqd->nmpq", unit, unit)[~torch.eye(6, dtype=torch.bool)]
    assert within.min() > 0.95 and across.max() < 0.2
    assert float(loss(x.detach())) == pytest.approx(math.log(2), abs=0.1)


@pytest.mark.parametrize("temperature", [0, 0.0, -0.07, math.nan, math.inf])
def test_refuses_temperatures_that_cannot_work(temperature: float) -> None:
    with pytest.raises(ConfigurationError, match="temperature") as caught:
        ContrastiveFusionLoss(temperature)
    assert caught.value.argument == "ContrastiveFusionLoss.temperature"


@pytest.mark.parametrize("reduction", ["none", "", "Mean"])
def test_refuses_unknown_reductions(reduction: str) -> None:
    with pytest.raises(ConfigurationError, match="reduction"):
        ContrastiveFusionLoss(reduction=reduction)


@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 1, 8), (4, 0, 8), (2, 4, 3, 8)])
def test_refuses_views_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="views must be"):
        ContrastiveFusionLoss()(torch.ones(shape))
