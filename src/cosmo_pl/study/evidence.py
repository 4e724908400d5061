"""All missing runs, in order of priority, beside other work on the machine.

The runs use a clean worktree of the last commit, so that the checkout can be edited meanwhile. They can be stopped at
any time: results are written as a whole, and an interrupted run is resumed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.provenance import BUSY
from cosmo_pl.study.definition import Described, parse
from cosmo_pl.study.jobs import Job, Project
from cosmo_pl.study.measurements import facts_of
from cosmo_pl.study.workers import COMMAND, shared

WORKTREE = Path("runs/evidence")
QUIET = Path("runs/quiet")
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Step(Described):
    """Studies under a preset.

    Args:
        preset: The preset.
        studies: Names of the studies, or "all".
        datasets: Datasets on which they are run; None for all.
    """

    preset: str
    studies: list[str]
    datasets: list[str] | None = None


@dataclass(frozen=True)
class Order(Described):
    """The order of the runs.

    Args:
        about: Its purpose.
        steps: The steps, the first one first.
    """

    about: str
    steps: list[Step] = field(default_factory=list)


def jobs_in_order(project: Project, file: Path) -> list[Job]:
    """All jobs of an order; each stage 1 is followed at once by the jobs that need it.

    Args:
        project: The project.
        file: YAML of an `Order`.
    """
    order = parse(Order, file)
    found: dict[str, Job] = {}
    for step in order.steps:
        names = project.studies() if step.studies == ["all"] else step.studies
        jobs = [job for name in names for job in project.jobs(name, step.preset) if _is_in(job, step)]
        found |= {job.key: job for job in depth_first(jobs) if job.key not in found}
    return list(found.values())


def _is_in(job: Job, step: Step) -> bool:
    timed = job.measure is not None and facts_of(job.measure).timed
    return not timed and (step.datasets is None or job.dataset in step.datasets)


def depth_first(jobs: Sequence[Job]) -> Iterator[Job]:
    """Jobs in their order, except that each is followed by those that need it."""
    needing: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        for parent in job.parents:
            needing[parent.key].append(job)
    seen: set[str] = set()

    def visit(job: Job) -> Iterator[Job]:
        if job.key not in seen and all(parent.key in seen for parent in job.parents):
            seen.add(job.key)
            yield job
            for child in needing[job.key]:
                yield from visit(child)

    for job in jobs:
        for each in (*job.parents, job):
            yield from visit(each)


def supervise(root: Path, words: Sequence[str], processes: int) -> int:
    """Runs processes of `cosmo-pl` from a clean worktree of the last commit, at the lowest priority.

    They are paused while tests or benchmarks run in this checkout, see `quiet`.

    Args:
        root: The checkout.
        words: Arguments of each process.
        processes: Number of processes.

    Returns:
        The largest exit status of the processes.

    Raises:
        ConfigurationError: The folder is no checkout, or its worktree is in use.
    """
    with _alone(root):
        return _supervise(root, worktree(root), words, processes)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Refuses a second process, as it would check out another commit below the running studies of the first."""
    lock = root.resolve() / WORKTREE.with_suffix(".lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        held = FileLock(lock).acquire(blocking=False)
    except Timeout as error:
        problem = f"another `cosmo-pl study evidence` uses the worktree {WORKTREE}"
        raise ConfigurationError("evidence", problem, "Wait for its end, stop it, or use --here") from error
    with held:
        yield


def _supervise(root: Path, folder: Path, words: Sequence[str], processes: int) -> int:
    env = {**os.environ, **shared(processes), "PYTHONPATH": str(folder / "src"), BUSY: "1"}
    folders = {"COSMO_PL_DATA": root / "data"} | ({"COSMO_PL_CACHE": ""} if env.get("COSMO_PL_CACHE") else {})
    env |= {name: str(Path(env.get(name) or own).expanduser().resolve()) for name, own in folders.items()}
    workers = [
        subprocess.Popen([*COMMAND, *words], cwd=folder, env=env, preexec_fn=lambda: os.nice(19))
        for _ in range(processes)
    ]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    stopped = False
    try:
        while any(worker.poll() is None for worker in workers):
            if stopped != is_quiet(root):
                stopped = not stopped
                for worker in workers:
                    worker.send_signal(signal.SIGSTOP if stopped else signal.SIGCONT)
            time.sleep(POLL_SECONDS)
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGCONT)
            worker.terminate()
            worker.wait()
    return max(abs(worker.wait()) for worker in workers)


def worktree(root: Path) -> Path:
    """A clean worktree of the last commit in ``runs/evidence/``, which replaces one of an earlier commit.

    Raises:
        ConfigurationError: The folder is no checkout.
    """
    folder = root.resolve() / WORKTREE
    try:
        commit = _git(root, "rev-parse", "HEAD")
        if folder.exists():
            _git(folder, "checkout", "--quiet", "--detach", "--force", commit)
            _git(folder, "clean", "--quiet", "-fd", "src", "configs", "experiments")
        else:
            _git(root, "worktree", "prune")
            _git(root, "worktree", "add", "--quiet", "--detach", str(folder), commit)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or error
        raise ConfigurationError(
            "evidence", f"no worktree of the last commit ({reason})", "Run it in a checkout"
        ) from error
    return folder


@contextmanager
def quiet(root: Path) -> Iterator[None]:
    """Pauses the processes of `supervise` during the body."""
    mark = root / QUIET / str(os.getpid())
    mark.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(mark):
        yield
    mark.unlink(missing_ok=True)


def is_quiet(root: Path) -> bool:
    """Whether a living process is in the body of `quiet`. Marks of others, whose numbers may be used again, go."""
    return any(_held(mark) for mark in (root / QUIET).glob("[0-9]*"))


def _held(mark: Path) -> bool:
    try:
        with FileLock(mark).acquire(blocking=False):
            mark.unlink(missing_ok=True)
    except Timeout:
        return True
    return False


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, encoding="utf-8", check=True)
    return done.stdout.strip()
