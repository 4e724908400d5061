"""Sensors that windows are recognised without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cosmo_pl.edge.live.reports import Reporter
from cosmo_pl.edge.live.stream import SensorStream


class Missing:
    """Reports a sensor when windows lack it, and when it is back.

    Args:
        reporter: Gets the reports.
    """

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.clear()

    def clear(self) -> None:
        """Forgets the windows before, as another recording begins."""
        self._windows: dict[str, int] = {}  # sensor to the windows without it, one after another

    def note(self, missing: Mapping[str, SensorStream], present: Sequence[str], time: float) -> None:
        """Counts a window.

        Args:
            missing: The streams of sensors that it lacks.
            present: Sensors that it has.
            time: Its start in seconds.
        """
        for name, stream in missing.items():
            if name not in self._windows:
                detail = f"{_reason(stream)}; windows are recognised without it, where the method can"
                self.reporter.report("missing", detail, name, time)
            else:
                self.reporter.counts["missing", name] += 1
            self._windows[name] = self._windows.get(name, 0) + 1
        for name in present:
            count = self._windows.pop(name, 0)
            if count:
                self.reporter.report("returned", f"is back after {count} windows without it", name, time)


def _reason(stream: SensorStream) -> str:
    if stream.late and stream.latest is not None and stream.passed is not None and stream.latest < stream.passed:
        return "has samples that come too late"
    return "has a gap" if len(stream.buffer) else "has no samples so far" if stream.latest is None else "has no samples"
