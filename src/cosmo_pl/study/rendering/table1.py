"""Table 1 of the paper: the datasets, as they are on disk and as the paper states them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.style import DATASETS
from cosmo_pl.study.rendering.verdict import count_verdict, not_comparable
from cosmo_pl.study.rendering.view import Rendered, Verdict, View

COUNTS = {"classes": "activities", "subjects": "subjects", "samples": "samples"}
PARTS = {"train_subjects": "training subjects", "test_subjects": "test subjects"}
HEADER = [
    "dataset", "source", "modalities (shape of a sample)", "activities", "subjects", "training subjects",
    "test subjects", "recordings", "samples", "training samples", "labelled", "unlabelled", "test samples",
]  # fmt: skip


def datasets(view: View) -> Rendered:
    """Renders the table: a row of what is on disk and one of what the paper states for every dataset."""
    found = {job.dataset: record for job, record in view.records(lambda job: job.kind == "measure")}
    rows, notes, verdicts = [], [], []
    for dataset in view.datasets():
        name, record = DATASETS.get(dataset, dataset), found.get(dataset)
        if record is not None:
            rows.append([name, "simulated" if record.simulated else "on disk", *_ours(record.result)])
            if record.simulated:
                notes.append(f"{name}: simulated recordings; not comparable with the paper.")
        rows.append([name, "paper", *_stated(view.paper, dataset)])
        verdicts += _verdicts(view, dataset, name, record)
    return Rendered(HEADER, rows, notes=[*notes, *view.paper["table1"]["remarks"]], verdicts=verdicts)


def _ours(result: Mapping[str, Any]) -> list[str]:
    counts = [result["classes"], result["subjects"], *(len(result[name]) for name in PARTS)]
    rest = ("recordings", "samples", "train_samples", "labeled", "unlabeled", "test_samples")
    return [_modalities(result["modalities"]), *map(str, counts), *(f"{result[name]:,}" for name in rest)]


def _stated(paper: Mapping[str, Any], dataset: str) -> list[str]:
    table, headline = paper["table1"][dataset], paper["table2"][dataset]
    counts = [table[name] for name in ("classes", "subjects", *PARTS)]
    return [
        _modalities(table["modalities"]), *map(str, counts), "-", f"{table['samples']:,}", "-",
        f"{headline['labels']:,}", "-", f"{headline['test']:,}",
    ]  # fmt: skip


def _modalities(shapes: Mapping[str, list[int] | None]) -> str:
    return ", ".join(f"{name} {'×'.join(map(str, shape))}" if shape else name for name, shape in shapes.items())


def _verdicts(view: View, dataset: str, name: str, record: Record | None) -> list[Verdict]:
    stated, verdicts = view.paper["table1"], []
    for key, what in (COUNTS | PARTS).items():
        claim = f"{stated['place']}: {name} has {stated[dataset][key]:,} {what}"
        if record is None:
            verdicts.append(not_comparable(claim, "no such run"))
            continue
        ours = len(record.result[key]) if key in PARTS else record.result[key]
        verdicts.append(count_verdict(claim, ours, stated[dataset][key], record.simulated))
    return verdicts
