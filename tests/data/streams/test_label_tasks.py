"""Tasks of Label Studio and the recordings that their data name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.data.streams.label_tasks import about, named_in
from cosmo_pl.data.streams.planning import PlannedRecording
from cosmo_pl.errors import RecordingError

from .recorded import described, jittered, signal, write_csv

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
LABELS = {"files": "project.json", "format": "label_studio", "time": {"unit": "iso"}}
FAULT = "label intervals of tasks that name no recording are given to several subjects"


def task(data: dict[str, Any] | None, *intervals: tuple[int, int, str]) -> dict[str, Any]:
    """A task with labels at seconds after 12:26 on the day of `START`."""
    day = "2020-09-13T12:26:"
    values = [
        {"start": f"{day}{start}", "end": f"{day}{end}", "timeserieslabels": [name]} for start, end, name in intervals
    ]
    result = [{"from_name": "label", "value": value} for value in values]
    return {"annotations": [{"result": result}]} | ({} if data is None else {"data": data})


def labels_of(folder: Path, *tasks: dict[str, Any], strict: bool = False) -> tuple[dict[str, list[str]], list[str]]:
    """Activities of each recording, and faults, of an import of two people at the same time."""
    for seed, name in enumerate(("anna", "ben")):
        time = jittered(15, 50, seed=seed)
        write_csv(folder / "home" / name / "wrist.csv", time, signal(time))
    (folder / "home" / "project.json").write_text(json.dumps(tasks))
    store = import_streams(folder / "home", folder / f"out{strict:d}", described(labels=LABELS), strict=strict)
    faults = json.loads((store.folder / "report.json").read_text())["faults"]
    return {each.name: [one.activity for one in each.labels] for each in store.recordings}, faults


@pytest.mark.parametrize(
    "data",
    [
        {"csv": "/data/upload/1/anna_wrist.csv"},
        {"csv": "/data/upload/1/0a1b2c3d-Anna-Wrist.csv"},
        {"ts": "/data/local-files/?d=home%2Fanna%2Fwrist.csv"},
        {"ts": "s3://bucket/kitchen/anna/wrist.csv"},
        {"ts": "/data/upload/1/0a1b2c3d-wrist.csv", "subject": "anna"},
        {"video": "wrist of anna.mp4", "note": "ben comes in"},
    ],
)
def test_a_task_labels_the_recording_that_its_data_name(tmp_path: Path, data: dict[str, Any]) -> None:
    assert labels_of(tmp_path, task(data, (42, 44, "walk")), strict=True) == ({"anna": ["walk"], "ben": []}, [])


def test_two_people_do_different_things_at_a_time(tmp_path: Path) -> None:
    tasks = task({"csv": "anna/wrist.csv"}, (42, 46, "walk")), task({"csv": "ben/wrist.csv"}, (43, 47, "sit"))
    assert labels_of(tmp_path, *tasks) == ({"anna": ["walk"], "ben": ["sit"]}, [])


@pytest.mark.parametrize("data", [None, {"csv": "/data/upload/1/wrist.csv", "id": 7}])
def test_a_task_that_names_nobody_labels_all_and_is_reported(tmp_path: Path, data: dict[str, Any] | None) -> None:
    found, faults = labels_of(tmp_path, task(data, (42, 44, "walk")))
    assert found == {"anna": ["walk"], "ben": ["walk"]}
    assert faults == [f"1 {FAULT} (project.json tasks[0].annotations[0].result[0])"]
    with pytest.raises(RecordingError, match="Name the file of the recording or its subject in the data of each task"):
        labels_of(tmp_path, task(data, (42, 44, "walk")), strict=True)


def test_numbers_count_as_subjects_by_whole_paths_alone() -> None:
    one, two = (PlannedRecording(n, {"subject": n}, {"wrist": [f"{n}/wrist.csv"]}) for n in "12")
    assert about(named_in({"csv": "/data/upload/1/0a1b2c3d-wrist.csv"}), [one, two]) == [one, two]
    assert about(["session_2.mp4"], [one, two]) == [one, two]
    assert about(["home/2/wrist.csv"], [one, two]) == [two]
