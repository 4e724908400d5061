"""Rows in the order of time, each time once, in pieces without a gap."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.streams.quality import LONE, StreamQuality

MAX_REACH = 10 * 10**9  # nanoseconds: rows of this time are held in memory
AHEAD = MAX_REACH  # a single time that is further ahead is wrong; one that is less costs at most as many rows


class Piece(NamedTuple):
    """Consecutive samples.

    Attributes:
        begins: Whether there is a gap before the first one.
        time: Nanoseconds, strictly increasing (T,).
        values: Values (T, C).
    """

    begins: bool
    time: NDArray[np.int64]
    values: NDArray[np.float32]


TimedValues = tuple[NDArray[np.int64], NDArray[np.float32]]  # times and values, without missing ones
NumberedSamples = tuple[str, NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]  # file, rows, times, values


class Order(NamedTuple):
    """How samples lie in time, compared with those before them.

    Attributes:
        behind: Nanoseconds by which each is behind the latest one before it; negative if it is later (T,).
        dropped: Whether it was recorded after the clock was set back, until it passed its latest time (T,).
        latest: Latest time.
    """

    behind: NDArray[np.int64]
    dropped: NDArray[np.bool_]
    latest: int


def ordered(time: NDArray[np.int64], latest: int | None, set_back: bool, reach: int) -> Order:
    """Finds samples that are out of order, and those after the clock was set back.

    Args:
        time: Times in nanoseconds as recorded, at least one (T,).
        latest: Latest time before these; None without one.
        set_back: Whether the last sample before these was dropped.
        reach: Nanoseconds by which a sample may be behind; if it is behind by more, the clock has been set back.
    """
    before = np.maximum.accumulate(np.concatenate([time[:1] - 1 if latest is None else [latest], time]))
    behind = before[:-1] - time
    index = np.arange(len(time))
    passed = np.maximum.accumulate(np.where(behind < 0, index, -1))
    jumped = np.maximum.accumulate(np.where(behind > reach, index, -1))
    dropped = (jumped > passed) | ((passed < 0) & set_back)
    return Order(behind, dropped, int(before[-1]))


def without_lone_jumps(
    batches: Iterable[NumberedSamples], reach: int, quality: StreamQuality
) -> Iterator[NumberedSamples]:
    """Leaves out samples whose time alone is wrong: far ahead of the next one, which goes on after the one before.

    Taken as correct, such a time would make all later samples count as recorded after the clock was set back. The very
    first sample has none before it: it is left out if it is far ahead of the next two, which go on after each other.

    Args:
        batches: Samples as recorded, at least one in each batch.
        reach: Nanoseconds within which the next one goes on.
        quality: Counts what is left out.
    """
    before: NDArray[np.int64] | None = None
    for batch, following in itertools.pairwise(itertools.chain(_three_at_first(batches), [None])):
        assert batch is not None  # only the last one is
        file, row, time, values = batch
        after = time[-1:] if following is None else following[2][:1]
        if before is None:
            before = time[2:3] if len(time) > 2 else time[:1]
        around = np.concatenate([before, time, after])
        lone = (around[1:-1] - around[2:] > AHEAD) & (np.abs(around[2:] - around[:-2]) <= reach)
        before = time[-1:]
        quality.leave_out(LONE, file, row[lone])
        yield file, row[~lone], time[~lone], values[~lone]


def _three_at_first(batches: Iterable[NumberedSamples]) -> Iterator[NumberedSamples]:
    """Joins the first batches of the first file until they hold three samples."""
    held: NumberedSamples | None = None
    given = iter(batches)
    for batch in given:
        if held is not None and held[0] != batch[0]:
            yield held
            held = batch
            break
        held = batch if held is None else _joined(held, batch)
        if len(held[2]) >= 3:
            break
    if held is not None:
        yield held
    yield from given


def _joined(one: NumberedSamples, two: NumberedSamples) -> NumberedSamples:
    return (
        one[0],
        np.concatenate([one[1], two[1]]),
        np.concatenate([one[2], two[2]]),
        np.concatenate([one[3], two[3]]),
    )


def in_order(batches: Iterable[NumberedSamples], reach: int, quality: StreamQuality) -> Iterator[TimedValues]:
    """Sorts samples by time and drops all but the first sample of a time.

    A sample that is behind the latest one before it by at most `reach` is sorted in. If it is behind by more, the clock
    has been set back: samples are left out until the clock has passed its latest time. A single sample whose time is
    more than `AHEAD` ahead is left out.

    Args:
        batches: Samples as recorded.
        reach: Nanoseconds.
        quality: Counts what is sorted and left out.
    """
    reach = min(reach, MAX_REACH)
    latest, behind_jump = None, False
    held: TimedValues | None = None
    filled = (batch for batch in batches if len(batch[2]))
    for file, row, time, values in without_lone_jumps(filled, reach, quality):
        if not len(time):
            continue
        found = ordered(time, latest, behind_jump, reach)
        dropped, latest = found.dropped, found.latest
        begins = dropped & ~np.concatenate([[behind_jump], dropped[:-1]])
        quality.clock_set_back(file, row, begins, dropped)
        quality.out_of_order(int(((found.behind > 0) & ~dropped).sum()))
        behind_jump = bool(dropped[-1])
        if dropped.any():
            time, values = time[~dropped], values[~dropped]
        if held is not None:
            time, values = np.concatenate([held[0], time]), np.concatenate([held[1], values])
        if (np.diff(time) < 0).any():
            order = np.argsort(time, kind="stable")
            time, values = time[order], values[order]
        final = int(np.searchsorted(time, latest - reach))
        yield from _once(time[:final], values[:final], quality)
        held = time[final:], values[final:]
    if held is not None:
        yield from _once(*held, quality)


def _once(time: NDArray[np.int64], values: NDArray[np.float32], quality: StreamQuality) -> Iterator[TimedValues]:
    if len(time):
        first = np.concatenate([[True], np.diff(time) > 0])
        quality.duplicates(int((~first).sum()))
        yield (time, values) if first.all() else (time[first], values[first])


def pieces(batches: Iterable[TimedValues], max_gap: int, quality: StreamQuality) -> Iterator[Piece]:
    """Cuts samples at gaps.

    Args:
        batches: Samples in the order of time.
        max_gap: Longest time between two samples that is no gap, in nanoseconds.
        quality: Measures intervals and gaps.
    """
    quality.max_gap = max_gap / 10**9
    last: int | None = None
    for time, values in batches:
        interval = np.diff(time, prepend=time[0] if last is None else last)
        gaps = np.flatnonzero(interval > max_gap)
        quality.intervals(time, interval if last is not None else interval[1:], gaps, interval[gaps])
        edges = [0, *gaps[gaps > 0].tolist(), len(time)]
        begins = last is None or interval[0] > max_gap
        for low, high in itertools.pairwise(edges):
            yield Piece(bool(begins), time[low:high], values[low:high])
            begins = True
        last = int(time[-1])
