"""Samples at any times onto the ticks of a grid, piece by piece."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.streams.ordering import Piece
from cosmo_pl.data.streams.times import SECOND

AVERAGED = 0.5 * SECOND  # nanoseconds by ticks: a stream with more than two samples per tick is averaged
ROUNDING = 1e-6  # ticks by which a sample may miss a tick and is still on it
VALUES = 2**20  # at most, of frames that are computed at once


class Frames(NamedTuple):
    """Consecutive frames on the grid.

    Attributes:
        begins: Whether there is a gap before the first one.
        first: Tick of the first one.
        values: Frames (N, C).
    """

    begins: bool
    first: int
    values: NDArray[np.float32]


def on_grid(batches: Iterable[Piece], rate: float, start: int, average: bool) -> Iterator[Frames]:
    """Interpolates linearly between the two samples around each tick.

    A stream with more than two samples per tick has frequencies that the grid cannot hold, and interpolation would fold
    them into lower ones. With `average`, the samples of each tick's interval, from half a tick before to half a tick
    after it, are therefore replaced by their mean, at the mean of their times, before the interpolation.

    There is no frame before the first and after the last sample of a piece, nor in a gap.

    Args:
        batches: Samples in the order of time.
        rate: Ticks per second.
        start: Time of tick 0 in nanoseconds.
        average: Whether to average.
    """
    relative: Iterator[Ticks] = ((each.begins, ticks_of(each.time - start, rate), each.values) for each in batches)
    return _interpolated(_averaged(relative) if average else relative)


def ticks_of(nanoseconds: Any, rate: float) -> Any:
    """Nanoseconds since tick 0, a number or an array, in ticks at so many per second."""
    return np.multiply(nanoseconds, rate / SECOND, dtype=np.float64)


Ticks = tuple[bool, NDArray[np.float64], NDArray[np.float32]]  # a piece with times in ticks


def _averaged(batches: Iterable[Ticks]) -> Iterator[Ticks]:
    """Mean of time and values over each tick's interval; the last one of a batch waits for the next batch."""
    held: Ticks | None = None
    for begins, time, values in batches:
        if held is not None and begins:
            yield _means(*held)
        elif held is not None:
            begins, time, values = held[0], np.concatenate([held[1], time]), np.concatenate([held[2], values])
        last = int(np.searchsorted(time, math.floor(time[-1] + 0.5) - 0.5))
        if last:
            yield _means(begins, time[:last], values[:last])
            begins = False
        held = begins, time[last:], values[last:]
    if held is not None:
        yield _means(*held)


def _means(begins: bool, time: NDArray[np.float64], values: NDArray[np.float32]) -> Ticks:
    tick = np.floor(time + 0.5)
    first = np.flatnonzero(np.diff(tick, prepend=tick[0] - 1))
    count = np.diff(np.append(first, len(time)))
    means = np.add.reduceat(values, first, axis=0, dtype=np.float64) / count[:, None]
    return begins, np.add.reduceat(time, first) / count, means.astype(np.float32)


def _interpolated(batches: Iterable[Ticks]) -> Iterator[Frames]:
    following = 0  # tick after the last frame
    last: tuple[NDArray[np.float64], NDArray[np.float32]] | None = None
    waiting = True  # for the first frame after a gap
    for begins, time, values in batches:
        if begins:
            waiting = True
        elif last is not None:
            time, values = np.concatenate([last[0], time]), np.concatenate([last[1], values])
        last = time[-1:], values[-1:]
        first, stop = math.ceil(time[0] - ROUNDING), math.floor(time[-1] + ROUNDING) + 1
        first = max(first, following)
        size = max(1, VALUES // values.shape[1])
        for low in range(first, stop, size):
            high = min(low + size, stop)
            yield Frames(waiting, low, _at(np.arange(low, high, dtype=np.float64), time, values))
            waiting, following = False, high


def _at(ticks: NDArray[np.float64], time: NDArray[np.float64], values: NDArray[np.float32]) -> NDArray[np.float32]:
    if len(time) == 1:
        return np.repeat(values, len(ticks), axis=0)
    before = np.clip(np.searchsorted(time, ticks, side="right") - 1, 0, len(time) - 2)
    weight = np.clip((ticks - time[before]) / (time[before + 1] - time[before]), 0, 1)[:, None].astype(np.float32)
    result: NDArray[np.float32] = values[before] * (1 - weight) + values[before + 1] * weight
    return result
