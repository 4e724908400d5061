"""Times of short computations."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

REPEATS = 200
WARM_UP = 5


def durations(runs: Sequence[Callable[[], object]], repeats: int = REPEATS) -> list[list[float]]:
    """Times computations alternately, so that other work on the machine slows all of them alike.

    Args:
        runs: The computations.
        repeats: How often each is timed, after a warm-up.

    Returns:
        Seconds of every repeat of each computation.
    """
    taken: list[list[float]] = [[] for _ in runs]
    for repeat in range(-WARM_UP, repeats):
        for run, its in zip(runs, taken, strict=True):
            start = time.perf_counter()
            run()
            if repeat >= 0:
                its.append(time.perf_counter() - start)
    return taken


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile of durations, to three digits: "p50" and "p95"."""
    return {f"p{share}": float(f"{np.percentile(seconds, share):.3g}") for share in (50, 95)}
