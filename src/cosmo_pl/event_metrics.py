"""Metrics of activities on a time line: F1 of segments, and delay of detection.

C. Lea, M. D. Flynn, R. Vidal, A. Reiter and G. D. Hager, "Temporal convolutional networks for action segmentation and
detection", CVPR 2017, Sec. 4.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosmo_pl.errors import ConfigurationError

OVERLAPS = (0.1, 0.25, 0.5)  # of F1@10, F1@25 and F1@50
NOTHING = -1  # label of time without an activity
TOGETHER = 1e-6  # seconds between two pieces of time that still touch


@dataclass(frozen=True)
class Event:
    """An activity on a time line.

    Args:
        start: Its start in seconds.
        end: Its end in seconds, after `start`.
        label: The activity, from 0.

    Raises:
        ConfigurationError: A time is not finite, or the end is not after the start.
    """

    start: float
    end: float
    label: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start) and self.start < self.end < math.inf):
            raise ConfigurationError(
                "event", f"lasts from {self.start} s to {self.end} s", "Give its start, then its end"
            )

    def overlap(self, other: Event) -> float:
        """Intersection over union with another event (IoU), whatever the activities."""
        common = min(self.end, other.end) - max(self.start, other.start)
        return max(0.0, common) / (max(self.end, other.end) - min(self.start, other.start))


@dataclass(frozen=True)
class SegmentScore:
    """Segments that were found, wrong and missed.

    Args:
        found: Predicted segments that match a true one, true positives.
        wrong: Other predicted segments, false positives.
        missed: True segments that no predicted one matches, false negatives.
    """

    found: int
    wrong: int
    missed: int

    def __add__(self, other: SegmentScore) -> SegmentScore:
        """The score of several time lines together."""
        return SegmentScore(self.found + other.found, self.wrong + other.wrong, self.missed + other.missed)

    @property
    def f1(self) -> float:
        """2 · found / (2 · found + wrong + missed); 1 where nothing is true and nothing was predicted."""
        total = 2 * self.found + self.wrong + self.missed
        return 2 * self.found / total if total else 1.0


def events_of(label: ArrayLike, start: ArrayLike, end: ArrayLike) -> list[Event]:
    """Segments of equal label on a time line.

    Args:
        label: Label of each piece of time (N,); `NOTHING` is time without an activity.
        start: Start of each piece (N,) in seconds, ascending.
        end: End of each piece (N,) in seconds, not after the start of the next one.

    Returns:
        One event for each run of touching pieces with the same label.

    Raises:
        ConfigurationError: The pieces are of different numbers, or overlap.
    """
    labels, starts, ends = (np.asarray(values) for values in (label, start, end))
    if not len(labels) == len(starts) == len(ends):
        problem = f"has {len(labels)} entries, start {len(starts)} and end {len(ends)}"
        raise ConfigurationError("label", problem, "Give as many of each")
    if (starts[1:] < ends[:-1] - TOGETHER).any():
        problem = "has pieces that begin before the end of the one before"
        raise ConfigurationError("start", problem, "Give each window the time of one hop")
    if not len(labels):
        return []
    first = np.flatnonzero(np.r_[True, (labels[1:] != labels[:-1]) | (starts[1:] > ends[:-1] + TOGETHER)])
    last = np.r_[first[1:], len(labels)] - 1
    runs = zip(starts[first].tolist(), ends[last].tolist(), labels[first].tolist(), strict=True)
    return [Event(*run) for run in runs if run[2] != NOTHING]


def time_of_hops(
    start: NDArray[np.float64], window: float, hop: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The time that each window of a recording stands for: one hop in its middle, so that windows do not overlap.

    Args:
        start: Start of each window (N,) in seconds, ascending.
        window: Seconds of a window.
        hop: Seconds between the starts of two windows.

    Returns:
        Start and end of each piece of time (N,); the first and the last one reach to the ends of the recording.
    """
    middle = start + window / 2
    return np.r_[start[:1], middle[1:] - hop / 2], np.r_[middle[:-1] + hop / 2, start[-1:] + window]


def segment_score(predicted: Iterable[Event], truth: Sequence[Event], overlap: float) -> SegmentScore:
    """Matches the predicted segments of one time line with the true ones.

    A predicted segment matches the true segment of its activity with the largest intersection over union, if that is at
    least `overlap` and no earlier predicted segment has matched it. So an activity that is recognised in pieces counts
    once, and the other pieces are wrong, however short the errors between them are.

    Args:
        predicted: Predicted segments, in the order of time.
        truth: True segments.
        overlap: Smallest intersection over union, in (0, 1]; `OVERLAPS` are the usual ones.

    Raises:
        ConfigurationError: `overlap` is out of range.
    """
    if not 0 < overlap <= 1:
        raise ConfigurationError("overlap", f"is {overlap}", "Use a number in (0, 1]")
    matched: set[int] = set()
    wrong = 0
    for event in predicted:
        shared = [event.overlap(true) if true.label == event.label else 0.0 for true in truth]
        best = int(np.argmax(shared)) if shared else 0
        if shared and shared[best] >= overlap and best not in matched:
            matched.add(best)
        else:
            wrong += 1
    return SegmentScore(len(matched), wrong, len(truth) - len(matched))


def detection_delays(label: ArrayLike, known: ArrayLike, truth: Sequence[Event]) -> NDArray[np.float64]:
    """Seconds from the start of each true segment until a window recognises it for the first time.

    Args:
        label: Predicted activity of each window (N,).
        known: Time at which each window is over and its prediction known (N,), in seconds.
        truth: True segments.

    Returns:
        Delays, one for each true segment: of the first window that is over after the start of the segment, not after
        its end, and has its activity. NaN for a segment that no such window recognises.

    Raises:
        ConfigurationError: There are other numbers of labels than of times.
    """
    labels, times = np.asarray(label), np.asarray(known, dtype=np.float64)
    if labels.shape != times.shape:
        raise ConfigurationError("known", f"has the shape {times.shape}, label {labels.shape}", "Give as many of each")
    delays = [
        times[(labels == event.label) & (times > event.start) & (times <= event.end + TOGETHER)].min(initial=np.inf)
        - event.start
        for event in truth
    ]
    found = np.array(delays, dtype=np.float64)
    return np.where(np.isfinite(found), found, np.nan)
