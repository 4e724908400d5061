"""The study of transfer: whose stage 1 a stage 2 uses, and the table."""

from __future__ import annotations

import pytest

from cosmo_pl.study.jobs import choose
from cosmo_pl.study.rendering import transfer

from .factory import jobs, records, view

DATASETS = ["usc_motion", "utd_motion"]
ALL = jobs("transfer")
STAGE1 = {
    "cosmo": "{}",
    "plus_joint": "{}",
    "motion_scratch": None,
    "motion_other": "other",
    "motion_joint": "joint_motion",
}


def stage1_of(method: str, dataset: str) -> str | None:
    other = next(each for each in DATASETS if each != dataset)
    found = STAGE1[method.removesuffix("_tuned")]
    return other if found == "other" else dataset if found == "{}" else found


def test_every_stage_2_uses_the_stage_1_of_its_dataset_of_the_other_or_of_both() -> None:
    second = [job for job in ALL if job.kind == "finetune"]
    assert {job.dataset for job in second} == set(DATASETS)
    for job in second:
        assert [parent.dataset for parent in job.parents] == [d for d in [stage1_of(job.method, job.dataset)] if d]
        assert job.arguments["data.init_args.normalization"] == job.factors["normalization"]
        assert all("data.init_args.normalization" not in parent.arguments for parent in job.parents)
    first = {(job.dataset, job.seed) for job in ALL if job.kind == "pretrain"}
    assert first == {(name, seed) for name in (*DATASETS, "joint_motion") for seed in range(5)}, "each once"


def test_runs_on_a_dataset_include_the_stages_1_that_they_need() -> None:
    chosen = choose(ALL, None, ["utd_motion"])
    assert {job.dataset for job in chosen if job.kind == "finetune"} == {"utd_motion"}
    assert {job.dataset for job in chosen if job.kind == "pretrain"} == {*DATASETS, "joint_motion"}


def test_runs_of_a_method_include_the_stages_1_that_they_need() -> None:
    chosen = choose(jobs("plus"), None, ["utd_plus"], ["plus_joint"])
    assert {job.method for job in chosen if job.kind == "finetune"} == {"plus_joint"}
    assert {job.key for job in chosen if job.kind == "pretrain"} == {
        parent.key for job in chosen for parent in job.parents
    }


def test_differences_are_to_labels_alone_under_the_same_protocol() -> None:
    def accuracy(job):
        of_labels = 0.6 if job.factors["normalization"] == "adapt" else 0.5
        return (of_labels if job.method == "motion_scratch" else 0.7) + 0.01 * job.seed

    rows = transfer.table(view("transfer", "paper", records([j for j in ALL if j.kind == "finetune"], accuracy))).rows
    assert len(rows) == len({tuple(row[:3]) for row in rows}) == 2 * (3 * 2 + 4 * 3)
    for title, method, by, mean, _, n, *_, difference in rows:
        assert title in ("utd_motion", "usc_motion", "UTD-MHAD, motion", "USC-HAD, motion") and n == "5"
        if method == "labels alone, fine-tuned":
            assert difference == "" and float(mean) == pytest.approx(0.62 if by == "each subject" else 0.52)
        else:
            assert difference.startswith("+0.100" if by == "each subject" else "+0.200")


def test_without_results_there_are_no_rows() -> None:
    assert transfer.table(view("transfer", "paper", {})).rows == []
