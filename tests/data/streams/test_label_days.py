"""Labels that have a time of day alone, and the recordings that tell their day."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cosmo_pl.data.streams.description import LabelsDescription, TimeDescription
from cosmo_pl.data.streams.label_days import RecordedDays, RecordedTime
from cosmo_pl.data.streams.labels import read_intervals
from cosmo_pl.data.streams.patterns import Pattern
from cosmo_pl.errors import RecordingError

COLUMNS = {"start": "start", "end": "end", "activity": "activity"}


def recorded(start: str, end: str, subject: str = "anna") -> RecordedTime:
    times = [datetime.fromisoformat(f"{text}:00+02:00").astimezone(UTC).timestamp() for text in (start, end)]
    return RecordedTime(subject, *(int(time) * 10**9 for time in times))


def placed(folder: Path, rows: str, *recordings: RecordedTime, subject: bool = False) -> list[str]:
    """Local starts of the intervals of the rows."""
    columns = COLUMNS | ({"subject": "subject"} if subject else {})
    path = folder / "labels.csv"
    path.write_text("start,end,activity" + ",subject" * subject + "\n" + rows)
    labels = LabelsDescription(Pattern("labels.csv"), "csv", columns, TimeDescription("iso", zone="Europe/Berlin"))
    found = read_intervals(path, labels, RecordedDays(recordings, ZoneInfo("Europe/Berlin")))
    zone = ZoneInfo("Europe/Berlin")
    return [datetime.fromtimestamp(each.start / 10**9, zone).isoformat()[:16] for each in found]


NIGHT = recorded("2024-05-06T22:00", "2024-05-07T08:00")


def test_a_night_covers_the_morning_of_the_second_day(tmp_path: Path) -> None:
    rows = "22:30,06:30,sleep\n07:00,07:30,breakfast\n"
    assert placed(tmp_path, rows, NIGHT) == ["2024-05-06T22:30", "2024-05-07T07:00"]


def test_an_interval_may_start_on_the_day_before(tmp_path: Path) -> None:
    assert placed(tmp_path, "23:00,06:30,sleep", recorded("2024-05-07T00:30", "2024-05-07T08:00")) == [
        "2024-05-06T23:00"
    ]


def test_the_day_on_which_the_whole_interval_is_covered_wins(tmp_path: Path) -> None:
    assert placed(tmp_path, "07:50,08:20,tea", recorded("2024-05-06T08:00", "2024-05-07T12:00")) == ["2024-05-07T07:50"]


def test_an_interval_that_no_recording_covers_is_of_the_first_day(tmp_path: Path) -> None:
    assert placed(tmp_path, "12:10,12:40,lunch", NIGHT) == ["2024-05-06T12:10"]


def test_a_time_that_two_days_cover_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        RecordingError, match=r"row 2: 12:10 to 12:40 may be of 2024-05-06 or 2024-05-07.*Write the date"
    ):
        placed(tmp_path, "12:10,12:40,lunch", recorded("2024-05-06T10:00", "2024-05-07T14:00"))
    dated = "2024-05-07T12:10,2024-05-07T12:40,lunch"
    assert placed(tmp_path, dated, recorded("2024-05-06T10:00", "2024-05-07T14:00")) == ["2024-05-07T12:10"]


def test_each_person_has_a_day(tmp_path: Path) -> None:
    anna, ben = (
        recorded(f"2024-05-0{day}T10:00", f"2024-05-0{day}T14:00", who) for day, who in ((6, "anna"), (8, "ben"))
    )
    rows = "12:10,12:40,lunch,anna\n12:10,12:40,lunch,ben\n"
    assert placed(tmp_path, rows, anna, ben, subject=True) == ["2024-05-06T12:10", "2024-05-08T12:10"]
    with pytest.raises(RecordingError, match="row 2: 12:10 to 12:40 may be of 2024-05-06 or 2024-05-08, as recordings"):
        placed(tmp_path, "12:10,12:40,lunch", anna, ben)


def test_the_day_of_several_recordings_is_that_of_the_one_that_covers_it(tmp_path: Path) -> None:
    morning, noon = recorded("2024-05-06T10:00", "2024-05-06T11:00"), recorded("2024-05-07T12:00", "2024-05-07T13:00")
    assert placed(tmp_path, "12:10,12:40,lunch", morning, noon) == ["2024-05-07T12:10"]
    with pytest.raises(RecordingError, match="row 2: the start '15:10' has no date"):
        placed(tmp_path, "15:10,15:40,tea", morning, noon)


def test_an_hour_that_is_twice_in_the_night_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="row 2: the start '02:30' is twice in Europe/Berlin"):
        placed(tmp_path, "02:30,04:00,sleep", recorded("2024-10-26T22:00", "2024-10-27T08:00"))


def test_a_night_after_the_last_day_is_refused(tmp_path: Path) -> None:
    columns, path = COLUMNS | {"date": "date"}, tmp_path / "labels.csv"
    path.write_text("date,start,end,activity\n9999-12-31,23:00,01:00,sleep\n")
    labels = LabelsDescription(Pattern("labels.csv"), "csv", columns, TimeDescription("iso"))
    with pytest.raises(RecordingError, match="row 2: the end '01:00' is after the last day, 9999-12-31"):
        read_intervals(path, labels, None)


def test_a_month_has_too_many_days(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="row 2: the start '12:10' has no date"):
        placed(tmp_path, "12:10,12:40,lunch", recorded("2024-05-06T10:00", "2024-07-07T14:00"))


def test_a_row_without_subject_is_refused_where_others_have_one(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"row 3: no subject\. Complete the row"):
        placed(tmp_path, "22:30,06:30,sleep,anna\n07:00,07:30,breakfast,\n", NIGHT, subject=True)
