"""Times of labels, one at a time: a file of labels is short, and people write it in many ways."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from cosmo_pl.data.streams.description import UNITS, TimeDescription
from cosmo_pl.data.streams.times import LARGEST

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(text: str, time: TimeDescription, day: str | None, refuse: Callable[[str], Exception]) -> int:
    """The time of a label in nanoseconds.

    Args:
        text: The time as it is written: ISO 8601, a number, or a time of day such as 12:10.
        time: Unit, zone, and whether it counts from the start of the recording.
        day: Date (ISO 8601) of times of day; None if it is unknown.
        refuse: Makes the error from the problem.

    Returns:
        Nanoseconds since 1970 in UTC, or since the start of the recording if `time` is relative.

    Raises:
        Exception: That of `refuse`: the text is no time, does not exist in the zone, or is twice in it.
    """
    if time.unit != "iso":
        return _number(text, UNITS[time.unit], refuse)
    if time.relative:
        return _duration(text, refuse)
    clock = is_time_of_day(text)
    if clock and day is None:
        raise refuse(f"'{text}' has no date")
    if clock and not _is_date(day):
        raise refuse(f"'{text}' has the date '{day}', which is none of ISO 8601, as 2024-05-06")
    try:
        moment = datetime.fromisoformat(f"{day}T{'0' if text[1] == ':' else ''}{text}" if clock else text)
    except ValueError:
        raise refuse(f"'{text}' is no time of ISO 8601") from None
    if moment.tzinfo is None:
        moment = _located(moment, ZoneInfo(time.zone), text, refuse)
    return round((moment - EPOCH) / timedelta(microseconds=1)) * 1000


def is_time_of_day(text: str) -> bool:
    """Whether a text is a time without a date, as 9:05, 12:10:00.5 or 12:10Z."""
    return re.match(r"\d{1,2}:", text) is not None


def _is_date(text: str | None) -> bool:
    try:
        date.fromisoformat(text or "")
    except ValueError:
        return False
    return True


def _located(moment: datetime, zone: ZoneInfo, text: str, refuse: Callable[[str], Exception]) -> datetime:
    """The moment in its zone; hours that the change to or from daylight saving skips or repeats are refused."""
    first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        again = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == moment
        raise refuse(f"'{text}' {'is twice' if again else 'does not exist'} in {zone.key}; write its offset from UTC")
    return first


def _number(text: str, unit: int, refuse: Callable[[str], Exception]) -> int:
    try:
        value = float(text)
    except ValueError:
        raise refuse(f"'{text}' is no number") from None
    if not math.isfinite(value) or abs(value) * unit > LARGEST:
        raise refuse(f"'{text}' is out of range")
    return round(value * unit) if "." in text or "e" in text.lower() else int(text) * unit


def _duration(text: str, refuse: Callable[[str], Exception]) -> int:
    """Hours, minutes and seconds since the start, as 1:02:03.5 or 62:03."""
    parts = text.split(":")
    if not 2 <= len(parts) <= 3 or not all(part.replace(".", "", 1).isdecimal() for part in parts):
        raise refuse(f"'{text}' is no time since the start, as 1:02:03.5")
    seconds: float = sum(float(part) * 60.0**place for place, part in enumerate(reversed(parts)))
    return round(seconds * 10**9)
