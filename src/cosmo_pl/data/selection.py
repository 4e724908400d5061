"""Balanced, seeded and nested sampling of labels: pure functions of label arrays, which all datasets share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def rank_in_class(labels: NDArray[np.int64], seed: int, first: Sequence[int] = ()) -> Indices:
    """Random rank of each sample within its class.

    Args:
        labels: Class of each sample (N,).
        seed: Seed of the label sampling.
        first: Indices of samples that precede all others of their class.

    Returns:
        Rank (N,), from 0 in each class.
    """
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(len(labels))
    preferred = np.isin(shuffled, np.asarray(first, dtype=np.int64))
    shuffled = np.concatenate([shuffled[preferred], shuffled[~preferred]])
    rank = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        rank[members] = np.arange(len(members))
    return rank


def balanced_order(labels: NDArray[np.int64], rank: Indices, seed: int) -> Indices:
    """Order of samples in which every prefix is as balanced over the classes as possible.

    Each round has the next sample of every class, with the classes in a random order. The first n samples of the order
    are the n sampled labels, so label samples of different sizes are nested.

    Args:
        labels: Class of each sample (N,).
        rank: Result of `rank_in_class` (N,).
        seed: Seed of the label sampling.

    Returns:
        Indices of the samples (N,).
    """
    classes = np.random.default_rng(seed + 1).permutation(labels.max(initial=-1) + 1)
    position = np.argsort(classes)[labels]
    order: NDArray[np.int64] = np.lexsort((position, rank))
    return order


def evenly_spaced(count: int, limit: int | None) -> Indices:
    """At most `limit` of `count` indices, evenly spaced, so that every recording keeps its share."""
    if limit is None or count <= limit:
        return np.arange(count, dtype=np.int64)
    return np.linspace(0, count - 1, limit).round().astype(np.int64)


def natural_key(name: str) -> list[Any]:
    """What to sort names by so that numbers in them are in the order of their values: walk 2 before walk 10."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"(\d+)", name))]


def split_recordings(
    labels: NDArray[np.int64], subjects: NDArray[np.int64], recordings: NDArray[np.str_], seed: int
) -> tuple[Indices, Indices]:
    """Divides the recordings of each subject and class into halves; all windows of a recording are in one half.

    Args:
        labels: Class of each sample (N,).
        subjects: Subject of each sample (N,).
        recordings: Recording of each sample (N,).
        seed: Seed of the random halves.

    Returns:
        Indices of the samples in the first and in the second half, which is the larger one for an odd number.
    """
    names, first_sample, member = np.unique(recordings, return_index=True, return_inverse=True)
    pairs = np.stack([subjects[first_sample], labels[first_sample]], axis=1)
    _, group, count = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    rank = rank_in_class(group.ravel(), seed)
    size = count[group.ravel()]
    in_first = (rank < size // 2)[member] if len(names) else np.zeros(0, dtype=bool)
    return np.flatnonzero(in_first), np.flatnonzero(~in_first)


def num_different(samples: Iterable[NDArray[Any]], limit: int) -> int:
    """Number of different samples, counted up to a limit; -0.0 equals 0.0.

    Copies do not count: windows in which a sensor rests are equal.
    """
    seen: set[bytes] = set()
    for values in samples:
        seen.add((values + 0.0).tobytes())  # -0.0 becomes 0.0
        if len(seen) == limit:
            break
    return len(seen)


def without_overlap(rows: Indices, recording: NDArray[np.str_], start: Indices, span: int) -> Indices:
    """Leaves out the samples that share a step of a recording with a sample before.

    Args:
        rows: Indices of the samples, sorted by recording and start.
        recording: Recording of each sample of the dataset (N,).
        start: First step of each in its recording (N,).
        span: Steps of a sample.
    """
    kept, last_end, last_recording = [], 0, ""
    for row in rows:
        if str(recording[row]) != last_recording or start[row] >= last_end:
            kept.append(int(row))
            last_end, last_recording = int(start[row]) + span, str(recording[row])
    return np.asarray(kept, dtype=np.int64)
