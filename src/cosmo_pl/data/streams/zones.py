"""Zones of times without one: sensors of one recording, and its labels, were at the same time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from cosmo_pl.data.streams.columns import TimeGuess
from cosmo_pl.data.streams.description import LabelsDescription, TimeDescription
from cosmo_pl.data.streams.grouping import Group
from cosmo_pl.data.streams.heads import Head, moment, read_head
from cosmo_pl.data.streams.label_guess import LabelGuess
from cosmo_pl.data.streams.labels import read_intervals
from cosmo_pl.data.streams.source import Source
from cosmo_pl.errors import CosmoError

Streams = Mapping[str, tuple[Group, Sequence[Head], TimeGuess]]
HOUR = 3600.0
DAY = 24 * HOUR
TOLERANCE = 600.0  # seconds by which sensors start apart
OFFSETS = range(-12, 15)  # hours from UTC in the world
MOST = 0.9
FILES = 12


def zone_name(hours: int) -> str:
    """Zone of the tz database with a fixed offset from UTC; its names have the opposite sign."""
    return f"Etc/GMT{-hours:+d}"


def zones_of(streams: Streams, source: Source) -> dict[str, tuple[str, str]]:
    """Zone of each sensor whose ISO times have none and are whole hours apart from those of a sensor in UTC.

    Args:
        streams: Sensor to its files, their first rows, and their time.
        source: Folder or archive.

    Returns:
        Sensor to its zone, and the reason.
    """
    sure = {name: each for name, each in streams.items() if not each[2].relative and not _naive(each[2])}
    found = {}
    for name, (group, _, time) in streams.items():
        if time.relative or not _naive(time) or not sure:
            continue
        other = next(iter(sure))
        apart = _apart(_starts(source, group, time), _starts(source, sure[other][0], sure[other][2]))
        if apart is not None and apart != 0:
            reason = f"it is {abs(apart)} h {'ahead of' if apart > 0 else 'behind'} '{other}', which is in UTC"
            found[name] = zone_name(apart), reason
    return found


def _naive(time: TimeGuess) -> bool:
    return time.unit == "iso" and not time.zoned


def _starts(source: Source, group: Group, time: TimeGuess) -> dict[tuple[tuple[str, str], ...], float]:
    """Placeholders of a file to its first time, of some files."""
    starts = {}
    for path in group.paths[:FILES]:
        try:
            first = float(time.seconds(read_head(source, path).filled(time.column)[:1])[0])
        except (CosmoError, ValueError, KeyError, IndexError):  # also a file of other columns, which the draft names
            continue
        if math.isfinite(first):
            starts[tuple(sorted((group.pattern.match(path) or {}).items()))] = first
    return starts


def _apart(
    mine: Mapping[tuple[tuple[str, str], ...], float], theirs: Mapping[tuple[tuple[str, str], ...], float]
) -> int | None:
    """Hours by which the starts of the same recordings differ; None if these are not whole."""
    differences = [start - theirs[key] for key, start in mine.items() if key in theirs]
    if not differences:
        return None
    middle = float(np.median(differences))
    hours = round(middle / HOUR)
    return hours if abs(middle - hours * HOUR) <= TOLERANCE and hours in OFFSETS else None


def label_zone(
    source: Source, group: Group, labels: LabelGuess, streams: Streams, scratch: Path
) -> tuple[str, str] | None:
    """Zone in which nearly all labels lie within recordings, and the reason; None if there is none or it is UTC.

    Args:
        source: Folder or archive.
        group: Files of the labels.
        labels: How they are written.
        streams: Sensor to its files, their first rows, and their time.
        scratch: Folder for copies of files from an archive.
    """
    spans = [
        span for one in streams.values() if not one[2].relative and not _naive(one[2]) for span in _spans(source, one)
    ]
    offsets = {h for _, heads, time in streams.values() if time.zoned for h in _written_offsets(heads, time)}
    if not spans:
        return None
    first = datetime.fromtimestamp(spans[0][0], UTC).date()
    written = labels.written._asdict()
    description = LabelsDescription(group.pattern, labels.format, labels.columns, TimeDescription("iso"), **written)
    times = []
    for path in group.paths[:FILES]:
        try:
            times += [
                (each.start / 1e9, each.end / 1e9)
                for each in read_intervals(source.on_disk(path, scratch), description, first)
            ]
        except CosmoError:
            return None  # the import names what is wrong with it
    if "date" not in labels.columns and max(end for _, end in times) < spans[0][1] + DAY and labels.format == "csv":
        spans = [_on_day(span, first) for span in spans]  # times of day, which were read as those of the first day
    share = {hours: _within(times, spans, hours * HOUR) for hours in OFFSETS}
    best = max(share, key=lambda hours: (share[hours], hours in offsets, -abs(hours)))
    if best == 0 or share[best] < MOST or share[0] > share[best] / 2:
        return None
    return zone_name(best), f"{share[best]:.0%} of the labels are then within recordings, {share[0]:.0%} in UTC"


def _spans(source: Source, stream: tuple[Group, Sequence[Head], TimeGuess]) -> list[tuple[float, float]]:
    group, _, time = stream
    found = []
    for path in group.paths:
        try:
            head = read_head(source, path)
        except CosmoError:
            continue
        if time.column not in head.columns:
            continue
        position = list(head.columns).index(time.column)
        end = head.rows[-1] if head.last is None else head.last
        begin = next(iter(head.filled(time.column)), "")
        start, stop = time.seconds([begin, end[position]])
        found.append((float(start), float(stop)))
    return [span for span in found if np.isfinite(span).all()]


def _on_day(span: tuple[float, float], day: date) -> tuple[float, float]:
    """The same time of another day."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    start = midnight + span[0] % DAY
    return start, start + span[1] - span[0]


def _written_offsets(heads: Sequence[Head], time: TimeGuess) -> set[int]:
    """Whole hours from UTC that ISO times state."""
    first = [moment(text) for head in heads for text in head.filled(time.column)[:1]]
    offsets = [each.utcoffset() for each in first if each is not None]
    return {round(each / timedelta(hours=1)) for each in offsets if each is not None}


def _within(times: Sequence[tuple[float, float]], spans: Sequence[tuple[float, float]], ahead: float) -> float:
    """Share of intervals whose middle is in a span, if their clock is ahead by so many seconds."""
    middles = [(start + end) / 2 - ahead for start, end in times]
    inside = [any(start <= middle <= end for start, end in spans) for middle in middles]
    return float(np.mean(inside)) if inside else 0.0
