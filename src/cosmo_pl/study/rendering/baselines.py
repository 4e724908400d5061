"""Baselines of later years: their accuracies, and their differences to Cosmo and to the recommended recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.columns import Column
from cosmo_pl.study.rendering.statistics import (
    Difference,
    by_seed,
    interval_text,
    mean_and_std,
    paired,
    subject_range,
)
from cosmo_pl.study.rendering.view import Rendered, View, unique

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS, PLUS = "cosmo", "_plus"
REFERENCES = {"": "minus Cosmo", PLUS: "minus the recipe"}  # ending of the dataset's name to the name of the difference
HEADER = (
    "dataset",
    "method",
    "accuracy",
    "95 % interval",
    "subjects, lowest to highest",
    "mean over the subjects of all folds",
    *(f"{name}, paired by seed" for name in REFERENCES.values()),
    *(f"{name}, all folds" for name in REFERENCES.values()),
)
NOTES = (
    "Filled: with the recipe's encoders or its self-training; hollow: without. Bars are 95 % intervals of differences.",
    "Differences are paired by seed: over the subjects of all folds (circles) where three seeds have them all, "
    "otherwise over those of the first fold (diamonds).",
)


@dataclass(frozen=True)
class Row:
    """A method on a dataset.

    Args:
        column: The dataset.
        method: The method.
    """

    column: Column
    method: str

    @property
    def base(self) -> str:
        """The dataset, without the recipe."""
        return self.column.dataset.removesuffix(PLUS)

    def over(self, reference: str) -> Row:
        """What it is compared with: Cosmo with the paper's recipe, or with that of the ending."""
        return Row(Column(self.column.view, self.base + reference), OURS)

    def first_fold(self) -> dict[int, float]:
        """Accuracy by seed on the first fold."""
        return by_seed(self.column.runs(self.method))

    def all_folds(self) -> dict[int, float]:
        """Accuracy by seed over the subjects of all folds; empty without folds."""
        return by_seed(self.column.all_folds(self.method))

    def difference(self, reference: str, folds: bool) -> Difference | None:
        """Its accuracies minus those of the reference; None for the reference itself and where there is none."""
        other = self.over(reference)
        if other == self or not other.first_fold():
            return None
        values: list[Mapping[int, float]] = [each.all_folds() if folds else each.first_fold() for each in (self, other)]
        return paired(*values)


def comparison(view: View) -> Rendered:
    """One row for each dataset and method, and a panel of differences for each dataset and reference."""
    columns = [Column(view, dataset) for dataset in view.datasets()]
    rows = [Row(column, method) for column in columns for method in column.methods]
    bases = unique(row.base for row in rows)
    most = max(len({row.method for row in rows if row.base == base}) for base in bases)
    figure, axes = style.new_figure(columns=2, rows=len(bases), width=10.0, height=(0.24 * most + 1.0) * len(bases))
    for base, panels in zip(bases, axes, strict=True):
        own = [row for row in rows if row.base == base]
        for reference, panel in zip(REFERENCES, panels, strict=True):
            _draw(panel, view, own, reference)
    style.legend(figure)
    return Rendered(HEADER, [_cells(row) for row in rows], figure, NOTES, shows_rows=True)


def _cells(row: Row) -> list[str]:
    records = [record for _, record in row.column.runs(row.method)]
    summary = row.column.summary(row.method)
    cells = [row.column.name, style.title(row.column.view.methods, row.method), mean_and_std(summary)]
    cells += ["-", "-"] if summary is None else [interval_text(summary.interval), subject_range(records)]
    cells.append(row.column.over_subjects(row.method))
    return cells + [_text(row, reference, folds) for folds in (False, True) for reference in REFERENCES]


def _text(row: Row, reference: str, folds: bool) -> str:
    difference = row.difference(reference, folds)
    return "-" if difference is None or not difference.n else difference.describe()


def _draw(axes: Axes, view: View, rows: list[Row], reference: str) -> None:
    """The differences of the methods of a dataset to one reference, from top to bottom."""
    shown = [(row, found) for row in rows if (found := _shown(row, reference)) is not None]
    axes.set_title(f"{view.title(rows[0].base)}: {REFERENCES[reference]}")
    if not shown:
        style.empty(axes, "no method with three seeds that the reference has, too")
        return
    names = unique(row.method for row, _ in shown)
    for row, (difference, of_folds) in shown:
        filled = row.column.dataset.endswith(PLUS)
        assert difference.interval is not None
        mean, (low, high) = fmean(difference.values), difference.interval
        colour = style.colour(row.method)
        axes.errorbar(
            mean,
            -names.index(row.method) + (0.15 if filled else -0.15),
            xerr=[[mean - low], [high - mean]],
            marker="o" if of_folds else "D",
            color=colour,
            markerfacecolor=colour if filled else "white",
            capsize=2,
        )
    axes.axvline(0, color=style.PAPER, linewidth=1)
    axes.set_yticks([-place for place in range(len(names))], [style.title(view.methods, name) for name in names])


def _shown(row: Row, reference: str) -> tuple[Difference, bool] | None:
    """The difference over all folds, else over the first, and whether it is over all; None without an interval."""
    for folds in (True, False):
        found = row.difference(reference, folds)
        if found is not None and found.interval is not None:
            return found, folds
    return None
