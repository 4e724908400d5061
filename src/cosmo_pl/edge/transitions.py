"""Transitions between the activities of consecutive windows, for the smoothing over time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.errors import ConfigurationError

Array = NDArray[np.float64]
PSEUDO_COUNT = 10.0  # windows of each activity


def lasting_transitions(num_classes: int, hop: float, mean_duration: float) -> Array:
    """Transitions (C, C) of activities whose duration is geometrically distributed, with equally probable successors.

    An activity goes on in the next window with probability 1 - hop / mean_duration.

    Args:
        num_classes: Number of activities C.
        hop: Seconds between the starts of two windows.
        mean_duration: Mean duration of an activity in seconds.

    Raises:
        ConfigurationError: There is one activity, or the mean duration is not longer than the hop.
    """
    if num_classes < 2:
        raise ConfigurationError("num_classes", f"is {num_classes}", "Smooth the windows of two activities or more")
    if not (0 < hop < mean_duration < math.inf):
        problem = f"is {mean_duration} s, and windows start {hop} s apart"
        raise ConfigurationError("mean_duration", problem, "Use a duration longer than the hop")
    change = hop / mean_duration / (num_classes - 1)
    found: Array = np.full((num_classes, num_classes), change)
    np.fill_diagonal(found, 1 - hop / mean_duration)
    return found


def consecutive_pairs(
    label: NDArray[np.int64], recording: NDArray[Any], start: NDArray[np.int64], hop: int, window: int
) -> NDArray[np.int64]:
    """Activities (K, 2) of the consecutive windows in the recordings that have several activities.

    A recording of one activity says when the recording was stopped, and not how long the activity lasts. Windows that
    cross the border of two activities are no samples: each counts for the activity of its larger part.

    Args:
        label: Activity of each window (N,), -1 if it is not known.
        recording: Recording of each window (N,).
        start: Start of each window in its recording (N,), in steps.
        hop: Steps between the starts of consecutive windows; others, as those across a gap, are left out.
        window: Steps of a window.
    """
    names, its = np.unique(recording, return_inverse=True)
    known, lowest, highest = label >= 0, np.full(len(names), np.iinfo(np.int64).max), np.full(len(names), -1)
    np.minimum.at(lowest, its[known], label[known])
    np.maximum.at(highest, its[known], label[known])
    order = np.lexsort((start, its))
    order = order[(lowest < highest)[its[order]]]  # of several activities
    before, after, steps = label[order][:-1], label[order][1:], np.diff(start[order])
    hops = np.rint(steps / hop).astype(np.int64)
    regular = np.abs(steps - hops * hop) <= hops * (hop // 100)  # starts in ms are rounded
    crossing = (before != after) & (hops >= 1) & (steps < window + 2 * hop)  # as far as whole windows can be apart
    taken = (its[order][:-1] == its[order][1:]) & known[order][:-1] & known[order][1:] & regular
    taken &= (hops == 1) | crossing
    before, after, hops = before[taken], after[taken], hops[taken]
    ours = (hops - 1) // 2  # of the windows across the border, those that lie more in the activity before it
    pairs = [(before, after, 1), (before, before, ours), (after, after, hops - 1 - ours)]
    return np.concatenate([np.stack([one, other], axis=1).repeat(number, axis=0) for one, other, number in pairs])


def counted_transitions(pairs: NDArray[np.int64], expected: Array) -> Array:
    """Transitions (C, C) counted in pairs of consecutive windows.

    To the counts of each activity, `PSEUDO_COUNT` windows are added that change as expected; without pairs the result
    is `expected`.

    Args:
        pairs: Activities (K, 2) of `consecutive_pairs`.
        expected: Transitions (C, C) as `lasting_transitions` returns them.
    """
    counts = np.zeros_like(expected)
    np.add.at(counts, (pairs[:, 0], pairs[:, 1]), 1)
    counts += PSEUDO_COUNT * expected
    found: Array = counts / counts.sum(axis=1, keepdims=True)
    return found


def usual_hop(recording: NDArray[Any], start: NDArray[np.int64]) -> int | None:
    """The most frequent number of steps between the starts of consecutive windows of a recording.

    Args:
        recording: Recording of each window (N,).
        start: Start of each window in its recording (N,), in steps.

    Returns:
        The steps; None where each recording is one sample.
    """
    order = np.lexsort((start, recording))
    steps = np.diff(start[order])[recording[order][1:] == recording[order][:-1]]
    steps = steps[steps > 0]
    if not len(steps):
        return None
    values, counts = np.unique(steps, return_counts=True)
    return int(values[counts.argmax()])


def usual_hop_of(data: MultimodalDataModule) -> tuple[int, float] | None:
    """The usual hop of data after their setup, in steps and in seconds; None where each recording is one sample."""
    steps = usual_hop(data.samples.recording, data.samples.start)
    return None if steps is None or data.step_seconds is None else (steps, steps * data.step_seconds)
