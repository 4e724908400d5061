"""How far a grid is, and how long the rest takes."""

from __future__ import annotations

import pytest

from cosmo_pl.study.progress import Clock, duration, status

from .conftest import finished


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (5400, "1 h 30 min"), (7500, "2 h 05 min")],
)
def test_durations(seconds, told):
    assert duration(seconds) == told


def test_nothing_is_expected_of_what_was_never_run(project, results):
    jobs = project.jobs("table9", "paper")
    clock = Clock(results)
    assert clock.expected(jobs) is None
    assert clock.expected([]) == 0


def test_the_same_method_counts_before_others(project, results):
    jobs = project.jobs("table9", "paper")
    clock = Clock(results)
    first = {(job.method, job.kind): job for job in jobs if job.seed == 0}
    later = {(job.method, job.kind): job for job in jobs if job.seed == 1}
    clock.learn(first["cosmo", "pretrain"], 100)
    clock.learn(first["cmc", "finetune"], 10)
    clock.learn(first["forest", "finetune"], 2)
    assert clock.expected([later["cosmo", "pretrain"]]) == 100
    assert clock.expected([later["forest", "finetune"], later["cmc", "finetune"]]) == 12
    assert clock.expected([later["cosmo", "finetune"]]) == 6, "the mean of other methods"


def test_status_counts(project, results, workspace):
    jobs = project.jobs("table9", "paper")
    for job in jobs[:3]:
        results.put(job, finished(job, seconds=60.0))
    with workspace.claim(jobs[3]):
        lines = status(jobs, results, workspace).splitlines()
    assert lines[0].split() == ["dataset", "method", "run", "done", "running", "all"]
    assert "toy      cosmo           finetune  1     0        3" in lines
    assert "toy      cmc             pretrain  0     1        3" in lines
    assert lines[-1].startswith("3 of 18 done, 1 running; one process would take 15 min for the rest")
