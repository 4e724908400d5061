"""Samples whose times do not fit those of the other sensors: a clock was set, or all sensors were off for long."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.streams.times import SECOND

JUMP = 10 * SECOND  # nanoseconds by which the sensors' times may differ
ENOUGH = 5  # samples that show that those before them have a wrong time
DELIVERIES = 5  # that show that a clock was set; fewer may have come twice, or in another order
HELD = 4096  # deliveries of a sensor

Delivery = tuple[NDArray[np.int64], NDArray[np.float32]]


class Strays:
    """Holds samples that do not fit until it is known which clock is right.

    The clock is that of the other sensors as long as one of them has samples that fit. When no sensor has, the new
    times are right.
    """

    def __init__(self) -> None:
        self._held: dict[str, deque[Delivery]] = {}
        self._since: dict[str, tuple[int, int]] = {}  # first time and deliveries since the last sample that fitted
        self._own: dict[str, list[Delivery]] = {}  # the first ones since the sensor's own last sample that fitted

    def add(self, sensor: str, time: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        """Holds a delivery of a sensor: the times of its samples (n,) with their values (n, size)."""
        held = self._held.setdefault(sensor, deque(maxlen=HELD))
        if held and abs(int(time[0]) - int(held[-1][0][-1])) > JUMP:
            held.clear()
            self._since.pop(sensor, None)
        held.append((time, values))
        while len(held) > DELIVERIES and abs(int(time[-1]) - int(held[0][0][-1])) > JUMP:
            held.popleft()
        first, count = self._since.get(sensor, (int(time[0]), 0))
        self._since[sensor] = first, count + 1
        self._newest = int(time.min()), int(time.max())
        own = self._own.setdefault(sensor, [])
        if sum(len(each) for each, _ in own) < 2 * ENOUGH:
            own.append((time, values))

    def fitted(self, sensor: str) -> None:
        """A sensor had samples that fit."""
        self._since.clear()
        self._own.pop(sensor, None)

    def back(self, sensor: str) -> list[Delivery]:
        """The samples that a sensor went on with after its last one that fitted; none if they are fewer than five.

        Those that are ahead of later ones are left out, as their times are wrong as well.
        """
        found, earliest = list[Delivery](), np.iinfo(np.int64).max
        for time, values in reversed(self._own.get(sensor, [])):
            later = np.minimum.accumulate(np.append(time[1:], earliest)[::-1])[::-1]
            found.append((time[time <= later], values[time <= later]))
            earliest = min(earliest, int(time.min()))
        found = [each for each in reversed(found) if len(each[0])]
        return found if sum(len(time) for time, _ in found) >= ENOUGH else []

    def forget(self, sensor: str) -> None:
        """Forgets the samples of a sensor, which are used after all."""
        for held in (self._held, self._since, self._own):
            held.pop(sensor, None)

    def are_right(self, delivering: Collection[str]) -> bool:
        """Whether the new times are right.

        Args:
            delivering: Sensors that had samples of late.
        """
        enough = {sensor for sensor, (_, count) in self._since.items() if count >= DELIVERIES}
        last = {sensor: int(held[-1][0][-1]) for sensor, held in self._held.items()}
        long = any(abs(last[sensor] - self._since[sensor][0]) >= JUMP for sensor in enough)
        return bool(enough) and (enough >= set(delivering) or long)

    def taken(self) -> list[tuple[str, NDArray[np.int64], NDArray[np.float32]]]:
        """The held samples of sensors that came near the newest delivery; all are forgotten."""
        first, last = self._newest
        near = [
            (sensor, time, values)
            for sensor, held in self._held.items()
            for time, values in held
            if first - JUMP <= held[-1][0].max() and held[-1][0].min() <= last + JUMP
        ]
        self.clear()
        return near

    def clear(self) -> None:
        """Forgets all samples."""
        self._held.clear()
        self._since.clear()
        self._own.clear()


def left_out(time: int, own: int | None, clock: int | None) -> str:
    """A sentence about samples that do not fit.

    Args:
        time: That of the first one, in nanoseconds.
        own: Latest time of their sensor, if they are before it.
        clock: Latest time of all sensors.
    """
    ahead = (time - ((clock if own is None else own) or 0)) / SECOND
    side, whose = "after" if ahead > 0 else "before", "all sensors'" if own is None else "its own"
    until = ", unless" if own is None else " until it has passed that time, unless that time was wrong or"
    return f"samples {abs(ahead):.6g} s {side} {whose} latest time are left out{until} all sensors go on from there"
