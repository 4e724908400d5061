"""Accuracy with sensors that are missing at test time."""

from __future__ import annotations

from collections.abc import Sequence

from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.statistics import SUMMARY, Summary, dirty
from cosmo_pl.study.rendering.view import Rendered, View, unique

HEADER = ("dataset", "sensors at test time", "method", *SUMMARY)


def table(view: View) -> Rendered:
    """One row for each dataset, set of sensors and method; the methods were trained with all sensors."""
    rows = []
    pairs = view.records(lambda job: job.measure == "missing_sensors")
    for dataset in unique(job.dataset for job, _ in pairs):
        here = [(job.method, record) for job, record in pairs if job.dataset == dataset]
        label = view.title(dataset) + (" (simulated)" if view.simulated(dataset) else "")
        for sensors in unique(name for _, record in here for name in record.result["correct"]):
            for method in unique(method for method, _ in here):
                cells = _cells([record for its, record in here if its == method], sensors)
                rows.append([label, sensors.replace("+", ", "), style.title(view.methods, method), *cells])
    notes = ["No value replaces a missing sensor. The attention is distributed over the present sensors."]
    return Rendered(HEADER, rows, notes=notes)


def _cells(records: Sequence[Record], sensors: str) -> list[str]:
    correct = [record.result["correct"][sensors] for record in records]
    total = [record.result["total"] for record in records]
    values = tuple(c / t for c, t in zip(correct, total, strict=True))
    return Summary(values, sum(correct), sum(total), dirty=any(map(dirty, records))).cells
