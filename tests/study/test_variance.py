"""The studies of the sources of chance and of learning rates."""

from __future__ import annotations

import numpy as np
import pytest

from cosmo_pl.intervals import std_interval
from cosmo_pl.study.jobs import Job
from cosmo_pl.study.rendering import selection, variance

from .factory import jobs, record, view

ALL = [job for job in jobs("variance") if job.dataset == "utd_plus"]
LABELS, MODELS = "labels, from one stage 1", "stage 1 and stage 2, with the same labels"
BOTH = "labels and both stages: the usual seeds"


def stages(grid: int) -> tuple[list[Job], set[str]]:
    """Second stages of a grid, and the keys of their first ones."""
    second = [job for job in ALL if any(number == grid for number, _ in job.cells)]
    return second, {parent.key for job in second for parent in job.parents}


def test_one_thing_moves_and_the_other_is_fixed() -> None:
    labels, one = stages(1)
    assert (len(labels), len(one)) == (8, 1)
    assert {job.arguments["data.init_args.label_seed"] for job in labels} == set(range(8))
    assert {job.arguments["seed_everything"] for job in labels} == {0}
    models, five = stages(2)
    assert (len(models), len(five)) == (5, 5)
    assert {job.arguments["data.init_args.label_seed"] for job in models} == {0}
    assert {job.arguments["seed_everything"] for job in models} == set(range(5))
    assert {job.parents[0].arguments["seed_everything"] for job in models} == set(range(5))
    assert {job.key for job in labels} & {job.key for job in models}, "one run is in both"
    usual, _ = stages(0)
    assert {(j.arguments["seed_everything"], j.arguments["data.init_args.label_seed"]) for j in usual} == {
        (seed, seed) for seed in range(5)
    }


def test_stage_1_does_not_depend_on_the_labels() -> None:
    for dataset in ("utd", "usc"):
        stages_1 = [job for job in jobs("variance") if (job.dataset, job.kind, job.seed) == (dataset, "pretrain", 0)]
        included = [job.arguments.get("data.init_args.include_labeled", False) for job in stages_1]
        assert sorted(included) == [False] + [True] * 5  # that of the usual seeds, one for all labels, 4 other models


def test_a_row_for_each_source() -> None:
    found = {}
    for job in (job for job in ALL if job.kind == "finetune"):
        label, model = job.arguments["data.init_args.label_seed"], job.arguments["seed_everything"]
        found[job.key] = record(job, 0.9 + 0.01 * label + 0.001 * model)
    rows = [row for row in variance.seeds(view("variance", "paper", found)).rows if row[0] == "UTD-MHAD, plus"]
    assert [row[2] for row in rows] == [BOTH, LABELS, MODELS]
    spread = {row[2]: row[3:6] for row in rows}
    assert spread[LABELS] == ["0.9350", f"{0.01 * np.std(range(8), ddof=1):.4f}", "8"]
    assert spread[MODELS] == ["0.9020", f"{0.001 * np.std(range(5), ddof=1):.4f}", "5"]
    assert spread[BOTH] == ["0.9220", f"{0.011 * np.std(range(5), ddof=1):.4f}", "5"]


def test_the_interval_of_a_deviation_covers_it() -> None:
    """Of 2,000 samples of 8 normal values with deviation 2, 95 % of the intervals have it."""
    random = np.random.default_rng(0)
    intervals = [std_interval(float(x.std(ddof=1)), 8) for x in random.normal(5, 2, (2000, 8))]
    assert np.mean([low <= 2 <= high for low, high in intervals]) == pytest.approx(0.95, abs=0.015)


def test_learning_rates_are_compared_on_validation_subjects() -> None:
    found = {}
    for job in jobs("originals_lr"):
        assert not job.tested and job.arguments["data.init_args.val_subjects"] in ([6], [9, 10])
        accuracy = 0.5 + 0.1 * (job.factors["lr"] == 0.001) + 0.01 * job.seed
        found[job.key] = record(job, curves={"val/acc": [0.9, accuracy]}, result={"accuracy": 0.0})
    rows = selection.methods(view("originals_lr", "paper", found)).rows
    assert len(rows) == 2 * 2 * 2
    assert rows[0][:6] == ["UTD-MHAD", "AttnSense, original", "lr = 0.0001", "0.5100", "0.0100", "3"]
    assert [row[3] for row in rows if row[2] == "lr = 0.001"] == ["0.6100"] * 4
    assert all(row[5] == "0" for row in selection.methods(view("originals_lr", "paper", {})).rows)
