"""Labels that cannot be used are refused before any stream is read."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest

from cosmo_pl.data.streams.importing import import_streams

from .recorded import described

ROWS = ["2020-09-13T12:26:42,2020-09-13T12:26:44,cook,anna", "2020-09-13T12:26:45,2020-09-13T12:26:46,eat,ben"]


def labels_of(files: str = "labels.csv", **labels) -> dict:
    time = {"unit": "iso"}
    return {"labels": {"files": files, "format": "csv", "columns": {"subject": "subject"}, "time": time} | labels}


def written(home: Path, rows: list[str], name: str = "labels.csv") -> None:
    (home / name).write_text("\n".join(["start,end,activity,subject", *rows]))


REFUSED = [
    ({"columns": {"end": "stop"}}, "labels.csv: has no column 'stop' for the end of a label"),
    ({"files": "{subject}.csv"}, "labels.csv: belongs to no recording by its path"),
    ({"activities": {"eat": "dine"}}, "activities: 'dine' of the labels is missing"),
    ({"delimiter": ";"}, r"labels.csv: has no column 'start' for the start of a label"),
    ({"rows": ["soon,later,cook,anna"]}, "labels.csv: row 2: the start 'soon' is no time of ISO 8601"),
    ({"rows": [ROWS[1].replace("ben", "carl")]}, "row 2: there is no recording of subject 'carl', but of anna, ben"),
]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("changed", "message"), REFUSED)
def test_bad_labels_are_named_before_streams_are_read(
    home: Path, tmp_path: Path, changed: dict, message: str, packed: bool
) -> None:
    changed = dict(changed)
    written(home, changed.pop("rows", ROWS))
    (home / "anna" / "wrist.csv").write_text("time,x,y,z\nsoon,1,1,1\n")  # would be refused if it were read
    source = shutil.make_archive(str(tmp_path / "packed"), "zip", home) if packed else home
    description = described(**labels_of(**changed), activities=["cook", "eat"])
    with pytest.raises(Exception, match=message):
        import_streams(source, tmp_path / "out", description)
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_times_of_day_are_read_before_their_day_is_known(home: Path, tmp_path: Path) -> None:
    written(home, [row.replace("2020-09-13T", "") for row in ROWS])
    store = import_streams(home, tmp_path / "out", described(**labels_of()))
    assert [label.activity for each in store.recordings for label in each.labels] == ["cook", "eat"]


def test_names_that_no_label_has_are_reported(home: Path, tmp_path: Path) -> None:
    written(home, ROWS)
    names = {"cook": "cooking", "Eat": "eating"}
    with pytest.warns(UserWarning, match=r"1 names of activities in the description are in no label \(Eat\)"):
        store = import_streams(home, tmp_path / "out", described(**labels_of(activities=names)), strict=True)
    assert store.activities == ("cooking", "eat")
    (home / "labels.csv").unlink()
    path = {"path": "{subject}", "names": {"Anna": "cook"}}
    with pytest.warns(UserWarning, match=r"are in no label \(Anna\)"):
        import_streams(home, tmp_path / "other", described(activity=path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        import_streams(home, tmp_path / "all", described(activity={"path": "{subject}", "names": {"anna": "cook"}}))
