"""Splits and draws of labels, on samples that have no inputs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.data.samples import Samples
from cosmo_pl.data.selection import balanced_order, evenly_spaced, rank_in_class, split_recordings
from cosmo_pl.data.split import LabelDraw, Split, SubjectLists, make_split, read_label_split
from cosmo_pl.errors import ConfigurationError

from .raw import make_samples

CLASSES = 5
PLAIN = LabelDraw(0.1, None, None, 0, None, None, None, None, None)


def split(samples: Samples | None = None, test: tuple[int, ...] = (3, 4), **changes: object) -> Split:
    samples = make_samples(num_classes=CLASSES) if samples is None else samples
    return make_split(samples, SubjectLists(None, (), test), replace(PLAIN, **changes), CLASSES, "A set")


def class_counts(samples: Samples, rows: np.ndarray) -> list[int]:
    return np.bincount(samples.label[rows], minlength=CLASSES).tolist()


def uneven() -> Samples:
    """Subjects 1 and 2 train, with 2, 8, 14, 20 and 26 samples of the five classes."""
    parts = [make_samples((1, 2), 1, 1, windows=1 + 3 * label) for label in range(CLASSES)]
    label = np.concatenate([np.full(len(part), label) for label, part in enumerate(parts)])
    names = [f"{name}/{label}" for label, part in enumerate(parts) for name in part.recording]
    test = make_samples((3, 4), CLASSES)
    return Samples(
        {},
        np.concatenate([label, test.label]),
        np.concatenate([*(part.subject for part in parts), test.subject]),
        np.concatenate([names, test.recording]),
        np.concatenate([*(part.start for part in parts), test.start]),
    )


# Labels


@pytest.mark.parametrize("seed", range(5))
def test_draws_are_balanced_nested_and_in_the_training_part(seed: int) -> None:
    samples, before = make_samples(num_classes=CLASSES), set()
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
    samples = make_samples(num_classes=CLASSES)
    one_more = {tuple(class_counts(samples, split(samples, rate=7 / 120, seed=seed).labeled)) for seed in range(20)}
    assert len(one_more) > 3 and all(sorted(counts) == [1, 1, 1, 2, 2] for counts in one_more)


def test_a_seed_draws_its_own_labels_the_same_each_time() -> None:
    draws = [split(seed=seed).labeled.tolist() for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_labels_are_not_the_first_of_each_class() -> None:
    samples = make_samples(num_classes=CLASSES)
    people = {tuple(samples.subject[split(samples, per_class=1, seed=seed).labeled].tolist()) for seed in range(8)}
    assert len(people) > 3


def test_labels_per_class_means_that_many_of_each_class() -> None:
    samples = make_samples(num_classes=CLASSES)
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


def test_evenly_spaced_numbers_are_distinct_ordered_and_reach_both_ends() -> None:
    for count in (1, 2, 10, 101):
        for limit in range(1, count + 1):
            chosen = evenly_spaced(count, limit)
            assert len(chosen) == limit and (np.diff(chosen) > 0).all() and chosen[0] == 0
            assert chosen[-1] == count - 1 or limit == 1
            assert limit < 2 or np.ptp(np.diff(chosen)) <= 1
        for limit in (None, count, count + 1):
            assert evenly_spaced(count, limit).tolist() == list(range(count))


# Lists of labelled recordings


def test_a_list_of_recordings_is_the_labelled_part_with_all_its_windows() -> None:
    samples, names = make_samples(num_classes=CLASSES), {"s1c0r0", "s1c1r3", "s2c2r1", "s1c3r0", "s2c4r2"}
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
    (tmp_path / "splits.json").write_text('{"5": []}')
    with pytest.raises(ConfigurationError, match="label_split"):
        split(recordings=read_label_split(tmp_path / "splits.json", "5"))


def test_reading_a_list_of_recordings(tmp_path: Path) -> None:
    path = tmp_path / "splits.json"
    path.write_text(json.dumps({"5": ["a1", "a2"], "10": ["a3"]}))
    assert read_label_split(path, "5") == {"a1", "a2"}
    with pytest.raises(ConfigurationError, match=r"label_split: .*splits\.json.*'7'.*5, 10"):
        read_label_split(path, "7")


@pytest.mark.parametrize("content", ["", "{", '["5"]', '"5"', '{"5": 3}', '{"5": "a1"}', '{"5": [["a1"]]}', "\udcff"])
def test_a_file_of_lists_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "splits.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ConfigurationError, match=r"label_split(_file)?: .*splits\.json"):
        read_label_split(path, "5")
    with pytest.raises(ConfigurationError, match=r"label_split_file: .*missing\.json"):
        read_label_split(tmp_path / "missing.json", "5")


# Unlabelled samples


def test_unlabelled_samples_are_cut_nested_with_the_labels_fixed() -> None:
    whole, before = split(), set()
    for ratio in (0.5, 1, 2, 4.5, 9):
        part = split(unlabeled_per_labeled=ratio)
        assert part.labeled.tolist() == whole.labeled.tolist()
        chosen = set(part.unlabeled.tolist())
        assert len(chosen) == len(part.unlabeled) == round(ratio * len(part.labeled))
        assert before <= chosen <= set(whole.unlabeled.tolist())
        before = chosen


def test_unlabelled_samples_are_cut_without_a_look_at_their_classes() -> None:
    samples, named = make_samples(num_classes=CLASSES), frozenset(f"s1c{label}r0" for label in range(CLASSES))
    arguments = {"recordings": named, "unlabeled_per_labeled": 2.0}
    rows = split(samples, **arguments).unlabeled
    shuffled = samples.label.copy()
    free = np.flatnonzero(~np.isin(samples.recording, sorted(named)))
    shuffled[free] = np.random.default_rng(0).permutation(shuffled[free])
    assert split(replace(samples, label=shuffled), **arguments).unlabeled.tolist() == rows.tolist()
    counts = {tuple(class_counts(samples, split(samples, seed=s, **arguments).unlabeled)) for s in range(5)}
    assert any(max(each) - min(each) > 1 for each in counts)  # a balanced cut would have looked


@pytest.mark.parametrize("ratio", [0, -1, 0.01, 9.5])
def test_a_cut_that_cannot_be_met_is_refused(ratio: float) -> None:
    with pytest.raises(ConfigurationError, match="unlabeled_per_labeled"):
        split(unlabeled_per_labeled=ratio)


# Labels of the test subjects


@pytest.mark.parametrize("seed", range(3))
def test_target_labels_are_that_share_of_a_fixed_number_and_the_test_pool_is_one(seed: int) -> None:
    samples, tests = make_samples(num_classes=CLASSES), []
    for fraction in (0, 0.25, 0.5, 1):
        part = split(samples, rate=1 / 3, seed=seed, target_fraction=fraction)
        of_test = np.isin(samples.subject[part.labeled], (3, 4))
        assert len(set(part.labeled.tolist())) == 40 and of_test.sum() == round(40 * fraction)
        assert not set(samples.recording[part.labeled]) & set(samples.recording[part.test])
        assert not set(part.labeled) & set(part.unlabeled)
        assert set(samples.subject[part.unlabeled].tolist()) <= {1, 2}
        tests.append(part.test.tolist())
    assert all(test == tests[0] for test in tests)
    assert {name.rsplit("r")[0] for name in samples.recording[tests[0]]} == {
        f"s{subject}c{label}" for subject in (3, 4) for label in range(CLASSES)
    }
    assert len(tests[0]) == 60  # two of the four recordings of each class and subject


@pytest.mark.parametrize("labels", [{"rate": 1 / 12}, {"rate": 1 / 3}, {"recordings": True}])
@pytest.mark.parametrize("fraction", [0.3, 0.5, 0.7])
def test_target_labels_leave_the_classes_as_balanced_as_they_were(labels: dict[str, object], fraction: float) -> None:
    samples = make_samples(num_classes=CLASSES, windows=2)
    if labels == {"recordings": True}:
        labels = {"recordings": frozenset(f"s{1 + c % 2}c{c}r0" for c in range(CLASSES))}
    before, after = (
        class_counts(samples, split(samples, target_fraction=share, **labels).labeled) for share in (0, fraction)
    )
    assert sum(before) == sum(after)
    assert max(after) - min(after) <= max(1, max(before) - min(before))


def test_without_target_labels_the_test_set_is_whole() -> None:
    samples = make_samples(num_classes=CLASSES)
    assert split(samples).test.tolist() == np.flatnonzero(samples.subject > 2).tolist()


def test_more_target_labels_than_there_are_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="target_label_fraction"):
        split(rate=0.9, target_fraction=1.0)
    with pytest.raises(ConfigurationError, match="target_label_fraction"):
        split(make_samples(num_classes=CLASSES, recordings=1), rate=0.5, target_fraction=0.5)


def test_halves_keep_recordings_whole_in_every_class_and_subject() -> None:
    samples = make_samples((1, 2), 3, recordings=5)
    near, far = split_recordings(samples.label, samples.subject, samples.recording, seed=0)
    assert sorted([*near, *far]) == list(range(len(samples)))
    sides = [set(samples.recording[half].tolist()) for half in (near, far)]
    assert not sides[0] & sides[1]
    for subject, label in {*zip(samples.subject.tolist(), samples.label.tolist(), strict=True)}:
        assert [sum(name.startswith(f"s{subject}c{label}r") for name in side) for side in sides] == [2, 3]
    again = split_recordings(samples.label, samples.subject, samples.recording, seed=1)
    assert again[0].tolist() != near.tolist()


# Subjects


@pytest.mark.parametrize(
    ("lists", "named"),
    [
        (SubjectLists((1, 9), (), (3,)), r"train_subjects.*\[9\].*\[1, 2, 3, 4\]"),
        (SubjectLists(None, (8,), (3,)), r"val_subjects.*\[8\]"),
        (SubjectLists(None, (), (3, 7)), r"test_subjects.*\[7\]"),
        (SubjectLists((1, 2, 3), (), (3, 4)), r"train_subjects.*\[3\].*test_subjects"),
        (SubjectLists((1, 2), (2,), (3,)), r"train_subjects.*\[2\].*val_subjects"),
        (SubjectLists(None, (3,), (3,)), r"val_subjects.*\[3\].*test_subjects"),
        (SubjectLists(None, (1, 2), (3, 4)), "train_subjects"),
        (SubjectLists((), (), (3,)), "train_subjects"),
        (SubjectLists(None, (), ()), "test_subjects"),
    ],
)
def test_lists_of_subjects_that_cannot_be_met_are_refused(lists: SubjectLists, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        make_split(make_samples(num_classes=CLASSES), lists, PLAIN, CLASSES, "A set")


def test_a_class_that_no_training_subject_has_is_refused() -> None:
    samples = make_samples(num_classes=CLASSES)
    keep = np.flatnonzero((samples.label != 2) | (samples.subject > 2))
    fewer = Samples({}, *(getattr(samples, key)[keep] for key in ("label", "subject", "recording", "start")))
    with pytest.raises(ConfigurationError, match=r"train_subjects.*\[2\]"):
        split(fewer)


# The order of drawing, against a naive loop


def test_every_prefix_of_the_order_is_a_round_robin() -> None:
    labels = np.repeat([0, 1, 2], [1, 4, 2])
    rank = rank_in_class(labels, seed=5)
    assert [sorted(rank[labels == c].tolist()) for c in range(3)] == [[0], [0, 1, 2, 3], [0, 1]]
    drawn = labels[balanced_order(labels, rank, seed=5)].tolist()
    assert sorted(drawn[:3]) == [0, 1, 2] and sorted(drawn[3:5]) == [1, 2] and drawn[5:] == [1, 1]


def test_preferred_samples_come_first_in_their_class() -> None:
    labels = np.repeat([0, 1], 6)
    for seed in range(5):
        rank = rank_in_class(labels, seed, first=[4, 5, 7])
        assert {int(rank[4]), int(rank[5])} == {0, 1} and rank[7] == 0
