"""Metrics of whole epochs against scikit-learn, and intervals against their defining equation."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.metrics import ClassMean, classification_metrics

UNEVEN = [17, 1, 40, 3, 8]


def predictions(classes: list[int], num_classes: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits right more often than by chance, and labels of the given classes in uneven shares."""
    generator = np.random.default_rng(seed)
    shares = np.linspace(1, 4, len(classes))
    labels = torch.from_numpy(generator.choice(classes, sum(UNEVEN), p=shares / shares.sum()))
    logits = torch.from_numpy(generator.normal(size=(sum(UNEVEN), num_classes))).float()
    logits[torch.arange(len(labels)), labels] += 1
    return logits, labels


def by_batches(logits: torch.Tensor, labels: torch.Tensor, num_classes: int) -> dict[str, float]:
    metrics = classification_metrics(num_classes, "test")
    for part, truth in zip(logits.split(UNEVEN), labels.split(UNEVEN), strict=True):
        metrics.update(part, truth)
    return {name: float(value) for name, value in metrics.compute().items()}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("num_classes", [2, 3, 12, 27])
def test_epoch_of_uneven_batches_equals_scikit_learn(num_classes: int, seed: int) -> None:
    logits, labels = predictions(list(range(num_classes)), num_classes, seed)
    guesses = logits.argmax(dim=1)
    assert by_batches(logits, labels, num_classes) == pytest.approx(
        {"test/acc": accuracy_score(labels, guesses), "test/f1_macro": f1_score(labels, guesses, average="macro")}
    )


def test_is_not_the_mean_over_batches() -> None:
    logits, labels = predictions([0, 1, 2], 3, 0)
    found = by_batches(logits, labels, 3)
    parts = [classification_metrics(3, "test")(a, b) for a, b in zip(logits.split(UNEVEN), labels.split(UNEVEN))]  # noqa: B905
    for name, value in found.items():
        assert abs(value - np.mean([float(part[name]) for part in parts])) > 1e-3


@pytest.mark.parametrize("classes", [[0, 2, 5], [4], [1, 2, 3, 4, 5, 6, 7]])
def test_classes_without_samples(classes: list[int]) -> None:
    """A class absent from the labels counts where it is predicted, and is left out where it is not."""
    logits, labels = predictions(classes, 8, 1)
    logits[:, 0] -= 100  # never predicted
    guesses = logits.argmax(dim=1)
    found = by_batches(logits, labels, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found["test/f1_macro"] == pytest.approx(f1_score(labels, guesses, average="macro"), abs=1e-6)
    assert found["test/acc"] == pytest.approx(accuracy_score(labels, guesses))


def test_f1_by_hand() -> None:
    """Labels 0 0 0 1, guesses 0 0 1 1: accuracy 3/4, F1 4/5 and 2/3."""
    metrics = classification_metrics(2, "val")
    metrics.update(torch.tensor([[2.0, 1], [3, 0], [0, 1], [-1, 0]]), torch.tensor([0, 0, 0, 1]))
    assert {k: float(v) for k, v in metrics.compute().items()} == pytest.approx(
        {"val/acc": 3 / 4, "val/f1_macro": (4 / 5 + 2 / 3) / 2}
    )


def test_stages_are_apart_and_reset() -> None:
    train, test = classification_metrics(3, "train"), classification_metrics(3, "test")
    train.update(torch.eye(3), torch.tensor([0, 1, 2]))
    test.update(torch.eye(3), torch.tensor([1, 2, 0]))
    assert float(train.compute()["train/acc"]) == 1 and float(test.compute()["test/acc"]) == 0
    train.reset()
    train.update(torch.eye(3), torch.tensor([0, 1, 0]))
    assert float(train.compute()["train/acc"]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("seed", range(3))
def test_class_mean_equals_numpy(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values, labels = generator.normal(size=(sum(UNEVEN), 3)).astype(np.float32), generator.integers(0, 4, sum(UNEVEN))
    metric = ClassMean(4, 3)
    for part, truth in zip(torch.tensor(values).split(UNEVEN), torch.tensor(labels).split(UNEVEN), strict=True):
        metric.update(part, truth)
    expected = np.stack([values[labels == c].mean(axis=0) for c in range(4)])
    np.testing.assert_allclose(metric.compute().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_class_mean_by_hand_with_a_class_without_samples() -> None:
    metric = ClassMean(3, 2)
    metric.update(torch.tensor([[1.0, 2], [3, 6], [5, 7]]), torch.tensor([0, 0, 2]))
    means = metric.compute()
    assert torch.equal(means[[0, 2]], torch.tensor([[2.0, 4], [5, 7]]))
    assert means[1].isnan().all()


def test_class_mean_starts_anew_after_reset() -> None:
    metric = ClassMean(2, 1)
    for value in (1.0, 7.0):
        metric.reset()
        metric.update(torch.tensor([[value]]), torch.tensor([1]))
        means = metric.compute()
        assert float(means[1]) == value and means[0].isnan().all()
    other = ClassMean(2, 1)
    other.update(torch.tensor([[2.0]]), torch.tensor([0]))
    assert float(other.compute()[0]) == 2 and float(metric.compute()[1]) == 7


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_class_mean_adds_up_in_float32(dtype: torch.dtype) -> None:
    metric = ClassMean(1, 1)
    for _ in range(100):
        metric.update(torch.full((10, 1), 0.5, dtype=dtype), torch.zeros(10, dtype=torch.long))
    assert metric.compute().dtype == torch.float32 and float(metric.compute()) == 0.5


def test_class_mean_holds_no_graph() -> None:
    metric = ClassMean(2, 1)
    metric.update(torch.ones(2, 1, requires_grad=True) * 3, torch.tensor([0, 1]))
    assert not metric.compute().requires_grad


def test_class_mean_survives_a_reset_in_inference_mode() -> None:
    """Lightning validates in inference mode; a later evaluation may not."""
    metric = ClassMean(2, 1)
    with torch.inference_mode():
        metric.update(torch.ones(1, 1), torch.tensor([0]))
        metric.reset()
    metric.update(torch.ones(1, 1), torch.tensor([1]))
    assert float(metric.compute()[1]) == 1


def test_one_class_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="num_classes: is 1"):
        classification_metrics(1, "test")
