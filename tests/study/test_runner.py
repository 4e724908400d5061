"""A grid is worked through once, whoever works on it and however often it is killed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from pytorch_lightning.utilities.exceptions import SIGTERMException

from cosmo_pl.errors import ConfigurationError, DatasetNotFoundError
from cosmo_pl.study import runner
from cosmo_pl.study.records import ResultError, Results
from cosmo_pl.study.runner import Runner, TimeIsUp, time_limit
from cosmo_pl.study.workspace import Workspace
from processes import ended, started

from .conftest import finished, leave_files, left_by


class Fake:
    """Runs a job by noting its name and leaving the files of a run."""

    def __init__(self, workspace, errors=None):
        self.workspace, self.errors, self.ran = workspace, errors or {}, []

    def __call__(self, job):
        self.ran.append(job.name)
        if job.name in self.errors:
            raise self.errors[job.name]
        leave_files(self.workspace, job)
        return finished(job)


@pytest.fixture
def jobs(project):
    return project.jobs("table9", "quick")


@pytest.fixture
def grid(jobs, results, workspace):
    """Makes a runner with a fake."""

    def make(errors=None, of=jobs):
        fake, lines = Fake(workspace, errors), []
        return Runner(of, results, workspace, fake, lines.append), fake, lines

    return make


def test_everything_runs_once_and_parents_first(grid, jobs, results):
    runner, fake, lines = grid()
    runner.run()
    assert fake.ran == [job.name for job in jobs]
    assert all(results.has(job) for job in jobs)
    assert fake.ran.index("toy cmc seed 0 pretrain") < fake.ran.index("toy cmc seed 0 finetune")
    assert lines[0] == "6 runs: 0 done, 6 to run"
    assert lines[-1] == "[6/6] toy forest seed 0 finetune: 0.500 (1 s)"
    assert lines[2].endswith("4 left, 4 s")


@pytest.mark.parametrize(
    ("seconds", "done", "begun"),
    [
        (140.0, [], []),  # with the child that is missing, but not the other one: 150 s
        (160.0, [], ["pretrain", "finetune"]),
        (40.0, ["pretrain"], []),
        (60.0, ["pretrain"], ["finetune"]),
        (None, [], ["pretrain", "finetune"]),
    ],
)
def test_nothing_is_begun_that_would_not_end_in_time(jobs, results, workspace, seconds, done, begun):
    parent, child, other = (job for job in jobs if job.method.startswith("cosmo"))
    for job in (other, *(job for job in (parent, child) if job.kind in done)):
        results.put(job, finished(job))
        leave_files(workspace, job)
    fake = Fake(workspace)
    runner = Runner([parent, child, other], results, workspace, fake, lambda line: None, seconds)
    runner.clock.learn(parent, 100.0)
    runner.clock.learn(child, 50.0)
    runner.run()
    assert fake.ran == [job.name for job in (parent, child) if job.kind in begun]
    assert runner.postponed == {job.key for job in (parent, child) if job.kind not in [*done, *begun]}


def test_what_is_done_is_left_alone(grid, jobs):
    grid()[0].run()
    runner, fake, lines = grid()
    runner.run()
    assert fake.ran == []
    assert lines == ["6 runs: 6 done, 0 to run"]


def test_results_without_their_files_run_again_only_where_they_are_needed(grid, jobs, results, workspace):
    """As after `git clone`: the results are there, bundles are not."""
    grid()[0].run()
    for job in jobs:
        for path in workspace.run(job).rglob("*.*"):
            if path.is_file():
                path.unlink()
    kept = results.get(jobs[0])
    results.path(jobs[1]).unlink()
    runner, fake, _ = grid()
    runner.run()
    assert fake.ran == [jobs[0].name, jobs[1].name]
    assert results.get(jobs[0]) == kept


@pytest.mark.parametrize("differs", [True, False])
def test_a_training_that_is_made_again_with_another_result_is_reported(grid, jobs, results, workspace, differs):
    grid()[0].run()
    shutil.rmtree(workspace.run(jobs[0]))
    results.path(jobs[1]).unlink()
    kept = results.get(jobs[0])
    if differs:
        results.path(jobs[0]).unlink()
        kept = replace(kept, curves={"epoch": [0], "train/loss": [1.5]})
        results.put(jobs[0], kept)
    runner, _, lines = grid()
    runner.run()
    said = f"{jobs[0].name} has another result than its record: tables mark what uses it now"
    assert (said in lines) is differs
    assert results.get(jobs[0]).curves == kept.curves, "the record stays"


def test_files_that_vanish_while_a_job_waits_for_them_are_made_again(grid, jobs, results, workspace, monkeypatch):
    monkeypatch.setattr("cosmo_pl.study.runner.WAIT_SECONDS", 0.01)
    parent = jobs[0]
    results.put(parent, finished(parent))
    leave_files(workspace, parent)
    children = [job for job in jobs if job.parents == (parent,)]
    runner, fake, _ = grid(of=children)

    def execute(job):
        record = fake(job)
        if job is children[0]:
            shutil.rmtree(workspace.run(parent))
        return record

    runner.execute = execute
    with time_limit(30):
        runner.run()
    assert fake.ran == [children[0].name, parent.name, children[1].name]


def test_one_job_alone_brings_what_it_needs(grid, jobs, results):
    runner, fake, lines = grid(of=[job for job in jobs if (job.method, job.kind) == ("cmc", "finetune")])
    runner.run()
    assert fake.ran == ["toy cmc seed 0 pretrain", "toy cmc seed 0 finetune"]
    assert (lines[0], lines[-1]) == ("2 runs: 0 done, 2 to run", "[2/2] toy cmc seed 0 finetune: 0.500 (1 s)")


def test_a_parent_that_was_killed_is_run_first(grid, jobs, workspace):
    """It has left files, but no record."""
    parent, child = jobs[0], jobs[1]
    leave_files(workspace, parent)
    runner, fake, _ = grid(of=[child])
    runner.run()
    assert fake.ran == [parent.name, child.name]


@pytest.mark.parametrize("content", [None, b"half of it"])
def test_a_stage_2_that_is_run_again_is_not_measured_before_its_training_has_ended(
    content, grid, jobs, results, workspace
):
    """Its record is there, and its checkpoint is half-trained or damaged."""
    parent = next(job for job in jobs if job.kind == "finetune" and job.parents)
    for job in (*parent.parents, parent):
        results.put(job, finished(job))
        leave_files(workspace, job, trained=content is not None)
    if content is not None:
        (workspace.run(parent) / "version_0/checkpoints/last.ckpt").write_bytes(content)
    measured = replace(parent, kind="measure", measure="confusions", parents=(parent,), key="measured")
    runner, fake, _ = grid(of=[measured])
    with workspace.claim(parent):  # another process trains it
        runner._try(measured)
    assert fake.ran == []
    assert runner.needed() == [parent, measured]


def test_a_parser_that_exits_fails_one_run_and_not_the_grid(grid, jobs, results):
    runner, _, lines = grid({"toy forest seed 0 finetune": SystemExit(2)})
    runner.run()
    assert sum(results.has(job) for job in jobs) == len(jobs) - 1
    assert any("toy forest seed 0 finetune failed (SystemExit" in line for line in lines)


def test_a_killed_training_ends_the_grid_and_is_no_failure(grid, jobs, results):
    """Lightning answers SIGTERM with a SystemExit of its own."""
    runner, fake, _ = grid({jobs[1].name: SIGTERMException()})
    with pytest.raises(SIGTERMException):
        runner.run()
    assert fake.ran == [job.name for job in jobs[:2]]
    assert not runner.failed
    grid()[0].run()
    assert all(results.has(job) for job in jobs)


def test_a_failure_skips_what_needs_it_and_nothing_else(grid, jobs, results, workspace):
    runner, fake, _ = grid({"toy cosmo seed 0 pretrain": ValueError("broken")})
    runner.run()
    assert {job.name for job in jobs if not results.has(job)} == {
        "toy cosmo seed 0 pretrain", "toy cosmo seed 0 finetune", "toy cosmo_finetune seed 0 finetune",
    }  # fmt: skip
    assert set(runner.failed.values()) == {"ValueError: broken"}
    assert "broken" in (workspace.run(jobs[0]) / "failure.txt").read_text(encoding="utf-8")
    again, fake, _ = grid()
    again.run()
    assert len(fake.ran) == 3
    assert not again.failed


def test_a_mistake_of_the_user_is_one_line(grid):
    runner, _, lines = grid({"toy forest seed 0 finetune": ConfigurationError("batch_size", "is -1", "Use 2")})
    runner.run()
    assert "toy forest seed 0 finetune cannot be run: batch_size: is -1. Use 2." in lines


def test_a_result_that_could_not_be_read_again_fails_one_run_and_not_the_grid(jobs, results, workspace):
    def execute(job):
        leave_files(workspace, job)
        training = {"fit_seconds": float("nan"), "epochs": 2}
        return finished(job, **({"result": {**left_by(job.kind), "training": training}} if job is jobs[-1] else {}))

    lines = []
    Runner(jobs, results, workspace, execute, lines.append).run()
    assert f"{jobs[-1].name} cannot be run: the result is not kept (result.training.fit_seconds is nan" in lines[-1]
    assert [job for job in jobs if not results.has(job)] == [jobs[-1]]


def test_a_missing_dataset_is_tried_once(grid, tmp_path):
    runner, fake, lines = grid({"toy cosmo seed 0 pretrain": DatasetNotFoundError("TOY", tmp_path, "x", "toy")})
    runner.run()
    assert fake.ran == ["toy cosmo seed 0 pretrain"]
    assert len(runner.failed) == 6
    assert sum("TOY not found" in line for line in lines) == 1


def test_a_result_of_other_data_stops_the_grid(grid, jobs, results):
    Results(results.folder).put(jobs[-1], finished(jobs[-1], data_fingerprint="0" * 64))
    runner, fake, _ = grid()
    with pytest.raises(ResultError, match="other recordings"):
        runner.run()
    assert len(fake.ran) <= 1


def test_the_time_limit_leaves_the_rest(jobs, results, workspace):
    def slow(job):
        leave_files(workspace, job)
        if len([j for j in jobs if results.has(j)]) == 2:
            time.sleep(30)
        return finished(job)

    start = time.perf_counter()
    with pytest.raises(TimeIsUp), time_limit(0.5):
        Runner(jobs, results, workspace, slow, lambda line: None).run()
    assert time.perf_counter() - start < 10
    assert sum(results.has(job) for job in jobs) == 2
    assert not any(workspace.claimed(job) for job in jobs)


def test_no_alarm_is_left_behind():
    with time_limit(60):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def together(project, folder, seconds):
    """One of several processes on a grid."""
    workspace = Workspace(folder / "runs")

    def execute(job):
        with (folder / "ran.txt").open("a", encoding="utf-8") as file:
            file.write(job.key + "\n")
        time.sleep(seconds)
        leave_files(workspace, job)
        return finished(job)

    Runner(project.jobs("table9", "paper"), Results(folder / "results"), workspace, execute, lambda line: None).run()


def impatient(project, folder, seconds):
    """In a process of its own, as it changes what all wait for."""
    runner.WAIT_SECONDS = 0.05
    together(project, folder, seconds)


def test_three_processes_do_no_run_twice(project, tmp_path):
    workers = [started(impatient, project, tmp_path, 0.05) for _ in range(3)]
    assert [ended(worker) for worker in workers] == [0, 0, 0]
    ran = (tmp_path / "ran.txt").read_text(encoding="utf-8").split()
    assert sorted(ran) == sorted({job.key for job in project.jobs("table9", "paper")})


def test_a_killed_process_loses_the_run_in_flight_alone(project, tmp_path):
    worker = started(impatient, project, tmp_path, 0.2)
    results = Results(tmp_path / "results")
    jobs = project.jobs("table9", "paper")
    while sum(results.has(job) for job in jobs) < 2:
        time.sleep(0.02)
    worker.kill()
    worker.join()
    done = sum(results.has(job) for job in jobs)
    together(project, tmp_path, 0)
    ran = (tmp_path / "ran.txt").read_text(encoding="utf-8").split()
    assert len(ran) - len(set(ran)) <= 1
    assert all(results.has(job) for job in jobs)
    assert done >= 2


def test_a_claim_ends_with_its_process(project, workspace):
    job = project.jobs("table9", "paper")[0]
    code = (
        "import sys, time; from pathlib import Path; from types import SimpleNamespace as N\n"
        "from cosmo_pl.study.workspace import Workspace\n"
        "with Workspace(Path(sys.argv[1])).claim(N(key=sys.argv[2])) as mine:\n"
        "    print(mine, flush=True); time.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(workspace.folder), job.key], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "True\n"
    assert workspace.claimed(job)
    with workspace.claim(job) as mine:
        assert not mine
    holder.kill()
    holder.wait()
    assert not workspace.claimed(job)
    with workspace.claim(job) as mine:
        assert mine
