"""Suggested labels against random ones."""

from __future__ import annotations

from statistics import fmean

from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.provenance import dirty
from cosmo_pl.study.rendering.statistics import Summary, mean_and_std, paired
from cosmo_pl.study.rendering.view import Rendered, View, unique

WAYS = {"suggested": "suggested", "random": "random", "balanced": "random, balanced over the classes"}
HEADER = (
    "dataset",
    "labels",
    "choice",
    "uses labels",
    "accuracy",
    "classes with a label, mean",
    "suggested minus this",
)
NOTE = "Differences are paired by seed: the same stage 1, and the same number of labels."


def table(view: View) -> Rendered:
    """One row for each dataset, number of labels and way to choose them."""
    pairs = view.records(lambda job: job.measure == "suggestions")
    rows = []
    for dataset, labels in unique((job.dataset, record.result["labels"]) for job, record in pairs):
        records = [r for job, r in pairs if (job.dataset, r.result["labels"]) == (dataset, labels)]
        suggested = _accuracies(records, "suggested")
        for way, title in WAYS.items():
            difference = "" if way == "suggested" else paired(suggested, _accuracies(records, way)).describe()
            uses = "yes" if way == "balanced" else "no"
            cells = [mean_and_std(_summary(records, way)), _classes(records, way), difference]
            rows.append([view.title(dataset), str(labels), title, uses, *cells])
    return Rendered(HEADER, rows, notes=[NOTE])


def _accuracies(records: list[Record], way: str) -> dict[int, float]:
    """Accuracy by seed."""
    return {record.seed: record.result["correct"][way] / record.result["total"] for record in records}


def _summary(records: list[Record], way: str) -> Summary:
    correct, total = (
        sum(counts) for counts in zip(*((r.result["correct"][way], r.result["total"]) for r in records), strict=True)
    )
    return Summary(tuple(_accuracies(records, way).values()), correct, total, dirty=any(map(dirty, records)))


def _classes(records: list[Record], way: str) -> str:
    return f"{fmean(r.result['classes'][way] for r in records):.1f} of {records[0].result['num_classes']}"
