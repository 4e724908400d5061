"""Cutting subjects into folds."""

from __future__ import annotations

import pytest

from cosmo_pl.data.subjects import Folds, cut_folds, subjects_of
from cosmo_pl.errors import ConfigurationError


@pytest.mark.parametrize(
    ("subjects", "count", "expected"),
    [
        (range(1, 9), 4, [(1, 2), (3, 4), (5, 6), (7, 8)]),
        (range(1, 15), 4, [(1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11), (12, 13, 14)]),
        ([9, 2, 30], 3, [(2,), (9,), (30,)]),  # by number, whatever the order and the gaps
        ([3, 1, 2], 2, [(1, 2), (3,)]),
    ],
)
def test_cuts_the_sorted_subjects(subjects: list[int], count: int, expected: list[tuple[int, ...]]) -> None:
    assert cut_folds(list(subjects), count) == expected


@pytest.mark.parametrize("people", range(2, 16))
def test_sizes_differ_by_at_most_one_and_nobody_is_lost(people: int) -> None:
    for count in range(2, people + 1):
        folds = cut_folds(range(people), count)
        sizes = [len(fold) for fold in folds]
        assert len(folds) == count and max(sizes) - min(sizes) <= 1 and sizes == sorted(sizes, reverse=True)
        assert [subject for fold in folds for subject in fold] == list(range(people))


def test_named_groups_stay_as_they_are() -> None:
    assert Folds([[5, 3], [1]], 0).test_subjects([1, 3, 5, 7], "A set") == (5, 3)
    with pytest.raises(ConfigurationError, match=r"folds: A set on disk has no subject \[5\].*\[1, 3, 7\]"):
        Folds([[5, 3], [1]], 1).test_subjects([1, 3, 7], "A set")  # another group than the tested one counts as well


def test_the_default_is_for_neither_list_nor_folds() -> None:
    def tested(test: list[int] | None, folds: int | None, fold: int | None) -> tuple[int, ...]:
        return tuple(subjects_of(None, (), test, (7, 8), folds, fold).located(range(1, 9), "A set").test)

    assert tested(None, None, None) == (7, 8)
    assert tested([3], None, None) == (3,)
    assert tested([], None, None) == ()  # refused later, as no test subject at all
    assert tested(None, 4, 0) == (1, 2)
    assert tested([1, 2], 4, 0) == (1, 2)
    with pytest.raises(ConfigurationError, match="test_subjects"):
        tested([7, 8], 4, 0)
    with pytest.raises(ConfigurationError, match="test_subjects: is an empty list, and a fold is tested"):
        tested([], 4, 0)


def test_the_untested_of_the_tested_fold_are_not_trained_on() -> None:
    people = range(1, 9)
    found = subjects_of(None, (), [1], (7, 8), 4, 0).located(people, "A set")
    assert (tuple(found.test), found.left_out) == ((1,), (2,))
    assert found.training(people) == [3, 4, 5, 6, 7, 8]
