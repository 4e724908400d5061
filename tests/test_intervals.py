"""Intervals against closed forms and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from cosmo_pl.intervals import bootstrap_interval, t_interval

T4 = 2.776445105  # 97.5 % point of Student's t with 4 degrees of freedom, from printed tables


def test_interval_of_five_values() -> None:
    values = (0.60, 0.62, 0.64, 0.66, 0.68)
    margin = T4 * math.sqrt(0.001) / math.sqrt(5)  # the squares of -.04 ... .04 sum to .004, over n - 1 = 4
    assert t_interval(values) == pytest.approx((0.64 - margin, 0.64 + margin))
    expected = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert t_interval(values) == pytest.approx(expected)


def test_bootstrap_of_clips_is_the_binomial() -> None:
    """With one sample a recording a resample has Binomial(n, k/n) correct ones."""
    counts = [[1, 1]] * 150 + [[0, 1]] * 65
    expected = stats.binom.ppf([0.025, 0.975], 215, 150 / 215) / 215
    assert bootstrap_interval(counts) == pytest.approx(tuple(expected), abs=0.006)


def test_bootstrap_is_scipys() -> None:
    random = np.random.default_rng(3)
    total = random.integers(1, 40, 60)
    correct = random.binomial(total, random.uniform(0, 1, 60))
    found = bootstrap_interval(np.stack([correct, total], axis=1).tolist())
    other = stats.bootstrap(
        (correct, total), lambda c, t, axis: c.sum(axis) / t.sum(axis), paired=True, n_resamples=10_000,
        method="percentile", rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    assert found == pytest.approx((other.low, other.high), abs=0.006)


def test_windows_of_one_recording_count_once() -> None:
    """Recordings that are all right or all wrong: a hundred windows each say no more than one."""
    single = bootstrap_interval([[1, 1]] * 12 + [[0, 1]] * 8)
    assert bootstrap_interval([[100, 100]] * 12 + [[0, 100]] * 8) == single
    assert single is not None and single[1] - single[0] > 0.35


@pytest.mark.parametrize("at_once", [1, 300, 2**30])
def test_bootstrap_does_not_depend_on_how_much_is_drawn_at_once(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    counts = np.random.default_rng(0).integers([0, 20], [20, 40], (30, 2)).tolist()
    expected = bootstrap_interval(counts)
    monkeypatch.setattr("cosmo_pl.intervals.AT_ONCE", at_once)
    assert bootstrap_interval(counts) == expected


def test_bootstrap_is_the_same_twice_and_needs_six_recordings() -> None:
    counts = [[n % 7, 7 + n % 3] for n in range(40)]
    assert bootstrap_interval(counts) == bootstrap_interval(counts) != bootstrap_interval(counts, seed=1)
    assert bootstrap_interval(counts[:5]) is None and bootstrap_interval([]) is None
    assert bootstrap_interval(counts[:6]) is not None
