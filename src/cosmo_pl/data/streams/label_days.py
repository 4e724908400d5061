"""The day of labels that have a time of day alone: that on which the recording covers them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cosmo_pl.data.streams.times import SECOND
from cosmo_pl.errors import RecordingError

MANY = 31  # days, from which nobody can know the day of 12:10
DAY = timedelta(days=1)
OnDay = Callable[[date], tuple[int, int]]  # start and end of an interval in nanoseconds on a day


class RecordedTime(NamedTuple):
    """Time of a recording.

    Attributes:
        subject: Name of its subject.
        start: Nanoseconds since 1970.
        end: Nanoseconds since 1970.
    """

    subject: str
    start: int
    end: int


@dataclass(frozen=True)
class RecordedDays:
    """Days of the recordings that a file of labels belongs to.

    Args:
        recordings: The recordings.
        zone: Zone of the labels.
    """

    recordings: Sequence[RecordedTime]
    zone: ZoneInfo

    def first(self, subject: str | None = None) -> date | None:
        """The date on which all recordings of a subject start; None if there are several."""
        days = {self._date(each.start) for each in self._of(subject)}
        return next(iter(days)) if len(days) == 1 else None

    def choose(self, subject: str | None, on: OnDay, refuse: Callable[[str], Exception]) -> date | None:
        """The day on which a recording covers an interval.

        Args:
            subject: Name of the subject; None for all.
            on: Start and end of the interval on a day.
            refuse: Makes the error from the problem.

        Returns:
            The day on which the whole interval is covered, or else a part of it; the day on which the recordings start
            if there is none. None if that are several days, or if they last for more than a month.

        Raises:
            Exception: That of `refuse`: it is covered on several days.
        """
        mine = self._of(subject)
        first, last = self._date(min(each.start for each in mine)), self._date(max(each.end for each in mine))
        if last - first > MANY * DAY:
            return None
        whole, part = dict[tuple[int, int], date](), dict[tuple[int, int], date]()
        problem: RecordingError | None = None
        for day in _days(first, last):
            try:
                start, end = on(day)
            except RecordingError as error:  # an hour that the change to or from daylight saving skips or repeats
                problem = problem or error
                continue
            if any(each.start <= start < end <= each.end for each in mine):
                whole.setdefault((start, end), day)
            elif any(max(start, each.start) < min(end, each.end) for each in mine):
                part.setdefault((start, end), day)
        found = [*(whole or part).values()]
        if len(found) > 1:
            raise refuse(f"may be of {found[0]} or {found[1]}, as recordings cover both")
        if not found and problem is not None:
            raise problem
        return found[0] if found else self.first(subject)

    def _of(self, subject: str | None) -> Sequence[RecordedTime]:
        """Recordings of a subject; one of all if there are none, which is an error where recordings are chosen."""
        return [each for each in self.recordings if subject in (None, each.subject)] or self.recordings[:1]

    def _date(self, time: int) -> date:
        return datetime.fromtimestamp(time / SECOND, UTC).astimezone(self.zone).date()


def _days(first: date, last: date) -> Iterator[date]:
    """Days on which an interval can start; one after midnight may have started on the day before."""
    day = first - DAY
    while day <= last:
        yield day
        day += DAY
