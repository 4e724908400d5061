"""Drafts of folders as people keep them: what the draft assumes is imported as it is, or is said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from cosmo_pl.data.streams.grouping import groups_of_files
from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.data.streams.sniffing import Sniffed, sniff
from cosmo_pl.data.streams.store import StreamStore

from .recorded import SECOND, START, jittered, signal, write_csv

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
FIRST = START // SECOND


def record(folder: Path, paths: Sequence[str]) -> None:
    """Ten seconds of acceleration in each file, in seconds since 1970."""
    time = jittered(10, 50)
    for path in paths:
        write_csv(folder / path, [f"{t / SECOND:.6f}" for t in time], signal(time))


def drafted(folder: Path) -> tuple[Sniffed, StreamStore]:
    """The draft of a folder, and what is imported by it."""
    found = sniff(folder)
    return found, import_streams(folder, folder.parent / f"{folder.name}_imported", found.description)


def label(path: Path, subjects: Sequence[str]) -> None:
    rows = [f"{name},{FIRST + 2},{FIRST + 5},walk" for name in subjects]
    path.write_text("\n".join(["subject,start,end,activity", *rows]) + "\n")


@pytest.mark.parametrize(
    ("paths", "subjects", "pattern"),
    [
        (["S01/wrist.csv", "S03/wrist.csv"], ["S01", "S03"], "{subject}/wrist.csv"),
        (["S01/wrist.csv", "S03/wrist.csv"], ["01", "03"], "S{subject}/wrist.csv"),
        (["p01/wrist.csv", "p02/wrist.csv", "p03/wrist.csv"], ["p01", "p03"], "{subject}/wrist.csv"),
        (["subject_1/wrist.csv", "subject_2/wrist.csv"], ["subject_1", "subject_2"], "{subject}/wrist.csv"),
        (["S01_wrist_1.csv", "S02_wrist_1.csv"], ["S01", "S02"], "{subject}_wrist_1.csv"),
        (["S01/S01_wrist.csv", "S02/S02_wrist.csv"], ["S01", "S02"], "{subject}/{subject}_wrist.csv"),
        (["day1/mary-ann_7.csv", "day1/tom-li_8.csv"], ["mary-ann", "tom-li"], "day1/{subject}_{session}.csv"),
        (["S01/wrist.csv"], ["S01"], "{subject}/wrist.csv"),
        (["t1/s1/wrist.csv", "t2/s2/wrist.csv"], ["1", "2"], "t{trial}/s{subject}/wrist.csv"),
        (["1/2/wrist.csv", "1/1/wrist.csv", "2/2/wrist.csv", "2/7/wrist.csv"], ["1", "2", "7"],
         "{session}/{subject}/wrist.csv"),
    ],
)  # fmt: skip
def test_subjects_are_named_as_in_the_labels(
    tmp_path: Path, paths: list[str], subjects: list[str], pattern: str
) -> None:
    record(tmp_path / "home", paths)
    label(tmp_path / "home" / "labels.csv", subjects)
    found = sniff(tmp_path / "home").description
    (stream,) = found.sensors.values()
    assert stream.files.text == pattern
    store = import_streams(tmp_path / "home", tmp_path / "imported", found)
    assert set(store.subjects) >= set(subjects)
    assert {each.subject for each in store.recordings if each.labels} == {store.subjects[name] for name in subjects}


def test_numbers_of_subjects_are_those_in_their_names(tmp_path: Path) -> None:
    record(tmp_path / "home", ["P1/wrist.csv", "P2/wrist.csv", "P10/wrist.csv"])
    label(tmp_path / "home" / "labels.csv", ["P1", "P10"])
    assert drafted(tmp_path / "home")[1].subjects == {"P1": 1, "P2": 2, "P10": 10}


def test_label_files_have_the_subjects_of_the_sensors(tmp_path: Path) -> None:
    home = tmp_path / "home"
    record(home, ["S01/wrist.csv", "S02/wrist.csv"])
    for name in ("S01", "S02"):
        label(home / name / "labels.csv", [name])
    found, store = drafted(home)
    assert found.description.labels is not None and found.description.labels.files.text == "{subject}/labels.csv"
    assert all(recording.labels for recording in store.recordings)


def test_subjects_of_labels_that_no_path_names_are_said(tmp_path: Path) -> None:
    record(tmp_path, ["S01/wrist.csv", "S02/wrist.csv"])
    label(tmp_path / "labels.csv", ["S01", "zoe"])
    assert any(
        "no path names the subjects 'zoe' of the labels, but 'S01', 'S02'" in each for each in sniff(tmp_path).unknown
    )
    label(tmp_path / "labels.csv", ["anna"])
    assert any("the subjects 'anna' of the labels, but '01', '02'" in each for each in sniff(tmp_path).unknown)


def test_persons_without_labels_are_in_the_same_sensor() -> None:
    paths = [f"S{number:02d}/{name}.csv" for number in range(1, 9) for name in ("wrist", "ankle")]
    groups = groups_of_files(paths, lambda path: 0, labelled=True, subjects={"S01", "S05"})
    assert [group.pattern.text for group in groups] == ["{subject}/ankle.csv", "{subject}/wrist.csv"]


FORMATS_OF_LABELS = {
    "decimal commas": ("start;end;activity\n{0},5;{1},25;walk\n", {"delimiter": ";", "decimal": ","}),
    "comments": ("# by Tim\nstart,end,activity\n# first\n{0}.5,{1}.25,walk\n\n# end\n", {"comment": "#"}),
    "lines before": ("Diary of anna\nRoom: 7\n\nstart,end,activity\n{0}.5,{1}.25,walk\n", {"skip": 3}),
    "spaces": ('start, end, activity\n{0}.5, {1}.25, "walk"\n', {}),
    "all": ("%a;b\nDiary\n%c\nstart ; end ; activity\n{0},5;{1},25;walk\n",
            {"delimiter": ";", "decimal": ",", "comment": "%", "skip": 2}),
}  # fmt: skip


@pytest.mark.parametrize(("text", "fields"), FORMATS_OF_LABELS.values(), ids=FORMATS_OF_LABELS)
@pytest.mark.parametrize("relative", [True, False])
def test_labels_are_written_as_sensors_may_be(
    tmp_path: Path, text: str, fields: dict[str, object], relative: bool
) -> None:
    first = 0 if relative else FIRST
    for name in ("anna", "ben"):
        record(tmp_path / "home", [f"{name}/wrist.csv"])
        (tmp_path / "home" / name / "labels.csv").write_text(text.format(first + 2, first + 5))
    found, store = drafted(tmp_path / "home")
    given = yaml.safe_load(found.text)
    assert list(given["sensors"]) == ["wrist"]
    names = ("delimiter", "decimal", "comment", "skip")
    assert {name: value for name, value in given["labels"].items() if name in names} == fields
    labels = [recording.labels for recording in store.recordings]
    assert [[(round(each.start, 3), round(each.end, 3), each.activity) for each in one] for one in labels] == [
        [(2.5, 5.25, "walk")]
    ] * 2


def test_one_label_file_with_decimals_tells_the_decimals_of_all(tmp_path: Path) -> None:
    record(tmp_path / "home", ["anna/wrist.csv", "ben/wrist.csv"])
    for name, start in (("anna", "2"), ("ben", "2,5")):
        (tmp_path / "home" / name / "labels.csv").write_text(f"start;end;activity\n{start};5;walk\n")
    store = drafted(tmp_path / "home")[1]
    assert [recording.labels[0].start for recording in store.recordings] == [2.0, 2.5]
    (tmp_path / "home" / "ben" / "labels.csv").write_text("By Ben\nstart,end,activity\n2.5,5,walk\n")
    unknown = sniff(tmp_path / "home").unknown
    assert "labels.delimiter: 'ben/labels.csv' has ','" in unknown and "labels.skip: 'ben/labels.csv' has 1" in unknown
