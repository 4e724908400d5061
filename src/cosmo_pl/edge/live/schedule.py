"""When the windows are."""

from __future__ import annotations

import math

from cosmo_pl.data.streams.times import SECOND
from cosmo_pl.data.streams.windows import TOLERANCE


class Schedule:
    """The windows [begin + n·hop, begin + n·hop + window) of a stream, as `cut_windows` has them.

    Args:
        window: Seconds of a window.
        hop: Seconds between the starts of two windows.

    Attributes:
        number: Number of the next window, counted from 0.
    """

    def __init__(self, window: float, hop: float) -> None:
        self.window, self.hop = window, hop
        self.clear()

    def clear(self) -> None:
        """Forgets the time line."""
        self.origin: int | None = None  # time of tick 0 in nanoseconds
        self._begin: float | None = None
        self._jumps: list[tuple[int, int]] = []  # the times before and after the clock was set forward
        self.number = 0

    def align(self, aligned: float) -> None:
        """Sets when a window begins; the first one begins as early as possible.

        Args:
            aligned: Seconds after tick 0.
        """
        self._begin = (aligned + TOLERANCE) % self.hop - TOLERANCE

    @property
    def aligned(self) -> bool:
        """Whether it is known when windows begin."""
        return self.origin is not None and self._begin is not None

    @property
    def start(self) -> float:
        """Start of the next window in seconds after tick 0."""
        assert self._begin is not None
        return self._begin + self.hop * self.number

    def time(self, seconds: float) -> int:
        """Time of so many seconds after tick 0, in nanoseconds."""
        assert self.origin is not None
        return self.origin + round(seconds * SECOND)

    def seconds(self, seconds: float) -> float:
        """Seconds of the sensors' clock at so many seconds after tick 0."""
        assert self.origin is not None
        return round(self.origin / SECOND + seconds, 6)

    def jump(self, before: int, after: int) -> None:
        """The clock was set forward, in nanoseconds."""
        self._jumps.append((before, after))

    def jump_back(self, clock: int, first: int) -> None:
        """The clock is back at a time in nanoseconds, as later ones were wrong.

        Args:
            clock: The time.
            first: That of the first sample, from which windows begin anew if all that was before was wrong.
        """
        if self.origin is not None and clock < self.origin:
            self.clear()
            self.origin = first
        self._jumps = [each for each in self._jumps if each[1] <= clock]

    def elapsed(self, clock: int | None) -> float:
        """Seconds from tick 0 to a time in nanoseconds, without those that the clock was set forward by."""
        if clock is None or self.origin is None:
            return 0.0
        return (clock - self.origin - sum(after - before for before, after in self._jumps)) / SECOND

    def advance(self, to: int | None = None) -> int:
        """Goes on to the next window, or to the first one that ends after a time in nanoseconds.

        Returns:
            Number of windows that are passed, without those in time that the clock was set forward by.
        """
        before = self.number
        self.number += 1
        if to is not None:
            ahead = (to - self.time(self.start + self.window)) / SECOND
            self.number += max(0, int(ahead / self.hop))
        return self.number - before - sum(self._within(*jump, before) for jump in self._jumps)

    def _within(self, start: int, end: int, number: int) -> int:
        """Windows from a number to the next one that lie between two times in nanoseconds."""
        first, last = ((time - self.time(self._begin or 0.0)) / SECOND for time in (start, end))
        low, high = math.ceil(first / self.hop), math.floor((last - self.window) / self.hop)
        return max(0, min(high, self.number - 1) - max(low, number) + 1)
