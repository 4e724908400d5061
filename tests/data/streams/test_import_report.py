"""The page on an import: its numbers, its time lines, and that it needs nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from cosmo_pl.data.streams.store import LabelInterval, Segment, StreamRecording
from cosmo_pl.errors import RecordingError
from cosmo_pl.plots.import_report import clock, write_page
from cosmo_pl.plots.time_line import GAP, LEFT, RIGHT, SAMPLES, WIDTH, colours, time_line
from data.streams.written import SENSORS, write_streams

DRAWN = WIDTH - LEFT - RIGHT
FACTS: dict[str, Any] = {
    "samples": 240,
    "rate": 19.9,
    "interval": {"p25": 0.049, "p50": 0.05, "p75": 0.0515, "p99": 0.08},
    "gaps": 2,
    "gap_seconds": 4.0,
    "set_back": 0,
    "set_forward": 0,
    "duplicates": 3,
    "out_of_order": 0,
    "left_out": {},
    "where": {},
    "constant": [],
    "saturated": {},
    "suspicious": [],
}


def bars(picture: str) -> list[tuple[str, float, float]]:
    """Colour, start and width of all bars of a time line of 100 s, in seconds."""
    scale = 100 / DRAWN
    return [
        (str(box.get("fill")), (float(box.get("x", 0)) - LEFT) * scale, float(box.get("width", 0)) * scale)
        for box in ElementTree.fromstring(picture).iter("rect")
    ]


def recording(wrist: tuple[Segment, ...], labels: tuple[LabelInterval, ...] = ()) -> StreamRecording:
    return StreamRecording("home", 1, "2024-05-06T10:00:00", 100.0, labels, {"wrist": wrist})


def test_bars_are_segments_gaps_and_labels_to_scale() -> None:
    labels = (LabelInterval(20.0, 50.0, "walk"), LabelInterval(60.0, 70.0, "sit"))
    colour = colours(["walk", "sit"])
    line = time_line(recording((Segment(100, 700, 0), Segment(1000, 1000, 700)), labels), SENSORS, colour, {})
    found = bars(line)
    expected = [
        (GAP, 5, 95),
        (SAMPLES, 5, 35),
        (SAMPLES, 50, 50),
        ("#eeeeee", 0, 100),
        (colour["walk"], 20, 30),
        (colour["sit"], 60, 10),
    ]
    assert [each[0] for each in found] == [each[0] for each in expected]
    assert [each[1:] for each in found] == [pytest.approx(each[1:], abs=0.02) for each in expected]
    assert "not recorded" in line  # the mat


def test_gaps_that_cannot_be_seen_are_counted_and_not_drawn() -> None:
    segments = tuple(Segment(2 * n, 1, n) for n in range(900))  # a gap of a tick after each sample
    line = time_line(recording(segments), SENSORS, {}, {})
    assert [colour for colour, _, _ in bars(line)].count(SAMPLES) == 1
    assert "899 gaps, 899 of them too short to be seen" in line


def test_the_name_of_a_label_can_be_read_on_its_colour() -> None:
    labels = (LabelInterval(0.0, 40.0, "walk"), LabelInterval(50.0, 90.0, "sit"))
    line = time_line(recording((), labels), SENSORS, {"walk": "#0072B2", "sit": "#E69F00"}, {})
    inks = {each.text: each.get("style") for each in ElementTree.fromstring(line).iter("text")}
    assert inks["walk"] == "fill:#fff" and inks["sit"] == "fill:#000"


def test_colours_differ() -> None:
    names = [f"activity {n}" for n in range(30)]
    assert len(set(colours(names).values())) == 30 and list(colours(names)) == names


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3723, "1:02:03")])
def test_durations_are_written_as_clocks(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.fixture
def page(tmp_path: Path) -> str:
    """A page on recordings with a name that HTML would take for a tag."""
    store = write_streams(tmp_path, subjects=(1, 2), unlabeled=1)
    subjects = {"<anna>": 1, "ben": 2}
    replace(store, subjects=subjects, title="Kitchen & hall").write()
    problems = {"constant": ["x"], "saturated": {"y": 0.013}, "suspicious": ["9.81 g looks like m/s2"], "set_back": 2}
    left_out = {"left_out": {"rows without a time": 7}, "where": {"rows without a time": "anna/wrist.csv row 17"}}
    facts = {each.name: {"wrist": FACTS, "mat": FACTS} for each in store.recordings}
    facts["s1_0"] = {"wrist": FACTS | problems | left_out}
    recordings = [{"name": name, "sensors": sensors} for name, sensors in facts.items()]
    recordings[0] |= {"overlap": {"seconds": 61.0, "share": 0.25}, "label_seconds_without_data": 13.2}
    recordings[1] |= {"overlap": {"seconds": 60.0, "share": 0.995}, "label_seconds_without_data": 0.2}
    faults = ["labels.csv: row 3 is nowhere", "2 streams are odd"]
    remedies = {faults[1]: "Check the sensor"}
    content = {"faults": faults, "remedies": remedies, "left_out": {"labels": 1}, "recordings": recordings}
    (tmp_path / "report.json").write_text(json.dumps(content), encoding="utf-8")
    path = write_page(tmp_path)
    assert path == tmp_path / "report.html"
    return path.read_text(encoding="utf-8")


def test_the_page_names_every_problem(page: str) -> None:
    for line in (
        "labels.csv: row 3 is nowhere",
        "2 streams are odd. Check the sensor.",
        "s1_0, wrist: x never changes",
        "s1_0, wrist: y is at its extreme in up to 1.3% of the samples",
        "s1_0, wrist: 9.81 g looks like m/s2",
        "s1_0, wrist: the clock was set back 2 times",
        "s1_0, wrist: 7 rows without a time, first in anna/wrist.csv row 17",
    ):
        assert f">{line}</li>" in page


def test_the_page_has_the_overlap_of_sensors_and_labels_without_data(page: str) -> None:
    assert page.count("all sensors together 1:01 (25%), 0:13 labelled without data") == 1
    assert page.count("all sensors together") == page.count("labelled without data") == 1


def test_the_page_has_times_by_subject_and_activity_and_measures_by_sensor(page: str) -> None:
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", page)]
    assert ["&lt;anna&gt; (1)", "0:12", "0:12", "0:12", "0:12"] in rows
    assert ["all", "0:24", "0:24", "0:24", "0:24"] in rows
    (wrist,) = [row for row in rows if row[:1] == ["wrist"]]
    assert wrist[:5] == ["wrist", "accelerometer", "3", "g", "20"] and "1,920" in wrist and "0:32" in wrist
    assert page.count("<svg") == 8 and page.count("19.9 Hz, ± 2.5 ms") == 15


def test_the_page_needs_nothing_else_and_escapes_names(page: str) -> None:
    assert not re.search(r"<script|<link|<img|https?://|@import|url\(", page)
    assert "<anna>" not in page and "Kitchen &amp; hall" in page


def test_recordings_without_a_report_have_a_page(tmp_path: Path) -> None:
    write_streams(tmp_path, subjects=(1,))
    assert "None was found" in write_page(tmp_path).read_text(encoding="utf-8")
    (tmp_path / "report.json").write_text("{", encoding="utf-8")
    with pytest.raises(RecordingError, match=r"report\.json: is not readable as JSON"):
        write_page(tmp_path)
