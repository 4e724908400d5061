"""Baselines of later years: their accuracies, and their differences to Cosmo and to the recommended recipe."""

from __future__ import annotations

from cosmo_pl.study.rendering.columns import Column
from cosmo_pl.study.rendering.statistics import difference_of
from cosmo_pl.study.rendering.view import OURS, PLUS, Rendered, View

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


def table(view: View) -> Rendered:
    """One row for each dataset and method; the page of results draws the differences, see `differences`."""
    columns = [Column(view, dataset) for dataset in view.datasets()]
    return Rendered(HEADER, [_row(column, method) for column in columns for method in column.methods])


def _row(column: Column, method: str) -> list[str]:
    differences = [_difference(column, method, each, folds) for folds in (False, True) for each in REFERENCES]
    return [*column.cells(method), column.over_subjects(method), *differences]


def _difference(column: Column, method: str, reference: str, folds: bool) -> str:
    """Accuracies minus those of Cosmo with the paper's recipe, or with that of the ending; "-" where there is none.

    Args:
        column: The dataset.
        method: The method.
        reference: Ending of the name of the other dataset.
        folds: Whether the accuracies are those over all folds.
    """
    other = Column(column.view, column.dataset.removesuffix(PLUS) + reference)
    if (column, method) == (other, OURS) or not other.runs(OURS):
        return "-"
    runs = [its.all_folds(name) if folds else its.runs(name) for its, name in ((column, method), (other, OURS))]
    difference = difference_of(*runs)
    return difference.describe() if difference.n else "-"
