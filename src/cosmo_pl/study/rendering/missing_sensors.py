"""Accuracy with sensors that are missing at test time."""

from __future__ import annotations

from collections import Counter

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.provenance import dirty
from cosmo_pl.study.rendering.statistics import SUMMARY, Pairs, Summary, whole_seeds
from cosmo_pl.study.rendering.view import Rendered, View, unique

HEADER = ("dataset", "sensors at test time", "method", *SUMMARY)


def table(view: View) -> Rendered:
    """One row for each dataset, set of sensors and method; the methods were trained with all sensors.

    n is the number of seeds that have all folds.
    """
    rows = []
    pairs = view.records(lambda job: job.measure == "missing_sensors")
    for dataset in unique(job.dataset for job, _ in pairs):
        here = whole_seeds([(job, record) for job, record in pairs if job.dataset == dataset], view.folds(dataset))
        label = view.label(dataset)
        for sensors in unique(name for _, record in here for name in record.result["correct"]):
            for method in unique(job.method for job, _ in here):
                cells = _cells([(job, record) for job, record in here if job.method == method], sensors)
                rows.append([label, sensors.replace("+", ", "), style.title(view.methods, method), *cells])
    notes = [
        "No value replaces a missing sensor. The attention is distributed over the present sensors.",
        "Of several folds, the accuracy is over all their samples together.",
    ]
    return Rendered(HEADER, rows, notes=notes)


def _cells(pairs: Pairs, sensors: str) -> list[str]:
    """Of a seed with several folds, the mean is over all their samples."""
    correct: Counter[int] = Counter()
    total: Counter[int] = Counter()
    for job, record in pairs:
        correct[job.seed] += record.result["correct"][sensors]
        total[job.seed] += record.result["total"]
    values = tuple(correct[seed] / total[seed] for seed in total)
    return Summary(values, correct.total(), total.total(), dirty=any(dirty(record) for _, record in pairs)).cells
