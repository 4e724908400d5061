"""95 % intervals of a mean over runs, of a standard deviation, and of one run's accuracy over its recordings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

import numpy as np

LEVEL = 0.95
RESAMPLES = 10_000
FEWEST = 6  # recordings; fewer are all above or all below the median of all in more than 5 % of cases
AT_ONCE = 2**20  # numbers of resamples that are drawn at once


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % interval of a mean, mean ± t(n-1) s/√n.

    Args:
        values: At least two.

    Examples:
        >>> low, high = t_interval([0.90, 0.92, 0.94])
        >>> print(f"{low:.3f} to {high:.3f}")
        0.870 to 0.970
    """
    from scipy.stats import t

    margin = float(t.ppf((1 + LEVEL) / 2, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return fmean(values) - margin, fmean(values) + margin


def std_interval(std: float, n: int) -> tuple[float, float]:
    """95 % interval of a standard deviation of normal values, s √((n-1) / χ²).

    Args:
        std: Standard deviation of the sample, with n - 1.
        n: Number of values, at least two.
    """
    from scipy.stats import chi2

    low, high = (std * ((n - 1) / float(chi2.ppf(level, n - 1))) ** 0.5 for level in ((1 + LEVEL) / 2, (1 - LEVEL) / 2))
    return low, high


def bootstrap_interval(counts: Sequence[Sequence[int]], seed: int = 0) -> tuple[float, float] | None:
    """95 % percentile interval of an accuracy, bootstrapped over recordings (B. Efron, Ann. Stat. 7, 1979).

    Windows of one recording are not independent, so whole recordings are sampled with replacement.

    Args:
        counts: Correct and tested samples of each recording, (R, 2).
        seed: Seed of the 10,000 resamples.

    Returns:
        Both bounds; None for fewer than six recordings, which say too little of all.
    """
    if len(counts) < FEWEST:
        return None
    generator, share = np.random.default_rng(seed), np.full(len(counts), 1 / len(counts))
    rows = max(1, AT_ONCE // len(counts))  # the numbers are the same however many are drawn at once
    parts = [
        generator.multinomial(len(counts), share, min(rows, RESAMPLES - done)) @ np.asarray(counts)
        for done in range(0, RESAMPLES, rows)
    ]
    correct, total = np.concatenate(parts).T
    low, high = np.quantile(correct / total, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
