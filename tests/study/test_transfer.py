"""The study of transfer: whose stage 1 a stage 2 uses, and the table."""

from __future__ import annotations

import pytest

from cosmo_pl.study.jobs import choose
from cosmo_pl.study.rendering import transfer

from .factory import jobs, records, view

DATASETS = ["usc_motion", "utd_motion"]
ALL = jobs("transfer")
SAME = dict.fromkeys([*DATASETS, "mex_motion"])
STAGE1 = {
    "cosmo": {name: name for name in SAME},
    "plus_joint": {name: name for name in SAME},
    "motion_scratch": dict.fromkeys([*SAME, "usc_acc"]),
    "motion_other": {"usc_motion": "utd_motion", "utd_motion": "usc_motion"},
    "motion_joint": dict.fromkeys(DATASETS, "joint_motion"),
    "motion_own": {"usc_acc": "usc_motion"},
    "motion_swapped": {"mex_motion": "mex_motion"},
    "motion_worn": {"mex_motion": "usc_motion", "usc_acc": "mex_motion"},
}
"""Method to the datasets that it is for, and whose stage 1 its second stage uses there."""
NAMES = {
    ("motion_swapped", "mex_motion"): {"act": "acw", "acw": "act"},
    ("motion_worn", "mex_motion"): {"act": "acc", "acw": "acc"},
    ("motion_worn", "usc_acc"): {"acc": "act"},
}


def test_every_stage_2_uses_the_stage_1_that_its_title_says() -> None:
    second = [job for job in ALL if job.kind == "finetune"]
    found = {(job.method.removesuffix("_tuned"), job.dataset) for job in second}
    assert found == {(method, dataset) for method, datasets in STAGE1.items() for dataset in datasets}
    for job in second:
        method = job.method.removesuffix("_tuned")
        expected = STAGE1[method][job.dataset]
        assert [parent.dataset for parent in job.parents] == [expected] * (expected is not None)
        assert job.arguments.get("model.init_args.bundle_modalities") == NAMES.get((method, job.dataset))
        assert job.arguments["data.init_args.normalization"] == job.factors["normalization"]
        assert all("data.init_args.normalization" not in parent.arguments for parent in job.parents)
    first = [(job.dataset, job.seed) for job in ALL if job.kind == "pretrain"]
    assert sorted(first) == sorted((name, seed) for name in (*SAME, "joint_motion") for seed in range(5)), "each once"


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
    of_accelerometers = (3 + 4 * 2) + (2 + 2 * 2)
    assert len(rows) == len({tuple(row[:3]) for row in rows}) == 2 * (3 * 2 + 4 * 3) + of_accelerometers
    for _, method, by, mean, _, n, *_, difference in rows:
        assert n == "5"
        if method == "labels alone, fine-tuned":
            assert difference == "" and float(mean) == pytest.approx(0.62 if by == "each subject" else 0.52)
        else:
            assert difference.startswith("+0.100" if by == "each subject" else "+0.200")


def test_without_results_there_are_no_rows() -> None:
    assert transfer.table(view("transfer", "paper", {})).rows == []
