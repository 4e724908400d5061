"""Columns of time to nanoseconds since 1970 in UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.streams.description import UNITS, TimeDescription

Times = NDArray[np.int64]
Refuse = Callable[[int, str], Exception]
"""Makes the error from the index of a value and its problem."""

SECOND = 10**9
HOUR = 3600 * SECOND
STEP = 60 * SECOND  # between two samples in an hour that occurs twice, so that it is known which one they are in
LARGEST = 2**62  # nanoseconds, the year 2116
UNUSUAL = re.compile(r"\d{8}T\d{4}.*|.* (Z|[+-]\d\d(:?\d\d)?)")  # without separators, or a space before the zone
NONE = np.iinfo(np.int64).min  # a missing time


class Clock:
    """Reads a stream's times batch by batch. In an hour that occurs twice, a time depends on those before it.

    Args:
        time: Unit and zone.
        start: Nanoseconds that are added to relative times.
        guess: Whether a time that occurs twice, and does not follow another, is the earlier one instead of an error.
    """

    def __init__(self, time: TimeDescription, start: int = 0, guess: bool = False) -> None:
        self.time, self.start, self.guess = time, start, guess
        self.guessed = False  # the first time occurs twice
        self._last: tuple[int, int] | None = None  # the previous local time and its UTC

    def read(self, column: Any, refuse: Refuse) -> Times:
        """Times of a batch (T,); `NONE` where the column is empty.

        Args:
            column: pyarrow array of text, numbers or timestamps.
            refuse: Makes the error.

        Raises:
            Exception: That of `refuse`: a value is no time, does not exist in the zone, or occurs twice in it.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        if pa.types.is_dictionary(column.type):  # as pandas writes categories
            column = column.dictionary_decode()
        text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        if pa.types.is_timestamp(column.type):
            local = _integers(column.cast(pa.timestamp("ns", column.type.tz)))
            if self.time.relative:  # as of a device that counts from 1970
                return np.where(local == NONE, NONE, local + self.start)
            return local if column.type.tz is not None else self._located(local, refuse)
        if self.time.unit != "iso":
            return self._numbers(column, text, refuse)
        if not text:
            raise refuse(0, f"is a {column.type}, not text of ISO 8601; give its unit as s, ms, us or ns")
        column = pc.utf8_trim_whitespace(column)
        column = pc.replace_substring(pc.if_else(pc.equal(column, ""), None, column), ",", ".")
        if any(UNUSUAL.fullmatch(first) for first in column.drop_null()[:1].to_pylist()):
            column = pc.replace_substring_regex(column, r"^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)", r"\1-\2-\3T\4:\5:")
            column = pc.replace_substring_regex(column, r":(Z|[+-]|$)", r"\1")  # no seconds
            column = pc.replace_substring_regex(column, r" +(Z|[+-]\d\d(:?\d\d)?)$", r"\1")
        zoned = pc.fill_null(pc.match_substring_regex(column, r"(Z|[+-]\d\d(:?\d\d)?)$"), False)
        day = pc.fill_null(pc.match_substring_regex(column, r"^\d{4}-\d\d-\d\d$"), False)
        zoned = np.asarray(pc.and_(zoned, pc.invert(day)))  # 2020-05-06 does not end in a zone
        result = np.full(len(column), NONE)
        for mask, zone in ((zoned, "UTC"), (~zoned, None)):
            if mask.any():
                rows = np.flatnonzero(mask)
                some = column if mask.all() else column.take(pa.array(rows))
                of_rows = partial(_of_rows, rows, refuse)
                found = _integers(_cast(some, pa.timestamp("ns", zone), of_rows, "is no time of ISO 8601"))
                result[rows] = found if zone else self._located(found, of_rows)
        return result

    def _numbers(self, column: Any, text: bool, refuse: Refuse) -> Times:
        import pyarrow as pa
        import pyarrow.compute as pc

        unit = UNITS[self.time.unit]
        if text:
            column = pc.utf8_trim_whitespace(column)
            column = pc.if_else(pc.equal(column, ""), None, column)
            try:
                column = column.cast(pa.int64())
            except pa.ArrowInvalid:
                column = _cast(column, pa.float64(), refuse, "is no number")
        missing = np.asarray(column.is_null())
        if pa.types.is_integer(column.type):
            values = column.fill_null(0).to_numpy(zero_copy_only=False)
            missing |= values == NONE  # pandas writes NaT as this number
            values = np.where(missing, 0, values)
            whole, part = values, np.zeros(len(values))
        else:
            values = column.fill_null(0).cast(pa.float64()).to_numpy(zero_copy_only=False)
            missing |= np.isnan(values)
            values = np.where(missing, 0, values)
            whole = np.floor(values)
            part = values - whole
        large = (values > LARGEST // unit) | (values < -(LARGEST // unit))  # an absolute value may overflow
        if large.any():
            raise refuse(int(np.argmax(large)), f"is out of range in {self.time.unit}")
        result = whole.astype(np.int64) * unit + np.rint(part * unit).astype(np.int64) + self.start
        return np.where(missing, NONE, result)

    def _located(self, local: Times, refuse: Refuse) -> Times:
        """UTC of local times.

        In an hour that occurs twice, times are in the first one if they follow the previous ones without a pause, and
        in the second one as soon as the local clock has jumped back.
        """
        if self.time.zone == "UTC" or not len(local):
            return local
        import pyarrow as pa
        import pyarrow.compute as pc

        known = local != NONE
        stamps = pa.array(local[known]).cast(pa.timestamp("ns"))

        def located(**chosen: str) -> Times:
            return _integers(pc.assume_timezone(stamps, self.time.zone, **chosen))

        before, after = (located(ambiguous="earliest", nonexistent=each) for each in ("earliest", "latest"))
        wrong = np.flatnonzero(before != after)
        rows = np.flatnonzero(known)
        if len(wrong):
            raise refuse(int(rows[wrong[0]]), f"does not exist in {self.time.zone}; write times with their zone")
        late = located(ambiguous="latest", nonexistent="latest")
        result = np.full(len(local), NONE)
        result[rows] = self._chosen(local[known], after, late, partial(_of_rows, rows, refuse))
        return result

    def _chosen(self, local: Times, early: Times, late: Times, refuse: Refuse) -> Times:
        """The earlier or the later of two times that a local time can be (T,)."""
        result = early.copy()
        twice = np.flatnonzero(early != late)
        for at in twice:  # at most two hours a year
            last = self._last if at == 0 else (int(local[at - 1]), int(result[at - 1]))
            found = None
            if last is not None:
                jumped = local[at] < last[0] - HOUR // 2
                choice = int(late[at] if jumped else early[at])
                candidates = (choice, int(late[at]))
                found = next((each for each in candidates if abs(each - last[1]) <= STEP), None)
            if found is None and self.guess:
                found = int(early[at])
                self.guessed |= last is None
            if found is None:
                problem = f"occurs twice in {self.time.zone}, when clocks are set back"
                raise refuse(int(at), f"{problem}; write times with their zone")
            result[at] = found
        if len(local):
            self._last = int(local[-1]), int(result[-1])
        return result


def _of_rows(rows: NDArray[np.int64], refuse: Refuse, at: int, problem: str) -> Exception:
    """The error of a value among some of the rows."""
    return refuse(int(rows[at]), problem)


def _cast(column: Any, kind: Any, refuse: Refuse, problem: str) -> Any:
    """The column as another type; the first value that cannot be cast is found by bisection."""
    import pyarrow as pa

    try:
        return column.cast(kind)
    except pa.ArrowInvalid:
        low, high = 0, len(column)  # the first wrong value is in [low, high)
        while high - low > 1:
            middle = (low + high) // 2
            try:
                column.slice(low, middle - low).cast(kind)
                low = middle
            except pa.ArrowInvalid:
                high = middle
        raise refuse(low, f"'{column[low].as_py()}' {problem}") from None


def _integers(column: Any) -> Times:
    import pyarrow as pa

    result: Times = column.cast(pa.int64()).fill_null(NONE).to_numpy(zero_copy_only=False)
    return result
