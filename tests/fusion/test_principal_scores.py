"""The standardised and reduced data on which quality is measured."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from cosmo_pl.fusion import principal_scores
from cosmo_pl.fusion.quality import MAX_POINTS, MIN_POINTS

Array = NDArray[np.float64]


@pytest.mark.parametrize("shape", [(40, 6), (40, 3, 4), (40, 2, 3, 5), (40, 1)])
def test_principal_scores_flatten_any_sample(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    scores = principal_scores(x)
    assert scores.shape[0] == 40 and scores.ndim == 2 and 1 <= scores.shape[1] <= min(40, math.prod(shape[1:]))
    np.testing.assert_allclose(scores.mean(axis=0), 0, atol=1e-9)
    covariance = scores.T @ scores
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-6)


def test_principal_scores_keep_distances_of_standardised_data() -> None:
    x = np.random.default_rng(0).normal(size=(30, 4)) * [1, 100, 1e-3, 7] + [5, -300, 0, 1]
    scores = principal_scores(x, variance=0.999999)
    flat = np.unique(x, axis=0)
    flat = (flat - flat.mean(axis=0)) / flat.std(axis=0)
    expected = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    np.testing.assert_allclose(np.linalg.norm(scores[:, None] - scores[None], axis=2), expected, atol=1e-9)


def test_principal_scores_keep_the_share_of_variance_and_no_more() -> None:
    """Correlated columns: standardised variances in the principal directions are 6, 1, 1 of 8."""
    generator = np.random.default_rng(0)
    common, b, c = generator.normal(size=(3, 2000))
    x = np.stack([*[common] * 6, b, c], axis=1)
    assert principal_scores(x, variance=0.7).shape[1] == 1
    assert principal_scores(x, variance=0.8).shape[1] == 2
    assert principal_scores(x, variance=0.95).shape[1] == 3
    assert principal_scores(x, variance=1.0).shape[1] <= 8
    assert principal_scores(x, max_components=2).shape[1] == 2


def test_principal_scores_of_wide_data_have_at_most_fifty_components() -> None:
    assert principal_scores(np.random.default_rng(0).normal(size=(120, 300))).shape == (120, 50)
    assert principal_scores(np.random.default_rng(0).normal(size=(12, 300))).shape[1] <= 12


def test_constant_columns_carry_nothing() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3))
    padded = np.column_stack([np.full(50, 0.1), x, np.full(50, 1e9), np.zeros(50)])
    with np.errstate(all="raise"):
        scores = principal_scores(padded)
    assert np.isfinite(scores).all()
    expected = principal_scores(x)
    assert scores.shape == expected.shape
    np.testing.assert_allclose(
        np.sort(np.linalg.norm(scores, axis=1)), np.sort(np.linalg.norm(expected, axis=1)), atol=1e-9
    )


def test_principal_scores_take_at_most_2000_samples_from_all_over() -> None:
    x = np.arange(5000.0)[:, None]
    scores = np.sort(principal_scores(x)[:, 0])
    assert len(scores) == MAX_POINTS == 2000
    gaps = np.diff(scores)
    assert gaps.max() < 1.6 * gaps.mean() and gaps.min() > 0


def test_the_2000_samples_are_of_the_whole_range() -> None:
    x = np.arange(4000.0)
    scores = np.sort(principal_scores((x + 1e6 * (x >= 2000))[:, None])[:, 0])
    assert (scores < 0).sum() == 1000 and np.diff(scores).max() > 1


def test_copies_and_order_change_nothing() -> None:
    x = np.random.default_rng(0).normal(size=(40, 3, 2))
    copied = np.concatenate([x, x[::-1], x[:7]])
    np.testing.assert_array_equal(principal_scores(copied), principal_scores(x))


@pytest.mark.parametrize(
    "x",
    [
        np.random.default_rng(0).normal(size=(MIN_POINTS - 1, 3)),
        np.tile(np.random.default_rng(0).normal(size=(MIN_POINTS - 1, 3)), (9, 1)),
        np.ones((50, 3)),
        np.zeros((0, 3)),
        np.full((50, 3), np.nan),
    ],
)
def test_refuses_too_few_distinct_samples(x: Array) -> None:
    with pytest.raises(ValueError):
        principal_scores(x)


def test_large_samples_are_reduced_in_single_precision_to_the_same(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(60, 1, 8)) @ rng.normal(size=(8, 400)) + 0.1 * rng.normal(size=(60, 5, 400))
    exact = principal_scores(samples.astype(np.float32))
    monkeypatch.setattr("cosmo_pl.fusion.quality.MAX_DOUBLE", 100)
    single = principal_scores(samples.astype(np.float32))
    assert not np.array_equal(single, exact)
    np.testing.assert_allclose(np.abs(single), np.abs(exact), rtol=1e-3, atol=1e-3 * np.abs(exact).max())
