"""Temperature, calibration error and threshold, against PyTorch's optimiser, naive counts and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cosmo_pl.edge.calibration import (
    BINS,
    EQUAL,
    RANGE,
    accepting_score,
    accepting_threshold,
    calibration_error,
    fit_temperature,
    negative_log_likelihood,
)
from cosmo_pl.errors import ConfigurationError


@pytest.fixture(scope="module")
def labelled():
    """Logits (N, C) that are three times too large for their labels."""
    generator = torch.Generator().manual_seed(0)
    logits = 1.5 * torch.randn(3000, 5, generator=generator).double()
    label = torch.multinomial(logits.softmax(dim=1), 1, generator=generator).squeeze(1)
    return 3 * logits, label


def test_the_temperature_undoes_the_factor(labelled):
    logits, label = labelled
    assert fit_temperature(logits, label) == pytest.approx(3.0, rel=0.05)
    assert fit_temperature(logits / 3, label) == pytest.approx(fit_temperature(logits, label) / 3, rel=1e-3)


def test_the_temperature_is_that_of_gradient_descent(labelled):
    logits, label = labelled
    temperature = torch.ones((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([temperature], lr=0.1, max_iter=200)

    def loss():
        optimizer.zero_grad()
        value = F.cross_entropy(logits / temperature, label)
        value.backward()
        return value

    optimizer.step(loss)
    assert fit_temperature(logits, label) == pytest.approx(float(temperature), rel=1e-3)
    assert negative_log_likelihood(logits, label) == pytest.approx(float(F.cross_entropy(logits, label)))


def test_two_activities_have_a_closed_form():
    """Logits ±1 that are right in 3 of 4 samples: sigmoid(2 / T) = 3/4, T = 2 / log 3."""
    logits = np.array([[1.0, -1.0]] * 4)
    assert fit_temperature(logits, [0, 0, 0, 1]) == pytest.approx(2 / math.log(3), rel=1e-3)


def test_the_temperature_is_limited_where_every_prediction_is_right_or_wrong():
    logits = np.eye(3)
    assert RANGE[0] <= fit_temperature(logits, [0, 1, 2]) < 2 * RANGE[0]
    assert RANGE[1] / 2 < fit_temperature(logits, [1, 2, 0]) <= RANGE[1]


def naive_error(probability, label):
    confidence, right = probability.max(axis=1), probability.argmax(axis=1) == label
    error = 0.0
    for number in range(BINS):
        inside = (confidence > number / BINS) & (confidence <= (number + 1) / BINS)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return error


def test_the_calibration_error_is_that_of_the_definition(labelled):
    logits, label = labelled
    for scale in (1.0, 1 / 3):
        probability = (scale * logits).softmax(dim=1).numpy()
        found = calibration_error(probability, label)
        assert found == pytest.approx(naive_error(probability, label.numpy()), abs=1e-6)
    assert (
        calibration_error((logits / 3).softmax(dim=1).numpy(), label)
        < 0.03
        < 0.1
        < calibration_error(logits.softmax(dim=1).numpy(), label)
    )


def test_a_certain_model_that_is_always_right_has_no_error_in_float32():
    probability = np.array([[1.0000001, 0.0], [0.0, 1.0000001]], dtype=np.float32)
    assert calibration_error(probability, [0, 1]) == pytest.approx(0.0, abs=1e-6)
    assert calibration_error(probability, [1, 0]) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(("accepted", "expected"), [(1.0, 0.5), (0.75, 0.55), (0.7, 0.55), (0.5, 0.65), (0.01, 0.8)])
def test_the_threshold_accepts_at_least_the_share(accepted, expected):
    probability = np.array([[0.5, 0.5], [0.6, 0.4], [0.3, 0.7], [0.1, 0.9]])
    threshold = accepting_threshold(probability, accepted)
    assert threshold == pytest.approx(expected)
    assert (probability.max(axis=1) >= threshold).mean() >= accepted


def test_equal_probabilities_are_accepted_or_rejected_together_whatever_their_rounding():
    """A forest of ten trees has eleven probabilities."""
    probability = np.array([[0.6, 0.4]] * 5 + [[0.8, 0.2]] * 5)
    threshold = accepting_threshold(probability, 0.5)
    assert (probability.astype(np.float32) >= threshold).any(axis=1).sum() == 5
    assert accepting_threshold(probability, 0.6) == pytest.approx(0.55)


def test_the_share_is_counted_exactly():
    """30 · 0.1 is a little more than 3 in floating point."""
    largest = np.linspace(0.5, 0.95, 30)
    probability = np.stack([largest, 1 - largest], axis=1)
    assert (largest >= accepting_threshold(probability, 0.1)).sum() == 3
    assert (largest >= accepting_threshold(probability, 1e-12)).sum() == 1


GOOD = np.eye(3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit_temperature(np.full((4, 3), np.nan), [0, 1, 2, 0]), "logits: are NaN or infinite for 4 of 4"),
        (lambda: fit_temperature(np.where(GOOD > 0, np.inf, GOOD), [0, 1, 2]), "infinite for 3 of 3"),
        (lambda: fit_temperature(np.zeros((4, 1)), [0] * 4), "logits: are of one activity"),
        (lambda: fit_temperature(np.zeros((0, 3)), []), r"logits: have the shape \(0, 3\)"),
        (lambda: fit_temperature(GOOD, [0, 1]), "label: do not fit"),
        (lambda: fit_temperature(GOOD, [0, 1, -1]), "Give 3 numbers from 0 to 2"),
        (lambda: accepting_threshold(GOOD, 0.0), r"accepted: is 0.0. Use a share in \(0, 1\]"),
        (lambda: accepting_threshold(np.zeros((0, 3)), 0.9), "has no sample"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ConfigurationError, match=message):
        call()


def test_a_threshold_of_a_score_is_halfway_to_the_next_smaller_one():
    score = [0.3, 0.1, 0.4, 0.2]
    assert accepting_score(score, 0.5) == pytest.approx(0.25)
    assert accepting_score(score, 0.6) == pytest.approx(0.15), "at least this share"
    assert accepting_score(score, 1.0) == pytest.approx(0.05) and accepting_score(score, 1.0, lowest=0.06) == 0.08
    assert accepting_score([0.2, 0.2, 0.5], 0.9) == pytest.approx(0.1), "equal scores are accepted together"
    assert accepting_score([0.3, 0.3 - EQUAL / 2, 0.1], 0.3) == pytest.approx(0.2), (
        "also if they are rounded differently"
    )
