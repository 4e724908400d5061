"""How far a grid is, and how long it will take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Results
from cosmo_pl.study.workspace import Workspace


class Clock:
    """Expected durations, from the runs that are done.

    Args:
        results: The results of earlier runs.
    """

    def __init__(self, results: Results) -> None:
        self.results = results
        self.known: dict[tuple[str, ...], list[float]] = defaultdict(list)

    def learn(self, job: Job, seconds: float) -> None:
        """Notes how long a job took."""
        for group in self._groups(job):
            self.known[group].append(seconds)

    def learn_all(self, jobs: Sequence[Job]) -> None:
        """Notes all jobs that are done."""
        for job in jobs:
            record = self.results.get(job)
            if record is not None:
                self.learn(job, record.seconds)

    def expected(self, jobs: Sequence[Job]) -> float | None:
        """Seconds that jobs will take one after the other; None where nothing like them has been run."""
        total = 0.0
        for job in jobs:
            seconds = next((self.known[group] for group in self._groups(job) if self.known[group]), None)
            if seconds is None:
                return None
            total += sum(seconds) / len(seconds)
        return total

    @staticmethod
    def _groups(job: Job) -> list[tuple[str, ...]]:
        """What a job is like: the same method before the same dataset before the same kind of run."""
        kind = job.measure or job.kind
        return [(kind, job.preset, job.dataset, job.method), (kind, job.preset, job.dataset), (kind, job.preset)]


def duration(seconds: float) -> str:
    """Seconds as a person says them: "35 s", "12 min", "2 h 05 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def status(jobs: Sequence[Job], results: Results, workspace: Workspace) -> str:
    """A table of the grid: runs done, running and left, by dataset, method and kind, and the time left."""
    done = {job.key for job in jobs if results.has(job)}
    running = {job.key for job in jobs if job.key not in done and workspace.claimed(job)}
    groups: dict[tuple[str, str, str], list[Job]] = defaultdict(list)
    for job in jobs:
        groups[job.dataset, job.method or "data", job.measure or job.kind].append(job)
    rows = [
        (*names, str(sum(j.key in done for j in group)), str(sum(j.key in running for j in group)), str(len(group)))
        for names, group in groups.items()
    ]
    table = [("dataset", "method", "run", "done", "running", "all"), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(6)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    clock = Clock(results)
    clock.learn_all(jobs)
    left = clock.expected([job for job in jobs if job.key not in done])
    told = "unknown" if left is None else duration(left)
    lines.append(f"{len(done)} of {len(jobs)} done, {len(running)} running; one process would take {told} for the rest")
    return "\n".join(lines)
