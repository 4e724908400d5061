"""Mean, spread and intervals against closed forms."""

from __future__ import annotations

import math

import pytest

from cosmo_pl.metrics import wilson_interval
from cosmo_pl.study.rendering.statistics import Summary, by_seed, machine, summarize, t_interval, told, wilson

from .factory import job, record

T4 = 2.776445105  # 97.5 % point of Student's t with 4 degrees of freedom, from printed tables


def test_mean_and_sample_deviation() -> None:
    summary = summarize([record(job(seed=seed), value) for seed, value in enumerate([0.5, 0.6, 0.7])])
    assert summary is not None
    assert summary.n == 3
    assert summary.mean == pytest.approx(0.6)
    assert summary.std == pytest.approx(0.1)  # with n - 1; with n it would be 0.0816
    assert (summary.correct, summary.total) == (100 + 120 + 140, 600)


def test_nothing_is_summed_up_to_none() -> None:
    assert summarize([]) is None


def test_interval_of_five_values() -> None:
    values = (0.60, 0.62, 0.64, 0.66, 0.68)
    margin = T4 * math.sqrt(0.001) / math.sqrt(5)  # the squares of -.04 ... .04 sum to .004, over n - 1 = 4
    assert Summary(values, 1, 2).interval == pytest.approx((0.64 - margin, 0.64 + margin))
    assert t_interval(values) == pytest.approx((0.64 - margin, 0.64 + margin))


def test_interval_of_an_accuracy_stays_within_its_range() -> None:
    assert t_interval([0.1, 0.9])[0] < 0
    assert Summary((0.1, 0.9), 1, 2).interval == (0.0, 1.0)


@pytest.mark.parametrize(("correct", "total"), [(149, 215), (0, 20), (20, 20)])
def test_interval_of_one_run_is_wilsons(correct: int, total: int) -> None:
    summary = Summary((correct / total,), correct, total)
    assert summary.interval == pytest.approx(wilson_interval(correct, total), abs=1e-4)
    assert summary.interval == wilson(correct, total)
    assert summary.std is None


def test_no_prediction_has_no_interval() -> None:
    with pytest.raises(ValueError, match="n"):
        wilson(0, 0)


def test_told() -> None:
    assert told(None) == "-"
    assert told(Summary((0.69302,), 149, 215)) == "0.693 (n=1)"
    assert told(Summary((0.5, 0.6, 0.7), 1, 2)) == "0.600 ± 0.100 (n=3)"


def test_by_seed_averages_runs_of_a_seed_and_sorts() -> None:
    jobs = [job(seed=2), job(seed=0, factors={"fold": 1}), job(seed=0, factors={"fold": 2})]
    found = by_seed([(each, record(each, value)) for each, value in zip(jobs, [0.9, 0.4, 0.6], strict=True)])
    assert list(found) == [0, 2]
    assert found == pytest.approx({0: 0.5, 2: 0.9})


def test_machine() -> None:
    assert machine(record(job()).environment) == "cpu with 2 cores, 1 thread a run, torch 2.13.0"
    assert machine({"device": "H200", "threads": 2}) == "H200 with ? cores, 2 threads a run, torch ?"
