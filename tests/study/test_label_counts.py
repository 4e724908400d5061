"""The tables of MEx, on hand-made results."""

from __future__ import annotations

import pytest
from scipy import stats

from cosmo_pl.study.rendering import label_counts, missing_sensors

from .factory import MEX_FOLDS, jobs, record, view


def result_of(job):
    """Every subject of a fold has ten windows; those of fold f have f windows wrong."""
    fold = job.factors["fold"]
    by_subject = {str(subject): [10 - fold, 10] for subject in MEX_FOLDS[fold]}
    return {"test_subjects": MEX_FOLDS[fold], "by_subject": by_subject, "accuracy": 1 - fold / 10}


def made(keep):
    return {
        job.key: record(job, 1 - job.factors["fold"] / 10, 6 * (10 - job.factors["fold"]), 60, result=result_of(job))
        for job in jobs("mex")
        if job.kind == "finetune" and keep(job)
    }


def rows(rendered, **wanted):
    found = [dict(zip(rendered.header, row, strict=True)) for row in rendered.rows]
    return [row for row in found if all(row[key] == value for key, value in wanted.items())]


def test_one_five_and_all_labels_have_rows_of_their_own():
    shown = label_counts.table(view("mex", "paper", made(lambda job: job.seed < 3)))
    for dataset, accuracy, seeds in (("MEx, plus", "0.800 ± 0.000", "3"), ("MEx", "0.800", "1")):
        cosmo = rows(shown, method="Cosmo", dataset=dataset)
        assert sorted(row["labels per class"] for row in cosmo) == ["1", "5", "all"]
        assert {(row["accuracy"], row["n"], row["folds"]) for row in cosmo} == {(accuracy, seeds, "5 of 5")}


def test_differences_from_cosmo_are_paired_by_seed():
    found = made(lambda job: job.seed < 3)
    for job in jobs("mex"):
        if job.method == "cmc_plus" and job.key in found:
            by_subject = {str(subject): [10 - job.seed, 10] for subject in MEX_FOLDS[job.factors["fold"]]}
            found[job.key] = record(job, 1 - job.seed / 10, result={**result_of(job), "by_subject": by_subject})
    shown = label_counts.table(view("mex", "paper", found))
    half = stats.t.ppf(0.975, 2) * 0.1 / 3**0.5  # differences of 0.2, 0.1 and 0
    expected = f"+0.100, 95 % interval {0.1 - half:+.3f} to {0.1 + half:+.3f} (n=3)"
    assert {row["minus Cosmo, paired by seed"] for row in rows(shown, method="CMC, the same second stage")} == {
        expected
    }
    assert {row["minus Cosmo, paired by seed"] for row in rows(shown, method="Cosmo")} == {"-"}
    once = rows(shown, method="DeepSense, shared", dataset="MEx")
    assert once and {row["minus Cosmo, paired by seed"] for row in once} == {"too few common seeds (n=1)"}


def test_a_seed_without_all_folds_does_not_count():
    shown = label_counts.table(view("mex", "paper", made(lambda job: job.seed == 0 or job.factors["fold"] < 2)))
    assert {row["n"] for row in rows(shown, method="Cosmo")} == {"1"}
    none = label_counts.table(view("mex", "paper", made(lambda job: job.factors["fold"] < 2)))
    assert {(row["accuracy"], row["n"], row["folds"]) for row in rows(none)} == {("-", "0", "2 of 5")}


def test_all_methods_of_a_recipe_share_a_stage_1_for_all_labels():
    found = [job for job in jobs("mex") if (job.dataset, job.method) == ("mex_plus", "cosmo") and job.seed == 0]
    assert len([job for job in found if job.kind == "finetune"]) == 15
    assert len({parent.key for job in found if job.kind == "finetune" for parent in job.parents}) == 5


@pytest.mark.parametrize("seed", [0, 1])
def test_the_missing_sensors_are_measured_on_runs_of_the_table(seed):
    trained = {job.key for job in jobs("mex") if job.kind == "finetune"}
    measured = [
        job for job in jobs("mex_missing") if job.measure and job.method != "cosmo_dropout" and job.seed == seed
    ]
    assert measured and all(parent.key in trained for job in measured for parent in job.parents)


def test_every_set_of_sensors_has_a_row():
    sets = ["act+acw", "act", "acw"]
    result = {"correct": dict.fromkeys(sets, 30), "total": 60, "without_any": {}}
    known = {job.key: record(job, result=result) for job in jobs("mex_missing") if job.measure and job.seed == 0}
    shown = missing_sensors.table(view("mex_missing", "paper", known))
    plus = [row for row in shown.rows if row[0].endswith("plus")]
    assert [row[1] for row in plus] == ["act, acw", "act", "acw"]
    assert plus[0][3] == "0.5000"
