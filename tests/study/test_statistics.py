"""Mean, spread, intervals, people, paired differences and provenance against closed forms and scipy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy import stats

from cosmo_pl.intervals import bootstrap_interval
from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.provenance import dirty, machine, provenance
from cosmo_pl.study.rendering.statistics import (
    Difference,
    Summary,
    by_seed,
    common_means,
    difference_of,
    mean_and_std,
    number_of_folds,
    of_whole_folds,
    paired,
    rank_correlation,
    subject_range,
    summarize,
    whole_seeds,
)
from cosmo_pl.study.rendering.view import Outcome, View

from .factory import job, record


def made_from(environment: dict[str, object], seed: int = 0, version: str = "0.1.0") -> Record:
    return replace(record(job(seed=seed)), environment=environment, version=version)


def test_mean_and_sample_deviation() -> None:
    summary = summarize([record(job(seed=seed), value) for seed, value in enumerate([0.5, 0.6, 0.7])])
    assert summary is not None
    assert summary.n == 3
    assert summary.mean == pytest.approx(0.6)
    assert summary.std == pytest.approx(0.1)  # with n - 1; with n it would be 0.0816
    assert (summary.correct, summary.total) == (100 + 120 + 140, 600)


def test_nothing_is_summed_up_to_none() -> None:
    assert summarize([]) is None


def test_interval_of_an_accuracy_stays_within_its_range() -> None:
    assert Summary((0.1, 0.5, 0.9), 1, 2).interval == (0.0, 1.0)
    assert Summary((0.5, 0.6), 1, 2).interval is None  # two runs say too little about their spread
    values = (0.60, 0.62, 0.64)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert Summary(values, 1, 2).interval == pytest.approx((expected.low, expected.high))


def test_interval_of_one_run_is_that_over_its_recordings() -> None:
    counts = {f"r{number}": [number % 4, 3] for number in range(20)}
    summary = summarize([record(job(), 0.5, result={"by_recording": counts})])
    assert summary is not None and summary.std is None
    assert summary.interval == bootstrap_interval(list(counts.values()))


def test_one_run_without_counts_has_no_interval() -> None:
    """Windows are not independent, so k of n alone gives none."""
    summary = summarize([record(job(), 0.5)])
    assert summary is not None and summary.interval is None


def test_several_runs_are_not_bootstrapped() -> None:
    counts = {"by_recording": {"a": [1, 2], "b": [2, 2]}}
    summary = summarize([record(job(seed=seed), 0.5 + seed / 10, result=counts) for seed in (0, 1)])
    assert summary is not None and summary.recordings == ()


def test_text() -> None:
    assert mean_and_std(None) == "-"
    assert mean_and_std(Summary((0.69302,), 149, 215)) == "0.693 (n=1)"
    assert mean_and_std(Summary((0.5, 0.6, 0.7), 1, 2)) == "0.600 ± 0.100 (n=3)"
    assert mean_and_std(Summary((0.5, 0.6, 0.7), 1, 2, dirty=True)) == "0.600 ± 0.100 (n=3)†"
    assert (Summary((0.5,), 1, 2, dirty=True).runs, Summary((0.5,), 1, 2).runs) == ("1†", "1")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"commit": "a", "dirty": True}, True),
        ({"commit": "a", "dirty": False}, False),
        ({"dirty": None}, False),
        ({}, False),
    ],
)
def test_uncommitted_code_is_marked(environment: dict[str, object], expected: bool) -> None:
    made = made_from(environment)
    assert dirty(made) is expected
    summary = summarize([record(job(seed=1)), made])
    assert summary is not None and summary.dirty is expected


def test_provenance() -> None:
    assert provenance([]) == "There are no results."
    assert provenance([made_from({"commit": "a"})]) == "1 result; package 0.1.0."
    every = [
        made_from({"commit": "a", "dirty": True}, 0), made_from({"commit": "b", "precision": "32-true"}, 1),
        made_from({"commit": None}, 2),
    ]  # fmt: skip
    assert provenance([*every, every[0]]) == (  # a run that two cells share counts once
        "3 results; 1 from uncommitted code (†); 1 from an unknown commit; package 0.1.0."
    )
    other = made_from({"commit": "c", "precision": "bf16-mixed"}, 3, version="0.2.0")
    assert provenance([*every, other]).endswith("package 0.1.0 (3), 0.2.0 (1); precision 32-true (1), bf16-mixed (1).")


def test_roundings_that_differ_are_named() -> None:
    one, other = made_from({"commit": "a"}, 0), made_from({"commit": "a"}, 1)
    one = replace(one, numerics={"cosmo_pl:CMCModule": "1.0", "cosmo_pl:UTDDataModule": "1.0"})
    other = replace(other, numerics={"cosmo_pl:CMCModule": "1.1", "cosmo_pl:UTDDataModule": "1.0"})
    assert provenance([one, other]) == "2 results; package 0.1.0; CMCModule 1.0 (1), 1.1 (1)."


def test_both_sides_of_a_difference_are_the_same_mean_over_people() -> None:
    """Person 1 has 30 windows and person 2 has 10; without counts of one side both have the accuracy of the fold."""

    def run(accuracy: float, counts: dict[str, list[int]]) -> tuple[Job, Record]:
        result = {"by_subject": counts, "test_subjects": list(map(int, counts))}
        return job(seed=0), record(job(seed=0), accuracy, result=result)

    ours = [run(0.6, {"1": [24, 30], "2": [0, 10]}), run(0.9, {"3": [9, 10]})]
    theirs = [run(0.5, {"1": [20, 30], "2": [0, 10]}), run(0.7, {"3": [7, 10]})]
    (counted,) = difference_of(ours, theirs).values
    assert counted == pytest.approx((0.8 + 0.0 + 0.9) / 3 - (20 / 30 + 0.0 + 0.7) / 3)
    for _, made in theirs:
        del made.result["by_subject"]
    (pooled,) = difference_of(ours, theirs).values
    assert not difference_of(ours, theirs).of_folds, "no job names a fold"
    assert pooled == pytest.approx((0.6 + 0.6 + 0.9) / 3 - (0.5 + 0.5 + 0.7) / 3)


def test_a_difference_of_other_numbers_than_the_means_is_named() -> None:
    def run(seed: int, fold: int, accuracy: float, counts: bool) -> tuple[Job, Record]:
        each = job(seed=seed, factors={"fold": fold})
        result = {"by_subject": {str(fold): [1, 2]}} if counts else {}
        return each, record(each, accuracy, result={**result, "test_subjects": [fold]})

    def runs(accuracy: float, counts: bool) -> list[tuple[Job, Record]]:
        return [run(seed, fold, accuracy + seed / 100, counts) for seed in range(3) for fold in (1, 2)]

    assert "(n=3; accuracies of whole folds)" in difference_of(runs(0.7, True), runs(0.6, False)).describe()
    for same in (True, False):
        assert "(n=3)" in difference_of(runs(0.7, same), runs(0.6, same)).describe()


def test_means_are_over_people_or_of_whole_folds_and_never_of_both() -> None:
    """Of person 1 24 of 30 windows are right, of 2 none of 10, of 3 9 of 10."""
    made = []
    for accuracy, counts in ((0.6, {"1": [24, 30], "2": [0, 10]}), (0.9, {"3": [9, 10]})):
        each = job(seed=0, factors={"test_subjects": list(map(int, counts))})
        result = {"by_subject": counts, "test_subjects": list(map(int, counts))}
        made.append((each, record(each, accuracy, result=result)))
    assert by_seed(made) == {0: pytest.approx((0.8 + 0.0 + 0.9) / 3)} and not of_whole_folds(made)
    del made[1][1].result["by_subject"]
    assert by_seed(made) == {0: pytest.approx((0.6 + 0.6 + 0.9) / 3)} and of_whole_folds(made)
    assert not of_whole_folds(made[1:]), "one fold"


def test_people_are_means_over_runs() -> None:
    """Of person 7 0.5 and 0.7, of 8 0.3 and 0.1."""
    runs = [
        record(job(seed=0), 0.4, result={"by_subject": {"7": [5, 10], "8": [3, 10]}}),
        record(job(seed=1), 0.4, result={"by_subject": {"7": [7, 10], "8": [1, 10]}}),
    ]
    assert subject_range(runs) == "0.200 to 0.600 (2)"
    assert subject_range([*runs, record(job(seed=2))]) == "0.200 to 0.600 (2; n=2)", "one run has no counts"
    assert subject_range([record(job())]) == subject_range([]) == "-"


def test_by_seed_sorts_and_takes_the_mean_over_people() -> None:
    """A fold of two people with 0.4 and one of four with 0.7: (2 × 0.4 + 4 × 0.7) / 6."""
    jobs = [job(seed=2), job(seed=0, factors={"fold": 1}), job(seed=0, factors={"fold": 2})]
    folds = [[7, 8], [9, 10], [1, 2, 3, 4]]
    pairs = [
        (each, record(each, value, result={"test_subjects": fold}))
        for each, value, fold in zip(jobs, [0.9, 0.4, 0.7], folds, strict=True)
    ]
    found = by_seed(pairs)
    assert list(found) == [0, 2]
    assert found == pytest.approx({0: 3.6 / 6, 2: 0.9})


def test_by_seed_takes_people_from_their_own_counts() -> None:
    """Persons of unlike numbers of windows count alike: (1/2 + 9/10 + 1/5) / 3."""
    one, two = job(factors={"fold": 1}), job(factors={"fold": 2})
    counts = {"by_subject": {"1": [1, 2], "2": [9, 10]}}, {"by_subject": {"3": [1, 5]}}
    pairs = [(one, record(one, 10 / 12, result=counts[0])), (two, record(two, 0.2, result=counts[1]))]
    assert by_seed(pairs)[0] == pytest.approx((0.5 + 0.9 + 0.2) / 3)
    assert by_seed(pairs[:1])[0] == pytest.approx(10 / 12), "a single run has the accuracy that it has"


def test_a_seed_that_lacks_a_fold_of_subjects_is_not_whole() -> None:
    folds = [[7, 8], [1, 2], [3, 4]]
    every = [job(seed=seed, factors={"test_subjects": fold}) for seed in (0, 1) for fold in folds]
    assert number_of_folds(every) == 3
    pairs = [(each, record(each)) for each in every[:4]]
    assert [each.seed for each, _ in whole_seeds(pairs, 3)] == [0, 0, 0]
    assert whole_seeds(pairs[3:], 1) == pairs[3:]
    with_data = [*every, job(kind="measure", measure="clocks")]
    assert View("a", None, "paper", [Outcome(each, None) for each in with_data], {}, {}, {}).folds("utd") == 3


def test_differences_are_paired_over_common_seeds() -> None:
    found = paired({3: 0.1, 0: 0.52, 1: 0.63, 2: 0.74}, {2: 0.70, 0: 0.50, 1: 0.60, 9: 0.0})
    assert found.values == pytest.approx((0.02, 0.03, 0.04))
    expected = stats.ttest_rel([0.52, 0.63, 0.74], [0.50, 0.60, 0.70]).confidence_interval(0.95)
    assert found.interval == pytest.approx((expected.low, expected.high))
    assert found.describe() == "+0.030, 95 % interval +0.005 to +0.055 (n=3)"
    assert found.describe("gain", digits=1) == "gain +0.0, 95 % interval +0.0 to +0.1 (n=3)"


@pytest.mark.parametrize("n", [0, 1, 2])
def test_fewer_than_three_common_seeds_have_no_interval(n: int) -> None:
    assert Difference((0.1, 0.2)[:n]).interval is None
    assert Difference((0.1, 0.2)[:n]).describe("difference") == f"too few common seeds (n={n})"


def test_only_methods_of_the_same_seeds_are_ranked() -> None:
    """One lucky run, and a method whose fourth seed is a lucky one."""
    methods = {
        "lucky": {0: 0.99}, "a": {0: 0.5, 1: 0.6, 2: 0.7}, "b": {0: 0.4, 1: 0.6, 2: 0.5, 3: 1.0},
    }  # fmt: skip
    means, seeds = common_means(methods)
    assert seeds == [0, 1, 2]
    assert means == pytest.approx({"a": 0.6, "b": 0.5})
    assert common_means({"a": {0: 0.5, 1: 0.6, 2: 0.7}, "c": {1: 0.5, 2: 0.6, 3: 0.7}}) == ({}, [])
    assert common_means({}) == ({}, [])


def test_rank_correlation() -> None:
    assert rank_correlation([1, 2, 3, 4], [20, 10, 30, 40]) == pytest.approx(0.8)  # 1 - 6 × 2 / 60


def test_machine() -> None:
    assert machine(record(job()).environment) == "cpu with 2 cores, 1 thread a run, torch 2.13.0"
    assert machine({"device": "cpu", "cpu": "AMD EPYC", "cores": 2}).startswith("AMD EPYC with 2 cores")
    assert machine({"device": "H200", "cpu": "AMD EPYC", "threads": 2}) == "H200 with ? cores, 2 threads a run, torch ?"
