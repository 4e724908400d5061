"""Draws of the labelled part: balanced, seeded and nested, or from a list."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.data import USCDataModule
from cosmo_pl.data.label_splits import read_label_split, write_label_split
from cosmo_pl.errors import ConfigurationError

from .raw import write_usc
from .splitting import CLASSES, PLAIN, class_counts, make_samples, split, uneven


@pytest.mark.parametrize("seed", range(5))
def test_draws_are_balanced_nested_and_in_the_training_part(seed: int) -> None:
    samples, before = make_samples(), set()
    for rate in (0.05, 0.1, 0.15, 0.2, 0.37, 0.9, 1.0):
        part = split(samples, rate=rate, seed=seed)
        counts, labeled = class_counts(samples, part.labeled), set(part.labeled.tolist())
        assert len(labeled) == len(part.labeled) == round(rate * len(part.train)) == sum(counts)
        assert max(counts) - min(counts) <= 1
        assert before <= labeled
        assert sorted([*part.labeled, *part.unlabeled]) == part.train.tolist()
        before = labeled


def test_a_class_that_runs_out_gives_all_it_has_and_the_others_go_on() -> None:
    samples = uneven()
    for rate in (0.2, 0.5, 0.8):
        counts = class_counts(samples, split(samples, rate=rate).labeled)
        level = max(counts)
        for have, got in zip((2, 8, 14, 20, 26), counts, strict=True):
            assert got in (min(have, level), min(have, level - 1))


def test_the_remainder_of_a_draw_goes_to_other_classes_under_another_seed() -> None:
    samples = make_samples()
    one_more = {tuple(class_counts(samples, split(samples, rate=7 / 120, seed=seed).labeled)) for seed in range(20)}
    assert len(one_more) > 3 and all(sorted(counts) == [1, 1, 1, 2, 2] for counts in one_more)


def test_a_seed_draws_its_own_labels_the_same_each_time() -> None:
    draws = [split(seed=seed).labeled.tolist() for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_labels_are_not_the_first_of_each_class() -> None:
    samples = make_samples()
    people = {tuple(samples.subject[split(samples, per_class=1, seed=seed).labeled].tolist()) for seed in range(8)}
    assert len(people) > 3


def test_labels_per_class_means_that_many_of_each_class() -> None:
    samples = make_samples()
    for wanted in (1, 4, 24):
        assert class_counts(samples, split(samples, per_class=wanted, rate=0.5).labeled) == [wanted] * CLASSES


def test_labels_per_class_that_a_class_does_not_have_are_refused() -> None:
    for wanted in (3, 50):
        with pytest.raises(ConfigurationError, match="labels_per_class"):
            split(uneven(), per_class=wanted)


def test_fewer_labels_than_classes_are_refused_with_a_rate_that_works() -> None:
    with pytest.raises(ConfigurationError, match=r"label_rate.*of at least 0\.\d+") as caught:
        split(rate=0.01)
    split(rate=float(str(caught.value).rstrip(".").split()[-1]))
    for wanted in (0, -1):
        with pytest.raises(ConfigurationError, match="labels_per_class"):
            split(per_class=wanted)


# Limits


def test_max_train_per_class_caps_every_class_and_keeps_the_labels() -> None:
    samples = uneven()
    part = split(samples, max_train_per_class=10, per_class=2)
    assert class_counts(samples, np.concatenate([part.labeled, part.unlabeled])) == [2, 8, 10, 10, 10]
    assert part.labeled.tolist() == split(samples, per_class=2).labeled.tolist()
    assert part.train.tolist() == split(samples, per_class=2).train.tolist()


def test_limits_are_kept() -> None:
    part = split(max_train_samples=50, max_test_samples=17)
    assert len(part.labeled) + len(part.unlabeled) == 50 and len(part.test) == 17
    assert len(part.labeled) == 5
    whole = split(max_train_samples=10**6, max_test_samples=10**6)
    assert len(whole.labeled) + len(whole.unlabeled) == len(whole.test) == 120


# Lists of labelled recordings


def test_a_list_of_recordings_is_the_labelled_part_with_all_its_windows() -> None:
    samples, names = make_samples(), {"s1c0r0", "s1c1r3", "s2c2r1", "s1c3r0", "s2c4r2"}
    part = split(samples, recordings=frozenset(names))
    assert part.labeled.tolist() == [row for row, name in enumerate(samples.recording) if name in names]
    assert sorted([*part.labeled, *part.unlabeled]) == part.train.tolist()
    capped = split(samples, recordings=frozenset(names), max_train_per_class=6)
    assert capped.labeled.tolist() == part.labeled.tolist()
    assert class_counts(samples, np.concatenate([capped.labeled, capped.unlabeled])) == [6] * CLASSES


@pytest.mark.parametrize("stray", ["s9c0r0", "s3c0r0", "Subject1"])
def test_a_listed_recording_that_is_absent_or_of_a_test_subject_is_refused(stray: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"label_split.*{stray}"):
        split(recordings=frozenset({"s1c0r0", stray}))


def test_an_empty_list_of_recordings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "splits.json").write_text('{"5": []}', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="label_split"):
        split(recordings=read_label_split(tmp_path / "splits.json", "5"))


def test_reading_a_list_of_recordings(tmp_path: Path) -> None:
    path = tmp_path / "splits.json"
    path.write_text(json.dumps({"5": ["a1", "a2"], "10": ["a3"]}), encoding="utf-8")
    assert read_label_split(path, "5") == {"a1", "a2"}
    with pytest.raises(ConfigurationError, match=r"label_split: .*splits\.json.*'7'.*5, 10"):
        read_label_split(path, "7")


def test_a_sample_of_a_recording_may_be_listed_alone(tmp_path: Path) -> None:
    samples, path = make_samples(), tmp_path / "splits.json"
    rows = np.array([4, 17, 30, 43, 56])  # of all classes, with one window of each recording
    write_label_split(path, "few", samples, rows)
    write_label_split(path, "others", samples, rows[:2])
    listed = read_label_split(path, "few")
    assert listed == {(str(samples.recording[row]), int(samples.start[row])) for row in rows}
    assert split(samples, recordings=listed).labeled.tolist() == rows.tolist()
    assert len(json.loads(path.read_text(encoding="utf-8"))["others"]) == 2
    with pytest.raises(ConfigurationError, match=r"out: .*has a split 'few' already"):
        write_label_split(path, "few", samples, rows)
    with pytest.raises(ConfigurationError, match=r"label_split: 1 recordings are not among.*'s1c0r1', 15"):
        split(samples, recordings=listed | {("s1c0r1", 15)})


def test_recordings_of_one_sample_are_listed_by_name(tmp_path: Path) -> None:
    samples, path = make_samples(windows=1), tmp_path / "splits.json"
    write_label_split(path, "few", samples, np.array([3, 1]))
    assert json.loads(path.read_text(encoding="utf-8")) == {"few": ["s1c0r3", "s1c0r1"]}


@pytest.mark.parametrize(
    "content",
    [
        '{"5": [{"recording": "a"}]}',
        '{"5": [{"recording": "a", "start": true}]}',
        "",
        "{",
        '["5"]',
        '"5"',
        '{"5": 3}',
        '{"5": "a1"}',
        '{"5": [["a1"]]}',
        "\udcff",
    ],
)
def test_a_file_of_lists_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "splits.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ConfigurationError, match=r"label_split(_file)?: .*splits\.json"):
        read_label_split(path, "5")
    with pytest.raises(ConfigurationError, match=r"label_split_file: .*missing\.json"):
        read_label_split(tmp_path / "missing.json", "5")


def test_a_list_that_lacks_a_class_is_refused_by_the_names_of_the_classes(tmp_path: Path) -> None:
    folder = write_usc(tmp_path, trials=(1,))
    names = [f"Subject1/a{activity}t1" for activity in range(1, 13) if activity not in (3, 8)]
    (folder / "label_splits.json").write_text(json.dumps({"few": names}), encoding="utf-8")
    data = USCDataModule(root=str(tmp_path), window_size=20, stride=10, test_subjects=[4], label_split="few")
    with pytest.raises(ConfigurationError, match="label_split: 'few' lists no recording of walking right, sitting"):
        data.setup()
    data.allow_missing_classes = True
    data.setup()
    assert len(set(data.samples.label[data.split.labeled].tolist())) == 10


def test_home_is_expanded_in_every_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_usc(tmp_path / "data", trials=(1,))
    names = [f"Subject1/a{activity}t1" for activity in range(1, 13)]
    (tmp_path / "splits.json").write_text(json.dumps({"few": names}), encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    data = USCDataModule(
        root="~/data", cache_dir="~/cache", label_split_file="~/splits.json", label_split="few", window_size=20,
        stride=10, test_subjects=[4],
    )  # fmt: skip
    data.setup()
    assert list((tmp_path / "cache").glob("*.npz")) and len(data.split.labeled) == 12 * 4


@pytest.mark.parametrize("listed", ["s1c0r0", ("s1c0r1", 20)])
def test_listed_samples_without_a_label_are_named_with_what_to_do(listed: str | tuple[str, int]) -> None:
    samples = make_samples()
    label = samples.label.copy()
    label[samples.recording == "s1c0r0"] = -1
    label[(samples.recording == "s1c0r1") & (samples.start == 20)] = -1
    whole = frozenset({"s1c0r2", "s2c1r0", "s1c2r0", "s1c3r0", "s1c4r0"})
    split(replace(samples, label=label), recordings=whole)
    with pytest.raises(
        ConfigurationError, match=r"label_split: 1 listed samples have no label yet: .*s1c0r[01].*label_file"
    ):
        split(replace(samples, label=label), recordings=whole | {listed})
    with pytest.raises(ConfigurationError, match="1 recordings are not among the training samples"):
        split(replace(samples, label=label), recordings=whole | {"s3c0r0"})


@pytest.mark.parametrize("absent", [0, 2, CLASSES - 1])
def test_labels_per_class_are_of_the_classes_that_there_are(absent: int) -> None:
    samples = make_samples()
    samples = samples.some(np.flatnonzero((samples.label != absent) | (samples.subject > 2)))
    found = split(samples, per_class=2, missing_classes=True)
    assert class_counts(samples, found.labeled) == [0 if label == absent else 2 for label in range(CLASSES)]


def test_the_smallest_rate_that_is_named_can_be_used() -> None:
    with pytest.raises(ConfigurationError, match=r"of at least 0\.0005"):
        replace(PLAIN, rate=0.0004).count(26_770, 12)
    assert replace(PLAIN, rate=0.0005).count(26_770, 12) == 13
