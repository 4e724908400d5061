"""Columns of time: ISO 8601 in all its forms, numbers, and the hours that clocks skip and repeat."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from cosmo_pl.data.streams.description import ImportDescription, TimeDescription
from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.data.streams.times import NONE, Clock
from cosmo_pl.errors import RecordingError

from .recorded import described, write_csv

UTC_TIMES = TimeDescription("iso")
BERLIN = TimeDescription("iso", zone="Europe/Berlin")


class RefusedError(Exception):
    pass


def refuse(at: int, problem: str) -> Exception:
    return RefusedError(at, problem)


def read(values, time=UTC_TIMES, start=0, kind=None):
    return Clock(time, start).read(pa.array(values, kind), refuse).tolist()


def ns(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def test_integers_that_overflow_are_no_times() -> None:
    for unit in ("s", "ms", "us", "ns"):
        assert read([NONE, 5], TimeDescription(unit))[0] == NONE, "pandas writes NaT as this number"
        for large in ([2**64 - 5], [-(2**63) + 1]):
            kind = pa.uint64() if large[0] > 0 else pa.int64()
            with pytest.raises(RefusedError, match="out of range"):
                read(large, TimeDescription(unit), kind=kind)


def test_iso_in_its_forms_within_one_column() -> None:
    texts = {
        "2018-11-08 11:34:51": "2018-11-08T11:34:51+00:00",
        "2018-11-08 11:34:51.474000": "2018-11-08T11:34:51.474+00:00",
        "2018-11-08T11:34:51.5": "2018-11-08T11:34:51.5+00:00",
        " 2018-11-08T11:34:51,25": "2018-11-08T11:34:51.25+00:00",
        "2018-11-08T11:34:51Z": "2018-11-08T11:34:51+00:00",
        "2018-11-08T11:34:51.5+01:00": "2018-11-08T10:34:51.5+00:00",
        "2018-11-08T11:34:51-0530": "2018-11-08T17:04:51+00:00",
    }
    assert read([*texts, None, ""]) == [*map(ns, texts.values()), NONE, NONE]
    assert read(["2018-11-08T11:34:51.123456789"])[0] % 10**9 == 123456789


def test_local_times_with_some_zones() -> None:
    found = read(["2018-07-01T12:00:00", "2018-07-01T12:00:00Z", "2018-01-01T12:00:00"], BERLIN)
    assert found == [ns(f"{day}:00+00:00") for day in ("2018-07-01T10:00", "2018-07-01T12:00", "2018-01-01T11:00")]


@pytest.mark.parametrize(
    ("unit", "values", "expected"),
    [
        ("s", ["1600000000", "1600000000.25"], [1600000000 * 10**9, 1600000000 * 10**9 + 250_000_000]),
        ("ms", [1600000000123, None], [1600000000123 * 10**6, NONE]),
        ("us", ["1600000000123456"], [1600000000123456 * 10**3]),
        ("ns", ["1600000000123456789"], [1600000000123456789]),
        ("s", [-1.5, 0.0], [-1_500_000_000, 0]),
    ],
)
def test_numbers(unit, values, expected) -> None:
    assert read(values, TimeDescription(unit)) == expected


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize(("unit", "size"), [("s", 10**9), ("ms", 10**6), ("us", 1000), ("ns", 1)])
def test_small_integers_are_times(kind, unit, size) -> None:
    assert read([0, 3, None, 127], TimeDescription(unit), kind=kind) == [0, 3 * size, NONE, 127 * size]


def test_relative_numbers_count_from_the_start() -> None:
    assert read([0.5], TimeDescription("s", relative=True), start=7 * 10**9) == [7_500_000_000]


def test_relative_timestamps_count_from_the_start() -> None:
    """Of a device that counts from 1970."""
    time, start = TimeDescription("ns", relative=True), 10**18
    found = read([0, None, 1_500_000_000], time, start, pa.timestamp("ns"))
    assert found == [start, NONE, start + 1_500_000_000]


def test_timestamps_of_parquet() -> None:
    moment = datetime(2018, 7, 1, 12)
    assert read([moment], BERLIN, kind=pa.timestamp("us")) == [ns("2018-07-01T10:00:00+00:00")]
    assert read([moment], BERLIN, kind=pa.timestamp("us", "UTC")) == [ns("2018-07-01T12:00:00+00:00")]


@pytest.mark.parametrize(
    ("values", "time", "at"),
    [
        (["2018-11-08 11:34:51"] * 5 + ["11:34"] + ["x"], TimeDescription("iso"), 5),
        (["2018-11-08 11:34:51Z", "2018-11-08 11:34:51", "2018-11-08 25:34:51Z"], TimeDescription("iso"), 2),
        (["1", "2", "x", "y"], TimeDescription("ms"), 2),
        ([1, 10**12], TimeDescription("s"), 1),
        ([1600000000, 1600000001], TimeDescription("iso"), 0),
        (["2018-03-25T01:59:59", "2018-03-25T02:30:00"], BERLIN, 1),  # clocks are set from 2 to 3
        (["2018-10-28T02:30:00", "2018-10-28T02:30:01"], BERLIN, 0),  # which of the two hours is not known
        (["2018-10-28T01:30:00", "2018-10-28T02:30:01"], BERLIN, 1),
    ],
)
def test_first_wrong_row_is_named(values, time, at) -> None:
    with pytest.raises(RefusedError) as caught:
        read(values, time)
    assert caught.value.args[0] == at


@pytest.mark.parametrize("batch", [1, 7, 10**6])
def test_hour_that_occurs_twice_is_followed(batch: int) -> None:
    """A recording from 1:50 through the hour from 2 to 3, twice, until 3:10, every 20 s."""
    zone = ZoneInfo("Europe/Berlin")
    moments = [datetime(2018, 10, 27, 23, 50, tzinfo=UTC) + timedelta(seconds=20 * k) for k in range(3 * 140)]
    local = [moment.astimezone(zone).replace(tzinfo=None).isoformat() for moment in moments]
    clock = Clock(BERLIN)
    found = [clock.read(pa.array(local[k : k + batch]), refuse) for k in range(0, len(local), batch)]
    assert np.concatenate(found).tolist() == [ns(moment.isoformat()) for moment in moments]


MIDNIGHT = int(datetime(2024, 10, 26, 22, tzinfo=UTC).timestamp())  # the clock is set back at 1:00 UTC


def write_hours(folder: Path, names: Sequence[str], first: int, late: float = 0.0) -> ImportDescription:
    """A file for each hour from `first` after midnight in Berlin on, one row per second in local time."""
    zone, time = ZoneInfo("Europe/Berlin"), {"column": "time", "unit": "iso", "zone": "Europe/Berlin"}
    for hour, name in enumerate(names, first):
        starts = MIDNIGHT + 3600 * hour + (late if hour == 2 else 0.0)
        local = [datetime.fromtimestamp(starts + n, zone).replace(tzinfo=None).isoformat() for n in range(3598)]
        write_csv(folder / "anna" / f"{name}.csv", local, np.random.default_rng(hour).normal(size=(3598, 3)))
    return described({"files": "{subject}/*.csv", "time": time, "rate": 1})


@pytest.mark.parametrize("late", [0.0, 2.0])
def test_a_file_per_hour_goes_on_when_the_clock_is_set_back(tmp_path: Path, late: float) -> None:
    description = write_hours(tmp_path / "home", ["w0", "w1", "w2", "w3", "w4"], 0, late)
    store = import_streams(tmp_path / "home", tmp_path / "out", description)
    (recording,) = store.recordings
    assert recording.start.startswith("2024-10-26T22:00:00")
    assert recording.duration == pytest.approx(5 * 3600 - 3, abs=1)
    (segment,) = recording.segments["wrist"]
    of_hour = np.random.default_rng(3).normal(size=(3598, 3))
    np.testing.assert_allclose(store.array("wrist")[segment.row + 3 * 3600 + 5], of_hour[5], atol=1e-5)


def test_a_recording_that_begins_in_an_hour_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    description = write_hours(tmp_path / "home", ["w2", "w3"], 2)
    with pytest.raises(RecordingError, match=r"w2.csv: row 2, column 'time': occurs twice in Europe/Berlin"):
        import_streams(tmp_path / "home", tmp_path / "out", description)
