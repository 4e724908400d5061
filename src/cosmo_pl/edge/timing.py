"""Times of short computations."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cosmo_pl.recogniser import AnyRecogniser

REPEATS = 200
WARM_UP = 5


def durations(
    runs: Sequence[Callable[[], object]], repeats: int = REPEATS, clock: Callable[[], float] = time.perf_counter
) -> list[list[float]]:
    """Times computations alternately, so that other work on the machine slows all of them alike.

    Args:
        runs: The computations.
        repeats: How often each is timed, after a warm-up.
        clock: Gives seconds: `time.perf_counter`, or for computations in one thread `time.thread_time`, the time of the
            processor. Both agree on a machine without other work.

    Returns:
        Seconds of every repeat of each computation.
    """
    taken: list[list[float]] = [[] for _ in runs]
    for repeat in range(-WARM_UP, repeats):
        for run, its in zip(runs, taken, strict=True):
            start = clock()
            run()
            if repeat >= 0:
                its.append(clock() - start)
    return taken


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile of durations, to three digits: "p50" and "p95"."""
    return {f"p{share}": float(f"{np.percentile(seconds, share):.3g}") for share in (50, 95)}


def prediction_seconds(
    recognisers: Mapping[str, AnyRecogniser], sample: Mapping[str, NDArray[Any]]
) -> dict[str, dict[str, float]]:
    """Seconds of the processor in which each recogniser recognises a sample, see `percentiles`."""
    taken = durations([partial(each.predict, sample) for each in recognisers.values()], clock=time.thread_time)
    return {name: percentiles(each) for name, each in zip(recognisers, taken, strict=True)}


@contextmanager
def one_thread() -> Iterator[None]:
    """Limits PyTorch to one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
