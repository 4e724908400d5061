"""What live recognition writes: a line of JSON per window, per problem, and at the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from cosmo_pl.data.histogram import LogHistogram
from cosmo_pl.edge.live.engine import LiveWindow
from cosmo_pl.edge.live.events import EventMetrics
from cosmo_pl.edge.live.reports import Report, Reporter


def window_line(window: LiveWindow, recording: str | None) -> str:
    """A window as a line of JSON.

    Args:
        window: The window.
        recording: Name of the recording that is replayed; None for live samples.
    """
    activity = window.activity
    largest = max(window.probability.values())
    found: dict[str, Any] = {
        "time": [window.start, window.end],
        "activity": activity,
        "probability": round(largest if activity is None else window.probability[activity], 4),
        "weights": {name: round(weight, 4) for name, weight in window.weights.items()},
        "latency_ms": round(window.latency, 3),
        "sensors": list(window.sensors),
    }
    if window.raw is not None:
        found["raw"] = {"activity": window.raw.activity, "probability": round(window.raw.probability, 4)}
    if recording is not None:
        found |= {"recording": recording, "truth": window.truth}
    return json.dumps(found)


def report_line(report: Report) -> str:
    """A problem as a line of JSON."""
    found: dict[str, Any] = {"problem": report.problem, "sensor": report.sensor, "time": report.time}
    return json.dumps({**found, "count": report.count, "detail": report.detail})


class Summary:
    """Counts windows, in memory that does not grow but with the windows of a recording whose activities are known.

    Args:
        now: A clock in seconds.
        hop: Seconds between the starts of two windows.
    """

    def __init__(self, now: Callable[[], float], hop: float) -> None:
        self._now, self._started = now, now()
        self.windows = self.labelled = self.correct = self.correct_raw = self.decided = self.rejected = 0
        self.unknown = self.unknown_rejected = 0  # windows of activities that the model does not know
        self._latency = LogHistogram(1e-3, 1e6)
        self._events, self._raw_events = EventMetrics(hop), EventMetrics(hop)

    def add(self, window: LiveWindow, recorded: bool = False) -> None:
        """Counts a window.

        Args:
            window: The window.
            recorded: Whether it is of a recording, whose activities may be known.
        """
        self.windows += 1
        self._latency.add(np.array([window.latency]))
        raw = window.activity if window.raw is None else window.raw.activity
        self.decided += window.raw is not None
        self.rejected += window.activity is None
        truth = window.truth if window.truth in window.probability else None
        if truth is not None:
            self.labelled += 1
            self.correct += window.activity == truth
            self.correct_raw += raw == truth
        elif window.truth is not None:
            self.unknown += 1
            self.unknown_rejected += window.activity is None
        if recorded:
            self._events.add(window.start, window.end, window.activity, truth)
            self._raw_events.add(window.start, window.end, raw, truth)

    def end_recording(self) -> None:
        """The windows so far were those of one recording."""
        self._events.finish()
        self._raw_events.finish()

    def line(self, skipped: int, samples: dict[str, int], seconds: float, reporter: Reporter) -> str:
        """The summary as a line of JSON.

        Args:
            skipped: Windows without a prediction.
            samples: Sensor to the number of samples that were used.
            seconds: Time of the samples.
            reporter: Has counted the problems.
        """
        took = self._now() - self._started
        found: dict[str, Any] = {
            "windows": self.windows,
            "skipped": skipped,
            "samples": samples,
            "seconds": round(seconds, 3),
            "took_seconds": round(took, 3),
            "times_real_time": round(seconds / took, 2) if took > 0 else None,
            "latency_ms": {f"p{share}": round(self._latency.quantile(share / 100), 3) for share in (50, 95)},
            "problems": reporter.summary(),
        }
        if self.decided:
            found["none_of_these"] = self.rejected
        if self.labelled:
            found["accuracy"] = round(self.correct / self.labelled, 6)
            found["labelled_windows"] = self.labelled
            found["events"] = self._events.summary()
        if self.unknown:
            found["unknown_activity"] = {"windows": self.unknown, "none_of_these": self.unknown_rejected}
        if self.labelled and self.decided:
            found["raw_accuracy"] = round(self.correct_raw / self.labelled, 6)
            found["raw_events"] = self._raw_events.summary()
        return json.dumps({"summary": found})
