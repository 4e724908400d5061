"""What the paths of files say: values of placeholders side by side, and files of one recording that differ in them."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from cosmo_pl.data.streams.grouping import groups_of_files
from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.data.streams.patterns import Pattern
from cosmo_pl.data.streams.sniffing import sniff
from cosmo_pl.data.streams.source import open_source
from cosmo_pl.errors import ConfigurationError, RecordingError

from .recorded import SECOND, described, jittered, signal, write_csv

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def record(folder: Path, paths: Sequence[str]) -> Path:
    time = jittered(4, 50)
    for path in paths:
        write_csv(folder / path, [f"{t / SECOND:.6f}" for t in time], signal(time))
    return folder


@pytest.mark.parametrize(
    ("paths", "people"),
    [
        ([f"P{n}{act}.csv" for n in ("01", "02", "10") for act in ("walk", "run", "sit")], {"01", "02", "10"}),
        ([f"{name}{n}.csv" for name in ("anna", "adam", "ben") for n in ("01", "02")], {"anna", "adam", "ben"}),
    ],
)
def test_a_number_beside_a_word_is_a_placeholder_of_its_own(tmp_path: Path, paths: list[str], people: set[str]) -> None:
    home = record(tmp_path / "home", paths)
    store = import_streams(home, tmp_path / "out", sniff(home).description)
    assert set(store.subjects) == people and len(store.recordings) == len(paths)


def test_side_by_side_placeholders_divide_at_a_digit() -> None:
    assert Pattern("{subject}{session}.csv").match("anna01.csv") == {"subject": "anna", "session": "01"}
    assert Pattern("{day}{subject}.csv").match("06anna2.csv") == {"day": "06", "subject": "anna2"}
    assert Pattern("{subject}{session}.csv").match("anna.csv") is None


def test_names_that_a_pattern_divides_elsewhere_are_left_out_of_the_draft(tmp_path: Path) -> None:
    paths = [f"{name}_{n}.csv" for name in ("anna_b", "ben_b") for n in ("01", "02")]
    (group,) = groups_of_files(paths, lambda path: 0, labelled=True, subjects=["anna_b", "ben_b"])
    assert set(group.unclear) == set(paths)
    home = record(tmp_path, paths)
    (home / "labels.csv").write_text("subject,start,end,activity\nanna_b,1600000001,1600000002,walk\n")
    with pytest.raises(ConfigurationError, match=r"anna_b_01.csv' would have .*'anna'.*: separate the parts"):
        sniff(home)


@pytest.mark.parametrize("hours", [(10, 11), (10, 11, 12)])
def test_a_start_in_which_the_files_of_a_recording_differ_is_refused(tmp_path: Path, hours: tuple[int, ...]) -> None:
    home = record(tmp_path / "home", [f"anna_{hour}.csv" for hour in hours])
    time = {"column": "time", "unit": "s", "relative": True, "start": "2024-05-06T{hour}:00"}
    description = described({"files": "{subject}_{hour}.csv", "time": time}, recordings="{subject}")
    with pytest.raises(ConfigurationError, match=r"start of 'anna'.* differ in \{hour\}. Add \{hour\} to `recordings`"):
        import_streams(home, tmp_path / "out", description)


def test_labels_of_each_of_three_parts_belong_to_their_recording(tmp_path: Path) -> None:
    home, time = tmp_path / "home", jittered(30, 50)
    for part in (1, 2, 3):
        some = time[500 * part - 500 : 500 * part]
        write_csv(home / f"anna_{part}.csv", some, signal(some))
        start = f"{some[0] + SECOND},{some[0] + 2 * SECOND},walk"
        (home / f"labels_{part}.txt").write_text(f"start,end,activity\n{start}\n")
    labels = {"files": "labels_{part}.txt", "format": "csv", "time": {"unit": "ns"}}
    description = described({"files": "{subject}_{part}.csv"}, recordings="{subject}", labels=labels)
    (recording,) = import_streams(home, tmp_path / "out", description).recordings
    assert len(recording.labels) == 3


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, scandir = record(tmp_path, ["anna/wrist.csv", "ben/wrist.csv"]), os.scandir

    def refused(folder: str) -> object:  # root may read whatever its mode is
        if Path(folder).name == "ben":
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(RecordingError, match=r"ben: cannot be read \(Permission denied\). Permit"):
        _ = open_source(home).names


@pytest.mark.parametrize(
    ("target", "problem"),
    [("missing.csv", "is a link to a file that is missing"), ("wrist.csv", "is a link that leads back to itself")],
)
def test_a_link_to_no_file_is_named(tmp_path: Path, target: str, problem: str) -> None:
    record(tmp_path, ["anna/wrist.csv"])
    (tmp_path / "ben").mkdir()
    (tmp_path / "ben" / "wrist.csv").symlink_to(target)
    with pytest.raises(RecordingError, match=rf"ben/wrist.csv: {problem}"):
        import_streams(tmp_path, tmp_path / "out", described({"time": {"column": "time", "unit": "s"}}))


@pytest.mark.parametrize("packed", [False, True])
def test_hidden_files_are_no_recordings(tmp_path: Path, packed: bool) -> None:
    home = record(tmp_path / "home", ["anna.csv", ".old/ben.csv"])
    (home / "._anna.csv").write_bytes(b"\x00\x05\x16\x07\xff\xfe")
    (home / ".#notes.csv").symlink_to("editor@host.1234")
    (home / ".link").symlink_to(tmp_path)
    if packed:
        with zipfile.ZipFile(tmp_path / "home.zip", "w") as archive:
            for name in ("anna.csv", "._anna.csv", ".old/ben.csv"):
                archive.write(home / name, name)
        home = tmp_path / "home.zip"
    description = described({"files": "{subject}.csv", "time": {"column": "time", "unit": "s"}})
    assert import_streams(home, tmp_path / "out", description, strict=True).subjects == {"anna": 1}


def test_paths_that_can_be_read_in_two_ways_are_reported(tmp_path: Path) -> None:
    record(tmp_path / "home", ["anna_maria_1.csv", "anna_lena_1.csv", "ben_2.csv"])
    sensor = {"files": "{subject}_{trial}.csv", "time": {"column": "time", "unit": "s"}}
    description = described(sensor, recordings="{subject}_{trial}")
    with pytest.warns(UserWarning, match="2 paths can be read in two ways, of which the first is taken") as warned:
        store = import_streams(tmp_path / "home", tmp_path / "out", description, strict=True)
    assert {each.subject for each in store.recordings} == {1, 2}
    assert "anna_lena_1.csv: subject anna or anna_lena, trial lena_1 or 1" in str(warned[0].message)


@pytest.mark.parametrize("text", ["{subject}/{trial}.csv", "{subject}{activity}_*.csv", "{subject}_wrist_{trial}.csv"])
def test_paths_that_can_be_read_in_one_way_are_not(text: str) -> None:
    for path in ("anna/1.csv", "01walk_a.csv", "anna_wrist_2.csv"):
        assert len(Pattern(text).readings(path)) <= 1
