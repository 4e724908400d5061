"""The choice of columns on USC-HAD is nested: that for a fold uses nothing of its people."""

from __future__ import annotations

import pytest

from cosmo_pl.study.rendering import nested

from .factory import jobs, record, view

JOBS = jobs("gravity_search")
FOLDS = {"1-4": [1, 2, 3, 4], "5-8": [5, 6, 7, 8], "9-10": [9, 10], "11-14": [11, 12, 13, 14]}


def accuracy(job) -> float:
    """Gravity is better for all who validate but 9 and 10, and seconds make no difference."""
    gravity = job.factors["columns"] == "acc"
    found = 0.5 + 0.01 * (job.factors["label_seed"] - 100)
    return found + (0.2 if gravity and len(job.factors["validated"]) == 4 else -0.3 if gravity else 0.0)


def rows(keep=lambda job: True):
    found = {each.key: record(each, curves={"val/acc": [0.1, accuracy(each)]}) for each in JOBS if keep(each)}
    return nested.choices(view("gravity_search", "paper", found))


def test_each_pair_of_folds_is_left_out_of_training_and_no_label_seed_is_that_of_a_table() -> None:
    assert not any(job.tested for job in JOBS)
    pairs = {(str(job.factors["left_out"]), str(job.factors["validated"])) for job in JOBS}
    assert pairs == {(str(out), str(by)) for out in FOLDS.values() for by in FOLDS.values() if out != by}
    for job in JOBS:
        assert job.arguments["data.init_args.test_subjects"] == job.factors["left_out"]
        assert job.arguments["data.init_args.val_subjects"] == job.factors["validated"]
        assert job.arguments["data.init_args.label_seed"] in (100, 101)
    tables = [job for study in ("usc_accuracy", "plus", "baselines") for job in jobs(study)]
    assert not {job.arguments.get("data.init_args.label_seed") for job in tables} & {100, 101}


def test_the_mean_counts_each_person_once_and_the_best_is_chosen_for_each_fold() -> None:
    shown = rows()
    assert list(shown.header) == ["left out", "columns", "context", *FOLDS, "mean", "n", "choice"]
    table = {tuple(row[:3]): row[3:] for row in shown.rows}
    assert len(table) == 4 * 4
    mean = ((0.705 * 8) + 0.205 * 2) / 10
    row = ["0.7050", "0.7050", "0.2050", "", f"{mean:.4f}", "6", "chosen"]
    assert table["11-14", "relative to gravity", "7 s"] == row
    assert table["9-10", "as measured", "7 s"][:5] == ["0.5050", "0.5050", "", "0.5050", "0.5050"]
    chosen = [key for key, row in table.items() if row[-1]]
    assert chosen == [(fold, "relative to gravity", "7 s") for fold in ("11-14", "1-4", "5-8", "9-10")]
    assert shown.notes[1:] == ["Chosen for 4 of 4 folds: relative to gravity, 7 s."]


def test_people_who_validate_with_known_windows_are_tested_and_those_left_out_take_no_part() -> None:
    made = jobs("own_columns_search")
    tables = {job.arguments.get("data.init_args.label_seed") for job in jobs("usc_adapted")}
    pairs = set()
    for job in made:
        assert job.tested and not {101} & tables and job.arguments["data.init_args.label_seed"] == 101
        train, tested = job.arguments["data.init_args.train_subjects"], job.arguments["data.init_args.test_subjects"]
        (left_out,) = (name for name, people in FOLDS.items() if {*people}.isdisjoint([*train, *tested]))
        assert {*train, *tested, *FOLDS[left_out]} == set(range(1, 15)) and not {*train} & {*tested}
        pairs.add((left_out, str(tested), job.factors["columns"]))
    assert len(pairs) == len(made) == 4 * 3 * 3

    def accuracy_of(job) -> float:
        own = {None: 0.0, "add": 0.1, "only": 0.3 if len(job.factors["validated"]) == 2 else 0.0}
        return 0.5 + own[job.factors["columns"]]

    found = {job.key: record(job, result={"accuracy": accuracy_of(job)}) for job in made}
    shown = nested.choices(view("own_columns_search", "paper", found))
    table = {tuple(row[:2]): row[2:] for row in shown.rows}
    assert len(table) == len(shown.rows) == 4 * 3 and [row[0] for row in shown.rows[::3]] == [
        "11-14",
        "5-8",
        "9-10",
        "1-4",
    ]
    order = list(shown.header)[2:6]
    own = dict(zip(order, table["11-14", "standardised ones only"], strict=False))
    assert own == {"1-4": "0.5000", "5-8": "0.5000", "9-10": "0.8000", "11-14": ""}
    assert table["11-14", "standardised ones only"][4:] == [f"{(0.5 * 8 + 0.8 * 2) / 10:.4f}", "3", ""]
    assert table["11-14", "standardised ones added"][4:] == ["0.6000", "3", "chosen"]
    assert shown.notes[1:] == ["Chosen for 4 of 4 folds: standardised ones added."]


@pytest.mark.parametrize("missing", [{"validated": [9, 10]}, {"label_seed": 101}])
def test_nothing_is_chosen_before_all_runs_are_done(missing) -> None:
    shown = rows(lambda job: not missing.items() <= job.factors.items())
    chosen = {row[0] for row in shown.rows if row[-1]}
    assert chosen == ({"9-10"} if "validated" in missing else set())
