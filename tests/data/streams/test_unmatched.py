"""Files that no pattern matches, and recordings that lack a sensor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from cosmo_pl.cli import main
from cosmo_pl.data.identity import is_simulated
from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.errors import RecordingError

from .recorded import SENSOR, described, jittered, signal, write_csv

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
SENSORS = {"wrist": SENSOR, "ankle": SENSOR | {"files": "{subject}/ankle.csv"}}
LABELS = {"files": "{subject}/labels.csv", "format": "csv", "time": {"unit": "s", "relative": True}}
STRAY = ["ben/wrsit.csv", "cleo/ankle.CSV", "dora/session2/ankle.csv", "dora/session2/wrist.csv"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    time = jittered(4, 50)
    for name in ("anna/wrist.csv", "anna/ankle.csv", "ben/ankle.csv", "cleo/wrist.csv", *STRAY):
        write_csv(tmp_path / "home" / name, time, signal(time))
    for name in ("README.md", "anna/video.mp4", ".cache/a.csv", "anna/._wrist.csv", "notes.txt", "other.yaml"):
        (tmp_path / "home" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "home" / name).write_text("")
    (tmp_path / "home" / "anna" / "labels.csv").write_text("start,end,activity\n1,2,walk\n")
    return tmp_path / "home"


def test_they_are_listed(home: Path, tmp_path: Path) -> None:
    store = import_streams(home, tmp_path / "out", described(sensors=SENSORS, labels=LABELS))
    report = json.loads((store.folder / "report.json").read_text())
    assert report["unmatched"] == STRAY
    assert report["faults"][:2] == [
        "4 files match no pattern of the description and are not imported (" + ", ".join([*STRAY[:3], "...)"]),
        "2 recordings lack a sensor that others have (ben without wrist, cleo without ankle)",
    ]


def test_strict_refuses_both(home: Path, tmp_path: Path) -> None:
    description = described(sensors=SENSORS, labels=LABELS)
    with pytest.raises(RecordingError, match=r"ben/wrsit\.csv: refused under strict: 4 files match no pattern"):
        import_streams(home, tmp_path / "out", description, strict=True)
    for name in STRAY:
        (home / name).unlink()
    with pytest.raises(RecordingError, match="refused under strict: 2 recordings lack a sensor"):
        import_streams(home, tmp_path / "out", description, strict=True)


def test_what_an_import_wrote_inside_is_no_data(home: Path) -> None:
    (home / "streams.yaml").write_text(yaml.safe_dump({"title": "Kitchen", "sensors": SENSORS, "labels": LABELS}))
    (home / "imported" / ".parts").mkdir(parents=True)
    (home / "imported" / "wrist.npy").write_text("")
    store = import_streams(home, home / "imported")
    assert json.loads((store.folder / "report.json").read_text())["unmatched"] == STRAY


def test_the_summary_names_the_first_ones(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "streams.yaml").write_text(yaml.safe_dump({"title": "Kitchen", "sensors": SENSORS, "labels": LABELS}))
    main(["data", "import", str(home), "--out", str(tmp_path / "out")])
    line = "4 files match no pattern of the description and are not imported: ben/wrsit.csv, cleo/ankle.CSV, dora/"
    assert line in capsys.readouterr().out


def test_the_mark_of_a_simulation_is_no_data(home: Path, tmp_path: Path) -> None:
    (home / "simulation.json").write_text("{}")
    store = import_streams(home, tmp_path / "out", described(sensors=SENSORS, labels=LABELS))
    assert json.loads((store.folder / "report.json").read_text())["unmatched"] == STRAY
    assert is_simulated(store.folder)
