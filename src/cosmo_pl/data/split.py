"""Training, validation and test samples by subject, and the sampling of labels among the training samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning.utilities import rank_zero_warn

from cosmo_pl.data.label_splits import Listed, listed_positions, read_label_split
from cosmo_pl.data.person import (
    PersonUnlabeled,
    adaptation_rows,
    person_labels,
    tested_rows,
    unlabeled_rows,
    untested_classes,
)
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.selection import Indices, balanced_order, evenly_spaced, rank_in_class, split_recordings
from cosmo_pl.data.subjects import SubjectLists
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import user_path

PROBE_QUERIES = 2000  # with so many samples, the standard error of a nearest-neighbour score is about 1 %


@dataclass(frozen=True)
class Split:
    """Indices of the samples of each part.

    The subjects of `train`, `val` and `test` are disjoint. With `target_label_fraction` or `person_labels_per_class`,
    `labeled` and `unlabeled` have recordings of the test subjects as well, which `test` does not have.

    Args:
        train: All samples of the training subjects, including those that are left out by a limit.
        labeled: Labelled training samples.
        unlabeled: Unlabelled training samples, disjoint from `labeled`.
        val: Validation samples.
        test: Test samples.
        unknown: Those of `unlabeled` whose activity nobody knows.
        added: Those of `labeled` that a file of labels adds.
    """

    train: Indices
    labeled: Indices
    unlabeled: Indices
    val: Indices
    test: Indices
    unknown: Indices = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    added: Indices = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def with_labels(self, rows: Indices) -> Split:
        """The split with further training samples labelled; those that are labelled already stay so."""
        return replace(
            self,
            labeled=np.union1d(self.labeled, rows),
            unlabeled=np.setdiff1d(self.unlabeled, rows),
            unknown=np.setdiff1d(self.unknown, rows),
            added=np.setdiff1d(rows, self.labeled),
        )

    @property
    def without_added(self) -> Split:
        """The split without the file of labels."""
        labeled, unlabeled = np.setdiff1d(self.labeled, self.added), np.union1d(self.unlabeled, self.added)
        return replace(self, labeled=labeled, unlabeled=unlabeled, added=self.added[:0]) if len(self.added) else self

    def without_label(self, samples: Samples, class_names: Sequence[str]) -> list[str]:
        """Names of the classes of which no training sample is labelled."""
        labelled = set(samples.label[self.labeled].tolist())
        return [name for label, name in enumerate(class_names) if label not in labelled]

    def pretraining(self, include_labeled: bool) -> Indices:
        """Samples of the pretraining: the unlabelled ones, and with `include_labeled` the labelled ones as well."""
        return np.sort(np.concatenate([self.unlabeled, self.labeled])) if include_labeled else self.unlabeled

    def measured(self, include_labeled: bool) -> Indices:
        """Samples on which modality quality is measured: the unlabelled ones.

        If fewer samples are unlabelled than labelled, they are those of `pretraining`.
        """
        few = len(self.unlabeled) < len(self.labeled)
        return self.pretraining(include_labeled) if few else self.unlabeled

    @property
    def probe(self) -> dict[str, Indices]:
        """Samples of a nearest-neighbour probe of the pretraining.

        "reference" has the labelled samples, "query" the validation samples, or else the unlabelled training samples
        whose activity is known. Without a reference or a query the result is empty.
        """
        query = self.val if len(self.val) else np.setdiff1d(self.unlabeled, self.unknown)
        if not len(query) or not len(self.labeled):
            return {}
        return {"reference": self.labeled, "query": query[evenly_spaced(len(query), PROBE_QUERIES)]}

    def tracked(self, test: bool) -> dict[str, Indices]:
        """Samples that fine-tuning evaluates: "val" if there are validation subjects, and "test" if `test` is true."""
        parts = {"val": self.val} if len(self.val) else {}
        return {**parts, "test": self.test} if test else parts

    def __str__(self) -> str:
        training = f"{len(self.labeled)} labelled and {len(self.unlabeled)} unlabelled training samples"
        return f"{training}, {len(self.val)} validation, {len(self.test)} test"


@dataclass(frozen=True)
class LabelSampling:
    """How the labelled and unlabelled samples are selected.

    Args:
        rate: `label_rate` of `MultimodalDataModule`.
        per_class: `labels_per_class`.
        seed: `label_seed`.
        max_train_samples: The argument of that name.
        max_train_per_class: The argument of that name.
        max_test_samples: The argument of that name.
        unlabeled_per_labeled: The argument of that name.
        target_fraction: `target_label_fraction`.
        person_per_class: `person_labels_per_class`.
        person_unlabeled: The argument of that name.
        recordings: The labelled recordings or samples if they are listed; None if labels are sampled.
        missing_classes: Whether the training samples may lack classes.
    """

    rate: float
    per_class: int | None
    seed: int
    max_train_samples: int | None
    max_train_per_class: int | None
    max_test_samples: int | None
    unlabeled_per_labeled: float | None
    target_fraction: float | None
    person_per_class: int | None = None
    person_unlabeled: PersonUnlabeled | None = None
    recordings: frozenset[Listed] | None = None
    missing_classes: bool = False

    def __post_init__(self) -> None:
        if self.person_unlabeled is not None and self.person_per_class is None:
            problem = f"is {self.person_unlabeled}, and person_labels_per_class is not given"
            raise ConfigurationError("person_unlabeled", problem, "Give it as well; 0 labels nothing of the person")
        if self.person_per_class is not None and self.target_fraction is not None:
            problem = "is given, and so is person_labels_per_class"
            raise ConfigurationError("target_label_fraction", problem, "Give one of them")

    def count(self, pool: int, num_classes: int) -> int:
        """Number of labels.

        Args:
            pool: Number of training samples.
            num_classes: Number of classes of these samples.

        Raises:
            ConfigurationError: It is less than one label per class.
        """
        wanted = round(self.rate * pool) if self.per_class is None else self.per_class * num_classes
        if wanted < num_classes and not self.missing_classes:
            problem = f"gives {wanted} labels of {pool} training samples, fewer than the {num_classes} classes"
            least = math.ceil(10_000 * num_classes / max(pool, 1)) / 10_000
            argument = "label_rate" if self.per_class is None else "labels_per_class"
            raise ConfigurationError(argument, problem, f"Use a label_rate of at least {least}")
        return wanted


def listed_labels(sampling: LabelSampling, folder: Path, file: str, name: str | None) -> LabelSampling:
    """Replaces the sampling of labels by a list of recordings, if the name of a list is given.

    Args:
        sampling: How labels are sampled.
        folder: The dataset's folder.
        file: JSON file of lists, in that folder or a path.
        name: Name of the list; None leaves `sampling` as it is.

    Raises:
        ConfigurationError: See `read_label_split`.
    """
    if name is None:
        return sampling
    path = folder / file if (folder / file).exists() else user_path(file)
    return replace(sampling, recordings=read_label_split(path, name))


def make_split(
    samples: Samples, subjects: SubjectLists, sampling: LabelSampling, names: Sequence[str], dataset: str, span: int = 1
) -> Split:
    """Splits the samples by subject, and the training samples into a labelled and an unlabelled part.

    Samples of an unknown activity are unlabelled training samples, and are neither validated nor tested. If no training
    sample has a known activity, none is labelled: such data can be used for pretraining.

    Args:
        samples: All samples of the dataset.
        subjects: Subjects of each part.
        sampling: How labels are sampled.
        names: Names of the activities.
        dataset: Name of the dataset, for the message.
        span: Steps of a recording that a sample covers.

    Raises:
        ConfigurationError: Subjects or labels are missing; the message names the argument.
    """
    train_ids, val_ids, test_ids = subjects.resolve(np.unique(samples.subject), dataset)
    train = np.flatnonzero(np.isin(samples.subject, train_ids))
    known = samples.label >= 0
    val, test = (np.flatnonzero(np.isin(samples.subject, ids) & known) for ids in (val_ids, test_ids))
    pool = train[evenly_spaced(len(train), sampling.max_train_samples)]
    unknown, pool = pool[~known[pool]], pool[known[pool]]
    if not len(pool):
        return _without_labels(train, unknown, val, test, sampling)
    labeled, rest = _labeled(samples, pool, sampling, names)
    if sampling.target_fraction is not None:
        labeled, rest, test = _with_target_labels(samples, labeled, rest, test, sampling)
    rest = np.concatenate([rest, unknown])
    if sampling.person_per_class is not None:
        own = np.flatnonzero(np.isin(samples.subject, test_ids) & ~known)
        labeled, rest, test = _with_person(samples, labeled, rest, test, own, sampling, names, span)
    unlabeled = np.sort(_some_unlabeled(rest, len(labeled), sampling))
    return Split(
        train=train,
        labeled=np.sort(labeled),
        unlabeled=unlabeled,
        val=val,
        test=test[evenly_spaced(len(test), sampling.max_test_samples)],
        unknown=unlabeled[~known[unlabeled]],
    )


def _labeled(samples: Samples, pool: Indices, sampling: LabelSampling, names: Sequence[str]) -> tuple[Indices, Indices]:
    """Those of a pool of training samples that are labelled, and the others of at most `max_train_per_class`."""
    present = set(samples.label[pool].tolist())
    absent = [name for label, name in enumerate(names) if label not in present]
    if absent and not sampling.missing_classes:
        raise ConfigurationError(
            "train_subjects", f"their recordings hold no sample of {', '.join(absent)}", "Add subjects"
        )
    first = listed_positions(samples, pool, sampling.recordings)
    rank = rank_in_class(samples.label[pool], sampling.seed, first)
    if sampling.max_train_per_class is not None:
        keep = np.flatnonzero(rank < sampling.max_train_per_class)
        pool, rank = pool[keep], rank[keep]
        first = listed_positions(samples, pool, sampling.recordings)
    order = pool[balanced_order(samples.label[pool], rank, sampling.seed)]
    if sampling.recordings is not None:
        return pool[first], np.setdiff1d(pool, pool[first])
    wanted = sampling.count(len(pool), len(names) - len(absent))
    if sampling.per_class is not None:
        _check_classes(samples.label[pool], sampling.per_class)
    return order[:wanted], order[wanted:]


def _without_labels(train: Indices, unknown: Indices, val: Indices, test: Indices, sampling: LabelSampling) -> Split:
    """Split of training samples none of which has a label.

    Raises:
        ConfigurationError: An argument needs labels.
    """
    arguments = {
        "target_label_fraction": sampling.target_fraction,
        "person_labels_per_class": sampling.person_per_class,
        "unlabeled_per_labeled": sampling.unlabeled_per_labeled,
    }
    for name, value in arguments.items():
        if value is not None:
            raise ConfigurationError(name, f"is {value}, and no training sample has a label", "Add labels, or use null")
    test = test[evenly_spaced(len(test), sampling.max_test_samples)]
    return Split(train, train[:0], unknown, val, test, unknown)


def tested_split(samples: Samples, subjects: SubjectLists, limit: int | None, dataset: str) -> Split:
    """Split that has only the samples of the test subjects, for a model that was trained on other recordings.

    Args:
        samples: All samples.
        subjects: Subjects of each part, of which only `test` is used.
        limit: Largest number of test samples, evenly spaced; None takes all.
        dataset: Name of the dataset, for the message.

    Raises:
        ConfigurationError: A test subject is missing on disk.
    """
    present = np.unique(samples.subject).tolist()
    absent = sorted(set(subjects.test) - set(present))
    if absent:
        raise ConfigurationError(
            "test_subjects", f"{dataset} on disk has no subject {absent}", f"Choose the subjects to test from {present}"
        )
    test = np.flatnonzero(np.isin(samples.subject, subjects.test) & (samples.label >= 0))
    empty = np.zeros(0, dtype=np.int64)
    return Split(empty, empty, empty, empty, test[evenly_spaced(len(test), limit)])


def check_labels(
    split: Split, samples: Samples, class_names: Sequence[str], label_split: str | None, sampling: LabelSampling
) -> None:
    """Checks that no training sample lacks a modality, and that a list of labels has every class.

    Args:
        split: The split.
        samples: All samples of the dataset.
        class_names: Names of the activities.
        label_split: Name of the list of labelled recordings; None if labels are sampled, or may lack classes.
        sampling: How labels were sampled.

    Raises:
        ConfigurationError: Incomplete clips of test subjects are kept and labelled, or the list lacks a class.
    """
    rows = np.concatenate([split.labeled, split.unlabeled])
    lacking = sum(int((~present[rows]).sum()) for present in samples.present.values())
    if lacking:
        name = "target_label_fraction" if sampling.person_per_class is None else "person_labels_per_class"
        problem = f"would train on {lacking} clips of test subjects that lack a modality"
        raise ConfigurationError(name, problem, "Set keep_incomplete to false")
    missing = split.without_label(samples, class_names)
    if label_split is not None and len(split.labeled) and missing:
        problem = f"'{label_split}' lists no recording of {', '.join(missing)}"
        remedy = "List at least one of each class, or set allow_missing_classes to true"
        raise ConfigurationError("label_split", problem, remedy)


def _check_classes(labels: NDArray[np.int64], per_class: int) -> None:
    fewest = int(np.unique(labels, return_counts=True)[1].min())  # an absent class is allowed, or was refused before
    if per_class > fewest:
        raise ConfigurationError(
            "labels_per_class",
            f"is {per_class}, and the smallest class has {fewest} training samples",
            f"Use fewer, at most {fewest}",
        )


def _some_unlabeled(rest: Indices, num_labeled: int, sampling: LabelSampling) -> Indices:
    """Samples unlabelled training samples independently of their classes, which are unknown; samples are nested."""
    if sampling.unlabeled_per_labeled is None:
        return rest
    wanted = round(sampling.unlabeled_per_labeled * num_labeled)
    if not 1 <= wanted <= len(rest):
        raise ConfigurationError(
            "unlabeled_per_labeled",
            f"gives {wanted} unlabelled samples, and there are {len(rest)}",
            f"Use at most {len(rest) / num_labeled:.2f}" if num_labeled else "Label some samples",
        )
    return np.random.default_rng(sampling.seed).permutation(np.sort(rest))[:wanted]


def _with_target_labels(
    samples: Samples, labeled: Indices, rest: Indices, test: Indices, sampling: LabelSampling
) -> tuple[Indices, Indices, Indices]:
    """Samples a fraction of the labels from half of the test subjects' recordings; the other half is the test set.

    The test set is the same for every fraction, so that 0 is the comparison "without target labels" (Fig. 13).
    """
    near, far = split_recordings(samples.label[test], samples.subject[test], samples.recording[test], sampling.seed)
    target, test = test[near], test[far]
    classes = samples.label[labeled]
    labeled = labeled[balanced_order(classes, rank_in_class(classes, sampling.seed), sampling.seed)]
    wanted = round((sampling.target_fraction or 0.0) * len(labeled))
    kept, replaced = labeled[: len(labeled) - wanted], labeled[len(labeled) - wanted :]
    # As many per class as are replaced, so that the labels stay equally balanced.
    needed = np.bincount(samples.label[replaced], minlength=samples.label.max(initial=0) + 1)
    target = target[rank_in_class(samples.label[target], sampling.seed) < needed[samples.label[target]]]
    if len(target) < wanted:
        raise ConfigurationError(
            "target_label_fraction",
            f"gives {wanted} labels of the test subjects, whose recordings have {len(target)} of these classes",
            "Use a smaller fraction or fewer labels",
        )
    return np.concatenate([kept, target]), np.concatenate([rest, replaced]), test


def _with_person(
    samples: Samples,
    labeled: Indices,
    rest: Indices,
    test: Indices,
    unknown: Indices,
    sampling: LabelSampling,
    names: Sequence[str],
    span: int,
) -> tuple[Indices, Indices, Indices]:
    """Adds labels of the test subjects, and leaves what is for adaptation out of the test set.

    The test set is the same for every number of labels, so that 0 is the comparison "without labels of the person".
    """
    adaptation = adaptation_rows(samples, test, span)
    tested = tested_rows(samples, test, adaptation, span)
    for subject, classes in untested_classes(samples, test, tested).items():
        rank_zero_warn(
            f"person_labels_per_class leaves no sample of {', '.join(names[label] for label in classes)} of subject "
            f"{subject} to test: scores say nothing of them. Record more of them"
        )
    own = person_labels(samples, test, adaptation, sampling.person_per_class or 0, sampling.seed, names)
    unknown = unlabeled_rows(samples, unknown, tested, adaptation, span)
    unlabeled = np.union1d(np.setdiff1d(adaptation, own), unknown)
    parts = {None: [rest], "add": [rest, unlabeled], "only": [unlabeled]}
    return np.concatenate([labeled, own]), np.concatenate(parts[sampling.person_unlabeled]), tested
