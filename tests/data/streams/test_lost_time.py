"""Time that is lost: wrong starts, labels without data, gaps, and sensors that are not recorded together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.data.streams.coverage import seconds_without_data
from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.data.streams.quality import LONE
from cosmo_pl.data.streams.store import LabelInterval, Segment, StreamRecording, StreamSensor
from cosmo_pl.errors import RecordingError

from .recorded import SECOND, SENSOR, described, jittered, signal, write_csv

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
DAY = 24 * 3600 * SECOND
RELATIVE = {"labels": {"files": "{subject}/labels.csv", "format": "csv", "time": {"unit": "s", "relative": True}}}
WALK = ["2,4,walk"]


def import_times(folder: Path, time: np.ndarray, labels: list[str] | None = None, strict: bool = False, **sensor):
    """Store and report of an import of a stream with these times; the values are those of regular times."""
    home = folder / "home" / "anna"
    write_csv(home / "wrist.csv", time, signal(jittered(len(time) / 50, 50, jitter=0)))
    if labels:
        (home / "labels.csv").write_text("\n".join(["start,end,activity", *labels]))
    description = described(sensor, **(RELATIVE if labels else {}))
    store = import_streams(folder / "home", folder / f"out{strict:d}", description, strict=strict)
    return store, json.loads((store.folder / "report.json").read_text())


@pytest.mark.parametrize("error", [8 * SECOND, DAY])
def test_a_row_that_is_behind_and_left_out_does_not_move_the_start(tmp_path: Path, error: int) -> None:
    time = jittered(10, 50, jitter=0)
    start = np.datetime64(int(time[0]), "ns")
    time[250] -= error
    store, _ = import_times(tmp_path, time, WALK)
    (recording,) = store.recordings
    assert np.datetime64(recording.start[:-1]) == start
    assert recording.labels == (LabelInterval(2.0, 4.0, "walk"),) and recording.duration < 10
    assert recording.segments["wrist"][0].first == 0


def test_a_clock_that_is_set_back_does_not_move_the_start(tmp_path: Path) -> None:
    time = jittered(20, 50, jitter=0)
    start = np.datetime64(int(time[0]), "ns")
    time[200:] -= 6 * SECOND  # which is before the start
    (recording,) = import_times(tmp_path, time, WALK)[0].recordings
    assert np.datetime64(recording.start[:-1]) == start and recording.duration == pytest.approx(14, abs=0.1)


def test_a_first_file_without_a_usable_row_does_not_move_the_start(tmp_path: Path) -> None:
    time, values = jittered(20, 50, jitter=0), signal(jittered(20, 50, jitter=0))
    values[:500, 1] = np.nan
    for part in (1, 2):
        rows = slice(500 * part - 500, 500 * part)
        write_csv(tmp_path / "home" / "anna" / f"wrist{part}.csv", time[rows], values[rows])
    (tmp_path / "home" / "anna" / "labels.csv").write_text("start,end,activity\n2,4,walk\n")
    description = described({"files": "{subject}/wrist*.csv"}, **RELATIVE)
    (recording,) = import_streams(tmp_path / "home", tmp_path / "out", description).recordings
    assert np.datetime64(recording.start[:-1]) == np.datetime64(int(time[500]), "ns")
    assert recording.segments["wrist"][0].first == 0 and recording.labels == (LabelInterval(2.0, 4.0, "walk"),)


def test_a_first_row_that_is_far_ahead_costs_itself_alone(tmp_path: Path) -> None:
    time = jittered(10, 50, jitter=0)
    time[0] += DAY
    store, report = import_times(tmp_path, time)
    assert report["left_out"] == {LONE: 1} and store.recordings[0].segments["wrist"][0].frames == len(time) - 1


def test_labels_where_no_sensor_has_data_are_reported_and_refused_under_strict(tmp_path: Path) -> None:
    time = jittered(20, 50, jitter=0)
    time[500:] += 100 * SECOND
    labels = ["1,3,walk", "9,13,sit", "50,60,rest"]
    store, report = import_times(tmp_path, time, labels)
    fault = "2 label intervals lie mostly where no sensor has data (anna rest at 50.0 s, anna sit at 9.0 s)"
    assert fault in report["faults"] and len(store.recordings[0].labels) == 3
    assert report["recordings"][0]["label_seconds_without_data"] == pytest.approx(13.02, abs=0.001)
    with pytest.raises(RecordingError, match="label intervals lie mostly where no sensor has data"):
        import_times(tmp_path, time, labels, strict=True)


def test_time_counts_as_recorded_as_long_as_one_sensor_goes_on() -> None:
    sensors = {name: StreamSensor("series", 10.0, (1,), ("c",), ("au",)) for name in ("wrist", "mat")}
    segments = {"wrist": (Segment(0, 101, 0), Segment(200, 11, 101)), "mat": (Segment(20, 21, 0), Segment(90, 31, 21))}
    labels = (LabelInterval(5.0, 9.0, "walk"), LabelInterval(11.0, 13.0, "sit"), LabelInterval(19.0, 22.0, "walk"))
    recording = StreamRecording("a", 1, "2024-05-01T10:00:00", 21.0, labels, segments)
    assert seconds_without_data(recording, sensors) == pytest.approx(0 + 1 + 2)


def varying(*seconds_and_rates: tuple[float, float]) -> np.ndarray:
    """Times of parts that follow each other, each with a rate."""
    intervals = np.concatenate([np.full(int(seconds * rate), 1 / rate) for seconds, rate in seconds_and_rates])
    return np.asarray(1_600_000_000 * SECOND + np.rint(np.cumsum(intervals) * SECOND), dtype=np.int64)


MANY_GAPS = "1 streams lose much to many short gaps (anna wrist)"


@pytest.mark.parametrize("parts", [[(20, 50), (20, 8), (20, 50)], [(20, 8), (40, 50)]], ids=str)
def test_a_slow_part_that_is_lost_to_gaps_is_reported(tmp_path: Path, parts: list[tuple[float, float]]) -> None:
    time = varying(*parts)
    _, report = import_times(tmp_path, time, max_gap=0.1)
    assert MANY_GAPS in report["faults"]
    assert report["recordings"][0]["sensors"]["wrist"]["max_gap"] == 0.1
    with pytest.raises(RecordingError, match=r"lose much to many short gaps \(anna wrist\)\. Raise max_gap"):
        import_times(tmp_path, time, strict=True, max_gap=0.1)
    (tmp_path / "again").mkdir()
    store, report = import_times(tmp_path / "again", time, strict=True, max_gap=0.3)
    assert report["faults"] == [] and len(store.recordings[0].segments["wrist"]) == 1
    assert store.sensors["wrist"].description.max_gap == 0.3


def test_the_default_limit_of_a_gap_is_that_of_the_first_rows(tmp_path: Path) -> None:
    _, report = import_times(tmp_path, varying((40, 50), (20, 8)))
    assert report["faults"] == [MANY_GAPS] and report["recordings"][0]["sensors"]["wrist"]["max_gap"] == 0.1


def test_pauses_are_mentioned_and_allowed(tmp_path: Path) -> None:
    time = varying((20, 50))
    time[500:] += 60 * SECOND
    _, report = import_times(tmp_path, time, strict=True)
    assert report["faults"] == ["1 streams have gaps in more than half of their time (anna wrist)"]


def test_a_wrong_unit_of_time_is_reported(tmp_path: Path) -> None:
    time = varying((20, 50)) // 1000
    _, report = import_times(tmp_path, time)
    assert "1 streams have a rate far from that of the description (anna wrist)" in report["faults"]
    with pytest.raises(RecordingError, match="the unit of time"):
        import_times(tmp_path, time, strict=True)


@pytest.mark.parametrize("rate", [12.0, 50.0, 400.0])
def test_slower_and_faster_streams_are_put_onto_the_grid(tmp_path: Path, rate: float) -> None:
    assert import_times(tmp_path, varying((20, rate)), strict=True)[1]["faults"] == []


@pytest.mark.parametrize(("hours", "found"), [(0.0, False), (2.0, True)])
def test_sensors_that_run_at_other_times_are_reported(tmp_path: Path, hours: float, found: bool) -> None:
    time = varying((20, 50))
    home = tmp_path / "home"
    write_csv(home / "anna" / "wrist.csv", time, signal(time))
    write_csv(home / "anna" / "ankle.csv", time + int(hours * 3600) * SECOND, signal(time))
    description = described(sensors={"wrist": SENSOR, "ankle": SENSOR | {"files": "{subject}/ankle.csv"}})
    store = import_streams(home, tmp_path / "out", description)
    fault = "1 recordings have sensors that hardly run at the same time (anna)"
    assert json.loads((store.folder / "report.json").read_text())["faults"] == [fault] * found
    if found:
        with pytest.raises(RecordingError, match="Correct unit, zone or start of the times"):
            import_streams(home, tmp_path / "strict", description, strict=True)
