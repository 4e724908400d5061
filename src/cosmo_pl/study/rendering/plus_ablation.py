"""What the recommended recipe is made of: a table of one change at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cosmo_pl.study.definition import Factor
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.curves import numbers
from cosmo_pl.study.rendering.statistics import summarize
from cosmo_pl.study.rendering.view import Rendered, View

HEADER = ("changed", "to", "accuracy", "std", "n", "correct", "total", "by seed")
NOTES = (
    "* is what the changes are made to: one set of runs, which several rows repeat.",
    "Rows of different n are of different seeds: the last column has each seed, to compare like with like.",
)
NAMES = {
    "transforms": "coordinates of the skeleton",
    "velocities": "velocities of the skeleton",
    "augmentations": "augmentations",
    "num_augmentations": "augmentations of a sample, V",
    "num_views": "mixes of an augmentation, P",
    "temperature": "temperature of stage 1",
    "partners": "partners",
    "epochs": "epochs of stage 1",
    "val_subjects": "validation subjects",
}


@dataclass(frozen=True)
class Variant:
    """The recipe with one thing changed.

    Args:
        changed: What is changed.
        to: What it is changed to; * marks what is changed.
        records: Its runs of stage 2.
    """

    changed: str
    to: str
    records: list[Record]


def variants(view: View) -> Iterator[Variant]:
    """A variant for every value of a grid's last factor, given those of the others; for every method without any."""
    for number, runs in enumerate(view.study.runs):
        pairs = [(job, record) for job, record in view.grid(number) if job.kind == "finetune"]
        if not runs.vary:
            for method in runs.methods:
                label = "prototypes *" if method == runs.methods[0] else style.title(view.methods, method)
                yield Variant("second stage", label, [record for job, record in pairs if job.method == method])
            continue
        options = ([(name, *option) for option in _options(factor)] for name, factor in runs.vary.items())
        for chosen in itertools.product(*options):
            name, _, label = chosen[-1]
            given = "".join(f"; {NAMES.get(other, other)} {told}" for other, _, told in chosen[:-1])
            values = {factor: value for factor, value, _ in chosen}
            mark = " *" if all(value == runs.vary[factor].default for factor, value in values.items()) else ""
            found = [record for job, record in pairs if all(job.factors[f] == value for f, value in values.items())]
            yield Variant(NAMES.get(name, name) + given, label + mark, found)


def _options(factor: Factor) -> list[tuple[Any, str]]:
    """Values of a factor, and what they are called."""
    return list(zip(factor.values, factor.labels or map(str, factor.values), strict=False))


def table(view: View) -> Rendered:
    """A row a variant: accuracy on the test subjects."""
    return Rendered(HEADER, [_row(variant) for variant in variants(view)], notes=NOTES)


def _row(variant: Variant) -> list[str]:
    summary = summarize(variant.records)
    if summary is None:
        return [variant.changed, variant.to, "-", "", "0", "", "", ""]
    counts = [str(summary.n), str(summary.correct), str(summary.total)]
    each = " ".join(numbers(*summary.values))
    return [variant.changed, variant.to, *numbers(summary.mean, summary.std), *counts, each]
