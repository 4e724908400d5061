"""Probabilities averaged over neighbouring windows of a recording."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

AT_ONCE = 1024  # samples


def average_in_context(
    values: NDArray[np.float32], recording: NDArray[Any], start: NDArray[np.int64], context: int
) -> NDArray[np.float32]:
    """Mean over the samples of the same recording that begin at most `context` steps earlier or later.

    Args:
        values: Values of each sample (N, C).
        recording: Recording of each sample (N,).
        start: First step of each sample in its recording (N,).
        context: The largest distance. With 0, samples with different starts keep their values.

    Returns:
        Means (N, C).
    """
    means = np.empty_like(values)
    _, member = np.unique(recording, return_inverse=True)
    order = np.argsort(member, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(member[order])) + 1):
        for some in np.split(rows, range(AT_ONCE, len(rows), AT_ONCE)):  # a day's windows have a large matrix
            near = np.abs(start[some][:, None] - start[rows]) <= context
            means[some] = near @ values[rows] / near.sum(axis=1, keepdims=True)
    return means
