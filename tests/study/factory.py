"""Hand-made jobs, records and views, for tests of what is rendered from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import cosmo_pl
from cosmo_pl.io import read_config
from cosmo_pl.study.definition import Method, Study
from cosmo_pl.study.jobs import Job, Project, expand
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.view import Outcome, View

from .conftest import plain

PROJECT = Project(Path(__file__).parents[2], resolve=partial(plain, read=cache(read_config)))  # its files stay the same
MEX_FOLDS = [list(range(first, 31, 5)) for first in range(1, 6)]  # of configs/data/mex_plus.yaml


def job(
    method: str = "cosmo",
    seed: int = 0,
    dataset: str = "utd",
    kind: Any = "finetune",
    factors: Mapping[str, Any] | None = None,
    parents: Sequence[Job] = (),
    measure: str | None = None,
) -> Job:
    """A job of no study; its key tells everything apart."""
    chosen = dict(factors or {})
    key = "-".join(map(str, [dataset, method, seed, kind, measure, *chosen.items()]))
    return Job(kind, dataset, method, seed, "paper", chosen, (), {}, tuple(parents), measure, key)


@cache
def jobs(study: str, preset: str = "paper") -> tuple[Job, ...]:
    """All jobs of a study of the project."""
    return tuple(expand(PROJECT, PROJECT.study(study), preset))


def record(
    job: Job,
    accuracy: float = 0.5,
    correct: int | None = None,
    total: int = 200,
    curves: Mapping[str, Sequence[float | None]] | None = None,
    result: Mapping[str, Any] | None = None,
    simulated: bool = False,
    seconds: float = 10.0,
) -> Record:
    """What a job could have left behind; `result` is laid over what its kind has by default."""
    made = {"pretrain": _pretrained(), "finetune": _tested(job, accuracy, correct, total), "measure": {}}[job.kind]
    return Record(
        key=job.key,
        kind=job.kind,
        dataset=job.dataset,
        method=job.method,
        seed=job.seed,
        preset=job.preset,
        configs=job.configs,
        arguments=dict(job.arguments),
        parents=tuple(parent.key for parent in job.parents),
        measure=job.measure,
        result=made | dict(result or {}),
        seconds=seconds,
        simulated=simulated,
        data_fingerprint="f" * 64,
        version=cosmo_pl.__version__,
        resolved=dict(job.resolved.arguments),
        numerics=dict(job.resolved.numerics),
        environment={"commit": "0" * 12, "dirty": False, "torch": "2.13.0", "device": "cpu", "cores": 2, "threads": 1},
        curves={name: list(values) for name, values in (curves or {}).items()},
    )


def records(made: Sequence[Job], accuracy: Callable[[Job], float] = lambda job: 0.5, **given: Any) -> dict[str, Record]:
    """A record for every job; `accuracy` of each stage 2."""
    return {each.key: record(each, accuracy(each), **given) for each in made}


def view(study: str, preset: str, found: Mapping[str, Record], skipped: Mapping[str, str] | None = None) -> View:
    """A study of the project with the records that were found, by key."""
    return View(
        name=study,
        study=definition(study),
        preset=preset,
        outcomes=[Outcome(each, found.get(each.key)) for each in jobs(study, preset)],
        methods=methods(),
        paper=paper(),
        skipped=skipped or {},
        recipes={dataset: PROJECT.recipe(dataset) for runs in definition(study).runs for dataset in runs.datasets},
    )


@cache
def paper() -> dict[str, Any]:
    """What the paper states."""
    return PROJECT.paper()


@cache
def methods() -> dict[str, Method]:
    """All methods of the project."""
    return PROJECT.methods()


@cache
def definition(study: str) -> Study:
    """A study of the project."""
    return PROJECT.study(study)


def _tested(job: Job, accuracy: float, correct: int | None, total: int) -> dict[str, Any]:
    names = [f"class {number}" for number in range(4)]
    count = round(accuracy * total) if correct is None else correct
    return {
        "dataset": {"utd": "UTD-MHAD", "usc": "USC-HAD"}.get(job.dataset, job.dataset),
        "method": job.method,
        "accuracy": accuracy if correct is None else correct / total,
        "correct": count,
        "total": total,
        "chance": {"utd": 1 / 27, "usc": 1 / 12}.get(job.dataset, 0.25),
        "f1_macro": 0.9 * accuracy,
        "per_class_accuracy": dict.fromkeys(names, accuracy),
        "attention_by_class": None,
        "test_acc_best_epoch": {"accuracy": min(1.0, accuracy + 0.05), "epoch": 40},
        "labels": 27,
        "unlabeled": 513,
        "test_subjects": list(job.factors.get("test_subjects", [7, 8])),
        "parameters": 1000,
        "training": {"fit_seconds": 6.0, "epochs": 50},
    }


def _pretrained() -> dict[str, Any]:
    modality = {"hopkins": 0.8, "hopkins_std": 0.01, "num_clusters": 3, "silhouettes": {"2": 0.2, "3": 0.3}}
    return {"fit_seconds": 60.0, "epochs": 300, "unlabeled": 513, "quality": {"inertial": modality | {"weight": 1.0}}}
