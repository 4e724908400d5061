"""A new person: labels and unlabelled recordings of the test subjects."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from cosmo_pl.data import person
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.selection import natural_key
from cosmo_pl.data.split import Split, SubjectLists, make_split
from cosmo_pl.errors import ConfigurationError

from .splitting import CLASSES, NAMES, PLAIN, class_counts, make_samples, split


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
    names = ["walk 10²", "walk 10b", "walk 10", "walk 2"]
    assert sorted(names, key=natural_key) == ["walk 2", "walk 10", "walk 10b", "walk 10²"]


def test_what_cannot_be_met_is_refused() -> None:
    samples = make_samples(windows=1)
    with pytest.raises(ConfigurationError, match="person_labels_per_class: is 4, and subject 3 has 3 samples of walk"):
        split(samples, rate=0.5, person_per_class=4)
    with pytest.raises(ConfigurationError, match="person_labels_per_class: is 1, and subject 3 has 0 samples of walk"):
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
    assert not len(
        person.person_labels(make_samples(), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), 3, 0, NAMES)
    )


def diary(bouts: list[tuple[int, int]], subject: int = 4, name: str = "s4d1") -> list[tuple[int, int, str, int]]:
    """Windows of 20 steps, one every 10, of bouts of an activity (-1 is unknown) with so many windows each."""
    rows, time = [], 0
    for label, count in bouts:
        rows += [(label, subject, name, time + 10 * number) for number in range(count)]
        time += 10 * (count + 1)
    return rows


def diaries(*parts: list[tuple[int, int, str, int]]) -> Samples:
    """Recordings of three subjects, one activity each, and the diaries of another."""
    others = make_samples((1, 2, 3))
    labels, people, names, starts = zip(*[row for part in parts for row in part], strict=True)
    return Samples(
        {},
        np.concatenate([others.label, labels]),
        np.concatenate([others.subject, people]),
        np.concatenate([others.recording, names]),
        np.concatenate([others.start, starts]),
    )


def divided(samples: Samples, **changes: object) -> Split:
    """Subject 4 is tested, with windows of 20 steps."""
    return make_split(samples, SubjectLists(None, (), (4,)), replace(PLAIN, **changes), NAMES, "A set", 20)


@pytest.mark.parametrize("labels", [0, 1, 3])
def test_each_activity_of_a_diary_is_divided(labels: int) -> None:
    bouts = [(-1, 6), (0, 11), (1, 11), (-1, 10), (2, 11), (3, 11), (4, 11), (0, 8)]
    samples = diaries(diary(bouts))
    part = divided(samples, person_per_class=labels, person_unlabeled="only")
    assert set(samples.label[part.test].tolist()) == set(range(CLASSES))
    assert class_counts(samples, part.test) == [5, 2, 2, 2, 2]
    used = np.concatenate([part.labeled[samples.subject[part.labeled] == 4], part.unlabeled])
    own = np.flatnonzero(samples.subject == 4)
    assert set(used.tolist()) <= set(own.tolist()) and not set(used.tolist()) & set(part.test.tolist())
    apart = np.abs(samples.start[used][:, None] - samples.start[part.test][None])
    assert apart.min() >= 20  # no step is on both sides
    assert len(part.labeled) - len(divided(samples).labeled) == labels * CLASSES
    assert len(part.unknown) == 11 and set(part.unknown.tolist()) <= set(part.unlabeled.tolist())
    assert samples.start[part.unknown].max() == 350  # the first three quarters of the unlabelled time


def test_diaries_with_every_activity_stay_whole() -> None:
    bouts = [(label, 4) for label in range(CLASSES)]
    samples = diaries(*(diary([*bouts, (-1, 3)], name=f"s4d{day}") for day in range(1, 5)))
    part = divided(samples, person_per_class=0, person_unlabeled="only")
    assert set(samples.recording[part.test].tolist()) == {"s4d4"} and len(part.test) == 4 * CLASSES
    assert set(samples.recording[part.unlabeled].tolist()) == {"s4d1", "s4d2", "s4d3"}
    assert len(part.unlabeled) == 3 * (4 * CLASSES + 3) and len(part.unknown) == 3 * 3


def test_an_activity_that_is_in_one_of_several_diaries_is_divided_with_the_others() -> None:
    days = [[(label, 8) for label in range(CLASSES - 1)] for _ in range(4)]
    days[0].append((CLASSES - 1, 11))
    samples = diaries(*(diary(bouts, name=f"s4d{day}") for day, bouts in enumerate(days)))
    part = divided(samples, person_per_class=1)
    assert class_counts(samples, part.test)[-1] == 2 and min(class_counts(samples, part.test)[:-1]) >= 8


def test_recordings_without_any_label_are_for_adaptation() -> None:
    samples = diaries(diary([(label, 11) for label in range(CLASSES)]), diary([(-1, 7)], name="s4d2"))
    assert len(divided(samples, person_per_class=0, person_unlabeled="add").unknown) == 7
    assert not len(divided(samples, person_per_class=0).unknown)
    assert not len(divided(samples).unknown)


def test_a_class_that_is_not_tested_is_named() -> None:
    samples = diaries(diary([(0, 1), *((label, 11) for label in range(1, CLASSES))]))
    assert class_counts(samples, divided(samples, person_per_class=0).test)[0] == 1
    with pytest.raises(ConfigurationError, match=r"subject 4 has 0 samples of walk\. Record more of it"):
        divided(samples, person_per_class=1)
    short = make_samples((1, 2, 3, 4)).some(np.flatnonzero(~np.isin(make_samples().recording, ["s4c0r2", "s4c0r3"])))
    with pytest.warns(UserWarning, match=r"no sample of walk of subject 4 to test"):
        split(short, test=(4,), person_per_class=0)
