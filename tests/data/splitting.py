"""Samples without inputs, and splits of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cosmo_pl.data.samples import Samples
from cosmo_pl.data.split import LabelSampling, Split, SubjectLists, make_split

NAMES = ("walk", "run", "jump", "sit", "stand")
CLASSES = len(NAMES)
PLAIN = LabelSampling(
    rate=0.1,
    per_class=None,
    recordings=None,
    seed=0,
    max_train_samples=None,
    max_train_per_class=None,
    max_test_samples=None,
    unlabeled_per_labeled=None,
    target_fraction=None,
)


def make_samples(
    subjects: Sequence[int] = (1, 2, 3, 4), num_classes: int = CLASSES, recordings: int = 4, windows: int = 3
) -> Samples:
    """Samples without inputs: each subject has `recordings` of each class, each of `windows` windows."""
    rows = [
        (label, subject, f"s{subject}c{label}r{recording}", 10 * window)
        for subject in subjects
        for label in range(num_classes)
        for recording in range(recordings)
        for window in range(windows)
    ]
    labels, people, names, starts = zip(*rows, strict=True)
    return Samples({}, np.array(labels), np.array(people), np.array(names), np.array(starts))


def split(samples: Samples | None = None, test: tuple[int, ...] = (3, 4), **changes: object) -> Split:
    samples = make_samples() if samples is None else samples
    return make_split(samples, SubjectLists(None, (), test), replace(PLAIN, **changes), NAMES, "A set")


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
