"""What the recommended recipe is made of: a table of one change at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.curves import numbers
from cosmo_pl.study.rendering.statistics import summarize
from cosmo_pl.study.rendering.view import Rendered, View

HEADER = ("changed", "to", "accuracy", "std", "n", "correct", "total", "by seed")
NOTES = (
    "* is the recipe itself: one set of runs, which several rows repeat.",
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
}


@dataclass(frozen=True)
class Variant:
    """The recipe with one thing changed.

    Args:
        changed: What is changed.
        to: What it is changed to; * marks the recipe itself.
        records: Its runs of stage 2.
    """

    changed: str
    to: str
    records: list[Record]


def variants(view: View) -> Iterator[Variant]:
    """A variant for every value of the one factor of each grid; for every method where a grid has none."""
    for number, runs in enumerate(view.study.runs):
        pairs = [(job, record) for job, record in view.grid(number) if job.kind == "finetune"]
        if not runs.vary:
            for method in runs.methods:
                label = "prototypes *" if method == runs.methods[0] else style.title(view.methods, method)
                yield Variant("second stage", label, [record for job, record in pairs if job.method == method])
            continue
        ((name, factor),) = runs.vary.items()
        for value, label in zip(factor.values, factor.labels or map(str, factor.values), strict=False):
            mark = " *" if value == factor.default else ""
            found = [record for job, record in pairs if job.factors[name] == value]
            yield Variant(NAMES.get(name, name), label + mark, found)


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
