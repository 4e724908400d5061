"""Runs a grid: finished runs are kept, killed runs are resumed, and runs of other processes are left to them."""

from __future__ import annotations

import signal
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from pathlib import Path

from pytorch_lightning.utilities.exceptions import SIGTERMException

from cosmo_pl.errors import CosmoError, DatasetNotFoundError
from cosmo_pl.study.jobs import Job
from cosmo_pl.study.lineage import digest_of
from cosmo_pl.study.progress import Clock, duration, needed
from cosmo_pl.study.records import Record, ResultError, Results
from cosmo_pl.study.workspace import Workspace

AGAIN_SECONDS = 60.0  # an exception raised in the finalizer of an object is lost, so the signal is repeated
WAIT_SECONDS = 2.0  # between two checks of the runs of other processes


class TimeIsUp(BaseException):
    """Raised when a grid's time limit is reached. It is no Exception, so that no run handles it as its own failure."""


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raises `TimeIsUp` in the body after a number of seconds; the current run can be resumed."""
    if seconds is None:
        yield
        return

    def stop(*_: object) -> None:
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001), AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def terminable() -> Iterator[None]:
    """Raises Lightning's exception in the body at SIGTERM, outside of trainings, too, in which Lightning does it."""

    def stop(*_: object) -> None:
        if signal.getsignal(signal.SIGTERM) is stop:  # else Lightning, which calls it, ends the training itself
            raise SIGTERMException

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Runner:
    """Runs the jobs of a grid, alone or beside other processes.

    Args:
        jobs: The jobs, parents before their children.
        results: The results.
        workspace: The folder of the runs.
        execute: Runs one job.
        report: Receives a line of progress.
        whole_within: Seconds within which a job, together with the missing jobs that need it, is expected to end; the
            others are postponed. A job of unknown duration counts as 0 seconds. None for no limit.

    Attributes:
        postponed: Keys of postponed jobs, including those that need them.
        failed: Key to the reason, of jobs that cannot be run, including those that need them.
        absent: Dataset without recordings to the reason.
        plan: The jobs, and those that are run again because others need their files.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        results: Results,
        workspace: Workspace,
        execute: Callable[[Job], Record],
        report: Callable[[str], None] = print,
        whole_within: float | None = None,
    ) -> None:
        self.jobs, self.results, self.workspace = jobs, results, workspace
        self.execute, self.report = execute, report
        self.postponed: set[str] = set()
        self.failed: dict[str, str] = {}
        self.absent: dict[str, str] = {}
        self.plan = list(jobs)
        self.clock = Clock(results)
        self._end = inf if whole_within is None else time.monotonic() + whole_within
        self._needing: dict[str, list[Job]] = defaultdict(list)
        for job in jobs:
            for parent in job.parents:
                self._needing[parent.key].append(job)

    def run(self) -> None:
        """Runs all jobs except those that fail or are postponed.

        Raises:
            ResultError: A result is damaged, or of other recordings.
            TimeIsUp: The time limit is reached.
        """
        for job in self.jobs:
            self.results.get(job)  # finds damaged results and those of other recordings before anything is computed
        left = self.needed()
        self.plan = list({job.key: job for job in (*self.jobs, *left)}.values())
        self.report(f"{len(self.plan)} runs: {len(self.plan) - len(left)} done, {len(left)} to run")
        while left:
            before = len(left)
            for job in left:
                self._try(job)
            left = [job for job in left if not self._settled(job)]
            if len(left) == before:
                time.sleep(WAIT_SECONDS)
                # Files that a job needs may have been deleted since.
                left = [job for job in self.needed() if not self._settled(job)]

    def needed(self) -> list[Job]:
        """Jobs without a record, and the jobs whose files they need and that have lost them."""
        return needed(self.jobs, self.results.has, self._settled)

    def _settled(self, job: Job) -> bool:
        left = job.key in self.failed or job.key in self.postponed
        return left or (self.results.has(job) and self.workspace.has_files(job))

    def _try(self, job: Job) -> None:
        """Runs a job unless it is done, cannot be run yet, or is run by another process."""
        reason = self.absent.get(job.dataset) or next(
            (self.failed[parent.key] for parent in job.parents if parent.key in self.failed), None
        )
        if reason is not None:
            self.failed[job.key] = reason
            return
        if self._settled(job) or not all(self._settled(parent) for parent in job.parents):
            return
        if any(parent.key in self.postponed for parent in job.parents) or not self._fits(job):
            self.postponed.add(job.key)
            return
        with self.workspace.claim(job) as mine:
            if mine and not self._settled(job):
                self._run(job)

    def _fits(self, job: Job) -> bool:
        return self._end == inf or time.monotonic() + self._expected(job) < self._end

    def _expected(self, job: Job) -> float:
        """Expected seconds of a job and of the missing jobs that need it."""
        missing = (child for child in self._needing[job.key] if not self.results.has(child))
        return (self.clock.expected(job) or 0.0) + sum(map(self._expected, missing))

    def _run(self, job: Job) -> None:
        try:
            record = self.execute(job)
            self.clock.learn(job, record.seconds)
            if not self.results.has(job):
                self.results.put(job, record)
            elif (kept := self.results.get(job)) is not None and digest_of(kept) != digest_of(record):
                self.report(f"{job.name} has another result than its record: tables mark what uses it now")
        except DatasetNotFoundError as error:
            self.absent[job.dataset] = self.failed[job.key] = str(error)
            self.report(f"{job.dataset} is skipped: {error}")
            return
        except (ResultError, SIGTERMException):  # Lightning raises the latter, a SystemExit, when it is killed
            raise
        except CosmoError as error:
            self.failed[job.key] = str(error)
            self.report(f"{job.name} cannot be run: {error}")
            return
        except (Exception, SystemExit) as error:  # a parser exits if an argument is misspelt
            log = self._log_failure(job)
            self.failed[job.key] = f"{type(error).__name__}: {error}"
            self.report(f"{job.name} failed ({type(error).__name__}: {error}); see {log}")
            return
        if job.kind == "pretrain":  # not before there is a record, as a training cannot go on without
            self.workspace.remove_checkpoints(job)
        self.report(self._line(job, record))

    def _log_failure(self, job: Job) -> Path:
        log = self.workspace.failure(job)
        log.write_text(traceback.format_exc(), encoding="utf-8")
        return log

    def _line(self, job: Job, record: Record) -> str:
        left = [other for other in self.plan if not self.results.has(other) and other.key not in self.failed]
        accuracy = f": {record.result['accuracy']:.3f}" if "accuracy" in record.result else ""
        rest = f"; {len(left)} left, {self.clock.left(left)}" if left else ""
        done = len(self.plan) - len(left)
        return f"[{done}/{len(self.plan)}] {job.name}{accuracy} ({duration(record.seconds)}){rest}"
