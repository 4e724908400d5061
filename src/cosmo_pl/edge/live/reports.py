"""What is wrong with live samples: each problem once, then its number."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

EVERY = 10.0  # seconds between two reports of the same problem of a sensor


@dataclass(frozen=True)
class Report:
    """A problem of live samples.

    Args:
        problem: Its name, one of few, as "gap", "missing", "restart" or "broken line".
        detail: What was found and what becomes of it.
        sensor: Sensor that has it; None if it has no known sensor.
        time: Seconds of the sensor's clock; None without a time.
        count: How often it occurred since the last report of this problem of this sensor.
    """

    problem: str
    detail: str
    sensor: str | None = None
    time: float | None = None
    count: int = 1


class Reporter:
    """Counts problems. The first of a kind and sensor is reported at once, those after it at most every ten seconds.

    Args:
        write: Gets each report.
        now: A clock in seconds.
    """

    def __init__(self, write: Callable[[Report], None], now: Callable[[], float] = time.monotonic) -> None:
        self.counts: Counter[tuple[str, str | None]] = Counter()
        self._write, self._now = write, now
        self._reported: dict[tuple[str, str | None], tuple[float, int]] = {}  # when, and the count then

    def report(
        self, problem: str, detail: str, sensor: str | None = None, time: float | None = None, count: int = 1
    ) -> None:
        """Counts a problem, and reports it unless the same was reported less than ten seconds ago."""
        key = problem, sensor
        self.counts[key] += count
        when, before = self._reported.get(key, (-EVERY, 0))
        if self._now() - when >= EVERY or not before:
            self._reported[key] = self._now(), self.counts[key]
            self._write(Report(problem, detail, sensor, time, self.counts[key] - before))

    def summary(self) -> dict[str, dict[str, int]]:
        """Problem to the number of times that each sensor had it; "" stands for no known sensor."""
        found: dict[str, dict[str, int]] = {}
        for (problem, sensor), count in self.counts.items():
            found.setdefault(problem, {})[sensor or ""] = count
        return found
