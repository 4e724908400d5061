"""The overview of a dataset: every method once, with its interval and its number of runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cosmo_pl.intervals import t_interval
from cosmo_pl.study.jobs import Job
from cosmo_pl.study.rendering.overview import HEADER, SINGLE, accuracy
from cosmo_pl.study.rendering.view import Rendered, View

from .factory import jobs, record, view

ACCURACIES = {("utd_plus", "cosmo"): 0.9, ("utd", "cosmo"): 0.6, ("utd", "dtw"): 0.8}

CHANCE = {"chance": 1 / 27}


def value(job: Job) -> float:
    return ACCURACIES[job.dataset, job.method] + 0.01 * job.seed


def of(study: str, preset: str = "paper", seeds: int = 5, methods: tuple[str, ...] = ("cosmo", "dtw")) -> View:
    wanted = [
        job
        for job in jobs(study, preset)
        if (job.dataset, job.method) in ACCURACIES
        and job.kind == "finetune"
        and job.seed < seeds
        and job.method in methods
        and job.factors.get("test_subjects", [7, 8]) == [7, 8]
    ]
    return view(study, preset, {job.key: record(job, value(job), total=1000, result=CHANCE) for job in wanted})


def rows(rendered: Rendered) -> list[dict[str, str]]:
    return [dict(zip(HEADER, row, strict=True)) for row in rendered.rows]


def test_both_recipes_with_the_most_accurate_method_first() -> None:
    shown = rows(accuracy([of("table2"), of("plus")], "utd"))
    assert [(row["recipe"], row["method"]) for row in shown] == [
        ("plus", "Cosmo"),
        ("the paper's", "1-NN, time warping"),
        ("the paper's", "Cosmo"),
    ]
    low, high = t_interval([0.9, 0.91, 0.92, 0.93, 0.94])
    assert shown[0]["accuracy"] == "0.920 ± 0.016 (n=5)"
    assert shown[0]["95 % interval of the mean"] == f"{low:.3f} to {high:.3f}"


def test_a_single_run_is_grey_without_an_interval_and_last() -> None:
    both = of("table2", methods=("cosmo",)), of("table2", seeds=1, methods=("dtw",))
    one = replace(both[0], outcomes=[o if o.record else p for o, p in zip(*(v.outcomes for v in both), strict=True)])
    rendered = accuracy([one], "utd")
    assert [(row["method"], row["accuracy"]) for row in rows(rendered)] == [
        ("Cosmo", "0.620 ± 0.016 (n=5)"),
        ("1-NN, time warping", "0.800 (n=1)"),
    ]
    assert rows(rendered)[1]["95 % interval of the mean"] == "-"
    assert rendered.figure is not None
    (axes,) = rendered.figure.axes
    assert [line.get_color() for line in axes.lines].count(SINGLE) == 1
    whiskers = [line for line in axes.lines if len(set(line.get_ydata())) == 1 and len(line.get_xdata()) == 2]
    assert len(whiskers) == 1


def test_two_runs_are_not_said_to_be_one() -> None:
    rendered = accuracy([of("table2", seeds=2, methods=("cosmo",))], "utd")
    assert [row["accuracy"] for row in rows(rendered)] == ["0.605 ± 0.007 (n=2)"]
    assert "A hollow grey dot is of one or two runs" in rendered.notes[0]


def test_the_figure_says_how_many_runs_and_where_chance_is() -> None:
    rendered = accuracy([of("table2"), of("plus")], "utd")
    assert rendered.figure is not None
    (axes,) = rendered.figure.axes
    ticks = [label.get_text() for label in axes.get_yticklabels()]
    assert ticks == [
        "recipe plus, preset paper",
        "Cosmo, n=5",
        "paper's recipe, preset paper",
        "1-NN, time warping, n=5",
        "Cosmo, n=5",
    ]
    chance = [line for line in axes.lines if line.get_label() == "chance 0.037"]
    assert [line.get_xdata()[0] for line in chance] == [pytest.approx(1 / 27)]
    assert "27 labels, test subjects 7-8, chance 0.037." in rendered.notes


def test_another_preset_stands_in_for_a_method_without_runs() -> None:
    paper, quick = of("table2", methods=("dtw",)), of("table2", "quick")
    shown = rows(accuracy([replace(paper, others={"quick": quick.outcomes})], "utd"))
    assert [(row["preset"], row["method"]) for row in shown] == [("paper", "1-NN, time warping"), ("quick", "Cosmo")]


def test_a_dataset_without_runs_is_an_empty_figure() -> None:
    rendered = accuracy([of("table2"), of("plus")], "self_collected")
    assert not rendered.rows and rendered.figure is not None
