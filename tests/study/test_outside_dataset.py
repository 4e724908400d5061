"""Every renderer on a dataset that the package does not know, and without anything that the paper states."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cosmo_pl.study.functions import renderer
from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record
from cosmo_pl.study.render import Rendering, study_page
from cosmo_pl.study.rendering.view import Outcome, View

from .factory import PROJECT, definition, jobs, methods, paper, record

STUDIES = PROJECT.studies()
OWN = {"utd": "mine", "usc": "theirs", "self_collected": "others"}
OF_STAGE_1 = {"epoch": [0, 1], "probe/acc": [0.1, 0.2], "train/loss": [2.0, 1.0], "val/cosine_distance": [0.5, 0.4]}
OF_STAGE_2 = {"epoch": [0, 1, 2], "test/acc": [0.1, 0.2, 0.5], "train/loss": [2.0, 1.0, 3.0], "phase": [0, 0, 1],
              "val/acc": [0.1, 0.2, 0.5], "test/loss": [2.0, 1.0, 1.0]}  # fmt: skip
MEASURED: dict[str | None, dict[str, Any]] = {
    "describe": {"modalities": {"x": [3]}, "classes": 4, "subjects": 3, "recordings": 9, "samples": 9, "title": "Mine",
                 "train_subjects": [1, 2], "test_subjects": [3], "train_samples": 6, "labeled": 4, "unlabeled": 2,
                 "test_samples": 3},
    "confusions": {"counts": {"3": {"a": {"a": 5, "b": 2}, "b": {"b": 2}}}, "total": {"3": 9}},
    "features": {"cosine_distance": 0.5, "points": {"x": [[0, 1]], "y": [[1, 0]]}, "label": [0], "sizes": {"x": 8},
                 "samples": 1, "class_names": ["a"]},
    "embedding": {"points": {"inertial": [[0, 1]]}, "label": {"inertial": [0]}, "class_names": ["a"]},
    "latency": {"seconds": {"1": 0.1, "64": 0.01}, "device": "cpu", "threads": 1, "cores": 2,
                "overheads": {"parameters": 5, "flops": 90, "bytes": {"onnx": 400}, "refused": "no int8",
                              "seconds": {"torch": {"p50": 0.1, "p95": 0.2}, "onnx": {"p50": 0.05, "p95": 0.06}}}},
    "batch_statistics": {"running": 5, "measured": 6, "total": 9},
    "missing_sensors": {"correct": {"x": 5, "y": 3}, "total": 9},
    "decisions": {"temperature": 1.5, "threshold": 0.4, "unknown": [], "smoothing": None,
                  "report": {"measured_on": "validation subjects", "uncalibrated": None, "held_out": None,
                             "test": {"ece_before": 0.2, "ece_after": 0.1, "accepted": 0.9, "accuracy": 0.7,
                                      "accuracy_of_accepted": 0.75}, "hop": None, "counted": 0}},
    "clock_error": {"subjects": [1], "clips": 9, "reliable": 2,
                    "as_recorded": [{"offset": 0.1, "drift": 0.0, "deviation": 0.01, "confidence": 1.0}],
                    "constant": [{"offset": 0.5, "drift": 0.0, "remaining_ms": [12.0]}],
                    "drifting": [{"offset": 0.1, "drift": 80.0, "remaining_ms": [9.0]}]},
    "switching": {"total": 9, "attention": True, "worth": {"x": 0.4, "y": 0.6}, "seconds": {"x": 0.1, "x+y": 0.2},
                  "device": "cpu", "threads": 1,
                  "curve": [{"threshold": threshold, "correct": 5, "seconds": 0.2, "on": {"x": 1.0, "y": 0.5},
                             "off_at_first": [], "switched": 1} for threshold in (0.0, 0.1)]},
    "suggestions": {"labels": 4, "total": 9, "num_classes": 4,
                    "correct": {"suggested": 5, "random": 4, "balanced": 6},
                    "classes": {"suggested": 4, "random": 3, "balanced": 4}},
    "quality": {"dataset": "Mine", "num_classes": 2, "max_clusters": [2, 3, 4], "default_max_clusters": 4,
                "modalities": {"x": {
                    "samples": 9, "hopkins": 0.7, "hopkins_std": 0.1, "silhouettes": {"2": 0.1, "3": 0.3, "4": 0.2},
                    "num_clusters": [2, 3, 3], "weight": [1.0, 1.0, 1.0]}}},
}  # fmt: skip


def named(dataset: str) -> str:
    """What stands in a dataset's place: "mine_plus" for "utd_plus"."""
    return next((dataset.replace(old, new) for old, new in OWN.items() if dataset.startswith(old)), dataset)


def made(job: Job) -> Record:
    if job.kind == "pretrain":
        return record(job, curves=OF_STAGE_1)
    if job.kind == "measure":
        return record(job, result=MEASURED[job.measure])
    weights = {"a": {"x": 0.4, "y": 0.6}, "b": {"x": 0.5, "y": 0.5}}
    counts = {"by_subject": {"1": [1, 2]}, "by_recording": {"r": [1, 2], "s": [0, 2]}}
    title = {"title": "Mine", "num_classes": 4, "attention_by_class": weights, **counts}
    return record(job, 0.5 + 0.01 * job.seed, curves=OF_STAGE_2, result=title)


def outside(study: str, known: dict[str, Any], results: bool) -> View:
    """A study of the project on other datasets, as if their configs were there."""
    found = definition(study)
    grids = [replace(runs, datasets=[named(dataset) for dataset in runs.datasets]) for runs in found.runs]
    renamed: dict[str, Job] = {}
    for job in jobs(study):
        parents = tuple(renamed[parent.key] for parent in job.parents)
        renamed[job.key] = replace(job, dataset=named(job.dataset), parents=parents)
    outcomes = [Outcome(job, made(job) if results else None) for job in renamed.values()]
    return View(study, replace(found, runs=grids), "paper", outcomes, methods(), known, {})


@pytest.mark.parametrize("known", [paper(), {}], ids=["with the paper", "without"])
@pytest.mark.parametrize("study", STUDIES)
def test_a_renderer_knows_no_dataset(study: str, known: dict[str, Any]) -> None:
    for results in (True, False):
        view = outside(study, known, results)
        rendered = renderer(view.study.render)(view)
        assert all(len(row) == len(rendered.header) for row in rendered.rows)
        assert not [verdict.claim for verdict in rendered.verdicts if verdict.of_paper]
        told = [*(cell for row in rendered.rows for cell in row), *rendered.notes]
        assert not [text for text in told if any(name in text for name in ("UTD-MHAD", "USC-HAD", "self-collected"))]
        assert study_page([Rendering(view, rendered, None)]).startswith(f"# {view.study.title}\n")
        if results:
            assert rendered.rows


@pytest.mark.parametrize("study", STUDIES)
def test_a_renderer_needs_nothing_of_the_paper(study: str) -> None:
    """The project's own datasets, without ``paper.yaml``: no verdict of the paper's, and no row of it."""
    outcomes = [Outcome(job, made(job)) for job in jobs(study)]
    rendered = renderer(definition(study).render)(View(study, definition(study), "paper", outcomes, methods(), {}, {}))
    assert rendered.rows and not [v for v in rendered.verdicts if v.of_paper]
