"""What the recommended recipe is made of: a table of one change at a time."""

from __future__ import annotations

from collections.abc import Iterator

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.curves import numbers
from cosmo_pl.study.rendering.statistics import Summary, summarize
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
}


def table(view: View) -> Rendered:
    """A row a value of every factor, and a row a second stage; what the recipe has is marked."""
    rows = []
    for number, runs in enumerate(view.study.runs):
        rows += [*_values(view, number)] if runs.vary else [*_methods(view, number)]
    return Rendered(HEADER, rows, notes=NOTES)


def _values(view: View, grid: int) -> Iterator[list[str]]:
    """Rows of the one factor that a grid varies."""
    ((name, factor),) = view.study.runs[grid].vary.items()
    for value, label in zip(factor.values, factor.labels or map(str, factor.values), strict=False):
        records = [record for job, record in view.grid(grid) if job.kind == "finetune" and job.factors[name] == value]
        mark = " *" if value == factor.default else ""
        yield [NAMES.get(name, name), label + mark, *_cells(summarize(records))]


def _methods(view: View, grid: int) -> Iterator[list[str]]:
    methods = view.study.runs[grid].methods
    for method in methods:
        records = [r for job, r in view.grid(grid) if job.kind == "finetune" and job.method == method]
        label = "prototypes *" if method == methods[0] else style.title(view.methods, method)
        yield ["second stage", label, *_cells(summarize(records))]


def _cells(summary: Summary | None) -> list[str]:
    if summary is None:
        return ["-", "", "0", "", "", ""]
    each = " ".join(numbers(*summary.values))
    return [*numbers(summary.mean, summary.std), str(summary.n), str(summary.correct), str(summary.total), each]
