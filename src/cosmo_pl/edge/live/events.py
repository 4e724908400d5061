"""Event metrics of recordings whose activities are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from cosmo_pl.data.histogram import LogHistogram
from cosmo_pl.event_metrics import (
    NOTHING,
    OVERLAPS,
    SegmentScore,
    detection_delays,
    events_of,
    segment_score,
    time_of_hops,
)


class EventMetrics:
    """Segment F1 and delay of detection, over recordings; only the windows of one recording are kept at a time.

    Args:
        hop: Seconds between the starts of two windows.
    """

    def __init__(self, hop: float) -> None:
        self.hop = hop
        self.segments = self.missed = 0
        self._scores = dict.fromkeys(OVERLAPS, SegmentScore(0, 0, 0))
        self._delays = LogHistogram(1e-3, 1e6)
        self._labels: dict[str | None, int] = {None: NOTHING}
        self._windows: list[tuple[float, float, int, int]] = []

    def add(self, start: float, end: float, activity: str | None, truth: str | None) -> None:
        """Adds a window of the recording.

        Args:
            start: Its start in seconds.
            end: Its end in seconds.
            activity: What is recognised in it; None for none of the activities.
            truth: Its activity; None where none is known.
        """
        found, true = (self._labels.setdefault(name, len(self._labels)) for name in (activity, truth))
        self._windows.append((start, end, found, true))

    def finish(self) -> None:
        """Ends the recording."""
        windows, self._windows = self._windows, []
        if all(true == NOTHING for *_, true in windows):
            return
        starts, ends, found, true = (np.array(column) for column in zip(*windows, strict=True))
        pieces = time_of_hops(starts, float(ends[0] - starts[0]), self.hop)
        found = np.where(true == NOTHING, NOTHING, found)  # nobody knows whether it is right
        truth = events_of(true, *pieces)
        for overlap in OVERLAPS:
            self._scores[overlap] += segment_score(events_of(found, *pieces), truth, overlap)
        delays = detection_delays(found, ends, truth)
        self.segments += len(truth)
        self.missed += int(np.isnan(delays).sum())
        self._delays.add(delays[~np.isnan(delays)])

    def summary(self) -> dict[str, Any]:
        """Numbers of all recordings; empty where no activity is known."""
        if not self.segments:
            return {}
        found: dict[str, Any] = {"segments": self.segments, "never_recognised": self.missed}
        found |= {f"f1_{100 * overlap:.0f}": round(score.f1, 4) for overlap, score in self._scores.items()}
        if self.missed < self.segments:
            found["delay_seconds"] = round(self._delays.quantile(0.5), 3)
        return found
