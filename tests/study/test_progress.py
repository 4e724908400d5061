"""How far a grid is, and how long the rest takes."""

from __future__ import annotations

import os

import pytest

from cosmo_pl.provenance import processor
from cosmo_pl.study.progress import Clock, cells_by_runs, duration, of_this_machine, status

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
    assert clock.expected(jobs[0]) is None
    assert clock.left(jobs) == "unknown"
    assert clock.left([]) == "0 s"


def test_the_same_method_counts_before_others(project, results):
    jobs = project.jobs("table9", "paper")
    clock = Clock(results)
    first = {(job.method, job.kind): job for job in jobs if job.seed == 0}
    later = {(job.method, job.kind): job for job in jobs if job.seed == 1}
    clock.learn(first["cosmo", "pretrain"], 100)
    clock.learn(first["cmc", "finetune"], 10)
    clock.learn(first["forest", "finetune"], 2)
    assert clock.expected(later["cosmo", "pretrain"]) == 100
    assert [clock.expected(later[name, "finetune"]) for name in ("forest", "cmc")] == [2, 10]
    assert clock.expected(later["cosmo", "finetune"]) == 6, "the mean of other methods"
    assert clock.left([later["cosmo", "pretrain"], later["forest", "finetune"]]) == "2 min"


def test_what_is_left_says_of_how_many_nothing_is_known(project, results):
    stage1, stage2 = project.jobs("table9", "paper")[:2]
    clock = Clock(results)
    clock.learn(stage1, 30)
    assert clock.left([stage1, stage2]) == "30 s and 1 runs of unknown time"


HERE = {"cores": os.cpu_count(), "cpu": processor(), "device": "cpu"}


@pytest.mark.parametrize(
    ("environment", "same"),
    [
        (HERE, True),
        ({**HERE, "cpu": None}, True),
        ({**HERE, "cores": 4096}, False),
        ({**HERE, "cpu": "another"}, False),
        ({**HERE, "device": "a GPU"}, False),
        ({}, False),
    ],
)
def test_seconds_count_that_were_measured_on_this_machine(project, results, environment, same):
    assert of_this_machine(environment) == same
    job = project.jobs("table9", "paper")[0]
    results.put(job, finished(job, seconds=60.0, environment=environment))
    assert Clock(results).expected(job) == (60.0 if same else None)


def test_status_of_a_study(project, results, workspace):
    jobs = project.jobs("table9", "paper")
    for job in jobs[:3]:
        results.put(job, finished(job, seconds=60.0, environment=HERE))
    with workspace.claim(jobs[3]):
        lines = [line.split() for line in status({"table9": jobs}, results, workspace).splitlines()]
    assert lines[0] == ["dataset", "method", "run", "done", "running", "wanted", "cells", "by", "runs", "time", "left"]
    assert ["toy", "cosmo", "finetune", "1", "0", "3", "1:", "1", "2", "min"] in lines
    assert ["toy", "cmc", "pretrain", "0", "1", "3", "-", "3", "min"] in lines
    assert " ".join(lines[-1]) == "3 of 18 done, 1 running; one process would need 15 min for the rest"


def test_a_stage_1_whose_files_are_gone_is_left_to_do(project, results, workspace):
    jobs = project.jobs("table9", "paper")
    for job in jobs[:2]:
        results.put(job, finished(job, seconds=60.0, environment=HERE))
    assert jobs[0].kind == "pretrain" and jobs[2].parents == (jobs[0],)
    text = status({"table9": jobs}, results, workspace)
    assert text.endswith("the rest, and 1 of the 2 again, as others need files that are gone")
    rows = [line.split() for line in text.splitlines()]
    assert ["toy", "cosmo", "pretrain", "1", "0", "3", "-", "3", "min"] in rows


def test_status_of_all_studies_counts_a_shared_run_once(project, results, workspace):
    jobs = project.jobs("table9", "paper")
    results.put(jobs[0], finished(jobs[0], environment=HERE))
    lines = [line.split() for line in status({"one": jobs, "two": jobs[:6]}, results, workspace).splitlines()]
    assert lines[1][:4] == ["one", "1", "0", "18"]
    assert lines[2][:4] == ["two", "1", "0", "6"]
    assert lines[-1][:4] == ["1", "of", "18", "done,"]


def test_status_names_damaged_results_and_does_not_count_them(project, results, workspace):
    jobs = project.jobs("table9", "paper")
    for job in jobs[:2]:
        results.put(job, finished(job, environment=HERE))
    results.path(jobs[0]).write_text("{", encoding="utf-8")
    *_, named, last = status({"table9": jobs}, results, workspace).splitlines()
    assert str(results.path(jobs[0])) in named
    assert last.startswith("1 of 18 done")


def test_cells_by_runs(project):
    jobs = [job for job in project.jobs("table9", "paper") if job.cells]
    done = {job.key for job in jobs if job.method == "cosmo"} | {jobs[1].key}
    assert len({job.method for job in jobs}) == 4
    assert jobs[1].method == "cosmo_finetune"
    assert cells_by_runs(jobs, done) == "0: 2, 1: 1, 3: 1"
