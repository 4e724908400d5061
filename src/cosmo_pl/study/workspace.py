"""Where the runs of studies leave their files, and which process works on which run."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from cosmo_pl.run_folder import CHECKPOINTS, LAST, has_bundle, versions
from cosmo_pl.study.jobs import Job

TRAINED = "trained"  # empty file in the folder of a run whose training has ended


class Workspace:
    """The folder of runs: ``<key>/version_<n>/`` as `cosmo-pl fit` writes it, beside a lock, its commit and two logs.

    Args:
        folder: That folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, job: Job) -> Path:
        """Folder of a job's runs: several where one was killed and resumed."""
        return self.folder / job.key

    def log(self, job: Job) -> Path:
        """File of what a job printed."""
        return self.run(job) / "log.txt"

    def failure(self, job: Job) -> Path:
        """File of the traceback of a job that failed."""
        return self.run(job) / "failure.txt"

    def code(self, job: Job) -> Path:
        """File of the commit that a job's training began with."""
        return self.run(job) / "code.json"

    def versions(self, job: Job) -> list[Path]:
        """Runs of a job, oldest first."""
        return versions(self.run(job))

    def finished(self, job: Job) -> Path | None:
        """The newest run with what other jobs need: the bundle of a stage 1, the model of a stage 2; None without.

        It is not always the newest run: one that resumes a completed training leaves no checkpoint. A stage 2 whose
        training was killed, or still goes on, has a checkpoint and no model yet.
        """
        is_usable = has_bundle if job.kind == "pretrain" else _has_model
        return next(filter(is_usable, reversed(self.versions(job))), None)

    def usable(self, job: Job) -> bool:
        """Whether the job has left what other jobs need of it."""
        return self.finished(job) is not None

    def has_files(self, job: Job) -> bool:
        """Whether nothing that other jobs need of the job is gone; a measurement leaves no files."""
        return job.kind == "measure" or self.usable(job)

    def mark_trained(self, run: Path) -> None:
        """Notes that the training of a run has ended."""
        (run / TRAINED).touch()

    def remove_checkpoints(self, job: Job) -> None:
        """Deletes the checkpoints of a stage 1, as other jobs use its bundle."""
        for version in self.versions(job):
            shutil.rmtree(version / CHECKPOINTS, ignore_errors=True)

    @contextmanager
    def claim(self, job: Job) -> Iterator[bool]:
        """Gives True to one process at a time. The system frees the claim of a process that dies."""
        self.run(job).mkdir(parents=True, exist_ok=True)
        try:
            held = FileLock(self.run(job) / "lock").acquire(blocking=False)
        except Timeout:
            yield False
        else:
            with held:
                yield True

    def claimed(self, job: Job) -> bool:
        """Whether a process works on a job now."""
        if not (self.run(job) / "lock").exists():
            return False
        with self.claim(job) as mine:
            return not mine


def _has_model(run: Path) -> bool:
    return (run / TRAINED).is_file() and zipfile.is_zipfile(run / LAST)
