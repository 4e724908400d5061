"""The recommended recipe's table and figures, on hand-made results."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cosmo_pl.study.definition import Factor, Runs
from cosmo_pl.study.rendering import factors, plus, selection

from .factory import jobs, record, view

SPREAD = {0: -0.01, 1: 0.0, 2: 0.01}
FOLD = [1, 2, 3, 4]
CMC, FOREST = "CMC, the same second stage", "random forest, self-trained"


def made(study, accuracy, keep=lambda job: True):
    """Records of the first three seeds; a fold's runs are tested on its subjects."""
    found = {}
    for job in jobs(study):
        if job.seed > 2 or not keep(job):
            continue
        tested = job.factors.get("test_subjects", [7, 8] if "utd" in job.dataset else [11, 12, 13, 14])
        given = {"test_subjects": tested, "training": {"fit_seconds": 4.0}}
        result = {"fit_seconds": 60.0} if job.kind == "pretrain" else given
        found[job.key] = record(job, accuracy(job) + SPREAD[job.seed] if job.kind == "finetune" else 0, result=result)
    return found


def test_what_was_trained_beside_other_work_has_no_seconds():
    records = made("plus", lambda job: 0.9)
    busy = {key: replace(each, environment={"busy": True}) for key, each in records.items() if each.kind == "pretrain"}
    shown = plus.accuracy_and_time(view("plus", "paper", records | busy))
    (ours,) = rows(shown, dataset="UTD-MHAD", recipe="plus", method="Cosmo", **{"test subjects": "7-8"})
    assert (ours["seconds of stage 1"], ours["seconds of stage 2"]) == ("", "4.0")
    _, drawn = shown.figure.axes[0].get_legend_handles_labels()
    assert "Cosmo" not in drawn
    assert "1-NN, time warping" in drawn, "it has no stage 1"


def test_the_picture_has_the_methods_of_both_recipes_and_says_which_is_which():
    records = made("plus", lambda job: 0.9)
    shown = plus.accuracy_and_time(view("plus", "paper", records))
    _, drawn = shown.figure.axes[0].get_legend_handles_labels()
    assert {"filled: recipe plus", "hollow: the paper's recipe", "Cosmo", CMC} <= set(drawn)
    variant = "fine-tuned, jointly"
    assert variant not in drawn and rows(shown, dataset="UTD-MHAD", method=variant), "in the table alone"


def rows(rendered, **wanted):
    found = [dict(zip(rendered.header, row, strict=True)) for row in rendered.rows]
    return [row for row in found if all(row[key] == value for key, value in wanted.items())]


def test_recipes_stand_beside_each_other_with_their_seconds():
    records = made("plus", lambda job: 0.9 if job.dataset.endswith("plus") else 0.6)
    shown = plus.accuracy_and_time(view("plus", "paper", records))
    (ours,) = rows(shown, dataset="UTD-MHAD", recipe="plus", method="Cosmo", **{"test subjects": "7-8"})
    assert (ours["accuracy"], ours["std"], ours["n"]) == ("0.9000", "0.0100", "3")
    assert (ours["seconds of stage 1"], ours["seconds of stage 2"]) == ("60.0", "4.0")
    (paper,) = rows(shown, dataset="UTD-MHAD", recipe="paper", method="Cosmo")
    assert paper["accuracy"] == "0.6000"
    nearest, *others = rows(shown, dataset="UTD-MHAD", method="1-NN, time warping")
    assert [row["test subjects"] for row in others] == ["1-2", "3-4", "5-6"]
    assert nearest["seconds of stage 1"] == ""
    folds = rows(shown, dataset="USC-HAD", recipe="plus", method="Cosmo")
    assert sorted(row["test subjects"] for row in folds) == ["1-4", "11-14", "5-8", "9-10"]
    means = [row["mean over the subjects of all folds"] for row in folds]
    assert sorted(means) == ["", "", "", "0.900 ± 0.010 (n=3), of whole folds"], "beside the headline's fold alone"


def test_methods_of_one_kind_are_compared_by_pairs():
    """The recipe is 0.2 above CMC; above the self-trained forest by 0.1, but for subjects 1 to 4, where it is level."""

    def accuracy(job):
        forest = 0.8 + (0.1 + 0.001 * job.seed) * (job.factors.get("test_subjects") == FOLD)
        return {"cmc_plus": 0.7, "random_forest_self": forest}.get(job.method, 0.9)

    found = plus.accuracy_and_time(view("plus", "paper", made("plus", accuracy))).comparisons
    table = {(dataset, where, second): told for dataset, where, first, second, told in found if first == "Cosmo"}
    assert len(table) == len(found) == 5 + 2 * 5 + 6, "CMC on the folds of all, the forest on those of USC-HAD"
    assert table["UTD-MHAD, plus", "7-8", CMC] == "+0.200, 95 % interval +0.200 to +0.200 (n=3)"
    assert table["USC-HAD, plus", "all folds", CMC] == "+0.200, 95 % interval +0.200 to +0.200 (n=3)"
    assert table["USC-HAD, plus", "1-4", FOREST] == "-0.001, 95 % interval -0.003 to +0.001 (n=3)"
    # Ten people of 14 gain 0.1, four lose 0.001 on average.
    assert table["USC-HAD, plus", "all folds", FOREST].startswith("+0.071, 95 % interval +0.070 to +0.072")


def test_few_seeds_compare_nothing():
    two = made("plus", lambda job: 0.9, lambda job: job.seed < 2)
    assert {told for *_, told in plus.accuracy_and_time(view("plus", "paper", two)).comparisons} == {
        "too few common seeds (n=2)"
    }


def test_only_the_headline_subjects_are_drawn():
    records = made("plus", lambda job: 0.3 if job.factors.get("test_subjects") == FOLD else 0.7)
    _, usc, _ = plus.accuracy_and_time(view("plus", "paper", records)).figure.axes
    heights = {round(float(line.get_ydata()[0]), 3) for line in usc.lines if len(line.get_ydata()) == 1}
    assert heights and min(heights) > 0.6
    assert usc.get_xscale() == "log"


def test_nothing_measured_is_said_and_not_drawn():
    shown = plus.accuracy_and_time(view("plus", "paper", {}, {"utd": "nothing has been run on it"}))
    assert not shown.rows and shown.figure is None
    records = made("plus", lambda job: 0.9, lambda job: job.dataset.startswith("usc"))
    shown = plus.accuracy_and_time(view("plus", "paper", records, {"utd": "nothing has been run on it"}))
    assert "nothing" in shown.figure.axes[0].texts[0].get_text()


def test_an_ablation_has_a_row_a_value_and_marks_the_recipe():
    changed = {"positives": 0.7, "transforms": 0.8}

    def accuracy(job):
        differs = [name for name, value in job.factors.items() if name in changed and value in ([], {})]
        return changed[differs[0]] if differs else 0.9

    table = plus.ablation(view("plus_ablation", "paper", made("plus_ablation", accuracy)))
    positives = rows(table, changed="nearest-neighbour positives")
    assert [row["accuracy"] for row in positives] == ["0.9000", "0.7000"]
    assert [row["to"] for row in positives] == ["of other subjects *", "none"]
    assert [row["minus the recipe, paired by seed"] for row in positives] == [
        "", "-0.200, 95 % interval -0.200 to -0.200 (n=3)",
    ]  # fmt: skip
    assert [row["accuracy"] for row in rows(table, changed="coordinates of the skeleton")] == ["0.9000", "0.8000"]
    assert len(rows(table, changed="augmentations")) == 6
    stages = rows(table, changed="second stage")
    assert stages[0]["to"] == "the recipe's *" and len(stages) == 7
    assert sum("*" in row["to"] for row in rows(table)) == 9  # one a factor, one second stage
    assert all(row["n"] == "3" for row in rows(table))


def test_a_default_of_null_marks_its_own_row_alone():
    def marks(factor):
        (options,) = plus._options(view("plus_ablation", "paper", {}), Runs(["utd"], ["cosmo"], {"a": factor}))
        return [option.is_default for option in options]

    assert marks(Factor("b", [None, [5, 6]])) == [True, False]
    assert marks(Factor("b", [1, 2])) == [True, True], "there is no default that a row could differ from"


def test_a_missing_value_is_told_as_missing():
    table = plus.ablation(view("plus_ablation", "paper", {}))
    assert all(row["accuracy"] == "-" and row["n"] == "0" for row in rows(table))


def test_the_ablation_is_of_the_present_recipe():
    """Its base is the run that the headline table has."""
    headline = {job.key for job in jobs("plus") if (job.dataset, job.method) == ("utd_plus", "cosmo")}
    base = [job for job in jobs("plus_ablation") if job.kind == "finetune" and len(job.cells) > 5]
    assert len(base) == 3 and {job.key for job in base} <= headline


def test_labels_are_a_line_a_method():
    records = made("plus_labels", lambda job: 0.5 + job.factors.get("label_rate", 0.05))
    shown = factors.by_labels(view("plus_labels", "paper", records))
    for dataset, expected in (("utd_plus", [0.55, 0.6, 0.7, 0.9]), ("usc_plus", [0.505, 0.51, 0.52])):
        found = [float(row["accuracy"]) for row in rows(shown, method="Cosmo", dataset=dataset)]
        assert found == pytest.approx(expected)


def searched(accuracy, keep=lambda job: True, study="plus_search"):
    """What a search shows of hand-made curves on validation subjects."""
    made = {
        job.key: record(
            job, curves={"val/acc": [0.95, accuracy(job) + SPREAD[job.seed]]} if job.kind == "finetune" else {}
        )
        for job in jobs(study)
        if keep(job)
    }
    return selection.recipe(view(study, "paper", made))


def test_a_search_takes_the_best_mean_on_validation_subjects():
    shown = searched(lambda job: 0.9 if job.factors.get("temperature") == 0.1 else 0.7)
    (best,) = rows(shown, varied="temperature of stage 1", best="best")
    assert (best["to"], best["validation accuracy"], best["std"], best["n"]) == ("0.1", "0.9000", "0.0100", "3")
    assert any("'0.1' is more accurate than '0.3 *' on these subjects" in note for note in shown.notes)
    assert rows(shown, varied="nearest-neighbour positives", best="best")[0]["to"].endswith("*"), (
        "a draw goes to the recipe"
    )


def test_a_value_with_fewer_draws_is_not_selected():
    lucky = searched(
        lambda job: 0.9 if job.factors.get("temperature") == 0.1 else 0.7,
        lambda job: job.seed == 0 or job.factors.get("temperature") != 0.1,
    )
    (best,) = rows(lucky, varied="temperature of stage 1", best="best")
    assert best["to"] == "0.3 *"


def test_other_draws_are_not_compared():
    """As many, and luckier ones."""
    shown = searched(
        lambda job: 0.7,
        lambda job: job.seed in ((1, 2) if job.factors.get("temperature") == 0.1 else (0, 1)),
    )
    (best,) = rows(shown, varied="temperature of stage 1", best="best")
    assert best["to"] != "0.1"
    assert rows(shown, varied="temperature of stage 1", to="0.1")[0]["validation accuracy"] == "0.7050"


def test_one_draw_selects_nothing():
    shown = searched(lambda job: 0.7, lambda job: job.seed == 0)
    assert rows(shown, n="1") and not rows(shown, best="best")


def test_methods_are_a_factor_under_every_value_of_another():
    shown = searched(lambda job: 0.5 if job.method == "random_forest_self" else 0.7, study="plus_search_usc")
    for pair in ("[1, 2]", "[3, 4]", "[9, 10]"):
        ours, without = rows(shown, varied=f"second stage; validation subjects {pair}")
        assert (ours["to"], ours["validation accuracy"], ours["best"]) == ("the recipe's *", "0.6950", "best")
        assert (without["to"], without["validation accuracy"]) == ("random forest, self-trained", "0.4950")


@pytest.mark.parametrize(
    ("study", "pairs", "tested"),
    [
        ("plus_search", ([1, 2], [3, 4], [5, 6]), {7, 8}),
        ("plus_search_usc", ([1, 2], [3, 4], [9, 10]), {5, 6, 7, 8, 11, 12, 13, 14}),
    ],
)
def test_a_search_never_sees_the_test_subjects(study, pairs, tested):
    for job in jobs(study):
        assert job.arguments["data.init_args.val_subjects"] in pairs
        assert set(job.arguments.get("data.init_args.test_subjects", tested)) == tested
        assert job.kind == "pretrain" or not job.tested
