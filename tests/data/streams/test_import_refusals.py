"""Imports that are refused: what the error names, and what is not touched."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.data import StreamsDataModule
from cosmo_pl.data.identity import is_simulated
from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.data.streams.store import read_store
from cosmo_pl.errors import ConfigurationError, RecordingError
from cosmo_pl.storage import SIMULATION

from .recorded import described

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.mark.parametrize(
    ("row", "text", "message"),
    [
        (3, "soon,1,1,1", r"anna/wrist.csv: row 4, column 'time': 'soon' is no number. Correct the row"),
        (3, "1600000000500000000,1,up,1", r"anna/wrist.csv: cannot be read \(column 'y': Row #4: .*'up'"),
        (0, "t,x,y,z", r"anna/wrist.csv: has no column 'time' among its 4. Choose from t, x, y, z"),
        (0, "", r"anna/wrist.csv: has an empty first row"),
    ],
)
def test_errors_name_file_and_row(home: Path, tmp_path: Path, row: int, text: str, message: str) -> None:
    path = home / "anna" / "wrist.csv"
    rows = path.read_text().splitlines()
    rows[row] = text
    path.write_text("\n".join(rows))
    with pytest.raises(RecordingError, match=message) as caught:
        import_streams(home, tmp_path / "out", described())
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out" / "streams.json").exists()


def test_decimal_commas_are_named(home: Path, tmp_path: Path) -> None:
    for path in home.rglob("wrist.csv"):
        text = path.read_text().replace(",", ";").replace(".", ",")
        path.write_text(text)
    with pytest.raises(RecordingError, match=r"column 'x': Row #2: .*Add `decimal: \",\"` to the sensor"):
        import_streams(home, tmp_path / "out", described({"delimiter": ";"}))


def test_nothing_outside_of_the_folder_is_read(home: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("time,x,y,z\n")
    (home / "carl").mkdir()
    (home / "carl" / "wrist.csv").symlink_to(outside)
    with pytest.raises(RecordingError, match="is a link to a file outside of the folder"):
        import_streams(home, tmp_path / "out", described())
    (home / "carl" / "wrist.csv").unlink()
    (home / "dora").symlink_to(tmp_path)
    with pytest.raises(RecordingError, match="is a link to a folder"):
        import_streams(home, tmp_path / "out", described())


def test_missing_files_and_folders(home: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"holds no file of the sensor 'wrist', \{subject\}/ankle.csv"):
        import_streams(home, tmp_path / "out", described({"files": "{subject}/ankle.csv"}))
    with pytest.raises(RecordingError, match="is neither a folder nor a ZIP archive"):
        import_streams(home / "no", tmp_path / "out", described())
    with pytest.raises(RecordingError, match=r"holds no streams.yaml. Give the description by --description"):
        import_streams(home, tmp_path / "out")
    with pytest.raises(ConfigurationError, match="subjects: 'ben' has no number"):
        import_streams(home, tmp_path / "out", described(subjects={"anna": 4}))


@pytest.mark.parametrize("packed", [False, True])
def test_an_import_of_simulated_recordings_says_so(home: Path, tmp_path: Path, packed: bool) -> None:
    assert not is_simulated(import_streams(home, tmp_path / "measured", described()).folder)
    (home / SIMULATION).write_text('{"simulated": true}\n', encoding="utf-8")
    source = home
    if packed:
        source = tmp_path / "home.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for path in home.rglob("*.*"):
                archive.write(path, path.relative_to(home).as_posix())
    store = import_streams(source, tmp_path / "out", described())
    assert is_simulated(store.folder)
    assert is_simulated(StreamsDataModule(root=str(store.folder), test_subjects=(2,)).folder)


def test_missing_labels_are_named_before_anything_is_imported(home: Path, tmp_path: Path) -> None:
    labels = {"files": "lables.csv", "format": "csv"}
    with pytest.raises(RecordingError, match=r"holds no file of labels, lables.csv"):
        import_streams(home, tmp_path / "out", described(labels=labels))
    assert not list((tmp_path / "out").rglob("*.npy"))


def test_a_description_in_an_archive_is_to_be_taken_out(home: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "home.zip", "w") as archive:
        archive.writestr("streams.yaml", "title: Kitchen")
    with pytest.raises(
        RecordingError, match=r"is an archive, in which streams.yaml is not read. Take streams.yaml out"
    ):
        import_streams(tmp_path / "home.zip", tmp_path / "out")


def test_the_working_directory_may_be_the_target(home: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    import_streams(home.absolute(), ".", described())
    assert (tmp_path / "empty" / "wrist.npy").is_file()


def test_a_damaged_array_is_imported_again(home: Path, tmp_path: Path) -> None:
    first = import_streams(home, tmp_path / "out", described())
    values = first.array("wrist").copy()
    _halve(tmp_path / "out" / "wrist.npy")
    with pytest.warns(UserWarning, match=r"wrist\.npy: cannot be read .* Import the recordings again\. This is done"):
        again = import_streams(home, tmp_path / "out", described())
    assert again == first
    np.testing.assert_array_equal(read_store(tmp_path / "out").array("wrist"), values)


def test_a_damaged_manifest_may_be_of_other_recordings(home: Path, tmp_path: Path) -> None:
    values = import_streams(home, tmp_path / "out", described()).path("wrist").read_bytes()
    _halve(tmp_path / "out" / "streams.json")
    with pytest.raises(RecordingError, match=r"out: holds .* streams\.json cannot be used\. Delete the folder"):
        import_streams(home, tmp_path / "out", described({"rate": 25}))
    assert (tmp_path / "out" / "wrist.npy").read_bytes() == values


def _halve(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def test_another_import_is_not_overwritten(home: Path, tmp_path: Path) -> None:
    first = import_streams(home, tmp_path / "out", described())
    changed = (tmp_path / "out" / "wrist.npy").stat().st_mtime_ns
    assert import_streams(home, tmp_path / "out", described()) == first
    assert (tmp_path / "out" / "wrist.npy").stat().st_mtime_ns == changed
    with pytest.raises(RecordingError, match="holds another import"):
        import_streams(home, tmp_path / "out", described({"rate": 25}))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("")
    with pytest.raises(RecordingError, match="exists and is no unfinished import"):
        import_streams(home, tmp_path / "other", described())
