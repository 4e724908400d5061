"""95 % intervals: of a mean over runs, and of one run's accuracy over the recordings that it was tested on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

import numpy as np

LEVEL = 0.95
RESAMPLES = 10_000


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % interval of a mean, mean ± t(n-1) s/√n.

    Args:
        values: At least two.
    """
    from scipy.stats import t

    margin = float(t.ppf((1 + LEVEL) / 2, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return fmean(values) - margin, fmean(values) + margin


def bootstrap_interval(counts: Sequence[Sequence[int]], seed: int = 0) -> tuple[float, float] | None:
    """95 % percentile interval of an accuracy, bootstrapped over recordings (B. Efron, Ann. Stat. 7, 1979).

    Windows of one recording are not independent, so whole recordings are drawn with replacement.

    Args:
        counts: Correct and tested samples of each recording, (R, 2).
        seed: Seed of the 10,000 resamples.

    Returns:
        Both bounds; None for fewer than two recordings, whose spread is unknown.
    """
    if len(counts) < 2:
        return None
    times_drawn = np.random.default_rng(seed).multinomial(len(counts), [1 / len(counts)] * len(counts), RESAMPLES)
    correct, total = (times_drawn @ np.asarray(counts)).T
    low, high = np.quantile(correct / total, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
