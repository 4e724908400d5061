"""Table 3 of the paper: time and energy of training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.statistics import machine
from cosmo_pl.study.rendering.style import DATASETS, title
from cosmo_pl.study.rendering.verdict import not_comparable
from cosmo_pl.study.rendering.view import Rendered, Verdict, View, unique

STATED = {"minutes": "training times", "energy_kj": "energies"}
RATES = (0.01, 0.02)  # of labels, that the paper states figures for
HEADER = [
    "dataset", "training", "trained samples", "epochs", "minutes", "energy, kJ", "paper: minutes at 1 % / 2 % labels",
    "paper: kJ at 1 % / 2 % labels",
]  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A row of the table: a stage of Cosmo, or a baseline.

    Args:
        method: The method.
        kind: "pretrain" or "finetune".
        stage: What is added to the method's name.
        paper: Its name in the paper's table.
    """

    method: str
    kind: str
    stage: str
    paper: str


PARTS = [
    Part("cosmo", "pretrain", ", stage 1", "stage1"),
    Part("cosmo", "finetune", ", stage 2", "stage2"),
    Part("deepsense", "finetune", "", "deepsense"),
    Part("attnsense", "finetune", "", "attnsense"),
]


def cost(view: View) -> Rendered:
    """Renders the table: a row for every dataset, share of labels and training."""
    rows, done = [], []
    for dataset in view.datasets():
        jobs = [o.job for o in view.outcomes if o.job.dataset == dataset]
        for rate in unique(job.factors.get("label_rate") for job in jobs):
            for part in PARTS:
                records = _records(view, dataset, rate, part)
                rows.append([_name(dataset, rate), *_cells(view, part, records)])
                done += records
    return Rendered(HEADER, rows, notes=_notes(view, done), verdicts=_verdicts(view))


def _name(dataset: str, rate: float | None) -> str:
    return DATASETS.get(dataset, dataset) + ("" if rate is None else f", {rate:.0%} labels")


def _records(view: View, dataset: str, rate: float | None, part: Part) -> list[Record]:
    def wanted(job: Job) -> bool:
        same = job.dataset == dataset and job.method == part.method and job.kind == part.kind
        return same and job.factors.get("label_rate") == rate

    return [record for _, record in view.records(wanted)]


def _cells(view: View, part: Part, records: Sequence[Record]) -> list[str]:
    samples = "unlabeled" if part.kind == "pretrain" else "labels"
    trainings = [_training(record) for record in records]
    return [
        title(view.methods, part.method) + part.stage,
        _distinct(record.result.get(samples) for record in records),
        _distinct(training.get("epochs") for training in trainings),
        _spread([training["fit_seconds"] / 60 for training in trainings]),
        _spread([training["fit_joules"] / 1000 for training in trainings if "fit_joules" in training]),
        *(" / ".join(f"{view.paper['table3'][what][rate][part.paper]:.2f}" for rate in RATES) for what in STATED),
    ]


def _training(record: Record) -> Mapping[str, Any]:
    """What a record says of the training: a stage 1 at its top, a stage 2 below ``training``."""
    training: Mapping[str, Any] = record.result.get("training", record.result)
    return training


def _distinct(values: Iterable[Any]) -> str:
    return ", ".join(str(value) for value in unique(values) if value is not None) or "-"


def _spread(values: Sequence[float]) -> str:
    """Mean, standard deviation and number as text; "-" without a value."""
    if not values:
        return "-"
    spread = f" ± {stdev(values):.2f}" if len(values) > 1 else ""
    return f"{fmean(values):.2f}{spread} (n={len(values)})"


def _notes(view: View, done: Sequence[Record]) -> list[str]:
    machines = sorted({machine(record.environment) for record in done})
    notes = [f"Measured on {'; '.join(machines)}."] if machines else ["No run is done."]
    if done and not any("fit_joules" in _training(record) for record in done):
        notes.append("Energy was not measured: the machine has no counter that could be read.")
    if any(record.simulated for record in done):
        notes.append("Some of the recordings are simulated.")
    return [*notes, *view.paper["table3"]["remarks"]]


def _verdicts(view: View) -> list[Verdict]:
    stated = view.paper["table3"]
    reason = f"they depend on the machine, and the paper's are of the {DATASETS[stated['dataset']]} data"
    return [not_comparable(f"{stated['place']}: {what}", reason) for what in STATED.values()]
