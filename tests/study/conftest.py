"""A small project of its own, and runs that cost nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import cosmo_pl
from cosmo_pl.io import read_config, write_json
from cosmo_pl.study.identity import Resolved
from cosmo_pl.study.jobs import Job, Project
from cosmo_pl.study.records import Record, Results
from cosmo_pl.study.workspace import Workspace

FILES = {
    "configs/toy_stage1.yaml": {"data": "data/toy.yaml", "trainer": {"max_epochs": 300}},
    "configs/toy_stage2.yaml": {"data": "data/toy.yaml", "trainer": {"max_epochs": 500}},
    "configs/data/toy.yaml": {"class_path": "Toy", "init_args": {"rate": 0.05}},
    "configs/model/cmc.yaml": {"model": {"class_path": "CMC"}},
    "configs/model/finetune.yaml": {"model": {"class_path": "Finetune"}},
    "configs/model/forest.yaml": {"model": {"class_path": "Forest"}},
    "experiments/paper.yaml": {},
    "experiments/methods.yaml": {
        "cosmo": {"title": "Cosmo", "pretrain": [], "finetune": []},
        "cosmo_finetune": {"title": "Cosmo's stage 1", "pretrain": [], "finetune": ["finetune"]},
        "cmc": {
            "title": "CMC",
            "pretrain": ["cmc"],
            "finetune": ["finetune"],
            "arguments": {"pretrain": {"model.init_args.width": 8}},
            "by_dataset": {"toy": {"finetune": {"model.init_args.steps": [1, 2]}}},
        },
        "forest": {"title": "Forest", "finetune": ["forest"], "trained": False},
        "elsewhere": {"title": "Elsewhere", "finetune": [], "datasets": ["other"]},
    },
    "experiments/presets/paper/preset.yaml": {"about": "All of it.", "seeds": [0, 1, 2]},
    "experiments/presets/quick/preset.yaml": {"about": "Less.", "seeds": [0]},
    "experiments/presets/quick/toy_stage1.yaml": {"trainer": {"max_epochs": 20}},
    "experiments/table9.yaml": {
        "title": "Table 9",
        "render": "table2.accuracy",
        "runs": [{"datasets": ["toy", "absent"], "methods": ["cosmo", "cosmo_finetune", "cmc", "forest", "elsewhere"]}],
    },
}


def plain(
    root: Path,
    configs: Sequence[str],
    arguments: Mapping[str, Any],
    part: str,
    read: Callable[[Path], dict[str, Any]] = read_config,
) -> Resolved:
    """In place of the command line's parser, which knows no toys: what the files and the arguments say."""
    found = [read(root / path) for path in configs]
    return Resolved({**(found[0] if found else {}), "configs": found, "arguments": dict(arguments)})


def write(root: Path, name: str, content: object) -> None:
    """Writes a YAML of the project."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project of one dataset, five methods and one study."""
    for name, told in FILES.items():
        write(tmp_path / "project", name, told)
    return Project(tmp_path / "project", resolve=plain)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "results")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "runs")


def left_by(kind: str) -> dict[str, Any]:
    """A result of a kind of run, every value of which is possible."""
    training = {"fit_seconds": 1.0, "epochs": 2}
    quality = {"hopkins": 0.75, "hopkins_std": 0.01, "num_clusters": 2, "weight": 0.5}
    return {
        "pretrain": {**training, "unlabeled": 8, "quality": {"one": quality, "other": dict(quality)}},
        "finetune": {
            "dataset": "Toy", "method": "ToyModule", "accuracy": 0.5, "correct": 5, "total": 10, "chance": 0.25,
            "bootstrap_95": [0.3, 0.7], "f1_macro": 0.45, "per_class_accuracy": {"sit": 0.5, "walk": None},
            "by_subject": {"1": [2, 5], "2": [3, 5]}, "by_recording": {"a": [1, 4], "b": [4, 6]},
            "attention_by_class": {"sit": {"one": 0.25, "other": 0.75}},
            "test_acc_best_epoch": {"accuracy": 0.6, "epoch": 1}, "labels": 4, "unlabeled": 8,
            "test_subjects": [1, 2], "parameters": 100, "training": training,
        },
        "measure": {},
    }[kind]  # fmt: skip


def finished(job: Job, **changed: object) -> Record:
    """The record of a job that took a second."""
    given: dict[str, object] = {
        "key": job.key, "kind": job.kind, "dataset": job.dataset, "method": job.method, "seed": job.seed,
        "preset": job.preset, "configs": list(job.configs), "arguments": dict(job.arguments),
        "parents": [parent.key for parent in job.parents], "measure": job.measure, "result": left_by(job.kind),
        "seconds": 1.0, "simulated": False, "data_fingerprint": "f" * 64, "version": cosmo_pl.__version__,
        "environment": {}, "curves": {}, "resolved": dict(job.resolved.arguments),
        "numerics": dict(job.resolved.numerics),
    }  # fmt: skip
    return Record(**{**given, **changed})  # type: ignore[arg-type]


def write_record(results: Results, job: Job, record: Record) -> None:
    """Writes a record without any check, as an editor could."""
    write_json(results.path(job), asdict(record))


def leave_files(workspace: Workspace, job: Job, version: int = 0, trained: bool = True) -> None:
    """What a fit leaves for those that need it; a stage 2 that is not `trained` was killed."""
    name = "bundle/bundle.json" if job.kind == "pretrain" else "checkpoints/last.ckpt"
    path = workspace.run(job) / f"version_{version}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if job.kind == "pretrain":
        path.write_text("{}", encoding="utf-8")
    else:
        torch.save({"state_dict": {}}, path)
        if trained:
            workspace.mark_trained(path.parents[1])
