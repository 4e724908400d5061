"""Baselines of later years: their accuracies, and their differences to Cosmo and to the recommended recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
from cosmo_pl.study.rendering.view import Rendered, View

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


def table(view: View) -> Rendered:
    """One row for each dataset and method; the page of results draws the differences, see `differences`."""
    columns = [Column(view, dataset) for dataset in view.datasets()]
    return Rendered(HEADER, [_cells(Row(column, method)) for column in columns for method in column.methods])


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
