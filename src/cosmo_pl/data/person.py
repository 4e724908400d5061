"""A new person: which recordings of a test subject are for adaptation, and which of them are labelled."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np

from cosmo_pl.data.samples import Samples
from cosmo_pl.data.selection import Indices
from cosmo_pl.errors import ConfigurationError

PersonUnlabeled = Literal["add", "only"]
"""How samples of the test subjects that are for adaptation and not labelled become unlabelled training samples."""


def adaptation_rows(samples: Samples, test: Indices, span: int = 1) -> Indices:
    """Those of the test samples that are for adaptation: of each subject about the first three quarters.

    If a subject's typical class (the median) has n > 1 recordings, these are the first floor(3n/4) recordings of each
    class, in the order of their names with numbers by value. All windows of a recording are on one side. If it has
    one, they are the windows in the first three quarters of each recording.

    Args:
        samples: All samples of the dataset.
        test: Indices of all samples of the test subjects.
        span: Steps of a sample, for windows that overlap. Those that share steps with a tested window are left out of
            both sides, see `tested_rows`.

    Returns:
        Indices of the samples for adaptation, ascending.
    """
    parts = [_of_subject(samples, test[samples.subject[test] == s], span) for s in np.unique(samples.subject[test])]
    return np.sort(np.concatenate(parts)) if parts else test


def tested_rows(samples: Samples, test: Indices, adaptation: Indices, span: int = 1) -> Indices:
    """The test samples that are neither for adaptation nor share steps with samples that are.

    Args:
        samples: All samples of the dataset.
        test: Indices of all samples of the test subjects.
        adaptation: Result of `adaptation_rows`.
        span: Steps of a sample.

    Raises:
        ConfigurationError: No sample of a test subject is left.
    """
    ends: dict[str, int] = {}
    for recording, start in zip(
        samples.recording[adaptation].tolist(), samples.start[adaptation].tolist(), strict=True
    ):
        ends[recording] = max(ends.get(recording, 0), start + span)
    names, starts = samples.recording[test].tolist(), samples.start[test].tolist()
    free = [start >= ends.get(name, 0) for name, start in zip(names, starts, strict=True)]
    left = np.setdiff1d(test[np.asarray(free, dtype=bool)], adaptation)
    without = sorted(set(samples.subject[test].tolist()) - set(samples.subject[left].tolist()))
    if without:
        problem = f"leaves no sample to test of the subjects {without}"
        raise ConfigurationError("person_labels_per_class", problem, "Use subjects with more recordings")
    return left


def person_labels(samples: Samples, test: Indices, adaptation: Indices, per_class: int, seed: int) -> Indices:
    """Samples labels of each test subject: equally many per class, from different recordings where there are enough.

    Labels of one seed are nested, and those of a subject do not depend on the other test subjects.

    Args:
        samples: All samples of the dataset.
        test: Indices of all samples of the test subjects.
        adaptation: Result of `adaptation_rows`.
        per_class: Labels per class of each subject.
        seed: Seed of the label sampling.

    Returns:
        Indices of the labelled samples.

    Raises:
        ConfigurationError: A class of a subject has fewer samples.
    """
    chosen: list[Indices] = [adaptation[:0]]
    for subject in np.unique(samples.subject[test]).tolist():
        own = np.random.default_rng([seed, subject]).permutation(adaptation[samples.subject[adaptation] == subject])
        for label in np.unique(samples.label[test[samples.subject[test] == subject]]).tolist():
            members = own[samples.label[own] == label]
            if len(members) < per_class:
                problem = f"is {per_class}, and subject {subject} has {len(members)} samples of class {label} (from 0)"
                remedy = f"Use at most {len(members)}, or leave this subject out; a quarter of the recordings is tested"
                raise ConfigurationError("person_labels_per_class", problem, remedy)
            chosen.append(members[np.argsort(_occurrence(samples.recording[members]), kind="stable")][:per_class])
    return np.concatenate(chosen)


def _of_subject(samples: Samples, rows: Indices, span: int) -> Indices:
    recordings = {label: _recordings(samples, rows[samples.label[rows] == label]) for label in set(samples.label[rows])}
    typical = int(np.median([len(names) for names in recordings.values()]))
    if typical > 1:
        first = [name for names in recordings.values() for name in names[: 3 * typical // 4]]
        return rows[np.isin(samples.recording[rows], first)]
    parts = [
        _first_windows(samples, rows[samples.recording[rows] == n], span) for n in np.unique(samples.recording[rows])
    ]
    return np.concatenate(parts)


def _first_windows(samples: Samples, rows: Indices, span: int) -> Indices:
    """Windows in the first three quarters of a recording."""
    start = samples.start[rows]
    border = start.min() + 3 * (start.max() + span - start.min()) // 4
    first: Indices = rows[start + span <= border]
    return first


def _recordings(samples: Samples, rows: Indices) -> list[str]:
    """Names of the recordings of some samples, with numbers in their names in the order of their values."""
    names: list[str] = np.unique(samples.recording[rows]).tolist()
    return sorted(names, key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)])


def _occurrence(names: np.ndarray) -> Indices:
    """Number of earlier entries of the same name (N,)."""
    counts: dict[str, int] = {}
    found = []
    for name in names.tolist():
        found.append(counts.get(name, 0))
        counts[name] = found[-1] + 1
    return np.asarray(found, dtype=np.int64)
