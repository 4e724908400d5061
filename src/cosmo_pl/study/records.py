"""Results of runs: one small JSON each, under the key of what was run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cosmo_pl.errors import CosmoError
from cosmo_pl.fields import Field
from cosmo_pl.io import read_json, write_json
from cosmo_pl.study.identity import Resolved, key_of
from cosmo_pl.study.jobs import Job
from cosmo_pl.study.record_checks import check_record


class ResultError(CosmoError):
    """A result that must not be used.

    Args:
        path: Its file.
        problem: What is wrong with it.
        remedy: What to do about it.
    """

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. {remedy}.")


class DamagedResultError(ResultError):
    """A result that no run has left: it cannot be read, or its values are impossible or contradict each other.

    Args:
        path: Its file.
        problem: What is wrong with it.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(path, problem, "Remove it and run the study again")


@dataclass(frozen=True)
class Record:
    """What is kept of a run.

    Args:
        key: Key of its job.
        kind: "pretrain", "finetune" or "measure".
        dataset: Its dataset.
        method: Its method.
        seed: Its seed.
        preset: Preset that it was first run under.
        configs: Config and overlays.
        arguments: Arguments on top of them.
        parents: Keys of the runs that it took.
        measure: Name of a measurement.
        result: finetune: ``metrics.json`` of `cosmo-pl test` without the confusion matrix; pretrain: record of the
            training and ``quality`` of the modalities; measure: what the measurement returned.
        curves: Name to values by epoch, beside ``epoch`` (from 0), where the run logged any.
        seconds: Time that the whole run took.
        simulated: Whether its recordings were.
        data_fingerprint: Fingerprint of the recordings.
        version: Version of the package.
        environment: Commit, whether the code differed from it, torch, device, precision, cores and threads.
        resolved: All arguments with their defaults, of which the key is a hash.
        numerics: Class that was used to its ``numerics`` at that time.
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


class Results:
    """The folder of records. All records of a dataset that pass through have to be of the same recordings.

    Args:
        folder: Where they are, ``<dataset>/<kind>-<key>.json``.

    Attributes:
        damaged: Job's key to what is wrong with its record, of those that `usable` has left out.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged: dict[str, str] = {}
        self._data: dict[tuple[str, ...], tuple[str, Path]] = {}

    def path(self, job: Job) -> Path:
        """File of a job's record."""
        return self.folder / job.dataset / f"{job.measure or job.kind}-{job.key}.json"

    def has(self, job: Job) -> bool:
        """Whether a job is done."""
        return self.path(job).is_file()

    def every(self) -> Iterator[Record]:
        """All records in the folder that can be read, whether a job wants them or not."""
        for path in sorted(self.folder.glob("*/*.json")):
            with suppress(DamagedResultError):
                yield _read(path)

    def get(self, job: Job) -> Record | None:
        """The record of a job, None where it is not done.

        Raises:
            DamagedResultError: The file is damaged, or not of the run that it says.
            ResultError: It is of other recordings than the records before it.
        """
        path = self.path(job)
        if not path.is_file():
            return None
        record = _read(path)
        own = key_of(Resolved(record.resolved, record.numerics), record.parents)
        if not record.key == own == job.key:
            raise DamagedResultError(path, f"holds the run {own} as {record.key}")
        for name in ("kind", "dataset", "seed", "measure"):
            have, wanted = getattr(record, name), getattr(job, name)
            if have != wanted:
                raise DamagedResultError(path, f"is damaged ({name} is {have!r}, not {wanted!r})")
        if job.kind == "finetune" and job.tested and "accuracy" not in record.result:
            raise DamagedResultError(path, "is damaged (result.accuracy is missing)")
        self._check_data(job, record)
        return record

    def usable(self, job: Job) -> Record | None:
        """As `get`, but a damaged record is left out: None, and noted in `damaged`.

        Raises:
            ResultError: It is of other recordings than the records before it.
        """
        try:
            return self.get(job)
        except DamagedResultError as error:
            self.damaged[job.key] = str(error)
            return None

    def put(self, job: Job, record: Record) -> None:
        """Writes a record as a whole: beside its place, then moved there.

        Raises:
            ResultError: It is of other recordings than the records before it.
        """
        self._check_data(job, record)
        write_json(self.path(job), asdict(record))

    def _check_data(self, job: Job, record: Record) -> None:
        known, where = self._data.setdefault(_recordings(job), (record.data_fingerprint, self.path(job)))
        if known != record.data_fingerprint:
            raise ResultError(
                self.path(job), f"is of other recordings ({record.data_fingerprint[:12]}) than {where} ({known[:12]})",
                "Results of different data are not mixed: keep one of the two, or use --results with another folder",
            )  # fmt: skip


def _read(path: Path) -> Record:
    try:
        stored = Field(read_json(path, ValueError))
        check_record(stored)
        return Record(**stored.mapping())
    except (ValueError, TypeError) as error:
        raise DamagedResultError(path, f"is damaged ({error})") from error


def _recordings(job: Job) -> tuple[str, ...]:
    """What a job reads: its dataset, and the modalities where they are not all."""
    source = job.parents[0] if job.parents else job
    return job.dataset, str(source.arguments.get("data.init_args.modalities"))
