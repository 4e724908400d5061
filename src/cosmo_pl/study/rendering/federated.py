"""Federated stage 1: what it costs against centralised training, and by rounds and local epochs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.factors import Panel, render
from cosmo_pl.study.rendering.provenance import marked
from cosmo_pl.study.rendering.statistics import Pairs, by_seed, grouped, mean_text, paired
from cosmo_pl.study.rendering.view import Rendered, View, unique

HEADER = (
    *("dataset", "stage 1", "clients", "rounds × local epochs", "MB sent per client", "accuracy", "n"),
    "minus centralised, paired by seed",
)
TOGETHER, ALONE, CLIENT = "together", "alone", "client"
NOTES = (
    "MB sent per client are the weights that a client sends in all rounds, 10⁶ bytes each; it receives as many.",
    "Local training only needs a run of every client; the accuracy of a seed is the mean over the clients.",
)
AXES = {"rounds": "rounds", "local_epochs": "local epochs"}


def table(view: View) -> Rendered:
    """One row for each dataset and kind of stage 1."""
    pairs = view.records(lambda job: job.kind == "finetune")
    stage1 = {job.key: record for job, record in view.records(lambda job: job.kind == "pretrain")}
    return Rendered(HEADER, list(_rows(view, pairs, stage1)), notes=NOTES)


def _rows(view: View, pairs: Pairs, stage1: dict[str, Record]) -> Iterator[list[str]]:
    runs = grouped(pairs)
    for dataset in unique(dataset for dataset, _ in runs):
        found = {method: runs.get((dataset, method), []) for method in view.methods}
        accuracies = {method: _by_seed(view, dataset, method, runs) for method, runs in found.items()}
        for method, values in accuracies.items():
            if not values:
                continue
            parents = [job.parents[0].key for job, _ in found[method] if job.parents]
            of_stage1 = [stage1[key] for key in parents if key in stage1]
            mark = marked(record for _, record in found[method])
            same = method == TOGETHER or not accuracies.get(TOGETHER)
            difference = "" if same else paired(values, accuracies[TOGETHER]).describe()
            name = style.title(view.methods, method)
            cells = [*_sent(of_stage1), mean_text(list(values.values())), f"{len(values)}{mark}", difference]
            yield [view.title(dataset), name, *cells]


def _by_seed(view: View, dataset: str, method: str, runs: Pairs) -> dict[int, float]:
    """Seed to accuracy; of local training only the mean over all clients, of the seeds that have a run of each."""
    if method != ALONE:
        return by_seed(runs)
    planned = {str(o.job.factors[CLIENT]) for o in view.outcomes if _is_alone(o.job, dataset)}
    found: dict[int, dict[str, float]] = {}
    for job, record in runs:
        found.setdefault(job.seed, {})[str(job.factors[CLIENT])] = float(record.result["accuracy"])
    return {seed: fmean(each.values()) for seed, each in sorted(found.items()) if planned == set(each)}


def _is_alone(job: Job, dataset: str) -> bool:
    return (job.kind, job.dataset, job.method) == ("finetune", dataset, ALONE)


def _sent(records: Sequence[Record]) -> list[str]:
    """Clients, rounds and megabytes of a federated stage 1; "-" for another."""
    figures = [record.result["federated"] for record in records if "federated" in record.result]
    if not figures:
        return ["-", "-", "-"]
    first = figures[0]
    megabytes = fmean(each["megabytes_received"] for each in figures)
    return [str(first["clients"]), f"{first['rounds']} × {first['local_epochs']}", f"{megabytes:.1f}"]


def rounds(view: View) -> Rendered:
    """A panel for the rounds, and one for the local epochs; centralised training is a dashed line in both."""
    panels = [
        Panel(view, grid, dataset, AXES[factor], lambda value, _: str(value), level=_centralised(view, dataset))
        for grid, runs in enumerate(view.study.runs)
        for factor in runs.vary
        for dataset in runs.datasets
    ]
    return render(panels, lambda _: ())


def _centralised(view: View, dataset: str) -> tuple[str, float] | None:
    """Title and mean accuracy of centralised training on a dataset; None without a run."""
    runs = view.records(lambda job: (job.kind, job.dataset, job.method) == ("finetune", dataset, TOGETHER))
    return (style.title(view.methods, TOGETHER), fmean(by_seed(runs).values())) if runs else None
