"""Results of runs: one JSON file each, named by the key of the run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cosmo_pl.errors import CosmoError
from cosmo_pl.fields import Field
from cosmo_pl.io import json_text, read_json, write_json
from cosmo_pl.study.identity import Resolved, key_of
from cosmo_pl.study.jobs import Job
from cosmo_pl.study.record_checks import check_record, check_run


class ResultError(CosmoError):
    """A result that must not be used.

    Args:
        path: Its file.
        problem: The problem.
        remedy: Its remedy.
    """

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. {remedy}.")


class DamagedResultError(ResultError):
    """A result that no run can have: it is not readable, or its values are impossible or contradict each other.

    Args:
        path: Its file.
        problem: The problem.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(path, problem, "Remove it and run the study again")


class ImpossibleResultError(CosmoError):
    """A result that is not kept, as its values are impossible or contradict each other.

    Args:
        job: Its job.
        problem: The problem.
    """

    def __init__(self, job: Job, problem: str) -> None:
        remedy = f"Correct what computes it, and remove the folder {job.key} of its run"
        super().__init__(f"the result is not kept ({problem}). {remedy}.")


@dataclass(frozen=True)
class Record:
    """The result of a run.

    Args:
        key: Key of its job.
        kind: "pretrain", "finetune" or "measure".
        dataset: Its dataset.
        method: Its method.
        seed: Its seed.
        preset: Preset under which it was first run.
        configs: Config and overlays.
        arguments: Arguments that override the configs.
        parents: Keys of its parents.
        measure: Name of a measurement.
        result: finetune: ``metrics.json`` of `cosmo-pl test` without the confusion matrix; pretrain: record of the
            training and ``quality`` of the modalities; measure: the return value of the measurement.
        curves: Name to values by epoch, beside ``epoch`` (from 0), if the run logged any.
        seconds: Duration of the whole run.
        simulated: Whether its recordings were simulated.
        data_fingerprint: Fingerprint of the recordings.
        version: Version of the package.
        environment: Commit that the training began with, whether any of its code was uncommitted, torch, device,
            precision, cores and threads.
        resolved: All arguments with their defaults; the key is their hash.
        numerics: Class to its ``numerics`` at the time of the run.
        parent_results: For each parent, the digest of the training that the run used, see `cosmo_pl.study.lineage`.
    """

    key: str
    kind: str
    dataset: str
    method: str
    seed: int
    preset: str
    configs: tuple[str, ...]
    arguments: dict[str, Any]
    parents: tuple[str, ...]
    measure: str | None
    result: dict[str, Any]
    seconds: float
    simulated: bool
    data_fingerprint: str
    version: str
    environment: dict[str, Any]
    resolved: dict[str, Any]
    numerics: dict[str, str]
    curves: dict[str, list[float | None]] = field(default_factory=dict)
    parent_results: list[str] = field(default_factory=list)


class Results:
    """The folder of records. All records of a dataset have to be of the same recordings.

    Args:
        folder: The folder; its files are ``<dataset>/<kind>-<key>.json``.
        shipped: A second such folder, which is read where `folder` has no record of a job, and never written to.

    Attributes:
        damaged: Key of a job to the problem of its record, of the records that `usable` has skipped.
    """

    def __init__(self, folder: Path, shipped: Path | None = None) -> None:
        self.folder = folder
        self.shipped = shipped
        self.damaged: dict[str, str] = {}
        self._data: dict[tuple[str, ...], tuple[str, Path]] = {}

    def path(self, job: Job) -> Path:
        """File of a job's record, where it is written."""
        return self.folder / job.dataset / f"{job.measure or job.kind}-{job.key}.json"

    def found(self, job: Job) -> Path | None:
        """File that a job's record is read from; None without one."""
        own = self.path(job)
        files = [own] if self.shipped is None else [own, self.shipped / own.relative_to(self.folder)]
        return next((path for path in files if path.is_file()), None)

    def has(self, job: Job) -> bool:
        """Whether a job has a record."""
        return self.found(job) is not None

    def every(self) -> Iterator[Record]:
        """All readable records in the folder, and in `shipped`; their results and curves are not checked."""
        folders = [self.folder] if self.shipped is None else [self.shipped, self.folder]
        files = {path.relative_to(folder): path for folder in folders for path in folder.glob("*/*.json")}
        for name in sorted(files):
            with suppress(DamagedResultError):
                yield _read(files[name], check_run)

    def get(self, job: Job) -> Record | None:
        """The record of a job, None without one.

        Raises:
            DamagedResultError: The file is damaged, or is the record of another run.
            ResultError: It is of other recordings than earlier records.
        """
        path = self.found(job)
        if path is None:
            return None
        record = _read(path)
        own = key_of(Resolved(record.resolved, record.numerics), record.parents)
        if not record.key == own == job.key:
            raise DamagedResultError(path, f"contains the run {own} as {record.key}")
        for name in ("kind", "dataset", "seed", "measure"):
            found, expected = getattr(record, name), getattr(job, name)
            if found != expected:
                raise DamagedResultError(path, f"is damaged ({name} is {found!r}, not {expected!r})")
        if job.kind == "finetune" and job.tested and "accuracy" not in record.result:
            raise DamagedResultError(path, "is damaged (result.accuracy is missing)")
        self._check_data(job, record, path)
        return record

    def usable(self, job: Job) -> Record | None:
        """As `get`, but a damaged record is skipped, which gives None and an entry in `damaged`.

        Raises:
            ResultError: It is of other recordings than earlier records.
        """
        try:
            return self.get(job)
        except DamagedResultError as error:
            self.damaged[job.key] = str(error)
            return None

    def put(self, job: Job, record: Record) -> None:
        """Writes a record.

        Raises:
            ImpossibleResultError: `get` would refuse it.
            ResultError: It is of other recordings than earlier records.
        """
        content = asdict(record)
        try:
            check_record(Field(json.loads(json_text(content))))
        except ValueError as error:
            raise ImpossibleResultError(job, str(error)) from error
        self._check_data(job, record, self.path(job))
        write_json(self.path(job), content)

    def _check_data(self, job: Job, record: Record, path: Path) -> None:
        known, where = self._data.setdefault(_recordings(job), (record.data_fingerprint, path))
        if known != record.data_fingerprint:
            problem = f"is of other recordings ({record.data_fingerprint[:12]}) than {where} ({known[:12]})"
            remedy = "Results of different data are not mixed: use another --results and another --runs, or remove one"
            raise ResultError(path, problem, remedy)


def _read(path: Path, check: Callable[[Field], None] = check_record) -> Record:
    try:
        stored = Field(read_json(path, ValueError))
        check(stored)
        return Record(**stored.mapping())
    except (ValueError, TypeError) as error:
        raise DamagedResultError(path, f"is damaged ({error})") from error


def _recordings(job: Job) -> tuple[str, ...]:
    """The recordings of a job: its dataset, and its modalities if they are not all."""
    source = job.parents[0] if job.parents else job
    return job.dataset, str(source.arguments.get("data.init_args.modalities"))
