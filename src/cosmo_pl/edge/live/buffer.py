"""Samples of a sensor that are still needed, in the order of time, in bounded memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SMALLEST = 256  # samples


class Added(NamedTuple):
    """What became of added samples.

    Attributes:
        duplicates: Samples with the time of another, of which the first is kept.
        dropped: Oldest samples that are dropped as there are too many.
    """

    duplicates: int
    dropped: int


class SensorBuffer:
    """A buffer of samples (size,) by their times.

    Args:
        size: Values of a sample.
        limit: Largest number of samples.
    """

    def __init__(self, size: int, limit: int) -> None:
        self.limit = limit
        self._time = np.empty(SMALLEST, dtype=np.int64)
        self._values = np.empty((SMALLEST, size), dtype=np.float32)
        self._start = self._stop = 0

    def __len__(self) -> int:
        return self._stop - self._start

    @property
    def time(self) -> NDArray[np.int64]:
        """Times of all samples in nanoseconds, strictly increasing; a view."""
        return self._time[self._start : self._stop]

    def add(self, time: NDArray[np.int64], values: NDArray[np.float32]) -> Added:
        """Adds samples at any times, in any order.

        Args:
            time: Nanoseconds (n,).
            values: Values (n, size).
        """
        duplicates = 0
        last = self._time[self._stop - 1] if len(self) else None
        if (last is not None and time[0] <= last) or (np.diff(time) <= 0).any():
            time, values, duplicates = self._merged(time, values)
        too_many = max(0, len(self) + len(time) - self.limit)
        self._start = min(self._start + too_many, self._stop)
        time, values = time[-self.limit :], values[-self.limit :]
        self._make_room(len(time))
        stop = self._stop + len(time)
        self._time[self._stop : stop], self._values[self._stop : stop] = time, values
        self._stop = stop
        return Added(duplicates, too_many)

    def _merged(
        self, time: NDArray[np.int64], values: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], int]:
        """Takes out the samples from the earliest new one on, and returns both in order, each time once."""
        low = self._start + int(np.searchsorted(self.time, time.min()))
        time = np.concatenate([self._time[low : self._stop], time])
        values = np.concatenate([self._values[low : self._stop], values])
        self._stop = low
        unique, first = np.unique(time, return_index=True)  # the first of equal ones, which was there before
        return unique, values[first], len(time) - len(unique)

    def _make_room(self, count: int) -> None:
        if self._stop + count <= len(self._time):
            return
        room = max(SMALLEST, 2 * (len(self) + count))  # half of it is free, so that moving is rare
        time = np.empty(room, dtype=np.int64)
        values = np.empty((room, self._values.shape[1]), dtype=np.float32)
        time[: len(self)], values[: len(self)] = self.time, self._values[self._start : self._stop]
        self._time, self._values, self._start, self._stop = time, values, 0, len(self)

    def between(self, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Times (n,) and values (n, size) of the samples from `first` to `last`, in nanoseconds; views."""
        low, high = np.searchsorted(self.time, [first, last + 1]) + self._start
        return self._time[low:high], self._values[low:high]

    def holds(self, time: NDArray[np.int64], values: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which of some samples, with times (n,) and values (n, size), are there already with the same values."""
        if not len(self) or time.min() > self.time[-1]:
            return np.zeros(len(time), dtype=bool)
        at = self._start + np.minimum(np.searchsorted(self.time, time), len(self) - 1)
        found: NDArray[np.bool_] = (self._time[at] == time) & (self._values[at] == values).all(axis=1)
        return found

    def drop_before(self, time: int) -> None:
        """Forgets samples before a time in nanoseconds."""
        self._start += int(np.searchsorted(self.time, time))

    def drop_after(self, time: int) -> int:
        """Forgets samples after a time in nanoseconds, and returns how many there were."""
        count = len(self) - int(np.searchsorted(self.time, time, side="right"))
        self._stop -= count
        return count

    def clear(self) -> None:
        """Forgets all samples."""
        self._start = self._stop = 0
