"""What is missing is run in order of worth, whole, and not while anybody wants quiet."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.study import evidence
from cosmo_pl.study.jobs import Project

from .factory import job

ROOT = Path(__file__).parents[2]
PRINTED = "import os; open('folders', 'w').write(os.environ['COSMO_PL_DATA'] + ' ' + os.environ['COSMO_PL_CACHE'])"


def test_what_builds_on_a_stage_1_follows_it_at_once():
    first, second = job("cosmo", kind="pretrain"), job("cmc", kind="pretrain")
    children = [job("cosmo", seed, parents=[first]) for seed in (0, 1)]
    other, alone = job("cmc", parents=[second]), job("deepsense")
    found = list(evidence.depth_first([first, second, other, alone, *children]))
    assert found == [first, *children, second, other, alone]


def test_a_stage_1_that_is_named_only_as_a_parent_comes_before_what_needs_it():
    first = job("cosmo", kind="pretrain")
    child = job("cosmo", parents=[first])
    assert list(evidence.depth_first([child])) == [first, child]


def test_quiet_lasts_as_long_as_who_asked_for_it(tmp_path):
    assert not evidence.is_quiet(tmp_path)
    with evidence.quiet(tmp_path):
        assert evidence.is_quiet(tmp_path)
    assert not evidence.is_quiet(tmp_path)
    dead = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout.strip()
    for process in (dead, str(os.getppid())):  # or its number is that of another process now
        mark = tmp_path / evidence.QUIET / process
        mark.touch()
        assert not evidence.is_quiet(tmp_path) and not mark.exists(), "it was killed"


@pytest.mark.parametrize("given", [None, "own", "~/own"])
def test_the_workers_have_the_folder_of_data_of_the_command(tmp_path, monkeypatch, given):
    """They run in the worktree, below which a relative name would be another folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COSMO_PL_CACHE", "cache")
    monkeypatch.delenv("COSMO_PL_DATA", raising=False)
    if given is not None:
        monkeypatch.setenv("COSMO_PL_DATA", given)
    monkeypatch.setattr(evidence, "COMMAND", [sys.executable, "-c", PRINTED])
    monkeypatch.setattr(evidence, "POLL_SECONDS", 0.01)
    place = tmp_path / "runs" / "evidence"
    place.mkdir(parents=True)
    assert evidence._supervise(tmp_path, place, [], 1) == 0
    expected = [str(tmp_path / ("data" if given is None else "own")), str(tmp_path / "cache")]
    assert (place / "folders").read_text(encoding="utf-8").split() == expected


def git(folder, *words):
    names = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, env={**os.environ, **names})


def test_the_worktree_is_that_of_the_last_commit(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "src").mkdir()
    for number in (1, 2):
        (tmp_path / "src/code.py").write_text(str(number), encoding="utf-8")
        git(tmp_path, "add", "src")
        git(tmp_path, "commit", "-qm", str(number))
        (tmp_path / "src/code.py").write_text("changed", encoding="utf-8")
        place = evidence.worktree(tmp_path)
        assert (place / "src/code.py").read_text(encoding="utf-8") == str(number)
        (place / "src/code.py").write_text("spoilt", encoding="utf-8")
        (place / "src/more.py").touch()
    place = evidence.worktree(tmp_path)
    assert (place / "src/code.py").read_text(encoding="utf-8") == "2"
    assert not (place / "src/more.py").exists()


def test_a_second_process_leaves_the_worktree_of_the_first_alone(tmp_path, monkeypatch):
    taken = []
    monkeypatch.setattr(evidence, "worktree", taken.append)
    (tmp_path / "runs").mkdir()
    line = r"^evidence: another [^\n]* uses the worktree runs/evidence\. "
    with FileLock(tmp_path / "runs/evidence.lock"), pytest.raises(ConfigurationError, match=line):
        evidence.supervise(tmp_path, [], 1)
    assert taken == []


def test_outside_of_a_checkout_is_one_line(tmp_path):
    with pytest.raises(ConfigurationError, match=r"^evidence: no worktree of the last commit \([^\n]*\)"):
        evidence.worktree(tmp_path)


@pytest.mark.parametrize("file", sorted((ROOT / "experiments/orders").iterdir()), ids=lambda file: file.stem)
def test_an_order_names_studies_presets_and_datasets_that_exist(file):
    project = Project(ROOT)
    order = evidence.parse(evidence.Order, file)
    for step in order.steps:
        assert step.preset in project.presets()
        assert step.studies == ["all"] or set(step.studies) <= set(project.studies())
        assert all((ROOT / f"configs/{dataset}_stage1.yaml").is_file() for dataset in step.datasets or ())


def test_an_order_runs_each_job_once_and_on_its_datasets_alone(tmp_path):
    file = tmp_path / "order.yaml"
    step = "{preset: smoke, studies: [fig2], datasets: [usc]}"
    file.write_text(f"about: short\nsteps: [{step}, {step}]\n", encoding="utf-8")
    jobs = evidence.jobs_in_order(Project(ROOT), file)
    assert {each.dataset for each in jobs} == {"usc"}
    assert {each.key for each in jobs} == {
        each.key for each in Project(ROOT).jobs("fig2", "smoke") if each.dataset == "usc"
    }
    assert len({each.key for each in jobs}) == len(jobs)


def test_measurements_of_time_are_left_out(tmp_path):
    file = tmp_path / "order.yaml"
    file.write_text("about: short\nsteps: [{preset: smoke, studies: [overheads, switching]}]\n", encoding="utf-8")
    project = Project(ROOT)
    every = {each.key: each.measure for name in ("overheads", "switching") for each in project.jobs(name, "smoke")}
    found = {each.key for each in evidence.jobs_in_order(project, file)}
    assert {"latency", "switching"} < set(every.values())
    assert found == {key for key, measure in every.items() if measure not in ("latency", "switching")}


@pytest.mark.parametrize("worst", [0, 3, -15])
def test_each_process_has_its_share_of_the_cores_and_the_worst_status_is_theirs(tmp_path, monkeypatch, worst):
    started = []
    statuses = iter([0, worst, 0, 0])

    class Ended:
        def __init__(self, command, cwd, env, **more):
            started.append(env)
            self.status = next(statuses)

        def poll(self):
            return self.status

        wait = poll

        def send_signal(self, number):
            pass

        def terminate(self):
            pass

    monkeypatch.setattr(evidence, "worktree", lambda root: tmp_path)
    monkeypatch.setattr(evidence.subprocess, "Popen", Ended)
    monkeypatch.setattr(evidence.signal, "signal", lambda *_: None)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert evidence.supervise(tmp_path, [], 4) == abs(worst)
    assert [(env["COSMO_PL_PROCESSES"], env["OMP_NUM_THREADS"]) for env in started] == [("4", "2")] * 4
