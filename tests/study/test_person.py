"""The studies of a new person and of suggested labels, rendered from hand-made records."""

from __future__ import annotations

import numpy as np
import pytest

from cosmo_pl.study.rendering import person, suggest

from .factory import MEX_FOLDS, jobs, record, view

ALL = jobs("person")


def accuracy(job):
    (subject,) = job.factors["person"]
    kind = job.method.rpartition("_")[2]
    return 0.5 + 0.01 * job.seed + 0.02 * subject + (0 if kind == "0" else 0.1)


def made(keep):
    found = {job.key: record(job, accuracy(job)) for job in ALL if job.kind == "finetune" and keep(job)}
    return person.accuracy(view("person", "paper", found))


def test_every_person_is_tested_with_the_stage_1_of_the_own_fold():
    for dataset, people in (("utd_plus", 8), ("usc_plus", 14)):
        second = [job for job in ALL if job.dataset == dataset and job.method == "person_0"]
        assert sorted({job.factors["person"][0] for job in second}) == list(range(1, people + 1))
        for job in second:
            fold = job.parents[0].arguments["data.init_args.test_subjects"]
            assert set(job.factors["person"]) <= set(fold)
            assert sorted([*fold, *job.arguments["data.init_args.train_subjects"]]) == list(range(1, people + 1))


def test_every_person_of_mex_is_tested_once_with_the_stage_1_of_the_own_fold():
    second = [job for job in ALL if job.dataset == "mex_plus" and (job.method, job.seed) == ("person_0", 0)]
    assert sorted(job.factors["person"][0] for job in second) == list(range(1, 31))
    for job in second:
        fold = job.arguments.get("data.init_args.fold", 0)
        assert job.parents[0].arguments.get("data.init_args.fold", 0) == fold
        assert job.factors["person"][0] in MEX_FOLDS[fold]


def test_a_row_for_each_person_and_the_mean_and_the_worst():
    rendered = made(lambda job: job.dataset == "utd_plus" and job.method.startswith(("person_0", "person_1")))
    assert rendered.header == ("dataset", "second stage", "person", "as it is", "1 label")
    assert [row[2] for row in rendered.rows] == [*map(str, range(1, 9)), "mean", "worst person"]
    assert rendered.rows[0][3:] == ["0.540 ± 0.016 (n=5)", "0.640 ± 0.016 (n=5)"]
    assert rendered.rows[8][3:] == ["0.610 ± 0.016 (n=5)", "0.710 ± 0.016 (n=5)"]
    assert rendered.rows[9][3:] == ["0.540 (person 1)", "0.640 (person 1)"]
    ((dataset, _, first, second, difference),) = rendered.comparisons
    assert (dataset, first, second) == ("utd_plus", "the recipe's, adapted, 1 label", "the recipe's, as it is")
    same = "+0.100, 95 % interval +0.100 to +0.100"
    assert difference == f"{same} (n=5); over the people {same} (n=8)"


def test_people_who_differ_widen_the_interval_over_people_alone():
    """Labels add 0, 0.02, 0.04, ... to the eight people, and 0.001 more in each further seed."""
    found = {
        job.key: record(
            job, 0.5 + (job.method == "person_1") * (0.02 * (job.factors["person"][0] - 1) + 0.001 * job.seed)
        )
        for job in ALL
        if (job.dataset, job.kind) == ("utd_plus", "finetune") and job.method in ("person_0", "person_1")
    }
    ((*_, difference),) = person.accuracy(view("person", "paper", found)).comparisons
    seeds, people = difference.split("; over the people ")
    assert seeds == "+0.072, 95 % interval +0.070 to +0.074 (n=5)"
    margin = 2.3646 * np.std(0.02 * np.arange(8), ddof=1) / np.sqrt(8)  # t of 7 degrees of freedom
    assert people == f"+0.072, 95 % interval {0.072 - margin:+.3f} to {0.072 + margin:+.3f} (n=8)"


def test_a_seed_without_some_person_is_not_in_the_mean():
    rendered = made(
        lambda job: (
            (job.dataset, job.method) == ("utd_plus", "person_0") and (job.seed < 2 or job.factors["person"] != [4])
        )
    )
    assert rendered.rows[8][3] == "0.595 ± 0.007 (n=2)"
    assert made(lambda job: False).rows == []


def test_without_a_run_of_every_person_there_is_neither_mean_nor_worst_person():
    rendered = made(lambda job: (job.dataset, job.method, job.factors["person"]) == ("utd_plus", "person_0", [7]))
    assert [row[3] for row in rendered.rows] == ["-"] * 6 + ["0.660 ± 0.016 (n=5)", "-", "-", "-"]


def test_a_thin_line_for_each_person_and_a_thick_one_for_their_mean():
    rendered = made(lambda job: job.dataset == "utd_plus" and job.method in ("person_0", "person_1", "person_tuned_0"))
    (axes,) = rendered.figure.axes
    assert axes.get_title() == "UTD-MHAD, plus"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["as it is", "1 label"]
    _, labels = axes.get_legend_handles_labels()
    stages = ("the recipe's second stage", "fine-tuned second stage")
    assert labels == [f"{stage}: {line}" for stage in stages for line in ("one person", "mean")]
    lines = axes.get_lines()
    people = [line for line in lines if line.get_linewidth() < 1]
    assert [list(line.get_ydata()) for line in people[:2]] == [pytest.approx([0.54, 0.64]), pytest.approx([0.56, 0.66])]
    assert len(people) == 16
    recipe, tuned = (line for line in lines if line.get_linewidth() > 2)
    assert list(recipe.get_ydata()) == pytest.approx([0.61, 0.71])
    assert list(tuned.get_ydata()) == pytest.approx([0.6]), "nothing where nothing was run"


def test_lines_pass_a_column_that_their_second_stage_lacks_and_a_panel_has_no_empty_column():
    methods = ("person_0", "person_adapted", "person_1", "person_5", "person_tuned_0", "person_tuned_1")
    rendered = made(lambda job: job.method in methods)
    utd, usc, _ = rendered.figure.axes
    columns = ["as it is", "adapted, no label", "1 label", "5 labels"]
    assert [[tick.get_text() for tick in axes.get_xticklabels()] for axes in (utd, usc)] == [columns[:3], columns]
    _, tuned = (line for line in utd.get_lines() if line.get_linewidth() > 2)
    assert list(tuned.get_xdata()) == [0, 2] and list(tuned.get_ydata()) == pytest.approx([0.6, 0.7])


def test_without_runs_there_is_no_picture():
    assert made(lambda job: False).figure is None


def test_a_row_for_each_way_to_choose_labels():
    found = {}
    for job in (job for job in jobs("suggest") if job.kind == "measure"):
        labels = 27 if job.factors["label_rate"] == 0.05 else 54
        correct = {"suggested": 80 + job.seed, "random": 70 + job.seed, "balanced": 90}
        classes = {"suggested": 27, "random": 17, "balanced": 27}
        result = {"labels": labels, "total": 100, "num_classes": 27, "correct": correct, "classes": classes}
        found[job.key] = record(job, result=result)
    rows = suggest.table(view("suggest", "paper", found)).rows
    assert [row[1:4] for row in rows[:3]] == [
        ["27", "suggested", "no"], ["27", "random", "no"], ["27", "random, balanced over the classes", "yes"],
    ]  # fmt: skip
    assert rows[0][4:] == ["0.820 ± 0.016 (n=5)", "27.0 of 27", ""]
    assert rows[1][5:] == ["17.0 of 27", "+0.100, 95 % interval +0.100 to +0.100 (n=5)"]
    assert len(rows) == 6
