"""Labels from a CSV file: which samples they label, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.data import StreamsDataModule
from cosmo_pl.data.label_file import LabelError, read_label_file
from cosmo_pl.data.subjects import SubjectLists
from cosmo_pl.data.trained import TrainedOn
from cosmo_pl.errors import ConfigurationError, RecordingError

from .splitting import split
from .streams.written import write_streams

HEADER = "recording,start,end,activity\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two subjects with one recording of 12 s per activity, s1_0 to s1_2, and an unlabelled one, s1_3."""
    return write_streams(tmp_path_factory.mktemp("streams"), subjects=(1, 2), unlabeled=1).folder


def data(root: Path, text: str | None = None, **more: object) -> StreamsDataModule:
    path = None if text is None else root / "labels.csv"
    if path is not None:
        path.write_text(HEADER + text, encoding="utf-8")
    arguments = {"window": 2.0, "hop": 0.5, "test_subjects": [2], "phase": "finetune", **more}
    made = StreamsDataModule(str(root), label_file=None if path is None else str(path), **arguments)  # type: ignore[arg-type]
    made.setup()
    return made


def test_an_interval_labels_the_windows_that_lie_in_it(root: Path) -> None:
    before, after = data(root), data(root, "s1_3,3.2,7.5,sit\n")
    changed = np.flatnonzero(after.samples.label != before.samples.label)
    inside = [
        row
        for row, (name, start) in enumerate(zip(before.samples.recording, before.samples.start / 1000, strict=True))
        if name == "s1_3" and start >= 3.2 and start + 2 <= 7.5
    ]
    assert changed.tolist() == inside and len(inside) == 5  # 3.5, 4, 4.5, 5, 5.5 s
    assert set(after.samples.label[inside]) == {1}
    assert after.split.labeled.tolist() == sorted([*before.split.labeled, *inside])
    assert after.split.unlabeled.tolist() == [row for row in before.split.unlabeled if row not in inside]
    assert after.split.unknown.tolist() == after.split.unlabeled.tolist()
    assert after.split.test.tolist() == before.split.test.tolist()


def test_times_of_windows_do_not_drift_if_they_are_no_whole_milliseconds(tmp_path: Path) -> None:
    root = write_streams(tmp_path, subjects=(1, 2), unlabeled=1, seconds=360.0).folder
    window = 64 / 30
    made = data(root, f"s1_3,{140 * window - 0.01},{142 * window + 0.01},sit\n", window=window, hop=window)
    rows = np.flatnonzero((made.samples.recording == "s1_3") & (made.samples.label == 1))
    assert made.samples.start[rows].tolist() == [round(1000 * n * window) for n in (140, 141)]


def test_a_start_alone_labels_one_window_and_no_time_all(root: Path) -> None:
    one = data(root, "s1_3,500,,jump\n")
    (row,) = one.split.added
    assert (one.samples.recording[row], one.samples.start[row], one.samples.label[row]) == ("s1_3", 500, 2)
    whole = data(root, "s1_3,,,jump\n")
    assert len(whole.split.added) == 21


def test_labels_of_labelled_windows_add_nothing(root: Path) -> None:
    again = data(root, "s1_0,,,walk\ns1_0,0,4,walk\n")
    assert not len(again.split.added) and again.split.labeled.tolist() == data(root).split.labeled.tolist()


def test_sampled_labels_stay_and_those_of_the_file_come_to_them(root: Path) -> None:
    before = data(root, labels_per_class=2)
    after = data(root, "s1_0,,,walk\n", labels_per_class=2)
    assert set(before.split.labeled) < set(after.split.labeled)
    assert len(before.split.labeled) == 6 and len(after.split.labeled) == 4 + 21


def test_labels_may_be_added_before_a_training_is_resumed(root: Path) -> None:
    before, after = data(root).trained_on, data(root, "s1_3,3,7,sit\n").trained_on
    before.check_resumed(after)
    after.check_resumed(before)
    assert TrainedOn.read(after.described()) == after and (after.added, after.labels - before.labels) == (5, 5)
    with pytest.raises(ConfigurationError, match="number of labelled samples 63 -> 32"):
        before.check_resumed(data(root, label_rate=0.5).trained_on)


def test_a_number_of_columns_and_their_order_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("activity,note,recording\nwalk,x,s1\n", encoding="utf-8")
    (label,) = read_label_file(tmp_path / "a.csv")
    assert (label.recording, label.activity, label.start, label.end) == ("s1", "walk", None, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "s1_3,0,4,wlak\n",
            "row 2: unknown activity 'wlak'.*walk.*; `activities` in the description of an import adds others",
        ),
        ("s1_9,0,4,walk\n", "row 2: there is no recording 's1_9'"),
        ("s1_3,0,4,walk\ns1_3,40,50,walk\n", "row 3: no sample of 's1_3' lies within 40 to 50 s.* from 0 to 12 s"),
        ("s1_3,3000,5000,walk\n", "lies within 3000 to 5000 s"),
        ("s1_3,3,4,walk\n", "lies within 3 to 4 s. Samples of 2 s"),
        ("s1_3,777,,walk\n", r"no sample that begins at step 777, the nearest at \d+\."),
        ("s1_0,0,4,sit\n", "row 2: 'sit' for a sample of 's1_0' that is 'walk' in the recordings"),
        ("s1_3,0,4,sit\ns1_3,1,5,walk\n", "row 3: 'walk' for a sample of 's1_3' that is 'sit' by row 2"),
        ("s2_0,0,4,walk\n", "row 2: 's2_0' is not among the training samples"),
        ("s1_3,four,5,walk\n", "row 2: could not convert string to float: 'four'"),
        ("s1_3,nan,5,walk\n", "row 2: a time is not finite"),
        ("s1_3,4,4,walk\n", "row 2: the end is not after the start"),
        ("s1_3,,4,walk\n", "row 2: the end is not after the start"),
        ("s1_3,0,4\n", "row 2: no recording or no activity"),
        ("", "holds no label"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(root: Path, text: str, message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        data(root, text)


def test_an_error_of_a_label_comes_whole_from_another_process(root: Path) -> None:
    with pytest.raises(LabelError, match="by row 2") as refused:
        data(root, "s1_3,0,4,sit\ns1_3,1,5,walk\n")
    error = pickle.loads(pickle.dumps(refused.value))
    assert (str(error), error.path, error.parts) == (str(refused.value), refused.value.path, refused.value.parts)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="does not exist"):
        read_label_file(tmp_path / "none.csv")
    (tmp_path / "a.csv").write_text("name,from,to\n", encoding="utf-8")
    with pytest.raises(RecordingError, match="has no column recording and no column activity"):
        read_label_file(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_bytes(b"recording,activity\n\xff\n")
    with pytest.raises(RecordingError, match="is not UTF-8"):
        read_label_file(tmp_path / "b.csv")


def test_no_test_subjects(root: Path) -> None:
    alone = data(root, test_subjects=[])
    assert not len(alone.split.test) and len(set(alone.samples.subject[alone.split.train])) == 2  # type: ignore[union-attr]
    with pytest.raises(ConfigurationError, match="test_subjects: no subject is left"):
        data(root, test_subjects=None)
    with pytest.raises(ConfigurationError, match="train_subjects: no subject is left"):
        SubjectLists([], (), (), untested=True).resolve(np.array([1, 2]), "A set")


def test_classes_may_be_missing_where_that_is_allowed(root: Path) -> None:
    activities = ["walk", "sit", "jump", "fly"]
    with pytest.raises(ConfigurationError, match="their recordings hold no sample of fly"):
        data(root, activities=activities)
    found = data(root, activities=activities, allow_missing_classes=True)
    assert found.num_classes == 4 and found.split.without_label(found.samples, found.class_names) == ["fly"]  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"activities: lacks \['jump'\]"):
        data(root, activities=["walk", "sit"])


def test_labels_are_added_and_taken_away_again() -> None:
    before = split()
    rows = before.unlabeled[:3]
    after = before.with_labels(np.concatenate([rows, before.labeled[:1]]))
    assert after.added.tolist() == rows.tolist() and len(after.labeled) == len(before.labeled) + 3
    back = after.without_added
    assert back.labeled.tolist() == before.labeled.tolist() and back.unlabeled.tolist() == before.unlabeled.tolist()
    assert before.without_added is before


@pytest.mark.parametrize("names", ["Start,End", "from,to", "start_s,end_s", "start_time,end_time", "startTime,stop"])
def test_columns_that_are_times_under_another_name_are_refused(tmp_path: Path, names: str) -> None:
    """They would be ignored, and each row would label its whole recording."""
    (tmp_path / "a.csv").write_text(f"recording,{names},activity\ns1,60,66,walk\n", encoding="utf-8")
    with pytest.raises(RecordingError, match=f"has a column '{names.split(',')[0]}'.*start and end"):
        read_label_file(tmp_path / "a.csv")


def test_decimal_commas_do_not_move_the_times(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("recording,activity,start,end\nanna,walk,0,5,2,0\n", encoding="utf-8")
    with pytest.raises(RecordingError, match="row 2: has more values than there are columns"):
        read_label_file(tmp_path / "a.csv")


def test_an_open_quote_in_the_header_is_named(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text('recording,"activity\na,b\n', encoding="utf-8")
    with pytest.raises(RecordingError, match="row 1"):
        read_label_file(tmp_path / "labels.csv")


def test_new_people_are_tested_after_a_training_with_a_file(tmp_path: Path) -> None:
    root = write_streams(tmp_path, subjects=(1, 2, 3), unlabeled=1).folder
    trained = data(root, "s1_3,3.2,7.5,sit\n", train_subjects=[1]).trained_on
    arguments = {"window": 2.0, "hop": 0.5, "label_file": str(root / "labels.csv"), "train_subjects": [1]}
    new = StreamsDataModule(str(root), test_subjects=[3], **arguments)  # type: ignore[arg-type]
    new.adopt(trained)
    new.setup()
    assert set(new.samples.subject[new.split.test].tolist()) == {3}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_the_delimiter_and_decimals_are_those_of_spreadsheets(tmp_path: Path, delimiter: str, decimal: str) -> None:
    rows = [["recording", "start", "end", '"activity"'], ["anna", "0.5", "12", "walk, fast"], ["ben", "", "", "sit"]]
    if delimiter == ",":
        rows[1] = ["anna", "0.5", "12", '"walk, fast"']
    else:
        rows[1][1] = rows[1][1].replace(".", decimal)
    (tmp_path / "a.csv").write_text("\n".join(map(delimiter.join, rows)), encoding="utf-8")
    found = [(each.recording, each.start, each.end, each.activity) for each in read_label_file(tmp_path / "a.csv")]
    assert found == [("anna", 0.5, 12.0, "walk, fast"), ("ben", None, None, "sit")]


def test_columns_that_are_missing_are_named_with_the_delimiters(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("recording|start|end|activity\n", encoding="utf-8")
    with pytest.raises(RecordingError, match="with commas, semicolons or tabs between them"):
        read_label_file(tmp_path / "a.csv")
