"""Works through a grid: what is done is left alone, what was killed goes on, what others work on is theirs."""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pytorch_lightning.utilities.exceptions import SIGTERMException

from cosmo_pl.errors import CosmoError, DatasetNotFoundError
from cosmo_pl.study.jobs import Job
from cosmo_pl.study.progress import Clock, duration
from cosmo_pl.study.records import Record, ResultError, Results
from cosmo_pl.study.workspace import Workspace

AGAIN_SECONDS = 60.0  # an exception is lost where Python allows none, in the finalizer of an object for instance
WAIT_SECONDS = 2.0  # between two looks at runs that other processes work on


class TimeIsUp(BaseException):
    """Raised where a grid's time limit is reached; no Exception, so that no run takes it for a failure of its own."""


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raises `TimeIsUp` in the body after so many seconds; the run in flight can be resumed."""
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


class Runner:
    """Runs the jobs of a grid, alone or beside other processes.

    Args:
        jobs: The jobs, parents before what needs them.
        results: Where records are kept.
        workspace: Where runs leave their files.
        execute: Runs one job.
        tell: Takes a line of progress.
        fits: Whether a job that could be run now ends in time; what does not is left.

    Attributes:
        postponed: Keys of jobs that were left, with what needs them.
        failed: Key to the reason, of jobs that cannot be run, what needs them included.
        absent: Dataset to the reason why there are no recordings of it.
        plan: The jobs, and those that are run again for the files that others need.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        results: Results,
        workspace: Workspace,
        execute: Callable[[Job], Record],
        tell: Callable[[str], None] = print,
        fits: Callable[[Job], bool] = lambda job: True,
    ) -> None:
        self.jobs, self.results, self.workspace = jobs, results, workspace
        self.execute, self.tell, self.fits = execute, tell, fits
        self.postponed: set[str] = set()
        self.failed: dict[str, str] = {}
        self.absent: dict[str, str] = {}
        self.plan = list(jobs)
        self.clock = Clock(results)

    def run(self) -> None:
        """Runs until nothing is left but what failed.

        Raises:
            ResultError: A result is damaged, or of other recordings.
            TimeIsUp: The time limit is reached.
        """
        for job in self.jobs:
            self.results.get(job)  # what is damaged or of other recordings is found before anything is computed
        left = self.needed()
        self.plan = list({job.key: job for job in (*self.jobs, *left)}.values())
        self.tell(f"{len(self.plan)} runs: {len(self.plan) - len(left)} done, {len(left)} to run")
        while left:
            before = len(left)
            for job in left:
                self._try(job)
            left = [job for job in left if not self._settled(job)]
            if len(left) == before:
                time.sleep(WAIT_SECONDS)

    def needed(self) -> list[Job]:
        """Jobs without a record, and those whose files they need and that are not there any more."""
        wanted: dict[str, Job] = {}

        def want(job: Job) -> None:
            for parent in job.parents:
                if not self._settled(parent):
                    want(parent)
            wanted[job.key] = job

        for job in self.jobs:
            if not self.results.has(job):
                want(job)
        return list(wanted.values())

    def _settled(self, job: Job) -> bool:
        left = job.key in self.failed or job.key in self.postponed
        return left or (self.results.has(job) and self._has_files(job))

    def _has_files(self, job: Job) -> bool:
        return job.kind == "measure" or self.workspace.usable(job)

    def _try(self, job: Job) -> None:
        """Runs a job unless it is done, cannot be run yet or is somebody else's."""
        reason = self.absent.get(job.dataset) or next(
            (self.failed[parent.key] for parent in job.parents if parent.key in self.failed), None
        )
        if reason is not None:
            self.failed[job.key] = reason
            return
        if self._settled(job) or not all(self._settled(parent) for parent in job.parents):
            return
        if any(parent.key in self.postponed for parent in job.parents) or not self.fits(job):
            self.postponed.add(job.key)
            return
        with self.workspace.claim(job) as mine:
            if mine and not self._settled(job):
                self._run(job)

    def _run(self, job: Job) -> None:
        try:
            record = self.execute(job)
        except DatasetNotFoundError as error:
            self.absent[job.dataset] = self.failed[job.key] = str(error)
            self.tell(f"{job.dataset} is skipped: {error}")
            return
        except (ResultError, SIGTERMException):  # the latter is a SystemExit, by which Lightning says that it is killed
            raise
        except CosmoError as error:
            self.failed[job.key] = str(error)
            self.tell(f"{job.name} cannot be run: {error}")
            return
        except (Exception, SystemExit) as error:  # a parser exits where an argument is misspelt
            log = self._log_failure(job)
            self.failed[job.key] = f"{type(error).__name__}: {error}"
            self.tell(f"{job.name} failed ({type(error).__name__}: {error}); see {log}")
            return
        if not self.results.has(job):
            self.results.put(job, record)
        self.clock.learn(job, record.seconds)
        self.tell(self._line(job, record))

    def _log_failure(self, job: Job) -> Path:
        log = self.workspace.failure(job)
        log.write_text(traceback.format_exc(), encoding="utf-8")
        return log

    def _line(self, job: Job, record: Record) -> str:
        left = [other for other in self.plan if not self.results.has(other) and other.key not in self.failed]
        told = f": {record.result['accuracy']:.3f}" if "accuracy" in record.result else ""
        rest = f"; {len(left)} left, {self.clock.left(left)}" if left else ""
        done = len(self.plan) - len(left)
        return f"[{done}/{len(self.plan)}] {job.name}{told} ({duration(record.seconds)}){rest}"
