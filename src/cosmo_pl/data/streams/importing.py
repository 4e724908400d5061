"""Imports a folder of recordings: streams onto grids, labels as intervals, and a report on what was found."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosmo_pl.constraints import PositiveInt, check
from cosmo_pl.data.faults import FaultLog
from cosmo_pl.data.streams.description import DESCRIPTION, ImportDescription
from cosmo_pl.data.streams.import_job import PARTS, ImportJob
from cosmo_pl.data.streams.parts import VERSION
from cosmo_pl.data.streams.planning import PlannedRecording, plan, subject_numbers
from cosmo_pl.data.streams.reading_description import REMEDY, read_description
from cosmo_pl.data.streams.source import Source, open_source
from cosmo_pl.data.streams.store import MANIFEST, StreamStore, read_store
from cosmo_pl.errors import ConfigurationError, RecordingError
from cosmo_pl.io import user_path
from cosmo_pl.storage import only_writer


def import_streams(
    folder: str | Path,
    out: str | Path,
    description: str | Path | ImportDescription | None = None,
    strict: bool = False,
    jobs: PositiveInt = 1,
) -> StreamStore:
    """Imports the recordings of a folder or ZIP archive, which `StreamsDataModule` reads.

    An import that was killed goes on where it stood when it is called again. Only `folder` is read and only `out` is
    written to, beside which is a lock while the import runs.

    Args:
        folder: Folder, or ZIP archive, which is read as it is.
        out: Folder to write. If it holds the same import, undamaged, nothing is done.
        description: Description, or its file; by default ``streams.yaml`` in the folder.
        strict: Whether faults of the recordings, which are otherwise reported and counted, are errors.
        jobs: Number of processes.

    Returns:
        The imported recordings.

    Raises:
        ConfigurationError: The description cannot be used.
        RecordingError: A file cannot be read, `out` holds something else, or there is a fault under `strict`.
    """
    check("jobs", jobs, PositiveInt)
    source, target = open_source(user_path(folder)), user_path(out)
    target = target if target.name else target.absolute()  # "."
    given = description if isinstance(description, ImportDescription) else _described(source, description)
    planned = plan(source, given)
    identity = _identity(source, given, planned, strict)
    done = _done(target, identity)
    if done is not None:
        return done
    try:
        subjects = subject_numbers(planned, given.subjects)
    except ValueError as error:
        raise ConfigurationError("description", str(error), REMEDY) from error
    faults = FaultLog(given.title, source.path, strict)
    with only_writer(target):
        done = _done(target, identity)  # another process may have ended since the look above
        return done or ImportJob(source, given, planned, subjects, target, identity, faults, jobs).run()


def _described(source: Source, path: str | Path | None) -> ImportDescription:
    if path is not None:
        return read_description(user_path(path))
    inside = source.path / DESCRIPTION
    if not inside.is_file():
        if DESCRIPTION in source.names:
            remedy = f"Take {DESCRIPTION} out of it, and give it by --description FILE"
            raise RecordingError(source.path, f"is an archive, in which {DESCRIPTION} is not read", remedy)
        problem = f"holds no {DESCRIPTION}"
        remedy = "Give the description by --description FILE; `cosmo-pl data sniff` drafts it"
        raise RecordingError(source.path, problem, remedy)
    return read_description(inside)


def _identity(
    source: Source, description: ImportDescription, planned: Sequence[PlannedRecording], strict: bool
) -> dict[str, Any]:
    labels = description.labels
    labelled = [] if labels is None else [name for name in source.names if labels.files.match(name)]
    names = [name for each in planned for files in each.files.values() for name in files]
    files = [source.identity(name) for name in sorted([*names, *labelled])]
    content = json.dumps([VERSION, str(description), files, strict])
    digest = hashlib.sha256(content.encode()).hexdigest()
    return {"key": digest, "folder": source.path.name, "files": len(files), "description": dict(description.content)}


def _done(target: Path, identity: Mapping[str, Any]) -> StreamStore | None:
    """The same import, if it is complete and undamaged."""
    remedy = "Use another folder for --out, or remove it"
    if (target / MANIFEST).exists():
        try:
            store = read_store(target)
        except RecordingError as error:  # perhaps of other recordings
            problem = f"holds an import whose {MANIFEST} cannot be used"
            raise RecordingError(target, problem, "Delete the folder, and import again") from error
        if store.source.get("key") != identity["key"]:
            problem = "holds another import, one with another --strict, or one of files that have changed since"
            raise RecordingError(target, problem, remedy)
        try:
            for sensor in store.sensors:
                store.array(sensor)
        except RecordingError as error:
            from pytorch_lightning.utilities import rank_zero_warn  # not at the top: processes need no PyTorch

            rank_zero_warn(f"{error} This is done now.")
            return None
        shutil.rmtree(target / PARTS, ignore_errors=True)
        return store
    if target.exists() and (not target.is_dir() or (any(target.iterdir()) and not (target / PARTS).is_dir())):
        raise RecordingError(target, "exists and is no unfinished import", remedy)
    return None
