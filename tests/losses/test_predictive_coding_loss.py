"""The predictive coding loss against its definition written as loops, and the values it must have in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from cosmo_pl.losses import PredictiveCodingLoss


def random_pair(
    samples: int, steps: int, size: int = 5, seed: int = 0, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    futures, predictions = torch.randn(2, samples, steps, size, generator=generator, dtype=torch.float64).to(dtype)
    return futures, predictions


def naive(futures: Tensor, predictions: Tensor) -> Tensor:
    """Term by term: every latent against all predictions of its own step."""
    samples, steps, _ = futures.shape
    total = torch.zeros((), dtype=futures.dtype)
    for k in range(steps):
        for n in range(samples):
            scores = [(futures[n, k] * predictions[m, k]).sum().exp() for m in range(samples)]
            total = total - (scores[n] / sum(scores)).log()
    return total / (steps * samples)


def naive_accuracy(futures: Tensor, predictions: Tensor) -> float:
    samples, steps, _ = futures.shape
    hits = [
        max(range(samples), key=lambda m: float(futures[n, k] @ predictions[m, k])) == n
        for k in range(steps)
        for n in range(samples)
    ]
    return sum(hits) / len(hits)


@pytest.mark.parametrize(("samples", "steps"), [(1, 1), (1, 4), (2, 1), (5, 3), (3, 7), (8, 8)])
def test_equals_the_definition(samples: int, steps: int) -> None:
    pair = random_pair(samples, steps, seed=10 * samples + steps)
    loss = PredictiveCodingLoss()(*pair)
    assert loss.shape == () and loss.dtype == torch.float64
    torch.testing.assert_close(loss, naive(*pair), rtol=1e-12, atol=1e-12)
    assert float(PredictiveCodingLoss().accuracy(*pair)) == pytest.approx(naive_accuracy(*pair))


def test_gradient_equals_that_of_the_definition_and_of_finite_differences() -> None:
    mine, theirs = ([x.requires_grad_() for x in random_pair(4, 3, seed=7)] for _ in range(2))
    PredictiveCodingLoss()(*mine).backward()
    naive(*theirs).backward()
    for x, y in zip(mine, theirs, strict=True):
        assert x.grad is not None and y.grad is not None and y.grad.abs().max() > 1e-3
        torch.testing.assert_close(x.grad, y.grad, rtol=1e-9, atol=1e-12)
    assert torch.autograd.gradcheck(PredictiveCodingLoss(), tuple(mine))


@pytest.mark.parametrize("steps", [1, 28])
@pytest.mark.parametrize("samples", [1, 2, 64])
def test_equal_scores_give_the_uniform_value(samples: int, steps: int) -> None:
    futures, predictions = torch.randn(1, 1, 6).expand(samples, steps, 6).double(), torch.ones(samples, steps, 6)
    assert float(PredictiveCodingLoss()(futures, predictions.double())) == pytest.approx(math.log(samples), abs=1e-12)


def test_two_samples_by_hand() -> None:
    """Row 1 scores 2 and 1, row 2 scores 0 and 3."""
    futures = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    predictions = torch.tensor([[[2.0, 0.0]], [[1.0, 3.0]]])
    expected = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(-3))) / 2
    assert float(PredictiveCodingLoss()(futures, predictions)) == pytest.approx(expected, rel=1e-6)
    other_direction = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-2))) / 2
    assert float(PredictiveCodingLoss()(predictions, futures)) == pytest.approx(other_direction, rel=1e-6)


def test_falls_to_zero_as_right_predictions_grow() -> None:
    futures = torch.eye(4, dtype=torch.float64)[:, None].expand(-1, 3, -1)
    losses = [float(PredictiveCodingLoss()(futures, scale * futures)) for scale in (0.0, 1.0, 10.0, 100.0)]
    assert losses[0] == pytest.approx(math.log(4))
    assert losses == sorted(losses, reverse=True) and 0 <= losses[-1] < 1e-30
    assert float(PredictiveCodingLoss().accuracy(futures, futures)) == 1


def test_predictions_of_another_sample_or_step_do_not_count() -> None:
    futures = 10 * torch.eye(6, dtype=torch.float64).view(2, 3, 6)  # every sample and step differs from all others
    right = float(PredictiveCodingLoss()(futures, futures))
    assert right < 1e-30
    assert float(PredictiveCodingLoss()(futures, futures.flip(0))) == pytest.approx(100)
    assert float(PredictiveCodingLoss()(futures, futures.roll(1, dims=1))) == pytest.approx(math.log(2))
    assert float(PredictiveCodingLoss().accuracy(futures, futures.flip(0))) == 0


def test_neither_normalised_nor_tempered() -> None:
    futures, predictions = random_pair(5, 2)
    scaled = PredictiveCodingLoss()(3 * futures, predictions)
    torch.testing.assert_close(scaled, PredictiveCodingLoss()(futures, 3 * predictions))
    assert abs(float(scaled - PredictiveCodingLoss()(futures, predictions))) > 0.1


def test_order_of_samples_and_of_steps_does_not_matter() -> None:
    futures, predictions = random_pair(6, 4, seed=3)
    generator = torch.Generator().manual_seed(1)
    rows, steps = torch.randperm(6, generator=generator), torch.randperm(4, generator=generator)
    loss = PredictiveCodingLoss()
    torch.testing.assert_close(
        loss(futures[rows][:, steps], predictions[rows][:, steps]), loss(futures, predictions), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("factor", [0.0, 1e-30, 1.0, 1e6, 1e15])
def test_extreme_values_stay_finite(factor: float) -> None:
    futures, predictions = ((factor * x).requires_grad_() for x in random_pair(4, 3, dtype=torch.float32))
    loss = PredictiveCodingLoss()(futures, predictions)
    loss.backward()
    assert torch.isfinite(loss)
    for x in (futures, predictions):
        assert x.grad is not None and torch.isfinite(x.grad).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype) -> None:
    pair = random_pair(4, 3, dtype=dtype)
    exact = PredictiveCodingLoss()(*(x.float() for x in pair))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = PredictiveCodingLoss()(*pair)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, exact, rtol=0, atol=0)


def test_accuracy_has_no_gradient_and_inputs_stay() -> None:
    pair = [x.requires_grad_() for x in random_pair(4, 3)]
    before = [x.detach().clone() for x in pair]
    assert not PredictiveCodingLoss().accuracy(*pair).requires_grad
    PredictiveCodingLoss()(*pair)
    assert all(torch.equal(x.detach(), y) for x, y in zip(pair, before, strict=True))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((4, 3), (4, 3)),
        ((4, 3, 2, 5), (4, 3, 2, 5)),
        ((4, 3, 5), (5, 3, 5)),
        ((4, 3, 5), (4, 2, 5)),
        ((4, 3, 5), (4, 3, 1)),
        ((0, 3, 5), (0, 3, 5)),
        ((4, 0, 5), (4, 0, 5)),
    ],
)
def test_refuses_other_shapes(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    for measure in (PredictiveCodingLoss(), PredictiveCodingLoss().accuracy):
        with pytest.raises(ValueError, match="must both be"):
            measure(torch.ones(first), torch.ones(second))
