"""Label intervals from the files that people and tools write."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from cosmo_pl.data.streams.description import LabelsDescription, TimeDescription, renamed
from cosmo_pl.data.streams.labels import RawInterval, read_intervals
from cosmo_pl.data.streams.patterns import Pattern
from cosmo_pl.errors import ConfigurationError, RecordingError

COLUMNS = {"start": "start", "end": "end", "activity": "activity"}
EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-05-01T10:00:00+02:00" FORMAT="3.0" VERSION="3.0">
  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"/>
  <TIME_ORDER>
    <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="1500"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="4000"/>
    <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="4000"/><TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="9250"/>
    <TIME_SLOT TIME_SLOT_ID="ts5"/>
  </TIME_ORDER>
  <TIER LINGUISTIC_TYPE_REF="default" TIER_ID="activity">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
      <ANNOTATION_VALUE>walk</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
      <ANNOTATION_VALUE> sit </ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="default" TIER_ID="remarks">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts4">
      <ANNOTATION_VALUE>phone rings</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
</ANNOTATION_DOCUMENT>
"""


DEPENDENT = EAF.replace(
    "</ANNOTATION_DOCUMENT>",
    """<TIER PARENT_REF="activity" TIER_ID="kind">
    <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="b1" ANNOTATION_REF="a2">
      <ANNOTATION_VALUE>on a chair</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
    <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="b2" ANNOTATION_REF="b1">
      <ANNOTATION_VALUE>of wood</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>""",
)
"""With a tier whose annotations have the times of those of another tier."""


def described(
    form: str = "csv", unit: str = "iso", columns: dict[str, str] | None = None, **more: object
) -> LabelsDescription:
    time = {key: more.pop(key) for key in ("zone", "relative") if key in more}
    given = TimeDescription(unit, **time)  # type: ignore[arg-type]
    return LabelsDescription(Pattern("labels.csv"), form, columns or COLUMNS, given, **more)  # type: ignore[arg-type]


def write(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def ns(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 10**9  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "unit", "start"),
    [
        ("2024-05-01T12:10:00", "iso", ns(2024, 5, 1, 10, 10)),  # Berlin in summer
        ("2024-05-01 12:10", "iso", ns(2024, 5, 1, 10, 10)),
        ("2024-05-01T12:10:00.25Z", "iso", ns(2024, 5, 1, 12, 10) + 250_000_000),
        ("2024-01-01T12:10:00+05:30", "iso", ns(2024, 1, 1, 6, 40)),
        ("12:10", "iso", ns(2024, 5, 1, 10, 10)),
        ("9:05", "iso", ns(2024, 5, 1, 7, 5)),
        ("9:05:07", "iso", ns(2024, 5, 1, 7, 5, 7)),
        ("12:10:00.123456", "iso", ns(2024, 5, 1, 10, 10) + 123_456_000),
        ("12:10Z", "iso", ns(2024, 5, 1, 12, 10)),
        ("1714558200", "s", 1714558200 * 10**9),
        ("1714558200.5", "s", 17145582005 * 10**8),
        ("1714558200123", "ms", 1714558200123 * 10**6),
        ("1714558200123456789", "ns", 1714558200123456789),
    ],
)
def test_times_are_read_as_people_write_them(tmp_path: Path, text: str, unit: str, start: int) -> None:
    end = str(float(text) * 1.001) if unit != "iso" else "2024-05-02T00:00:00Z"
    path = write(tmp_path, f"start,end,activity\n{text},{end},lunch\n")
    (found,) = read_intervals(path, described(unit=unit, zone="Europe/Berlin"), date(2024, 5, 1))
    assert found.start == start and found.activity == "lunch" and found.subject is None and not found.relative


def test_a_time_of_day_after_midnight_is_of_the_next_day(tmp_path: Path) -> None:
    path = write(tmp_path, "day;from;to;what\n2024-05-01;23:50;00:20;sleep\n")
    columns = {"date": "day", "start": "from", "end": "to", "activity": "what"}
    (found,) = read_intervals(path, described(columns=columns, delimiter=";"))
    assert (found.start, found.end) == (ns(2024, 5, 1, 23, 50), ns(2024, 5, 2, 0, 20))


@pytest.mark.parametrize(("day", "hours"), [("2020-10-24", 5), ("2020-03-28", 3), ("2020-05-01", 4)])
def test_the_night_in_which_the_clock_is_changed_has_another_length(tmp_path: Path, day: str, hours: int) -> None:
    path = write(tmp_path, "start,end,activity\n23:50,03:50,sleep\n")
    (found,) = read_intervals(path, described(zone="Europe/Berlin"), date.fromisoformat(day))
    assert found.end - found.start == hours * 3600 * 10**9


def test_an_end_before_the_start_is_no_label_of_almost_a_day(tmp_path: Path) -> None:
    path = write(tmp_path, "start,end,activity\n12:20,12:02,walk\n")
    with pytest.raises(RecordingError, match="row 2: the end is not after the start"):
        read_intervals(path, described(), date(2024, 5, 1))


def test_a_file_of_another_encoding_is_to_be_saved_as_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes("start,end,activity\n0,1,r\u00fchren\n".encode("latin-1"))
    with pytest.raises(RecordingError, match=r"is not UTF-8 .*Save it as UTF-8"):
        read_intervals(path, described(unit="s"))


def test_a_header_that_does_not_end_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, '"start,end,activity\n0,1,walk\n')
    with pytest.raises(RecordingError, match="row 1: unexpected end of data"):
        read_intervals(path, described(unit="s"))


def test_times_since_the_start_of_the_recording(tmp_path: Path) -> None:
    path = write(tmp_path, "start,end,activity,person\n1:02.5,1:00:00,walk,anna\n")
    columns = {**COLUMNS, "subject": "person"}
    found = read_intervals(path, described(relative=True, columns=columns))
    assert found == [RawInterval(62_500_000_000, 3600 * 10**9, "walk", "anna", True, "row 2")]


def test_names_are_replaced_left_out_and_joined(tmp_path: Path) -> None:
    rows = ["10,20,Gehen", "0,10,Gehen", "30,40,Pause", "20,25,walk"]
    path = write(tmp_path, "start,end,activity\n" + "\n".join(rows))
    found = read_intervals(path, described(unit="s", activities={"Gehen": "walk", "Pause": None}))
    assert [(each.start // 10**9, each.end // 10**9, each.activity) for each in found] == [
        (0, 10, "walk"),
        (10, 20, "walk"),
        (20, 25, "walk"),
    ]
    path = write(tmp_path, "start,end,activity\n0,10,walk\n5,12,walk\n")
    assert [(each.start, each.end) for each in read_intervals(path, described(unit="s"))] == [(0, 12 * 10**9)]


def test_people_overlap_each_other(tmp_path: Path) -> None:
    path = write(tmp_path, "start,end,activity,person\n0,10,walk,anna\n0,10,sit,ben\n")
    found = read_intervals(path, described(unit="s", columns={**COLUMNS, "subject": "person"}))
    assert [(each.subject, each.activity) for each in found] == [("anna", "walk"), ("ben", "sit")]


def test_elan(tmp_path: Path) -> None:
    found = read_intervals(write(tmp_path, EAF), described("elan", tier=("activity",)))
    assert [(each.start, each.end, each.activity) for each in found] == [
        (1_500_000_000, 4_000_000_000, "walk"),
        (4_000_000_000, 9_250_000_000, "sit"),
    ]
    assert all(each.relative for each in found)


def studio(*annotations: dict[str, object]) -> str:
    return json.dumps([{"id": 7, "data": {"csv": "/data/upload/1/a.csv"}, "annotations": list(annotations)}])


def annotation(*values: dict[str, object], **more: object) -> dict[str, object]:
    shared = {"from_name": "label", "to_name": "ts", "type": "timeserieslabels", "origin": "manual"}
    return {"id": 1, "was_cancelled": False, "result": [{**shared, "value": value} for value in values], **more}


def region(start: object, end: object, *names: str) -> dict[str, object]:
    return {"start": start, "end": end, "instant": False, "timeserieslabels": list(names)}


def test_label_studio(tmp_path: Path) -> None:
    """Several annotators: the annotation that is marked as ground truth counts, cancelled ones do not."""
    cancelled = annotation(region(0, 9000, "jump"), was_cancelled=True)
    other = annotation(region(0, 5000, "sit"))
    right = annotation(region(1000, 2500, "walk"), region(2500, 4000.5, "sit"), ground_truth=True)
    found = read_intervals(
        write(tmp_path, studio(cancelled, other, right)), described("label_studio", unit="ms", relative=True)
    )
    assert [(each.start, each.end, each.activity) for each in found] == [
        (10**9, 2_500_000_000, "walk"),
        (2_500_000_000, 4_000_500_000, "sit"),
    ]
    written = studio(annotation(region("2024-05-01 12:10:00", "2024-05-01 12:40:00", "lunch")))
    (found_one,) = read_intervals(write(tmp_path, written), described("label_studio"))
    assert found_one.start == ns(2024, 5, 1, 12, 10)


def test_an_export_of_label_studio_may_lack_one_of_several_names(tmp_path: Path) -> None:
    text = studio(annotation(region(0, 1, "a")))
    found = read_intervals(write(tmp_path, text), described("label_studio", unit="s", tier=("label", "posture")))
    assert [each.activity for each in found] == ["a"]


def test_annotations_of_a_dependent_tier_have_the_times_of_those_they_refer_to(tmp_path: Path) -> None:
    path = write(tmp_path, DEPENDENT.replace("b2", "b3").replace('REF="b1"', 'REF="a1"'))
    found = read_intervals(path, described("elan", tier=("kind",)))
    assert [(each.start, each.end, each.activity) for each in found] == [
        (1_500_000_000, 4_000_000_000, "of wood"),
        (4_000_000_000, 9_250_000_000, "on a chair"),
    ]
    assert [each.activity for each in read_intervals(path, described("elan", tier=("activity",)))] == ["walk", "sit"]


@pytest.mark.parametrize(
    ("text", "description", "named"),
    [
        ("start,stop,activity\n", described(), "no column 'end' for the end of a label"),
        ("start,end,activity\n", described(), "holds no interval"),
        ("start,end,activity,activity\n1,2,walk,run\n", described(unit="s"), "has 2 columns 'activity'. Rename one"),
        ("start,end,activity\n12:10,12:40,lunch\n", described(), "row 2: the start '12:10' has no date"),
        ("start,end,activity\nnoon,12:40,lunch\n", described(), "row 2: the start 'noon' is no time"),
        ("start,end,activity\n5,x,lunch\n", described(unit="s"), "row 2: the end 'x' is no number"),
        ("start,end,activity\n5,nan,lunch\n", described(unit="s"), "row 2: the end 'nan' is out of range"),
        ("start,end,activity\n5,,lunch\n", described(unit="s"), "row 2: no end"),
        ("start,end,activity\n1,2,a\n5,4,lunch\n", described(unit="s"), "row 3: the end is not after the start"),
        ("start,end,activity\n0,9,a\n5,12,b\n", described(unit="s"), "row 3: 'b' overlaps 'a' of row 2"),
        ("start,end,activity\nx,1:00,a\n", described(relative=True), "'x' is no time since the start"),
        (
            "start,end,activity\n2024-10-27T02:30,2024-10-27T05:00,sleep\n",
            described(zone="Europe/Berlin"),
            "is twice in Europe/Berlin",
        ),
        (
            "start,end,activity\n2024-03-31T02:30,2024-03-31T05:00,sleep\n",
            described(zone="Europe/Berlin"),
            "does not exist in Europe/Berlin",
        ),
        (
            "start,end,activity\n1,2,walk,\n1,5,3,0,walk\n",
            described(unit="s"),
            "row 3: has 5 values, but there are 3 columns. Put values that contain the delimiter in quotes",
        ),
        (EAF, described("elan"), "overlaps 'walk' of annotation a1 of tier 'activity'"),
        (EAF, described("elan", tier=("actvity",)), "no tier 'actvity'"),
        (
            DEPENDENT.replace('REF="b1"', 'REF="b2"'),
            described("elan", tier=("kind",)),
            "'kind' refers to no annotation",
        ),
        (EAF.replace("ts4", "ts5"), described("elan"), "annotation a2 of tier 'activity': a time slot has no time"),
        (EAF.replace("milliseconds", "PAL-frames"), described("elan"), "times in PAL-frames"),
        (EAF[:300], described("elan"), "not readable as XML"),
        (EAF.replace("?>", "?><!DOCTYPE a>", 1), described("elan"), "declares XML entities"),
        ("{", described("label_studio"), "not readable as JSON"),
        ("[1]", described("label_studio"), "tasks[0] is 1, not a mapping. Export it as JSON"),
        ("[[]]", described("label_studio"), "tasks[0] is [], not a mapping"),
        ('[{"data": "x", "annotations": []}]', described("label_studio"), "tasks[0].data is 'x', not a mapping"),
        (
            studio(annotation(region(0, 1, "a"))),
            described("label_studio", unit="s", tier=("actvity",)),
            "has no labels from 'actvity'. labels.tier: Choose from",
        ),
        (studio(annotation(), annotation()), described("label_studio"), "there are 2 annotations"),
        (
            studio(annotation({"ranges": [{"start": 30, "end": 90}], "timelinelabels": ["walk"]})),
            described("label_studio", unit="ms", relative=True),
            r"labels frames of a video, which have no times. Label the time series",
        ),
        (studio(annotation(region(0, 1, "a", "b"))), described("label_studio", unit="s"), "not a list of one activity"),
        (
            json.dumps([{"label": [region(0, 1, "a")]}]),
            described("label_studio"),
            "tasks[0].annotations is missing",
        ),
        (
            json.dumps([{"annotations": []}, {"annotations": []}]),
            described("label_studio", relative=True, unit="ms"),
            "2 tasks with relative times",
        ),
    ],
)
def test_bad_labels_are_refused_by_place(tmp_path: Path, text: str, description: LabelsDescription, named: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(RecordingError) as refused:
        read_intervals(path, description)
    assert named in str(refused.value) and str(path) in str(refused.value)


@pytest.mark.parametrize("day", ["06.05.2024", "2024-05-06 00:00:00"])
def test_a_date_that_is_none_is_named(tmp_path: Path, day: str) -> None:
    path = write(tmp_path, f"date,start,end,activity\n{day},10:00:01,10:00:05,walk\n")
    columns = {"date": "date", "start": "start", "end": "end", "activity": "activity"}
    labels = LabelsDescription(Pattern("labels.csv"), "csv", columns, TimeDescription("iso"))
    with pytest.raises(
        RecordingError,
        match=f"row 2: the start '10:00:01' has the date '{re.escape(day)}', which is none of ISO 8601, as 2024-05-06",
    ):
        read_intervals(path, labels)


def test_rows_are_numbered_as_in_the_file_and_decimal_commas_are_named(tmp_path: Path) -> None:
    text = "Diary\n# by Tim\nstart;end;activity\n\n# noon\n1;2;walk\n2,5;3;sit\n"
    path = write(tmp_path, text)
    form = {"delimiter": ";", "comment": "#", "skip": 1}
    with pytest.raises(RecordingError, match=r"row 7: the start '2,5' has a decimal comma\. Add `decimal"):
        read_intervals(path, described("csv", "s", relative=True, **form))
    found = read_intervals(path, described("csv", "s", relative=True, decimal=",", **form))
    assert [(each.start, each.where) for each in found] == [(10**9, "row 6"), (2_500_000_000, "row 7")]


@pytest.mark.parametrize(
    ("key", "raw"), [("1", "01"), ("8", "010"), ("True", "on"), ("2024-05-01", "2024-05-01 "), ("0.5", "0.50")]
)
def test_a_code_that_yaml_reads_as_something_else_is_refused(key: str, raw: str) -> None:
    """Else some activities of a protocol would be renamed and others not."""
    names = {key: "squat", "09": "clam"}
    assert renamed(key, names) == "squat" and renamed("09", names) == "clam" and renamed("run", names) == "run"
    with pytest.raises(ConfigurationError, match=f"description: has a name for {key}, .* Write '{raw}' in quotes"):
        renamed(raw, names)
    assert renamed(raw, names | {raw: None}) is None
