"""Accuracy on validation subjects, for choices that must not look at test subjects."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from statistics import fmean, stdev

from cosmo_pl.study.rendering.curves import numbers
from cosmo_pl.study.rendering.statistics import MARK, dirty
from cosmo_pl.study.rendering.style import title
from cosmo_pl.study.rendering.sweep import last
from cosmo_pl.study.rendering.view import Rendered, View

HEADER = ("dataset", "method", "value", "validation accuracy", "std", "n", "by seed")


def table(view: View) -> Rendered:
    """A row for each dataset, method and value of the factors."""
    return Rendered(HEADER, list(_rows(view)), notes=["Accuracy of the last epoch; no test subject is looked at."])


def _rows(view: View) -> Iterator[list[str]]:
    for grid, runs in enumerate(view.study.runs):
        pairs = view.grid(grid)
        values = itertools.product(*(factor.values for factor in runs.vary.values()))
        for dataset, chosen, method in itertools.product(runs.datasets, values, runs.methods):
            factors = dict(zip(runs.vary, chosen, strict=True))
            own = [r for j, r in pairs if (j.dataset, j.method, dict(j.factors)) == (dataset, method, factors)]
            found = [accuracy for record in own if (accuracy := last(record)) is not None]
            told = ", ".join(f"{name} = {value}" for name, value in factors.items())
            mean, std = fmean(found) if found else None, stdev(found) if len(found) > 1 else None
            n = f"{len(found)}{MARK if any(map(dirty, own)) else ''}"
            cells = [*numbers(mean, std), n, " ".join(numbers(*found))]
            yield [view.title(dataset), title(view.methods, method), told, *cells]
