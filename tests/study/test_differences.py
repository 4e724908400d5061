"""Paired differences of all methods to Cosmo and to the recommended recipe, by fold and over all folds."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest

from cosmo_pl.intervals import t_interval
from cosmo_pl.study.jobs import Job
from cosmo_pl.study.rendering.differences import HEADER, against
from cosmo_pl.study.rendering.view import Rendered, View

from .factory import jobs, record, view

BASE = {
    ("usc_plus", "cosmo"): 0.8,
    ("usc_plus", "cmc_plus"): 0.7,
    ("usc", "cosmo"): 0.6,
    ("usc", "nearest_neighbor"): 0.5,
}
FOLDS = ([11, 12, 13, 14], [1, 2, 3, 4])


def accuracy(job: Job) -> float:
    """Methods differ by 0.1 and by seed; the second fold is easier by 0.05 for all but CMC."""
    easier = 0.05 * (job.factors.get("test_subjects") == FOLDS[1] and job.method != "cmc_plus")
    return BASE[job.dataset, job.method] + easier + 0.01 * job.seed * (job.method == "cosmo")


def of(seeds: int = 3, folds: tuple[list[int], ...] = FOLDS) -> View:
    wanted = [
        job
        for job in jobs("plus")
        if (job.dataset, job.method) in BASE
        and job.kind == "finetune"
        and job.seed < seeds
        and job.factors.get("test_subjects") in folds
    ]
    return view("plus", "paper", {job.key: record(job, accuracy(job), total=1000) for job in wanted})


def test_runs_of_a_grid_without_a_factor_are_not_at_its_default() -> None:
    """MEx has runs with one and five labels per class in one grid, and with all labels in another."""
    made = [job for job in jobs("mex") if (job.dataset, job.method, job.kind) == ("mex_plus", "cosmo", "finetune")]
    shown = view("mex", "paper", {job.key: record(job) for job in made})
    assert {job.factors.get("labels") for job in made} == {1, 5, None}
    assert {job.factors.get("labels") for job in made if shown.is_usual(job)} == {5}


def rows(rendered: Rendered, reference: str) -> dict[tuple[str, str], dict[str, str]]:
    found = [dict(zip(HEADER, row, strict=True)) for row in rendered.rows]
    return {(each["method"], each["test subjects"]): each for each in found if each["compared with"] == reference}


def test_differences_are_paired_by_seed_and_fold() -> None:
    found = rows(against([of()], "usc"), "Cosmo, recipe plus")
    expected = {"11-14": [-0.1, -0.11, -0.12], "1-4": [-0.15, -0.16, -0.17], "all": [-0.125, -0.135, -0.145]}
    for tested, values in expected.items():
        row = found["CMC, the same second stage", tested]
        low, high = t_interval(values)
        numbers = [float(row[name]) for name in ("difference", "low 95 %", "high 95 %")]
        assert numbers == pytest.approx([fmean(values), low, high], abs=1e-4)
        assert row["n"] == "3"


def test_the_preset_with_most_seeds_of_a_fold_is_compared() -> None:
    """Three seeds of one fold say more than one seed of each of four."""

    def made(preset: str, seeds: int, folds: int) -> View:
        wanted = [
            job
            for job in jobs("table2", preset)
            if (job.dataset, job.method) in (("usc", "cosmo"), ("usc", "nearest_neighbor"))
            and job.kind == "finetune"
            and job.seed < seeds
            and job.factors["test_subjects"] in (*FOLDS, [5, 6, 7, 8], [9, 10])[:folds]
        ]
        return view("table2", preset, {job.key: record(job, accuracy(job), total=1000) for job in wanted})

    quick = made("quick", 1, 4)
    both = replace(made("paper", 3, 1), others={"quick": quick.outcomes})
    found = against([both], "usc")
    assert found.notes[-1] == "The methods with the paper's recipe have the preset paper."
    assert rows(found, "Cosmo, the paper's recipe")["1-NN, Euclidean", "11-14"]["n"] == "3"


def test_both_references_and_both_recipes() -> None:
    rendered = against([of()], "usc")
    assert {method for method, _ in rows(rendered, "Cosmo, the paper's recipe")} == {
        "Cosmo", "CMC, the same second stage", "1-NN, Euclidean",
    }  # fmt: skip
    assert rendered.figure is not None
    names = [label.get_text() for label in rendered.figure.axes[0].get_yticklabels()]
    assert names == [  # of each recipe, the most accurate first
        "recipe plus",
        "Cosmo",
        "CMC, the same second stage",
        "the paper's recipe",
        "Cosmo",
        "1-NN, Euclidean",
    ]


def test_a_single_interval_is_at_the_height_of_its_row() -> None:
    """Several are around it."""
    for folds in (FOLDS, FOLDS[:1]):
        figure = against([of(folds=folds)], "usc").figure
        assert figure is not None
        axes = figure.axes[0]
        drawn = [float(line.get_ydata()[0]) for line in axes.lines if len(line.get_xdata()) == 1]
        heights = [tick for tick in axes.get_yticks() if any(abs(tick - at) < 1e-6 for at in drawn)]
        assert len(heights) == 3, "CMC, and two methods with the paper's recipe"
        assert len(drawn) == 3 * (len(folds) + 1 if len(folds) > 1 else 1)


def test_one_fold_has_no_row_for_all() -> None:
    found = rows(against([of(folds=FOLDS[:1])], "usc"), "Cosmo, recipe plus")
    assert {tested for _, tested in found} == {"11-14"}


def test_a_method_that_lacks_a_fold_has_no_row_for_all() -> None:
    whole = of()
    lacks = [o for o in whole.outcomes if (o.job.method, o.job.factors.get("test_subjects")) == ("cmc_plus", FOLDS[1])]
    some = replace(whole, outcomes=[o for o in whole.outcomes if o not in lacks])
    found = rows(against([some], "usc"), "Cosmo, recipe plus")
    assert {tested for method, tested in found if method.startswith("CMC")} == {"11-14"}
    assert "all" in {tested for method, tested in found if not method.startswith("CMC")}


def test_all_folds_have_the_seeds_that_every_fold_has() -> None:
    """The fourth seed, with another difference, has one fold only."""
    whole = of(seeds=4)
    lacks = [o for o in whole.outcomes if (o.job.seed, o.job.factors.get("test_subjects")) == (3, FOLDS[1])]
    some = replace(whole, outcomes=[o for o in whole.outcomes if o not in lacks])
    row = rows(against([some], "usc"), "Cosmo, recipe plus")["CMC, the same second stage", "all"]
    assert row["n"] == "3" and float(row["difference"]) == pytest.approx(-0.135)


def test_fewer_than_three_seeds_are_not_compared() -> None:
    rendered = against([of(seeds=2)], "usc")
    assert not rendered.rows and rendered.figure is not None
    assert "three seeds" in rendered.figure.axes[0].texts[0].get_text()


@pytest.mark.parametrize(("paper", "quick", "taken"), [(3, 4, "quick"), (4, 3, "paper")])
def test_the_preset_with_most_runs_of_cosmo_is_taken(paper: int, quick: int, taken: str) -> None:
    both = replace(of(seeds=paper), others={"quick": of(seeds=quick).outcomes})
    assert against([both], "usc").notes[-1].endswith(f"the preset {taken}.")
