"""Samples as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from cosmo_pl.edge.live.reports import Reporter
from cosmo_pl.edge.live.samples import SensorSamples
from cosmo_pl.io import shortened

KEYS = ("sensor", "time", "values")


def samples_in(line: bytes, reporter: Reporter) -> Iterator[SensorSamples]:
    """The samples of a line; none of a broken one, which is reported.

    A line is ``{"sensor": "acc", "time": 12.31, "values": [0.1, 0.2, 0.97]}``. The time is in seconds, or text of ISO
    8601, in UTC unless it has a zone. Several samples have a list of times and a list of rows. null is a missing value.

    Args:
        line: The line in UTF-8.
        reporter: Gets what is wrong.
    """
    if not line.strip():
        return
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        reporter.report("broken line", f"{shown(line)} is no JSON ({shortened(str(error))})")
        return
    lacks = [key for key in KEYS if key not in found] if isinstance(found, dict) else [*KEYS]
    if lacks:
        reporter.report("broken line", f"{shown(line)} lacks {', '.join(lacks)}")
        return
    sensor, time, values = str(found["sensor"]), found["time"], found["values"]
    times = time if isinstance(time, list) else [time]
    seconds = [_seconds(each) for each in times]
    wrong = sum(each is None for each in seconds)
    if wrong:
        reporter.report("wrong time", f"{shown(line)} has no time in seconds or of ISO 8601", count=wrong)
    if not isinstance(time, list):
        yield from (SensorSamples(sensor, each, values) for each in seconds if each is not None)
        return
    if isinstance(values, list) and len(values) == len(times):  # else it is refused as a whole
        values = [row for row, each in zip(values, seconds, strict=True) if each is not None]
    seconds = [each for each in seconds if each is not None]
    if seconds or not times:
        yield from _rows(sensor, seconds, values)


def _rows(sensor: str, seconds: Any, values: Any) -> Iterator[SensorSamples]:
    """All samples at once if they have equally many values, else one by one, so that a wrong one costs no other."""
    several = isinstance(seconds, list) and isinstance(values, list) and len(seconds) == len(values)
    lengths = {len(each) if isinstance(each, list) else -1 for each in values} if several else {0}
    if len(lengths) == 1:
        yield SensorSamples(sensor, seconds, values)
        return
    for time, row in zip(seconds, values, strict=True):
        yield SensorSamples(sensor, time, row)


def _seconds(time: Any) -> float | None:
    """Seconds; None for what is no time."""
    try:
        if isinstance(time, str):
            found = datetime.fromisoformat(time)
            return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
        return float(time) if isinstance(time, int | float) and not isinstance(time, bool) else None
    except (ValueError, OverflowError):
        return None


def shown(line: bytes) -> str:
    """The beginning of a line for a report."""
    return repr(shortened(line.decode("utf-8", errors="replace").strip()))
