"""A choice nested in folds: for each fold it is made on the people of the others, who validate."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from cosmo_pl.study.definition import Runs
from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.provenance import marked
from cosmo_pl.study.rendering.selection import last
from cosmo_pl.study.rendering.statistics import Pairs, numbers
from cosmo_pl.study.rendering.view import Rendered, View, unique
from cosmo_pl.study.sweeps import LABEL_SEED

LEFT_OUT, VALIDATED = "left_out", "validated"


@dataclass(frozen=True)
class Candidate:
    """A variant, for one fold that is left out.

    Args:
        left_out: Label of that fold.
        variant: Labels of the values of the varied factors.
        accuracies: Label of each fold that validates to the accuracies of its runs.
        people: Label of each of these folds to its number of people.
        runs: Number of runs that each of these folds should have.
        records: Records of all runs.
    """

    left_out: str
    variant: tuple[str, ...]
    accuracies: Mapping[str, list[float]]
    people: Mapping[str, int]
    runs: int
    records: list[Record]

    def __add__(self, other: Candidate) -> Candidate:
        """The same variant for the same fold, over the folds that validate of both."""
        accuracies, people = {**self.accuracies, **other.accuracies}, {**self.people, **other.people}
        return replace(self, accuracies=accuracies, people=people, records=[*self.records, *other.records])

    @property
    def mean(self) -> float | None:
        """Mean that counts each person once; None before all runs are done."""
        if any(len(found) < self.runs for found in self.accuracies.values()):
            return None
        total = sum(fmean(found) * self.people[fold] for fold, found in self.accuracies.items())
        return total / sum(self.people.values())


def choices(view: View) -> Rendered:
    """One row per fold left out and variant, of grids with the factors `left_out` and `validated`; marks the choice.

    People validate as validation subjects, or as test subjects of a study whose methods know their unlabelled windows.
    """
    of_grids = [each for grid, runs in enumerate(view.study.runs) for each in _candidates(runs, view.grid(grid))]
    by_row: dict[tuple[str, ...], Candidate] = {}
    for each in of_grids:
        row = each.left_out, *each.variant
        by_row[row] = by_row[row] + each if row in by_row else each
    left_out = unique(each.left_out for each in of_grids)
    found = sorted(by_row.values(), key=lambda each: left_out.index(each.left_out))
    folds = unique(fold for each in found for fold in each.people)
    chosen = [_best([each for each in found if each.left_out == fold]) for fold in left_out]
    rows = []
    for each in found:
        means = [fmean(values) if (values := each.accuracies.get(fold)) else None for fold in folds]
        choice = "chosen" if each in chosen else ""
        n = f"{len(each.records)}{marked(each.records)}"
        rows.append([each.left_out, *each.variant, *numbers(*means, each.mean), n, choice])
    notes = ["Accuracy of the last epoch. The people left out are not evaluated."]
    for variant in unique(each.variant for each in chosen if each is not None):
        count = sum(each is not None and each.variant == variant for each in chosen)
        notes.append(f"Chosen for {count} of {len(chosen)} folds: {', '.join(variant)}.")
    header = ["left out", *_varied(view.study.runs[0]), *folds, "mean", "n", "choice"]
    return Rendered(header, rows, notes=notes)


def _varied(runs: Runs) -> dict[str, Any]:
    return {name: its for name, its in runs.vary.items() if name not in (LEFT_OUT, VALIDATED, LABEL_SEED)}


def _candidates(runs: Runs, pairs: Pairs) -> Iterator[Candidate]:
    """The variants of a grid, whose runs are over the folds that validate, and over label seeds."""
    varied = _varied(runs)
    folds: list[tuple[Any, str]] = runs.vary[VALIDATED].named
    each = [factor.named for factor in (runs.vary[LEFT_OUT], *varied.values())]
    for (out, left_out), *chosen in itertools.product(*each):
        factors = {LEFT_OUT: out, **{name: value for name, (value, _) in zip(varied, chosen, strict=True)}}
        own = [(job, record) for job, record in pairs if factors.items() <= job.factors.items()]
        found = [(job.factors[VALIDATED], _accuracy(job, record)) for job, record in own]
        yield Candidate(
            left_out=left_out,
            variant=tuple(label for _, label in chosen),
            accuracies={label: [a for which, a in found if which == fold and a is not None] for fold, label in folds},
            people={label: len(fold) for fold, label in folds},
            runs=len(runs.vary[LABEL_SEED].values),
            records=[record for _, record in own],
        )


def _accuracy(job: Job, record: Record) -> float | None:
    return record.result["accuracy"] if job.tested else last(record)


def _best(candidates: list[Candidate]) -> Candidate | None:
    """The first one with the best mean, None before all have one."""
    means = [each.mean for each in candidates]
    known = [mean for mean in means if mean is not None]
    return candidates[means.index(max(known))] if len(known) == len(means) else None
