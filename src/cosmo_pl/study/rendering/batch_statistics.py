"""Accuracy with running statistics of batch normalisation, and with statistics that were measured anew."""

from __future__ import annotations

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.statistics import MARK, Pairs, dirty, mean_text, paired
from cosmo_pl.study.rendering.view import Rendered, View, unique

HEADER = ("dataset", "method", "running statistics", "measured anew", "measured minus running, paired by seed", "n")
NOTE = "Both columns are of the same weights. The statistics are measured on the labelled samples, without dropout."


def table(view: View) -> Rendered:
    """One row for each dataset and method."""
    pairs = view.records(lambda job: job.measure == "batch_statistics")
    rows = []
    for dataset in unique(job.dataset for job, _ in pairs):
        for method in unique(job.method for job, _ in pairs if job.dataset == dataset):
            own = [(job, record) for job, record in pairs if (job.dataset, job.method) == (dataset, method)]
            running, measured = _accuracies(own, "running"), _accuracies(own, "measured")
            n = f"{len(own)}{MARK if any(dirty(record) for _, record in own) else ''}"
            cells = mean_text(list(running.values())), mean_text(list(measured.values()))
            difference = paired(measured, running).describe()
            rows.append([view.title(dataset), style.title(view.methods, method), *cells, difference, n])
    return Rendered(HEADER, rows, notes=[NOTE])


def _accuracies(pairs: Pairs, statistics: str) -> dict[int, float]:
    """Accuracy by seed."""
    return {job.seed: record.result[statistics] / record.result["total"] for job, record in pairs}
