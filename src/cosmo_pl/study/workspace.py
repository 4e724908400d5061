"""Where runs leave their files, and who works on which."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cosmo_pl.run_folder import BUNDLE, LAST, versions
from cosmo_pl.study.jobs import Job


class Workspace:
    """The folder of runs: ``<key>/version_<n>/`` as `cosmo-pl fit` writes it, and ``<key>/lock``.

    Args:
        folder: That folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, job: Job) -> Path:
        """Folder of a job's runs: several where one was killed and resumed."""
        return self.folder / job.key

    def versions(self, job: Job) -> list[Path]:
        """Runs of a job, oldest first."""
        return versions(self.run(job))

    def finished(self, job: Job) -> Path | None:
        """The newest run with what other jobs need: the bundle of a stage 1, the model of a stage 2; None without.

        Not always the newest: one that resumes a training which had ended leaves no checkpoint.
        """
        wanted = f"{BUNDLE}/bundle.json" if job.kind == "pretrain" else LAST
        return next((version for version in reversed(self.versions(job)) if (version / wanted).is_file()), None)

    def usable(self, job: Job) -> bool:
        """Whether what other jobs need of this one is there."""
        return self.finished(job) is not None

    @contextmanager
    def claim(self, job: Job) -> Iterator[bool]:
        """Gives True to one process at a time; the system frees the claim of a process that dies."""
        self.run(job).mkdir(parents=True, exist_ok=True)
        with (self.run(job) / "lock").open("w", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True

    def claimed(self, job: Job) -> bool:
        """Whether a process works on a job now."""
        if not (self.run(job) / "lock").exists():
            return False
        with self.claim(job) as mine:
            return not mine
