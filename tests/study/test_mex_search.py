"""The selection of the recipe on MEx: on validation subjects, with label seeds that no table has."""

from __future__ import annotations

from .factory import jobs

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


def _of(method: str) -> list:  # type: ignore[type-arg]
    return [job for job in jobs("mex") if (job.dataset, job.method, job.kind) == ("mex_plus", method, "finetune")]
