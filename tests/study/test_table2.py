"""Table 2 from hand-made records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from cosmo_pl.study.definition import Factor, Runs, Study
from cosmo_pl.study.jobs import Job
from cosmo_pl.study.rendering import released
from cosmo_pl.study.rendering.columns import subjects
from cosmo_pl.study.rendering.table2 import accuracy
from cosmo_pl.study.rendering.verdict import NOT_COMPARABLE, NOT_REPRODUCED, REPRODUCED, TOO_FEW
from cosmo_pl.study.rendering.view import Outcome, Rendered

from .factory import PROJECT, job, jobs, paper, record, records, view

ALL = jobs("table2")
MAIN = [11, 12, 13, 14]
DTW = "1-NN, time warping"


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


def test_other_factors_than_folds_are_at_their_default() -> None:
    """Else a mean would be over label rates and seeds together, with a number of seeds that was not run."""
    rates = Factor("data.init_args.label_rate", [0.05, 0.4], 0.05)
    runs = Runs(["utd"], ["cosmo"], {"label_rate": rates})
    made = [job(seed=seed, factors={"label_rate": rate}) for seed in range(3) for rate in (0.05, 0.4)]
    outcomes = [Outcome(each, record(each, 0.3 if each.factors["label_rate"] == 0.05 else 0.9)) for each in made]
    study = Study("Accuracy", "table2.accuracy", [runs])
    shown = accuracy(replace(view("table2", "paper", {}), study=study, outcomes=outcomes))
    assert cells(shown, "UTD-MHAD", "Cosmo")["accuracy"] == "0.300 ± 0.000 (n=3)"


def test_a_row() -> None:
    row = cells(rendered(), "UTD-MHAD", "Cosmo")
    assert row["accuracy"] == "0.620 ± 0.016 (n=5)"
    assert row["correct"] == "620/1000"
    assert row["95 % interval"] == "0.600 to 0.640"  # .62 ± 2.776 × .0158 / √5
    assert row["mean over the subjects of all folds"] == "-"
    assert row["subjects, lowest to highest"] == "-", "no counts per person"
    assert row["macro-F1"] == "0.558"
    assert row["minus Cosmo, paired by seed"] == "-"
    assert (row["paper"], row["verdict"]) == ("0.6093", NOT_COMPARABLE)
    assert row["training, s"] == "60 + 6"
    assert row["best epoch on the test subjects (not a result)"] == "0.670"


def test_a_method_that_the_paper_does_not_have() -> None:
    row = cells(rendered(), "UTD-MHAD", "random forest")
    assert (row["paper"], row["verdict"]) == ("-", "-")
    assert row["training, s"] == "6"  # it has no stage 1
    assert row["minus Cosmo, paired by seed"] == "+0.100, 95 % interval +0.100 to +0.100 (n=5)"


def test_people_and_the_interval_of_one_run_come_from_counts() -> None:
    """Three recordings of 7 and of 8 each, all right or all wrong: a resample of six seldom has 0 or 6 right ones."""
    (job,) = [job for job in ALL if job.dataset == "utd" and job.seed == 0 and job.method == "dtw"]
    counts = {
        "by_subject": {"7": [30, 30], "8": [0, 30]},
        "by_recording": {name: [10 * (name < "d"), 10] for name in "abcdef"},
    }
    row = cells(accuracy(view("table2", "paper", {job.key: record(job, 0.5, result=counts)})), "UTD-MHAD", DTW)
    assert row["subjects, lowest to highest"] == "0.000 to 1.000 (2)"
    assert row["95 % interval"] == "0.167 to 0.833, of recordings"


def test_rows_from_uncommitted_code_are_marked() -> None:
    made = records([job for job in ALL if job.dataset == "utd"], level)
    changed = {
        key: replace(its, environment={"commit": "1", "dirty": True}) if its.method == "dtw" and its.seed == 2 else its
        for key, its in made.items()
    }
    table = accuracy(view("table2", "paper", changed))
    assert cells(table, "UTD-MHAD", DTW)["accuracy"].endswith("(n=5)†")
    assert not cells(table, "UTD-MHAD", "Cosmo")["accuracy"].endswith("†")


def test_folds_are_kept_apart_from_the_headline() -> None:
    row = cells(rendered(), "USC-HAD", "Cosmo")
    assert row["accuracy"] == "0.620 ± 0.016 (n=5)"  # subjects 11-14 only
    # Of 14 people four have .62, ten .70.
    assert row["mean over the subjects of all folds"] == "0.677 ± 0.016 (n=5), of whole folds"


def test_fold_mean_is_over_seeds_that_have_every_fold() -> None:
    few = rendered(lambda job: job.seed == 4 or job.factors.get("test_subjects", MAIN) == MAIN)
    # Seed 4 alone: (4 × .64 + 10 × .72) / 14.
    assert cells(few, "USC-HAD", "Cosmo")["mean over the subjects of all folds"] == "0.697 (n=1), of whole folds"


def test_missing_folds_are_named() -> None:
    some = rendered(lambda job: job.factors.get("test_subjects", MAIN) not in ([1, 2, 3, 4], [9, 10]))
    mean = cells(some, "USC-HAD", "Cosmo")["mean over the subjects of all folds"]
    assert mean == "0.660 ± 0.016 (n=5), without 1-4, 9-10, of whole folds"
    assert verdict(some, "Cosmo is above CMC, fine-tuned on USC-HAD, all folds") == TOO_FEW
    assert verdict(some, "Cosmo is above CMC on USC-HAD, subjects 11-14") == REPRODUCED
    one = rendered(lambda job: job.factors.get("test_subjects", MAIN) == MAIN)
    assert cells(one, "USC-HAD", "Cosmo")["mean over the subjects of all folds"] == "missing 1-4, 5-8, 9-10"


def test_only_seeds_with_every_fold_are_compared_over_folds() -> None:
    """Seed 0 lacks a fold; its rest must not enter, as folds differ by more than methods."""
    table = rendered(lambda job: job.seed > 0 or job.factors.get("test_subjects", MAIN) != MAIN)
    (found,) = [v for v in table.verdicts if v.claim.endswith("Cosmo is above CMC, fine-tuned on USC-HAD, all folds")]
    assert "0.682 against 0.482" in found.evidence  # (4 × .625 + 10 × .705) / 14
    assert "(n=4)" in found.evidence


def test_folds_of_another_preset_are_not_expanded() -> None:
    assert {job.factors.get("test_subjects") is None for job in ALL if job.dataset == "utd"} == {True}
    quick = [job for job in jobs("table2", "quick") if job.dataset == "utd" and job.kind == "finetune"]
    table = accuracy(view("table2", "quick", records(quick, level)))
    assert cells(table, "UTD-MHAD", "Cosmo")["mean over the subjects of all folds"].endswith("(n=5), of whole folds")


@pytest.mark.parametrize("study", ["table2", "plus"])
def test_folds_share_nobody(study: str) -> None:
    numbers: dict[tuple[str, str], set[object]] = defaultdict(set)
    for runs in PROJECT.study(study).runs:
        for factor in runs.vary.values():
            if factor.argument == "data.init_args.fold":  # the datamodule's own, some of them with more seeds
                for named in product(runs.datasets, runs.methods):
                    numbers[named] |= set(factor.values)
                continue
            people = [subject for fold in factor.values for subject in fold]  # type: ignore[union-attr]
            assert sorted(people) == list(range(1, len(people) + 1)) and len(people) in (8, 14)
    assert all(each == set(range(5)) for each in numbers.values())


def test_values_are_judged() -> None:
    table = rendered()
    assert verdict(table, "Cosmo has 0.6450 on USC-HAD") == NOT_REPRODUCED
    assert verdict(table, "the inertial sensor alone has 0.2279 on UTD-MHAD") == NOT_REPRODUCED, "without the skeleton"
    assert verdict(table, "the skeleton alone has 0.4008 on UTD-MHAD") == NOT_COMPARABLE, "0.42, in other coordinates"
    claims = [v.claim for v in table.verdicts if " has " in v.claim]
    stated = paper()["table2"]
    assert len([c for c in claims if c.endswith("UTD-MHAD")]) == len(stated["utd"]["accuracy"])
    assert len([c for c in claims if c.endswith("USC-HAD")]) == len(stated["usc"]["accuracy"])


def test_too_few_runs_judge_nothing() -> None:
    table = rendered(lambda job: job.seed < 2)
    judged = {v.verdict for v in table.verdicts}
    assert judged == {TOO_FEW, NOT_COMPARABLE}
    assert cells(table, "USC-HAD", "Cosmo")["verdict"] == TOO_FEW
    assert cells(table, "USC-HAD", "CMC, fine-tuned")["minus Cosmo, paired by seed"] == "too few common seeds (n=2)"


def test_stated_gaps_are_judged_where_the_inputs_are_the_papers() -> None:
    """Ours are 20 points apart for every seed."""
    made = records(jobs("released"), lambda job: level(job) + 0.001 * (job.seed % 2) * (job.method == "cosmo"))
    gaps = {v.claim: v for v in released.table(view("released", "paper", made)).verdicts if " points above " in v.claim}
    assert len(gaps) == 5
    found = gaps["Section 6.2.1: Cosmo is 20.93 points above the skeleton alone on UTD-MHAD"]
    assert found.verdict == NOT_REPRODUCED and found.evidence.endswith("paper +0.2093: ours is lower")
    changed = {k: replace(r, result=r.result | {"accuracy": r.result["accuracy"] - 0.0085 * (r.method == "skeleton")})
               for k, r in made.items() if r.kind == "finetune"}  # fmt: skip
    again = released.table(view("released", "paper", changed)).verdicts
    assert next(v for v in again if v.claim == found.claim).verdict == REPRODUCED
    ours = [v for v in rendered().verdicts if v.claim == found.claim]
    assert [v.verdict for v in ours] == [NOT_COMPARABLE]


def test_claims_say_where_they_stand() -> None:
    claims = [v.claim for v in rendered().verdicts]
    assert "Table 2, section 6.2.1: Cosmo is above DeepSense on UTD-MHAD" in claims
    assert "Section 6.2.2: CPC has 0.5856 on USC-HAD" in claims
    own = [
        claim for claim in claims if claim.startswith("Our question, no claim of the paper") and "folds" not in claim
    ]
    judged = {claim.split("above ")[1].split(" on ")[0] for claim in own}
    assert {"1-NN, time warping", "random forest", "AttnSense, original", "CMC, linear probe"} <= judged
    assert not any("Cosmo" in name or name in ("CMC, fine-tuned", "DeepSense, shared") for name in judged)
    assert {claim.split(":")[0] for claim in claims if "above CPC, fine-tuned" in claim and "UTD" in claim} == {
        "Our question, no claim of the paper"
    }
    assert not any(v.of_paper for v in rendered().verdicts if "all folds" in v.claim)


def test_orders_are_judged() -> None:
    table = rendered()
    assert verdict(table, "Cosmo is above AttnSense on USC-HAD, subjects 11-14") == REPRODUCED
    assert verdict(table, "Cosmo is above AttnSense on UTD-MHAD") == NOT_COMPARABLE
    assert verdict(table, "Cosmo is above random forest on UTD-MHAD") == NOT_REPRODUCED
    assert verdict(table, "Cosmo is above acc alone on USC-HAD, all folds") == REPRODUCED


def test_simulated_recordings_are_not_compared() -> None:
    table = rendered(simulated=True)
    assert {each.verdict for each in table.verdicts} == {NOT_COMPARABLE}
    row = cells(table, "UTD-MHAD", "Cosmo")
    assert (row["paper"], row["verdict"]) == ("-", "-") and row["accuracy"] != "-"
    assert not [each.evidence for each in table.verdicts if "paper" in each.evidence]
    assert any(note.startswith("UTD-MHAD: simulated recordings") for note in table.notes)


def test_a_dataset_without_runs_has_the_papers_figures() -> None:
    found = records([job for job in ALL if job.dataset != "usc"], level)
    table = accuracy(view("table2", "paper", found, {"usc": "it is not on disk"}))
    row = cells(table, "USC-HAD", "Cosmo")
    assert (row["accuracy"], row["paper"], row["verdict"]) == ("-", "0.6450", TOO_FEW)
    (claim,) = [v for v in table.verdicts if v.claim.endswith("Cosmo has 0.6450 on USC-HAD")]
    assert claim.evidence == "no such run: it is not on disk"
    assert not any(v.of_paper is False for v in table.verdicts if "USC-HAD" in v.claim)


def test_notes_tell_the_best_of_those_that_may_be_ranked() -> None:
    notes = rendered(lambda job: job.dataset == "utd").notes
    assert notes[0] == "UTD-MHAD: 27 labels, test subjects 7-8, chance 0.037."
    assert notes[1] == (
        "UTD-MHAD: of the 16 methods that share the seeds 0, 1, 2, 3, 4, the most accurate is random forest, 0.720."
    )
    lucky = rendered(lambda job: job.dataset == "utd" and (job.method != "random_forest" or job.seed == 4)).notes
    assert lucky[1].startswith(
        "UTD-MHAD: of the 15 methods that share the seeds 0, 1, 2, 3, 4, the most accurate is Cosmo"
    )
    assert lucky[1].endswith("; the others have too few runs to be ranked.")
    alone = rendered(lambda job: job.dataset == "utd" and job.method == "cosmo").notes
    assert not any("most accurate" in note for note in alone)


def test_cost_counts_a_shared_stage_1_once() -> None:
    """Three methods of seed 0 take one stage 1: four runs, of a quarter of an hour each."""
    shared = [job for job in ALL if job.dataset == "utd" and job.seed == 0 and job.method.startswith("cosmo")]
    assert len(shared) == 4
    table = accuracy(view("table2", "paper", records(shared, seconds=900.0)))
    (note,) = [note for note in table.notes if "runs are done" in note]
    assert note == (
        f"4 of {len(ALL)} runs are done. Together they took 1.00 h, each stage 1 counted once, on cpu with 2 cores, "
        "1 thread a run, torch 2.13.0."
    )


def test_seconds_below_one_and_best_epochs_that_do_not_exist() -> None:
    (job,) = [job for job in ALL if job.dataset == "utd" and job.seed == 0 and job.method == "dtw"]
    given = {"training": {"fit_seconds": 0.04, "epochs": 1}, "test_acc_best_epoch": None}
    table = accuracy(view("table2", "paper", {job.key: record(job, 0.8, result=given)}))
    row = cells(table, "UTD-MHAD", "1-NN, time warping")
    assert (row["training, s"], row["best epoch on the test subjects (not a result)"]) == ("< 1", "-")
    assert row["accuracy"] == "0.800 (n=1)"
    assert row["95 % interval"] == "-", "no counts per recording"


def test_seconds_of_runs_beside_other_work_do_not_count() -> None:
    found = records([job for job in ALL if job.dataset == "utd" and job.method == "cosmo"])
    busy = {key: replace(its, environment={"busy": True}) for key, its in found.items() if its.seed > 0}
    slow = {key: replace(its, result=its.result | {"fit_seconds": 1e6}) for key, its in busy.items()}
    for known, expected in ((found | slow, "60 + 6"), (busy, "-")):
        row = cells(accuracy(view("table2", "paper", known)), "UTD-MHAD", "Cosmo")
        assert row["training, s"] == expected


def test_no_result_at_all() -> None:
    table = accuracy(view("table2", "paper", {}))
    assert {each.verdict for each in table.verdicts} == {NOT_COMPARABLE, TOO_FEW}
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
    assert "UTD-MHAD: over the 4 methods with enough runs" in note
    assert "preset quick" in note
    assert "of the two presets is 0.80" in note


def test_runs_that_both_presets_share_say_nothing_of_their_agreement() -> None:
    assert agreement({"dtw": 0.1, "nearest_neighbor": 0.2, "random_forest": 0.3}) == []
