"""The convergence of stage 1 from hand-made records."""

from __future__ import annotations

from cosmo_pl.study.rendering.epochs import stage1

from .factory import jobs, record, view

CURVE = {"epoch": [0, 1, 2, 3], "probe/acc": [None, 0.40, 0.495, 0.50], "train/loss": [5.0, 4.0, 3.0, 2.0]}


def test_best_epoch_and_the_first_within_a_point_of_it() -> None:
    (job,) = jobs("usc_epochs")
    rendered = stage1(view("usc_epochs", "paper", {job.key: record(job, curves=CURVE)}))
    assert rendered.rows[:2] == [["probe/acc", "2", "0.4000", "", "1"], ["probe/acc", "3", "0.4950", "", "1"]]
    assert len(rendered.rows) == 3 + 4
    assert rendered.notes == [
        "n = 1. The best accuracy, 0.500, is reached at epoch 4, and an accuracy within one point of it at epoch 3; "
        "it is 0.500 after epoch 4."
    ]


def test_nothing_run() -> None:
    rendered = stage1(view("usc_epochs", "paper", {}, {"usc": "nothing has been run on it"}))
    assert rendered.rows == []
    assert rendered.figure is None


def test_validation_subjects_are_not_those_of_the_test() -> None:
    (job,) = jobs("usc_epochs")
    assert job.kind == "pretrain"
    assert not set(job.arguments["data.init_args.val_subjects"]) & {11, 12, 13, 14}
