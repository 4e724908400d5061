"""UTD-MHAD with all labels and the split of odd and even subjects, beside the figures that others publish."""

from __future__ import annotations

from cosmo_pl.study.rendering.columns import Column
from cosmo_pl.study.rendering.statistics import by_seed, interval_text, mean_and_std, paired, subject_range
from cosmo_pl.study.rendering.style import title
from cosmo_pl.study.rendering.view import Rendered, View

OURS = "cosmo"
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
    runs, summary = column.runs(method), column.summary(method)
    cells = [column.name, title(column.view.methods, method), mean_and_std(summary)]
    cells += ["-", "-"] if summary is None else [interval_text(summary.interval), subject_range([r for _, r in runs])]
    difference = paired(by_seed(runs), by_seed(column.runs(OURS)))
    stated = published.get(method)
    return [
        *cells,
        "-" if method == OURS or not difference.n else difference.describe(),
        "-" if stated is None else f"{stated:.4f}",
    ]
