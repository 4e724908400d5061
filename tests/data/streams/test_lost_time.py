"""Time that is lost: wrong starts, labels without data, gaps, and sensors that are not recorded together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.data.streams.quality import LONE
from cosmo_pl.data.streams.store import LabelInterval
from cosmo_pl.errors import RecordingError

from .recorded import SECOND, described, jittered, signal, write_csv

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
DAY = 24 * 3600 * SECOND
RELATIVE = {"labels": {"files": "{subject}/labels.csv", "format": "csv", "time": {"unit": "s", "relative": True}}}
WALK = ["2,4,walk"]


def import_times(folder: Path, time: np.ndarray, labels: list[str] | None = None, strict: bool = False, **sensor):
    """Store and report of an import of a stream with these times; the values are those of regular times."""
    home = folder / "home" / "anna"
    write_csv(home / "wrist.csv", time, signal(jittered(len(time) / 50, 50, jitter=0)))
    (home / "labels.csv").write_text("\n".join(["start,end,activity", *(labels or [])]))
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
