"""Accuracy with running statistics of batch normalisation, and with statistics that were measured anew."""

from __future__ import annotations

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.provenance import marked
from cosmo_pl.study.rendering.statistics import Pairs, grouped, mean_text, paired
from cosmo_pl.study.rendering.view import Rendered, View

HEADER = ("dataset", "method", "running statistics", "measured anew", "measured minus running, paired by seed", "n")
NOTE = "Both columns are of the same weights. The statistics are measured on the labelled samples, without dropout."


def table(view: View) -> Rendered:
    """One row for each dataset and method."""
    rows = []
    for (dataset, method), own in grouped(view.records(lambda job: job.measure == "batch_statistics")).items():
        running, measured = _accuracies(own, "running"), _accuracies(own, "measured")
        cells = mean_text(list(running.values())), mean_text(list(measured.values()))
        n = f"{len(own)}{marked(record for _, record in own)}"
        difference = paired(measured, running).describe()
        rows.append([view.title(dataset), style.title(view.methods, method), *cells, difference, n])
    return Rendered(HEADER, rows, notes=[NOTE])


def _accuracies(pairs: Pairs, statistics: str) -> dict[int, float]:
    """Accuracy by seed."""
    return {job.seed: record.result[statistics] / record.result["total"] for job, record in pairs}
