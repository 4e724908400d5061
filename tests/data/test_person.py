"""A new person: labels and unlabelled recordings of the test subjects."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from cosmo_pl.data import person
from cosmo_pl.data.samples import Samples
from cosmo_pl.errors import ConfigurationError

from .splitting import CLASSES, class_counts, make_samples, split


def trial(samples: Samples, row: int) -> int:
    return int(samples.recording[row].rsplit("r")[1])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("unlabeled", [None, "add", "only"])
def test_the_tested_recordings_are_the_last_ones_for_every_number_of_labels(seed: int, unlabeled: str | None) -> None:
    samples = make_samples()
    for labels in (0, 1, 3):
        part = split(samples, seed=seed, person_per_class=labels, person_unlabeled=unlabeled)
        assert part.test.tolist() == [
            r for r in range(len(samples)) if samples.subject[r] > 2 and trial(samples, r) == 3
        ]
        assert not {*part.labeled.tolist(), *part.unlabeled.tolist()} & set(part.test.tolist())
        assert not set(part.labeled.tolist()) & set(part.unlabeled.tolist())


def test_labels_are_added_per_class_and_person_from_different_recordings_and_are_nested() -> None:
    samples, before, without = make_samples(), set(), split()
    for labels in (0, 1, 3, 5):
        part = split(samples, person_per_class=labels)
        own = part.labeled[samples.subject[part.labeled] > 2]
        assert set(without.labeled.tolist()) == set(part.labeled.tolist()) - set(own.tolist())
        assert part.unlabeled.tolist() == without.unlabeled.tolist()
        for subject in (3, 4):
            assert class_counts(samples, own[samples.subject[own] == subject]) == [labels] * CLASSES
        most = Counter(samples.recording[own].tolist()).values()
        assert max(most, default=0) <= -(-labels // 3)  # three recordings of each class are for adaptation
        assert before <= set(own.tolist())
        before = set(own.tolist())


def test_labels_of_a_person_do_not_depend_on_the_others() -> None:
    samples = make_samples()
    alone = split(samples, test=(3,), person_per_class=2).labeled
    both = split(samples, test=(3, 4), person_per_class=2).labeled
    assert {r for r in alone.tolist() if samples.subject[r] == 3} == {
        r for r in both.tolist() if samples.subject[r] == 3
    }


def test_unlabelled_samples_of_the_person_are_added_or_the_only_ones() -> None:
    samples, plain = make_samples(), split()
    added, only = (split(samples, person_per_class=1, person_unlabeled=how) for how in ("add", "only"))
    own = [r for r in added.unlabeled.tolist() if samples.subject[r] > 2]
    assert sorted([*plain.unlabeled.tolist(), *own]) == added.unlabeled.tolist()
    assert only.unlabeled.tolist() == own
    assert len(own) == 2 * CLASSES * (3 * 3 - 1)  # windows of three recordings, less the label


def test_samples_of_unknown_activity_are_not_the_persons() -> None:
    samples = make_samples()
    label = samples.label.copy()
    label[(samples.subject == 1) & (samples.start == 20)] = -1
    only = split(replace(samples, label=label), person_per_class=0, person_unlabeled="only")
    assert (samples.subject[only.unlabeled] > 2).all() and not len(only.unknown)


def test_a_class_with_a_recording_less_is_adapted_to_and_not_tested() -> None:
    samples = make_samples()
    kept = samples.some(np.flatnonzero(samples.recording != "s3c2r3"))
    part = split(kept, person_per_class=3)
    assert class_counts(kept, part.test) == [6, 6, 3, 6, 6]


def test_a_recording_of_each_class_is_divided_in_time_without_overlap() -> None:
    samples = make_samples(recordings=1, windows=12)  # a window begins every 10 steps
    test = np.flatnonzero(samples.subject > 2)
    for span in (10, 25):
        adaptation = person.adaptation_rows(samples, test, span)
        tested = person.tested_rows(samples, test, adaptation, span)
        end, first = samples.start[adaptation].max() + span, samples.start[tested].min()
        assert end <= first < end + 10 and end <= 0.75 * (110 + span)
        left_out = len(test) - len(adaptation) - len(tested)
        assert left_out == {10: 0, 25: 2 * 2 * CLASSES}[span]


def test_recordings_are_in_the_order_of_their_numbers() -> None:
    samples = make_samples((3,), 1, 12, 1)
    adaptation = person.adaptation_rows(samples, np.arange(12))
    assert [trial(samples, row) for row in adaptation] == list(range(9))


def test_what_cannot_be_met_is_refused() -> None:
    samples = make_samples(windows=1)
    with pytest.raises(
        ConfigurationError, match="person_labels_per_class: is 4, and subject 3 has 3 samples of class 0"
    ):
        split(samples, rate=0.5, person_per_class=4)
    with pytest.raises(
        ConfigurationError, match="person_labels_per_class: is 1, and subject 3 has 0 samples of class 0"
    ):
        split(make_samples(recordings=1, windows=1), rate=0.5, person_per_class=1)
    two = make_samples((3,), recordings=1, windows=2)
    rows = np.arange(len(two))
    with pytest.raises(ConfigurationError, match=r"person_labels_per_class: leaves no sample to test of the subjects"):
        person.tested_rows(two, rows, person.adaptation_rows(two, rows, 25), 25)
    with pytest.raises(ConfigurationError, match="person_unlabeled: is add, and person_labels_per_class is not given"):
        split(person_unlabeled="add")
    with pytest.raises(ConfigurationError, match="target_label_fraction: is given"):
        split(person_per_class=1, target_fraction=0.5)


def test_labels_of_no_person_are_none() -> None:
    assert not len(person.person_labels(make_samples(), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), 3, 0))
