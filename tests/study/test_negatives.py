"""The selection of the weight of negatives: on validation subjects, with a label seed that no table has."""

from __future__ import annotations

from cosmo_pl.study.rendering import selection

from .factory import jobs, record, view

ASIDE = {"usc_plus": {5, 6, 7, 8, 11, 12, 13, 14}, "mex_plus": set(range(5, 31, 5)), "utd_plus": {7, 8}}
TUNED = [job for job in jobs("negatives") if job.kind == "finetune"]


def test_it_never_sees_the_subjects_left_aside_or_a_label_seed_of_a_table() -> None:
    assert {job.dataset for job in TUNED} == set(ASIDE) and not any(job.tested for job in TUNED)
    for job in TUNED:
        assert not ASIDE[job.dataset] & set(job.factors["val_subjects"])
        all_labels = job.arguments.get("data.init_args.label_rate") == 1.0  # of which a seed chooses none
        assert all_labels or job.arguments["data.init_args.label_seed"] == 100
    for study in ("plus", "mex"):
        assert 100 not in {job.arguments.get("data.init_args.label_seed") for job in jobs(study)}
    for job in jobs("negatives"):
        left_out = job.arguments.get("data.init_args.fold") == 4, job.arguments.get("data.init_args.test_subjects")
        assert job.dataset == "utd_plus" or left_out in ((True, None), (False, sorted(ASIDE["usc_plus"])))


def test_neither_does_the_selection_of_fused_views() -> None:
    for job in jobs("mex_search"):
        assert job.arguments["data.init_args.fold"] == 4
        assert not ASIDE["mex_plus"] & set(job.arguments["data.init_args.val_subjects"])
        seed = job.arguments.get("data.init_args.label_seed")
        assert job.kind == "pretrain" or (seed == 100 and not job.tested)


def test_a_row_has_both_seeds_of_one_weight_and_number_of_labels() -> None:
    found = {}
    for job in TUNED:
        if job.dataset == "mex_plus":
            accuracy = 0.7 + 0.2 * (job.factors["weight"] == 1000) + 0.02 * job.seed
            found[job.key] = record(job, curves={"val/acc": [accuracy]})
    rows = {row[2]: row[3:] for row in selection.methods(view("negatives", "paper", found)).rows if len(row) > 5}
    six = "val_subjects = [2, 7, 12, 17, 22, 27]"
    assert rows[f"{six}, labels = 1, weight = 1"][:3] == ["0.7100", "0.0141", "2"]
    assert rows[f"{six}, labels = 1, weight = 1000"][:3] == ["0.9100", "0.0141", "2"]
    assert rows[f"{six}, label_rate = 1.0, weight = 1000"][2] == "2"
