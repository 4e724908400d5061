"""Table 1 of the paper: the datasets on disk, beside what the paper states about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.verdict import count_verdict, no_run
from cosmo_pl.study.rendering.view import Rendered, Verdict, View

COUNTS = {"classes": "activities", "subjects": "subjects", "samples": "samples"}
PARTS = {"train_subjects": "training subjects", "test_subjects": "test subjects"}
HEADER = [
    "dataset",
    "source",
    "modalities (shape of a sample)",
    "activities",
    "subjects",
    "training subjects",
    "test subjects",
    "recordings",
    "samples",
    "training samples",
    "labelled",
    "unlabelled",
    "test samples",
]


def datasets(view: View) -> Rendered:
    """The table: for each dataset one row with the recordings on disk, and one with what the paper states."""
    found = {job.dataset: record for job, record in view.records(lambda job: job.kind == "measure")}
    rows, notes, verdicts = [], [], []
    for dataset in view.datasets():
        name, record = view.title(dataset), found.get(dataset)
        if record is not None:
            rows.append([name, "simulated" if record.simulated else "on disk", *_ours(record.result)])
            if record.simulated:
                notes.append(f"{name}: simulated recordings; not comparable with the paper.")
        if view.in_paper(dataset) in view.stated("table1"):
            rows.append([name, "paper", *_stated(view, view.in_paper(dataset))])
            verdicts += _verdicts(view, view.in_paper(dataset), name, record)
    return Rendered(HEADER, rows, notes=[*notes, *view.remarks("table1")], verdicts=verdicts)


def _ours(result: Mapping[str, Any]) -> list[str]:
    counts = [result["classes"], result["subjects"], *(len(result[name]) for name in PARTS)]
    rest = ("recordings", "samples", "train_samples", "labeled", "unlabeled", "test_samples")
    return [_modalities(result["modalities"]), *map(str, counts), *(f"{result[name]:,}" for name in rest)]


def _stated(view: View, dataset: str) -> list[str]:
    table, headline = view.stated("table1")[dataset], view.stated("table2").get(dataset, {})
    counts = [table[name] for name in ("classes", "subjects", *PARTS)]
    labels, tested = (f"{headline[name]:,}" if name in headline else "-" for name in ("labels", "test"))
    modalities = _modalities(table["modalities"])
    return [modalities, *map(str, counts), "-", f"{table['samples']:,}", "-", labels, "-", tested]


def _modalities(shapes: Mapping[str, list[int] | None]) -> str:
    return ", ".join(f"{name} {'×'.join(map(str, shape))}" if shape else name for name, shape in shapes.items())


def _verdicts(view: View, dataset: str, name: str, record: Record | None) -> list[Verdict]:
    stated, verdicts = view.stated("table1"), []
    for key, what in (COUNTS | PARTS).items():
        claim = f"{stated['location']}: {name} has {stated[dataset][key]:,} {what}"
        if record is None:
            verdicts.append(no_run(claim))
            continue
        ours = len(record.result[key]) if key in PARTS else record.result[key]
        verdicts.append(count_verdict(claim, ours, stated[dataset][key], record.simulated))
    return verdicts
