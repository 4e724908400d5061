"""Table 3 of the paper: training time. Its energies follow from its times, see ``experiments/paper.yaml``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.provenance import is_timed, machine, marked, training_of
from cosmo_pl.study.rendering.statistics import mean_and_n
from cosmo_pl.study.rendering.style import title
from cosmo_pl.study.rendering.verdict import every, means_verdict, not_comparable, obstacle
from cosmo_pl.study.rendering.view import Rendered, Verdict, View, unique

STATED = {"minutes": "training times", "energy_kj": "energies"}
RATES = (0.01, 0.02)  # label rates of the figures in the paper
HEADER = ["dataset", "training", "trained samples", "epochs", "minutes", "paper: minutes at 1 % / 2 % labels"]


@dataclass(frozen=True)
class Part:
    """A row of the table: a stage of Cosmo, or a baseline.

    Args:
        method: The method.
        kind: "pretrain" or "finetune".
        stage: Text after the method's name.
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
    """The table: one row for each dataset, label rate and training."""
    rows, done = [], []
    for dataset in view.datasets():
        jobs = [o.job for o in view.outcomes if o.job.dataset == dataset]
        for rate in unique(job.factors.get("label_rate") for job in jobs):
            for part in PARTS:
                records = _records(view, dataset, rate, part)
                rows.append([_name(view, dataset, rate), *_cells(view, dataset, part, records)])
                done += records
    verdicts = [verdict for dataset in view.datasets() for verdict in faster(view, dataset)]
    return Rendered(HEADER, rows, notes=_notes(view, done), verdicts=[*_verdicts(view), *verdicts])


def _name(view: View, dataset: str, rate: float | None) -> str:
    return view.title(dataset) + ("" if rate is None else f", {rate:.0%} labels")


def _records(view: View, dataset: str, rate: float | None, part: Part) -> list[Record]:
    def wanted(job: Job) -> bool:
        same = job.dataset == dataset and job.method == part.method and job.kind == part.kind
        return same and job.factors.get("label_rate") == rate

    return [record for _, record in view.records(wanted) if is_timed(record)]


def _cells(view: View, dataset: str, part: Part, records: Sequence[Record]) -> list[str]:
    samples = "unlabeled" if part.kind == "pretrain" else "labels"
    trainings = [training_of(record) for record in records]
    paper = view.stated("table3") if view.in_paper(dataset) == view.stated("table3").get("dataset") else None
    return [
        title(view.methods, part.method) + part.stage,
        _distinct(record.result.get(samples) for record in records),
        _distinct(training.get("epochs") for training in trainings),
        mean_and_n([training["fit_seconds"] / 60 for training in trainings], marked(records), digits=2),
        " / ".join(f"{paper['minutes'][rate][part.paper]:.2f}" for rate in RATES) if paper else "-",
    ]


def _distinct(values: Iterable[Any]) -> str:
    return ", ".join(str(value) for value in unique(values) if value is not None) or "-"


def _notes(view: View, done: Sequence[Record]) -> list[str]:
    machines = sorted({machine(record.environment) for record in done})
    notes = [f"Measured on {'; '.join(machines)}."] if machines else ["No run is done."]
    if any(record.simulated for record in done):
        notes.append("Some of the recordings are simulated.")
    return [*notes, *view.remarks("table3")]


def _verdicts(view: View) -> list[Verdict]:
    stated = view.stated("table3")
    if not view.states("table3"):
        return []
    reason = f"they depend on the machine, and the paper states them for the {view.title(stated['dataset'])} data"
    reasons = {
        "minutes": (reason, "the paper's machine and recordings"),
        "energy_kj": ("energy is not measured here", "a measurement of energy on the paper's machine"),
    }
    return [not_comparable(f"{stated['location']}: {what}", *reasons[key]) for key, what in STATED.items()]


def faster(view: View, dataset: str) -> Iterator[Verdict]:
    """Whether Cosmo's stage 2 takes less training time than each baseline, paired by seed.

    Args:
        view: The study.
        dataset: One of its datasets.
    """
    stated = view.stated("table3")
    if not view.states("table3", dataset):
        return
    times = {part.paper: _seconds(view, dataset, part) for part in PARTS if part.kind == "finetune"}
    reason = obstacle(view, dataset, inputs=False)
    steps = {
        view.named(part.method): means_verdict("", times[part.paper], times["stage2"], reason, digits=0)
        for part in PARTS
        if part.kind == "finetune" and part.paper != "stage2"
    }
    name = view.title(view.in_paper(dataset))
    yield every(f"{stated['location']}: Cosmo's stage 2 is trained faster than the baselines, seconds on {name}", steps)


def _seconds(view: View, dataset: str, part: Part) -> dict[int, float]:
    """Seed to seconds of training, at the dataset's own label rate."""
    pairs = view.records(lambda job: (job.dataset, job.method, job.kind) == (dataset, part.method, part.kind))
    own = max((job.factors.get("label_rate", 0.0) for job, _ in pairs), default=0.0)
    return {
        j.seed: training_of(r)["fit_seconds"]
        for j, r in pairs
        if j.factors.get("label_rate", 0.0) == own and is_timed(r)
    }
