"""A new person: which recordings of a test subject are for adaptation, and which of them are labelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.samples import Samples
from cosmo_pl.data.selection import Indices, natural_key
from cosmo_pl.errors import ConfigurationError

PersonUnlabeled = Literal["add", "only"]
"""How samples of the test subjects that are for adaptation and not labelled become unlabelled training samples."""


def adaptation_rows(samples: Samples, test: Indices, span: int = 1) -> Indices:
    """Those of the test samples that are for adaptation: of each subject about the first three quarters.

    If a subject's typical class (the median) has n > 1 recordings, these are the first floor(3n/4) recordings of each
    class, in the order of their names with numbers by value. All windows of a recording are on one side. If it has
    one, they are the windows in the first three quarters of each recording.

    In recordings of several activities the same rule holds as long as every class keeps recordings on both sides.
    Otherwise they are the windows in the first three quarters of the subject's time of each activity.

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
    left = np.setdiff1d(test[_free(samples, test, adaptation, span)], adaptation)
    without = sorted(set(samples.subject[test].tolist()) - set(samples.subject[left].tolist()))
    if without:
        problem = f"leaves no sample to test of the subjects {without}"
        raise ConfigurationError("person_labels_per_class", problem, "Use subjects with more recordings")
    return left


def unlabeled_rows(samples: Samples, unknown: Indices, tested: Indices, adaptation: Indices, span: int = 1) -> Indices:
    """Those of the test subjects' samples of unknown activity that are for adaptation.

    These are all in recordings of which nothing is tested, the first three quarters of those in recordings that are
    divided, and none of recordings that are only tested. Those that share steps with a tested window are left out.

    Args:
        samples: All samples of the dataset.
        unknown: Indices of the samples of the test subjects whose activity is unknown.
        tested: Result of `tested_rows`.
        adaptation: Result of `adaptation_rows`.
        span: Steps of a sample.
    """
    near, far = (set(samples.recording[rows].tolist()) for rows in (adaptation, tested))
    parts = [unknown[:0]]
    for name in np.unique(samples.recording[unknown]).tolist():
        rows = unknown[samples.recording[unknown] == name]
        if name not in far:
            parts.append(rows)
        elif name in near:
            parts.append(_first_time(samples, rows, span))
    found = np.sort(np.concatenate(parts))
    return found[_free(samples, found, tested, span)]


def untested_classes(samples: Samples, test: Indices, tested: Indices) -> dict[int, list[int]]:
    """Subject to those of its classes of which no sample is left to test; without subjects that lack none.

    Args:
        samples: All samples of the dataset.
        test: Indices of all samples of the test subjects.
        tested: Result of `tested_rows`.
    """
    pairs = [set(zip(samples.subject[r].tolist(), samples.label[r].tolist(), strict=True)) for r in (test, tested)]
    found: dict[int, list[int]] = {}
    for subject, label in sorted(pairs[0] - pairs[1]):
        found.setdefault(subject, []).append(label)
    return found


def person_labels(
    samples: Samples, test: Indices, adaptation: Indices, per_class: int, seed: int, names: Sequence[str]
) -> Indices:
    """Samples labels of each test subject: equally many per class, from different recordings where there are enough.

    Labels of one seed are nested, and those of a subject do not depend on the other test subjects.

    Args:
        samples: All samples of the dataset.
        test: Indices of all samples of the test subjects.
        adaptation: Result of `adaptation_rows`.
        per_class: Labels per class of each subject.
        seed: Seed of the label sampling.
        names: Names of the activities, for the message.

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
                problem = f"is {per_class}, and subject {subject} has {len(members)} samples of {names[label]}"
                remedy = f"Use at most {len(members)}, or leave this subject out; a quarter of the recordings is tested"
                if not members.size:
                    remedy = "Record more of it, or leave this subject out; a quarter of the recordings is tested"
                raise ConfigurationError("person_labels_per_class", problem, remedy)
            chosen.append(members[np.argsort(_occurrence(samples.recording[members]), kind="stable")][:per_class])
    return np.concatenate(chosen)


def _of_subject(samples: Samples, rows: Indices, span: int) -> Indices:
    recordings = {label: _recordings(samples, rows[samples.label[rows] == label]) for label in set(samples.label[rows])}
    typical = int(np.median([len(names) for names in recordings.values()]))
    mixed = sum(map(len, recordings.values())) > len(np.unique(samples.recording[rows]))
    if typical > 1:
        first = [name for names in recordings.values() for name in names[: 3 * typical // 4]]
        whole = rows[np.isin(samples.recording[rows], first)]
        sides = (set(samples.label[part].tolist()) for part in (whole, np.setdiff1d(rows, whole)))
        if not mixed or all(side == recordings.keys() for side in sides):
            return whole
    labels, names = samples.label[rows], samples.recording[rows]
    if mixed:
        parts = [_first_time(samples, rows[labels == label], span) for label in np.unique(labels)]
    else:
        parts = [_first_windows(samples, rows[names == name], span) for name in np.unique(names)]
    return np.concatenate(parts)


def _first_time(samples: Samples, rows: Indices, span: int) -> Indices:
    """Windows in the first three quarters of the time that windows cover, in the order of recordings and of time."""
    ranks = {name: rank for rank, name in enumerate(_recordings(samples, rows))}
    rank = np.array([ranks[name] for name in samples.recording[rows].tolist()])
    order = np.lexsort((samples.start[rows], rank))
    start, rank = samples.start[rows][order], rank[order]
    new = np.where(np.diff(rank, prepend=-1) == 0, np.minimum(np.diff(start, prepend=start[:1]), span), span)
    end = np.cumsum(new)
    first: Indices = rows[order][end <= 3 * end[-1] // 4]
    return first


def _free(samples: Samples, rows: Indices, others: Indices, span: int) -> NDArray[np.bool_]:
    """Whether each of some samples shares no step with any of other samples (N,)."""
    free = np.ones(len(rows), dtype=bool)
    for name in set(samples.recording[others].tolist()):
        here = np.flatnonzero(samples.recording[rows] == name)
        starts = np.sort(samples.start[others[samples.recording[others] == name]])
        begin = samples.start[rows[here]]
        free[here] = np.searchsorted(starts, begin - span, side="right") == np.searchsorted(starts, begin + span)
    return free


def _first_windows(samples: Samples, rows: Indices, span: int) -> Indices:
    """Windows in the first three quarters of a recording."""
    start = samples.start[rows]
    border = start.min() + 3 * (start.max() + span - start.min()) // 4
    first: Indices = rows[start + span <= border]
    return first


def _recordings(samples: Samples, rows: Indices) -> list[str]:
    """Names of the recordings of some samples, with numbers in their names in the order of their values."""
    names: list[str] = np.unique(samples.recording[rows]).tolist()
    return sorted(names, key=natural_key)


def _occurrence(names: np.ndarray) -> Indices:
    """Number of earlier entries of the same name (N,)."""
    counts: dict[str, int] = {}
    found = []
    for name in names.tolist():
        found.append(counts.get(name, 0))
        counts[name] = found[-1] + 1
    return np.asarray(found, dtype=np.int64)
