"""UTD-MHAD with all labels and the split of odd and even subjects, beside the figures that others publish."""

from __future__ import annotations

from cosmo_pl.study.rendering.columns import Column
from cosmo_pl.study.rendering.statistics import difference_of
from cosmo_pl.study.rendering.view import OURS, Rendered, View

HEADER = (
    "dataset",
    "method",
    "accuracy",
    "95 % interval",
    "subjects, lowest to highest",
    "minus the recipe, paired by seed",
    "published",
)


def table(view: View) -> Rendered:
    """One row per method; the published figure stands beside the method of the same kind."""
    published = view.stated("odd_even")
    columns = [Column(view, dataset) for dataset in view.datasets()]
    rows = [_row(column, method, published.get("accuracy", {})) for column in columns for method in column.methods]
    notes = [f"Published: {published['location']}."] if published else []
    return Rendered(HEADER, rows, notes=[*notes, *published.get("remarks", [])])


def _row(column: Column, method: str, published: dict[str, float]) -> list[str]:
    difference = difference_of(column.runs(method), column.runs(OURS))
    stated = published.get(method)
    return [
        *column.cells(method),
        "-" if method == OURS or not difference.n else difference.describe(),
        "-" if stated is None else f"{stated:.4f}",
    ]
