"""Table 2 from hand-made records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.rendering.table2 import accuracy, subjects
from cosmo_pl.study.rendering.verdict import NOT_COMPARABLE, NOT_REPRODUCED, REPRODUCED
from cosmo_pl.study.rendering.view import Rendered

from .factory import PROJECT, jobs, paper, record, records, view

ALL = jobs("table2")
MAIN = [11, 12, 13, 14]


def rendered(keep: Callable[[Job], bool] = lambda job: True, simulated: bool = False) -> Rendered:
    chosen = [job for job in ALL if keep(job)]
    return accuracy(view("table2", "paper", records(chosen, level, simulated=simulated)))


def level(job: Job) -> float:
    """Cosmo above all, but for the forest; a little more with every seed; more on other subjects than 11-14."""
    base = {"cosmo": 0.60, "random_forest": 0.70}.get(job.method, 0.40)
    return base + 0.01 * job.seed + (0.0 if job.factors.get("test_subjects", MAIN) == MAIN else 0.08)


def cells(table: Rendered, dataset: str, method: str) -> dict[str, str]:
    named = (dict(zip(table.header, row, strict=True)) for row in table.rows)
    return next(row for row in named if (row["dataset"], row["method"]) == (dataset, method))


def verdict(table: Rendered, claim: str) -> str:
    (found,) = [each.verdict for each in table.verdicts if each.claim.endswith(claim)]
    return found


def test_rows_have_the_order_of_the_methods() -> None:
    table = rendered()
    named = PROJECT.study("table2").runs[0].methods
    methods = [method for name, method in PROJECT.methods().items() if name in named]
    for dataset, title in {"utd": "UTD-MHAD", "usc": "USC-HAD", "self_collected": "self-collected"}.items():
        titles = [each.title for each in methods if each.datasets is None or dataset in each.datasets]
        assert [row[1] for row in table.rows if row[0] == title] == titles
    simulated = {row[1] for row in table.rows if row[0] == "self-collected"}
    assert {"IMU alone", "depth alone", "radar alone", "1-NN, Euclidean"} < simulated
    assert not {"random forest", "skeleton alone", "acc alone"} & simulated


def test_a_row() -> None:
    row = cells(rendered(), "UTD-MHAD", "Cosmo")
    assert row["accuracy"] == "0.620 ± 0.016 (n=5)"
    assert row["correct"] == "620/1000"
    assert row["95 % interval"] == "0.600 to 0.640"  # .62 ± 2.776 × .0158 / √5
    assert row["mean of all folds"] == "-"
    assert row["macro-F1"] == "0.558"
    assert row["paper"] == "0.6093"
    assert row["verdict"] == REPRODUCED
    assert row["training, s"] == "60 + 6"
    assert row["best epoch on test: not a result"] == "0.670"


def test_a_method_that_the_paper_does_not_have() -> None:
    row = cells(rendered(), "UTD-MHAD", "random forest")
    assert (row["paper"], row["verdict"]) == ("-", "-")
    assert row["training, s"] == "6"  # it has no stage 1


def test_folds_are_kept_apart_from_the_headline() -> None:
    row = cells(rendered(), "USC-HAD", "Cosmo")
    assert row["accuracy"] == "0.620 ± 0.016 (n=5)"  # subjects 11-14 only
    assert row["mean of all folds"] == "0.680 (n=5+5+5+5)"  # (.62 + 3 × .70) / 4


def test_fold_mean_weighs_folds_not_runs() -> None:
    few = rendered(lambda job: job.seed == 4 or job.factors.get("test_subjects", MAIN) == MAIN)
    assert cells(few, "USC-HAD", "Cosmo")["mean of all folds"] == "0.695 (n=5+1+1+1)"  # (.62 + 3 × .72) / 4


def test_missing_folds_are_named() -> None:
    some = rendered(lambda job: job.factors.get("test_subjects", MAIN) not in ([1, 2, 3, 4], [7, 8, 9, 10]))
    assert cells(some, "USC-HAD", "Cosmo")["mean of all folds"] == "missing 1-4, 7-10"
    assert verdict(some, "Cosmo above CMC, fine-tuned on USC-HAD, all folds") == NOT_COMPARABLE
    assert verdict(some, "Cosmo above CMC, fine-tuned on USC-HAD, subjects 11-14") == REPRODUCED


def test_only_seeds_with_every_fold_are_compared_over_folds() -> None:
    """Seed 0 lacks a fold; its rest must not enter, as folds differ by more than methods."""
    table = rendered(lambda job: job.seed > 0 or job.factors.get("test_subjects", MAIN) != MAIN)
    (found,) = [v for v in table.verdicts if v.claim.endswith("Cosmo above CMC, fine-tuned on USC-HAD, all folds")]
    assert "0.685 against 0.485" in found.evidence
    assert "(n=4)" in found.evidence


def test_values_are_judged() -> None:
    table = rendered()
    assert verdict(table, "Cosmo has 0.6093 on UTD-MHAD") == REPRODUCED
    assert verdict(table, "CMC, fine-tuned has 0.5062 on UTD-MHAD") == NOT_REPRODUCED
    claims = [v.claim for v in table.verdicts if " has " in v.claim]
    stated = paper()["table2"]
    assert len([c for c in claims if c.endswith("UTD-MHAD")]) == len(stated["utd"]["accuracy"])
    assert len([c for c in claims if c.endswith("USC-HAD")]) == len(stated["usc"]["accuracy"])


def test_claims_say_where_they_stand() -> None:
    claims = [v.claim for v in rendered().verdicts]
    assert "Table 2, section 6.2.1: Cosmo above DeepSense, shared on UTD-MHAD" in claims
    assert "section 6.2.2: CPC, fine-tuned has 0.5856 on USC-HAD" in claims
    own = [claim for claim in claims if claim.startswith("Our question, no claim of the paper")]
    judged = {claim.split("above ")[1].split(" on ")[0] for claim in own}
    assert {"1-NN, time warping", "random forest", "AttnSense, original", "CMC, linear probe"} <= judged
    assert not any("Cosmo" in name or name in ("CMC, fine-tuned", "DeepSense, shared") for name in judged)
    assert {claim.split(":")[0] for claim in claims if "above CPC, fine-tuned" in claim and "UTD" in claim} == {
        "Our question, no claim of the paper"
    }


def test_orders_are_judged() -> None:
    table = rendered()
    assert verdict(table, "Cosmo above AttnSense, shared on UTD-MHAD") == REPRODUCED
    assert verdict(table, "Cosmo above random forest on UTD-MHAD") == NOT_REPRODUCED
    assert verdict(table, "Cosmo above acc alone on USC-HAD, all folds") == REPRODUCED


def test_simulated_recordings_are_not_compared() -> None:
    table = rendered(simulated=True)
    assert {each.verdict for each in table.verdicts} == {NOT_COMPARABLE}
    assert cells(table, "UTD-MHAD", "Cosmo")["verdict"] == NOT_COMPARABLE
    assert any(note.startswith("UTD-MHAD: simulated recordings") for note in table.notes)


def test_a_dataset_without_runs_has_the_papers_figures() -> None:
    found = records([job for job in ALL if job.dataset != "self_collected"], level)
    table = accuracy(view("table2", "paper", found, {"self_collected": "it is not on disk"}))
    row = cells(table, "self-collected", "Cosmo")
    assert (row["accuracy"], row["paper"], row["verdict"]) == ("-", "0.6304", NOT_COMPARABLE)
    assert "self-collected" in {cells[0] for cells in table.rows}
    (claim,) = [v for v in table.verdicts if v.claim.endswith("Cosmo has 0.6304 on self-collected")]
    assert claim.evidence == "no such run: it is not on disk"


def test_notes_tell_the_best_the_floor_and_what_is_above_cosmo() -> None:
    notes = rendered(lambda job: job.dataset == "utd").notes
    assert notes[0] == (
        "UTD-MHAD: 27 labels, test subjects 7-8, chance 0.037; the most accurate is random forest, 0.720."
    )
    assert notes[1] == "UTD-MHAD: above Cosmo's mean of 0.620: random forest (0.720)."
    alone = rendered(lambda job: job.dataset == "utd" and job.method == "cosmo").notes
    assert alone[1] == "UTD-MHAD: above Cosmo's mean of 0.620: none."


def test_cost_counts_a_shared_stage_1_once() -> None:
    """Three methods of seed 0 take one stage 1: four runs, of a quarter of an hour each."""
    shared = [job for job in ALL if job.dataset == "utd" and job.seed == 0 and job.method.startswith("cosmo")]
    assert len(shared) == 4
    table = accuracy(view("table2", "paper", records(shared, seconds=900.0)))
    (note,) = [note for note in table.notes if "runs are done" in note]
    assert note == (
        f"4 of {len(ALL)} runs are done. Together they took 1.00 h, every stage 1 counted once, on cpu with 2 cores, "
        "1 thread a run, torch 2.13.0."
    )


def test_seconds_below_one_and_best_epochs_that_do_not_exist() -> None:
    (job,) = [job for job in ALL if job.dataset == "utd" and job.seed == 0 and job.method == "dtw"]
    given = {"training": {"fit_seconds": 0.04, "epochs": 1}, "test_acc_best_epoch": None}
    table = accuracy(view("table2", "paper", {job.key: record(job, 0.8, result=given)}))
    row = cells(table, "UTD-MHAD", "1-NN, time warping")
    assert (row["training, s"], row["best epoch on test: not a result"]) == ("< 1", "-")
    assert row["accuracy"] == "0.800 (n=1)"
    assert row["95 % interval"] == "0.739 to 0.850"  # Wilson, 160 of 200


def test_no_result_at_all() -> None:
    table = accuracy(view("table2", "paper", {}))
    assert {each.verdict for each in table.verdicts} == {NOT_COMPARABLE}
    assert all(row[2] == "-" for row in table.rows)
    assert f"0 of {len(ALL)} runs are done." in table.notes


def test_twice_the_same() -> None:
    assert rendered() == rendered()


@pytest.mark.parametrize(
    ("numbers", "text"), [([11, 12, 13, 14], "11-14"), ([8, 7], "7-8"), ([1, 3], "1, 3"), ([5], "5")]
)
def test_subjects(numbers: list[int], text: str) -> None:
    assert subjects(numbers) == text


def agreement(quick: dict[str, float]) -> list[str]:
    """Notes on the ranks, where the methods have these accuracies under another preset and 0.1, 0.2, ... here."""
    named = list(quick)

    def made(preset: str, accuracies: dict[str, float]) -> dict[str, Any]:
        wanted = [
            job for job in jobs("table2", preset)
            if job.dataset == "utd" and job.kind == "finetune" and job.method in named
        ]  # fmt: skip
        return {job.key: record(job, accuracies[job.method]) for job in wanted}

    here = made("paper", {method: 0.1 * (place + 1) for place, method in enumerate(named)})
    there = made("quick", quick)
    other = view("table2", "quick", there)
    both = replace(view("table2", "paper", here), others={"quick": other.outcomes})
    return [note for note in accuracy(both).notes if "Spearman" in note]


def test_the_rank_correlation_with_another_preset() -> None:
    ranks = {"cmc": 0.3, "deepsense": 0.2, "attnsense": 0.5, "cosmo": 0.9}  # ranks 2 1 3 4: rho = 1 - 6 * 2 / 60
    (note,) = agreement(ranks)
    assert "UTD-MHAD: the 4 methods" in note
    assert "preset quick" in note
    assert "of 0.80 with it" in note


def test_runs_that_both_presets_share_say_nothing_of_their_agreement() -> None:
    assert agreement({"dtw": 0.1, "nearest_neighbor": 0.2, "random_forest": 0.3}) == []
