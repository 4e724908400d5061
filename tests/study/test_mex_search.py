"""The selection of the recipe on MEx: on validation subjects, with label seeds that no table has."""

from __future__ import annotations

from cosmo_pl.study.rendering import selection

from .factory import jobs, record, view

VALIDATION = ([2, 7, 12, 17, 22, 27], [4, 9, 14, 19, 24, 29])


def test_it_never_sees_test_subjects_or_their_label_seeds() -> None:
    tuned = [job for job in jobs("mex_search") if job.kind == "finetune"]
    assert tuned and not any(job.tested for job in tuned)
    for job in jobs("mex_search"):
        assert job.arguments["data.init_args.val_subjects"] in VALIDATION
        assert job.arguments["data.init_args.fold"] == 4
    assert {job.arguments["data.init_args.label_seed"] for job in tuned} == {100, 101, 102}


def test_the_chosen_variant_is_a_row_of_its_own() -> None:
    """The rows of the earlier recipe stay as they were measured."""
    assert {job.parents[0].arguments["model.init_args.variant"] for job in _of("plus_unfused")} == {"released"}
    for method, penalty in {"plus_unfused": 0.5, "plus_penalty": 0.5, "cosmo": None}.items():
        assert {job.arguments.get("model.init_args.inverse_penalty") for job in _of(method)} == {penalty}


def test_label_seeds_share_a_row_and_other_presets_have_none() -> None:
    found = {}
    for job in jobs("mex_search"):
        if job.kind == "finetune" and job.method == "cosmo":
            accuracy = 0.5 + 0.1 * (job.factors.get("labels") == 5) + 0.01 * (job.factors["label_seed"] - 100)
            found[job.key] = record(job, curves={"val/acc": [accuracy]})
    rows = [row for row in selection.methods(view("mex_search", "paper", found)).rows if row[1] == "Cosmo"]
    six = f"val_subjects = {VALIDATION[0]}"
    assert rows[0][2:6] == [f"{six}, labels = 1", "0.5100", "0.0100", "3"]
    assert rows[1][2:4] == [f"{six}, labels = 5", "0.6100"]
    assert [row[2] for row in rows if "label_rate" in row[2]] == [
        f"val_subjects = {v}, label_rate = 1.0" for v in VALIDATION
    ]
    assert len(rows) == 6


def _of(method: str) -> list:  # type: ignore[type-arg]
    return [job for job in jobs("mex") if (job.dataset, job.method, job.kind) == ("mex_plus", method, "finetune")]
