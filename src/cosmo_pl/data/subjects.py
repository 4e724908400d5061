"""Training, validation and test subjects, given as lists or as leave-subjects-out folds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.selection import Indices
from cosmo_pl.errors import ConfigurationError


def cut_folds(subjects: Sequence[int], count: int) -> list[tuple[int, ...]]:
    """Divides the sorted subjects into consecutive, disjoint groups whose sizes differ by at most one.

    Args:
        subjects: Distinct subjects, in any order.
        count: Number of groups, at most the number of subjects.

    Returns:
        The groups in ascending order, the larger ones first.
    """
    return [tuple(group.tolist()) for group in np.array_split(np.sort(np.asarray(subjects, dtype=np.int64)), count)]


@dataclass(frozen=True)
class Folds:
    """Groups of subjects, one of which is tested.

    Args:
        groups: Number of groups into which the subjects on disk are divided, at least 2; or the groups themselves.
        fold: Number of the tested group, from 0.

    Raises:
        ConfigurationError: A group is empty, two overlap, or `fold` is out of range.
    """

    groups: int | Sequence[Sequence[int]]
    fold: int

    def __post_init__(self) -> None:
        if not isinstance(self.groups, int):
            _check_groups(self.groups)
        count = self.groups if isinstance(self.groups, int) else len(self.groups)
        if not 0 <= self.fold < count:
            raise ConfigurationError("fold", f"is {self.fold}, and there are {count} folds", f"Use 0 to {count - 1}")

    def test_subjects(self, present: Sequence[int], dataset: str) -> tuple[int, ...]:
        """Subjects of the tested group.

        Args:
            present: Distinct subjects on disk.
            dataset: Name of the dataset, for the message.

        Raises:
            ConfigurationError: There are more folds than subjects, or a named subject is not on disk.
        """
        if isinstance(self.groups, int):
            if self.groups > len(present):
                raise ConfigurationError(
                    "folds", f"is {self.groups}, and {dataset} on disk has {len(present)} subjects", "Use fewer folds"
                )
            return cut_folds(present, self.groups)[self.fold]
        absent = sorted({subject for group in self.groups for subject in group} - set(present))
        if absent:
            raise ConfigurationError(
                "folds", f"{dataset} on disk has no subject {absent}", f"Subjects on disk: {sorted(present)}"
            )
        return tuple(self.groups[self.fold])


@dataclass(frozen=True)
class SubjectLists:
    """Subjects of each part.

    Args:
        train: Training subjects; None takes all subjects that are in neither of the other parts.
        val: Validation subjects.
        test: Test subjects.
        folds: Folds that determine `test`, see `located`.
        untested: Whether there are to be no test subjects, as on a device that has the recordings of its user alone.
        left_out: Subjects of the tested fold that are not tested, and not trained on unless they are named.
    """

    train: Sequence[int] | None
    val: Sequence[int]
    test: Sequence[int]
    folds: Folds | None = None
    untested: bool = False
    left_out: Sequence[int] = ()

    def located(self, present: Sequence[int], dataset: str) -> SubjectLists:
        """The same lists with the test subjects of the folds, for the subjects on disk.

        Where test subjects are given as well, these alone are tested, and the others of the fold are in no part.

        Raises:
            ConfigurationError: The folds do not fit these subjects, or a given test subject is not in the tested fold.
        """
        if self.folds is None:
            return self
        group = self.folds.test_subjects(present, dataset)
        if not set(self.test) <= set(group):
            problem = f"is {list(self.test)}, and fold {self.folds.fold} is {list(group)}"
            raise ConfigurationError("test_subjects", problem, "Name subjects of the fold, or leave out folds and fold")
        tested = self.test or group
        return replace(self, test=tested, left_out=tuple(subject for subject in group if subject not in tested))

    def tested_or_all(self, present: NDArray[np.int64]) -> SubjectLists:
        """The same lists; without test subjects, all subjects on disk are tested, as by a model of other recordings."""
        return self if self.test else replace(self, test=np.unique(present).tolist())

    def evaluated(self, present: Sequence[int], by_a_trained_model: bool) -> tuple[int, ...]:
        """Subjects that are tested or, without any, those on disk that a trained model recognises."""
        return tuple(self.test or (present if by_a_trained_model else ()))

    def training(self, present: Collection[int]) -> list[int]:
        """Training subjects, unless they are given those of the subjects on disk that are in no other part."""
        held_out = {*self.val, *self.test, *self.left_out}
        return [each for each in present if each not in held_out] if self.train is None else list(self.train)

    def resolve(self, present: NDArray[np.int64], dataset: str) -> tuple[Indices, Indices, Indices]:
        """Checks the lists against the subjects on disk.

        Returns:
            Training, validation and test subjects.

        Raises:
            ConfigurationError: A subject is missing on disk or in two lists, or there is no training or test subject.
        """
        lists = {
            "train_subjects": self.training(present.tolist()),
            "val_subjects": list(self.val),
            "test_subjects": list(self.test),
        }
        for name, subjects in lists.items():
            absent = sorted(set(subjects) - set(present.tolist()))
            if absent:
                raise ConfigurationError(
                    name, f"{dataset} on disk has no subject {absent}", f"Subjects on disk: {sorted(present.tolist())}"
                )
        for one, other in combinations(lists, 2):
            shared = sorted(set(lists[one]) & set(lists[other]))
            if shared:
                raise ConfigurationError(one, f"subjects {shared} are also in {other}", "Leave them in one list only")
        for name in ("train_subjects", "test_subjects"):
            if not lists[name] and not (name == "test_subjects" and self.untested):
                raise ConfigurationError(name, "no subject is left", "Name at least one")
        train_ids, val_ids, test_ids = (np.asarray(subjects, dtype=np.int64) for subjects in lists.values())
        return train_ids, val_ids, test_ids


def subjects_of(
    train: Sequence[int] | None,
    val: Sequence[int],
    test: Sequence[int] | None,
    default_test: Sequence[int],
    folds: int | Sequence[Sequence[int]] | None,
    fold: int | None,
) -> SubjectLists:
    """The lists that a datamodule's arguments describe.

    Args:
        train: Training subjects.
        val: Validation subjects.
        test: Test subjects; an empty list for none, without folds.
        default_test: Test subjects where neither `test` nor folds are given.
        folds: See `Folds`.
        fold: See `Folds`.

    Raises:
        ConfigurationError: `folds` are given without `fold` or the other way round, or cannot be used, or `test` is
            empty with them.
    """
    if folds is None and fold is not None:
        raise ConfigurationError("folds", f"is not given, and fold is {fold}", "Give both or neither")
    if folds is not None and fold is None:
        raise ConfigurationError("fold", "is not given, and folds are", "Give the number of the tested fold, from 0")
    if folds is None or fold is None:
        tested = tuple(default_test if test is None else test)
        return SubjectLists(train, tuple(val), tested, untested=test is not None and not tested)
    if test is not None and not test:
        raise ConfigurationError("test_subjects", "is an empty list, and a fold is tested", "Give one of the two")
    return SubjectLists(train, tuple(val), tuple(test or ()), Folds(folds, fold))


def _check_groups(groups: Sequence[Sequence[int]]) -> None:
    if not groups or not all(groups):
        raise ConfigurationError("folds", f"{list(groups)} has an empty group", "Name at least one subject in each")
    subjects = [subject for group in groups for subject in group]
    shared = sorted({subject for subject in subjects if subjects.count(subject) > 1})
    if shared:
        raise ConfigurationError("folds", f"subjects {shared} are named more than once", "Name each in one group")
