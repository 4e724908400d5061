"""The tables of the later baselines, on hand-made results."""

from __future__ import annotations

from cosmo_pl.study.rendering import baselines, odd_even

from .factory import jobs, record, view

SPREAD = {0: -0.01, 1: 0.0, 2: 0.01}
TITLES = {"utd": "UTD-MHAD", "usc": "USC-HAD", "mex": "MEx", "self": "self-collected"}


def made(study, accuracy, keep=lambda job: True):
    """Records of the first three seeds."""
    return {
        job.key: record(job, accuracy(job) + SPREAD[job.seed], result={"title": TITLES[job.dataset.split("_")[0]]})
        for job in jobs(study)
        if job.kind == "finetune" and job.seed < 3 and keep(job)
    }


def row(rendered, dataset, method):
    found = [dict(zip(rendered.header, cells, strict=True)) for cells in rendered.rows]
    (one,) = [each for each in found if (each["dataset"], each["method"]) == (dataset, method)]
    return one


ACCURACY = {"cosmo": 0.9, "focal": 0.7, "mini_rocket": 0.6}


def test_differences_are_to_cosmo_and_to_the_recipe():
    results = made("baselines", lambda job: ACCURACY.get(job.method, 0.5) - 0.1 * (job.dataset == "utd"))
    shown = baselines.table(view("baselines", "paper", results))
    focal = row(shown, "UTD-MHAD, plus", "FOCAL")
    assert focal["accuracy"] == "0.700 ± 0.010 (n=3)"
    assert focal["minus the recipe, paired by seed"].startswith("-0.200, 95 % interval -0.200 to -0.200")
    assert focal["minus the recipe, all folds"].endswith("(n=3)")
    assert row(shown, "UTD-MHAD, plus", "Cosmo")["minus the recipe, paired by seed"] == "-"
    rocket = row(shown, "UTD-MHAD", "MiniRocket")
    assert rocket["minus the recipe, paired by seed"].startswith("-0.400")
    assert rocket["minus Cosmo, paired by seed"] == "-", "Cosmo's own recipe is run under quick"
    assert "CMC, fine-tuned" not in [cells[1] for cells in shown.rows], "only its stage 1 is run"


def test_folds_of_numbers_are_folds_too():
    results = made("baselines", lambda job: 0.5, keep=lambda job: job.dataset == "mex_plus")
    shown = baselines.table(view("baselines", "paper", results))
    focal = row(shown, "MEx, plus", "FOCAL")
    assert focal["mean over the subjects of all folds"] == "0.500 ± 0.010 (n=3), of whole folds"
    partly = made("baselines", lambda job: 0.5, keep=lambda job: job.factors.get("fold", 9) < 2)
    shown = baselines.table(view("baselines", "paper", partly))
    assert row(shown, "MEx, plus", "FOCAL")["mean over the subjects of all folds"].endswith(
        "(n=3), without fold 2, fold 3, fold 4, of whole folds"
    )


def test_two_seeds_are_too_few_for_an_interval():
    results = made("baselines", lambda job: 0.5, keep=lambda job: job.seed < 2)
    shown = baselines.table(view("baselines", "paper", results))
    assert row(shown, "UTD-MHAD, plus", "FOCAL")["minus the recipe, paired by seed"] == "too few common seeds (n=2)"


def test_published_figures_stand_beside_ours():
    results = made("odd_even", lambda job: ACCURACY.get(job.method, 0.5))
    shown = odd_even.table(view("odd_even", "paper", results))
    assert row(shown, "UTD-MHAD, plus", "CMC-CMKM")["published"] == "0.9767"
    ours = row(shown, "UTD-MHAD, plus", "Cosmo")
    assert (ours["accuracy"], ours["published"]) == ("0.900 ± 0.010 (n=3)", "-")
    assert "https://arxiv.org/abs/2205.10071" in shown.notes[0]


def test_the_protocol_trains_on_odd_subjects_only():
    for job in jobs("odd_even"):
        data = {name.removeprefix("data.init_args."): value for name, value in job.arguments.items()}
        train, val = ([1, 3, 5, 7], []) if data["val_subjects"] == [] else ([1, 3, 5], [7])
        assert (data["train_subjects"], data["val_subjects"], data["test_subjects"]) == (train, val, [2, 4, 6, 8])
        assert val or job.method in ("cosmo", "with_subject_7")
        assert data["label_rate"] == 1.0
