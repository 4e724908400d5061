"""Progress of a grid, and the expected time of its missing runs."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from cosmo_pl.io import aligned
from cosmo_pl.provenance import processor
from cosmo_pl.study.jobs import Job, cells_of
from cosmo_pl.study.records import Record, Results
from cosmo_pl.study.workspace import Workspace

Group = tuple[str, ...]


class Clock:
    """Expected durations, from the seconds of earlier runs on this machine.

    Args:
        results: The results of earlier runs.
    """

    def __init__(self, results: Results) -> None:
        self.results = results

    @cached_property
    def known(self) -> dict[Group, list[float]]:
        """Group of similar runs to their seconds; the results are read on the first use."""
        known: dict[Group, list[float]] = defaultdict(list)
        for record in self.results.every():
            if of_this_machine(record.environment):
                _add(known, record, record.seconds)
        return known

    def learn(self, job: Job, seconds: float) -> None:
        """Adds the seconds of a job that has no result yet."""
        _add(self.known, job, seconds)

    def expected(self, job: Job) -> float | None:
        """Expected seconds of a job; None where no similar job has been run on this machine."""
        seconds = next((self.known[group] for group in _groups(job) if group in self.known), None)
        return sum(seconds) / len(seconds) if seconds else None

    def left(self, jobs: Iterable[Job]) -> str:
        """Expected time of jobs one after the other as text, with the number of those of unknown duration."""
        expected = [self.expected(job) for job in jobs]
        known = [seconds for seconds in expected if seconds is not None]
        unknown = len(expected) - len(known)
        time = duration(sum(known)) if known or not unknown else "unknown"
        return time + (f" and {unknown} runs of unknown time" if known and unknown else "")


def _add(known: dict[Group, list[float]], run: Job | Record, seconds: float) -> None:
    for group in _groups(run):
        known[group].append(seconds)


def _groups(run: Job | Record) -> list[Group]:
    """Groups of similar runs, most similar first: same method, same dataset, same kind."""
    whole = (run.measure or run.kind, run.preset, run.dataset, run.method)
    return [whole[:length] for length in (4, 3, 2)]


def of_this_machine(environment: Mapping[str, Any]) -> bool:
    """Whether a run was made on a machine like this one, according to its record."""
    same = environment.get("cores") == os.cpu_count() and environment.get("cpu") in (None, processor())
    return same and environment.get("device", "cpu") == "cpu"


def duration(seconds: float) -> str:
    """Seconds as text: "35 s", "12 min", "2 h 05 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def needed(jobs: Iterable[Job], has: Callable[[Job], bool], settled: Callable[[Job], bool]) -> list[Job]:
    """Jobs without a record, and before them the jobs whose files they need and that have lost them.

    Args:
        jobs: The jobs.
        has: Whether a job has a record.
        settled: Whether a job needs no run.
    """
    wanted: dict[str, Job] = {}

    def want(job: Job) -> None:
        for parent in job.parents:
            if not settled(parent):
                want(parent)
        wanted[job.key] = job

    for job in jobs:
        if not has(job):
            want(job)
    return list(wanted.values())


def status(studies: Mapping[str, Sequence[Job]], results: Results, workspace: Workspace) -> str:
    """A table of finished and missing runs: of one study by dataset, method and kind of run, of several by study.

    A cell is one number of a study: the runs at one value of each factor, which differ in their seeds. "0: 2, 5: 3"
    means two cells without a run and three cells with five runs.

    Args:
        studies: Study to its jobs; a run that several studies share counts in each, and once in the last line.
        results: The results.
        workspace: The folder of the runs, with the claims of those in progress.
    """
    clock = Clock(results)
    every = {job.key: job for jobs in studies.values() for job in jobs}
    done = {key for key, job in every.items() if results.usable(job)}
    running = {key for key, job in every.items() if key not in done and workspace.claimed(job)}

    def settled(job: Job) -> bool:
        return job.key in done and workspace.has_files(job)

    left = {job.key: job for job in needed(every.values(), lambda job: job.key in done, settled)}
    again = [job for job in left.values() if job.key in done]
    if len(studies) == 1:
        names, groups = ["dataset", "method", "run"], _by_run(*studies.values())
    else:
        names, groups = ["study"], {(name,): list(jobs) for name, jobs in studies.items()}
    table = [[*names, "done", "running", "wanted", "cells by runs", "time left"]]
    for group, jobs in groups.items():
        counts = [sum(job.key in keys for job in jobs) for keys in (done, running)]
        time = clock.left(job for job in jobs if job.key in left)
        table.append([*group, *map(str, [*counts, len(jobs)]), cells_by_runs(jobs, done), time])
    lines = [aligned(table)]
    rest = clock.left(left.values())
    also = f", and {len(again)} of the {len(done)} again, as others need files that are gone" if again else ""
    lines += sorted(set(results.damaged.values()))
    lines.append(
        f"{len(done)} of {len(every)} done, {len(running)} running; one process would need {rest} for the rest{also}"
    )
    return "\n".join(lines)


def cells_by_runs(jobs: Iterable[Job], done: set[str]) -> str:
    """Number of runs to number of cells, "0: 2, 5: 3"; a stage 1 that only other runs use has no cell."""
    counts = Counter(sum(job.key in done for job in cell) for cell in cells_of(jobs).values())
    return ", ".join(f"{runs}: {count}" for runs, count in sorted(counts.items())) or "-"


def _by_run(jobs: Sequence[Job]) -> dict[Group, list[Job]]:
    groups: dict[Group, list[Job]] = defaultdict(list)
    for job in jobs:
        groups[job.dataset, job.method or "data", job.measure or job.kind].append(job)
    return groups
