"""Unlabelled samples, labels of the test subjects, and lists of subjects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosmo_pl.data.samples import Samples
from cosmo_pl.data.split import Split, SubjectLists, _some_unlabeled, make_split
from cosmo_pl.data.split import tested_split as split_of_tested
from cosmo_pl.errors import ConfigurationError

from .splitting import CLASSES, NAMES, PLAIN, class_counts, make_samples, split

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
    samples, named = make_samples(), frozenset(f"s1c{label}r0" for label in range(CLASSES))
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


def test_the_cut_does_not_depend_on_the_order_of_the_samples() -> None:
    sampling, rest = replace(PLAIN, unlabeled_per_labeled=1.0), np.arange(40)
    one, other = (_some_unlabeled(rows, 12, sampling).tolist() for rows in (rest, rest[::-1]))
    assert one == other


def test_without_any_label_no_number_of_unlabelled_samples_follows() -> None:
    line = r"^unlabeled_per_labeled: gives 0 unlabelled samples, and there are 120\. Label some samples"
    with pytest.raises(ConfigurationError, match=line):
        split(rate=0.001, missing_classes=True, unlabeled_per_labeled=1.0)


# Labels of the test subjects


@pytest.mark.parametrize("seed", range(3))
def test_target_labels_are_that_share_of_a_fixed_number_and_the_test_pool_is_one(seed: int) -> None:
    samples, tests = make_samples(), []
    for fraction in (0, 0.25, 0.5, 1):
        part = split(samples, rate=1 / 3, seed=seed, target_fraction=fraction)
        of_test = np.isin(samples.subject[part.labeled], (3, 4))
        assert len(set(part.labeled.tolist())) == 40 and of_test.sum() == round(40 * fraction)
        assert not set(samples.recording[part.labeled]) & set(samples.recording[part.test])
        # A training sample that lost its label is unlabelled now; nothing of the test subjects is.
        assert sorted([*part.labeled[~of_test], *part.unlabeled]) == part.train.tolist()
        tests.append(part.test.tolist())
    assert all(test == tests[0] for test in tests)
    assert {name.rsplit("r")[0] for name in samples.recording[tests[0]]} == {
        f"s{subject}c{label}" for subject in (3, 4) for label in range(CLASSES)
    }
    assert len(tests[0]) == 60  # two of the four recordings of each class and subject


@pytest.mark.parametrize("labels", [{"rate": 1 / 12}, {"rate": 1 / 3}, {"recordings": True}])
@pytest.mark.parametrize("fraction", [0.3, 0.5, 0.7])
def test_target_labels_leave_the_classes_as_balanced_as_they_were(labels: dict[str, object], fraction: float) -> None:
    samples = make_samples(windows=2)
    if labels == {"recordings": True}:
        labels = {"recordings": frozenset(f"s{1 + c % 2}c{c}r0" for c in range(CLASSES))}
    before, after = (
        class_counts(samples, split(samples, target_fraction=share, **labels).labeled) for share in (0, fraction)
    )
    assert sum(before) == sum(after)
    assert max(after) - min(after) <= max(1, max(before) - min(before))


def test_without_target_labels_the_test_set_is_whole() -> None:
    samples = make_samples()
    assert split(samples).test.tolist() == np.flatnonzero(samples.subject > 2).tolist()


def test_more_target_labels_than_there_are_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="target_label_fraction"):
        split(rate=0.9, target_fraction=1.0)
    with pytest.raises(ConfigurationError, match="target_label_fraction"):
        split(make_samples(recordings=1), rate=0.5, target_fraction=0.5)


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
        make_split(make_samples(), lists, PLAIN, NAMES, "A set")


def test_a_class_that_no_training_subject_has_is_refused() -> None:
    samples = make_samples()
    keep = np.flatnonzero((samples.label != 2) | (samples.subject > 2))
    fewer = Samples({}, *(getattr(samples, key)[keep] for key in ("label", "subject", "recording", "start")))
    with pytest.raises(ConfigurationError, match=r"train_subjects: their recordings hold no sample of jump\. Add"):
        split(fewer)


# Samples on which the quality of the modalities is measured


@pytest.mark.parametrize(("labeled", "measured"), [(2, [2, 3]), (3, [0, 1, 2, 3])])
def test_quality_is_measured_on_all_if_fewer_are_unlabelled_than_labelled(labeled: int, measured: list[int]) -> None:
    rows, none = np.arange(4), np.arange(0)
    found = Split(rows, rows[:labeled], rows[labeled:], none, none)
    assert found.measured(include_labeled=True).tolist() == measured


def test_samples_without_a_label_are_not_tested() -> None:
    samples = make_samples()
    samples.label[np.flatnonzero(samples.subject == 1)[:3]] = -1
    tested = split_of_tested(samples, SubjectLists(None, (), (1,)), None, "A set").test
    assert len(tested) == (samples.subject == 1).sum() - 3 and (samples.label[tested] >= 0).all()
