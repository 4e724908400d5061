"""Imports a folder of recordings: streams onto grids, labels as intervals, and a report on what was found."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cosmo_pl.constraints import PositiveInt, check
from cosmo_pl.data.faults import FaultLog
from cosmo_pl.data.streams.description import DESCRIPTION, ClockCorrection, ImportDescription
from cosmo_pl.data.streams.labelling import CUT, Labelled, Span, activities_of, label
from cosmo_pl.data.streams.parts import VERSION, Part, StreamImport
from cosmo_pl.data.streams.planning import PlannedRecording, plan, subject_numbers
from cosmo_pl.data.streams.reading_description import REMEDY, read_description
from cosmo_pl.data.streams.report import report_faults, write_report
from cosmo_pl.data.streams.source import Source, open_source
from cosmo_pl.data.streams.store import MANIFEST, Segment, StreamRecording, StreamSensor, StreamStore, read_store
from cosmo_pl.errors import ConfigurationError, RecordingError
from cosmo_pl.io import user_path, whole_file

PARTS = ".parts"
COPIED = 2**22  # bytes at once


@dataclass(frozen=True)
class ImportedRecording:
    """A recording whose streams are imported.

    Args:
        recording: The recording.
        start: Time of tick 0 in nanoseconds since 1970.
        parts: Sensor to its stream.
    """

    recording: PlannedRecording
    start: int
    parts: Mapping[str, Part]

    @property
    def end(self) -> int:
        """Time of its last sample in nanoseconds since 1970."""
        return max(part.facts.end for part in self.parts.values())


def import_streams(
    folder: str | Path,
    out: str | Path,
    description: str | Path | ImportDescription | None = None,
    strict: bool = False,
    jobs: PositiveInt = 1,
) -> StreamStore:
    """Imports the recordings of a folder or ZIP archive, which `StreamsDataModule` reads.

    An import that was killed goes on where it stood when it is called again. Only `folder` is read and only `out` is
    written to.

    Args:
        folder: Folder, or ZIP archive, which is read as it is.
        out: Folder to write. If it holds the same import, nothing is done.
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
    imported = []
    for each in _progress(_imported(source, given, planned, target / PARTS, jobs), len(planned)):
        imported.append(each)
        if strict:
            report_faults({each.recording.name: each.parts}, faults)
    report_faults({each.recording.name: each.parts for each in imported}, faults)
    spans = [Span(each.recording, each.start, each.end) for each in imported]
    labelled = label(source, given, spans, target / PARTS)
    for reason, where in labelled.left_out.items():
        remedy = "Correct the times of the labels, or their zone in the description"
        faults.report(reason, where, remedy, mended=reason == CUT)
    return _join(target, given, imported, labelled, subjects, identity, faults)


def _described(source: Source, path: str | Path | None) -> ImportDescription:
    if path is not None:
        return read_description(user_path(path))
    inside = source.path / DESCRIPTION
    if not inside.is_file():
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
    """The same import, if it is complete."""
    remedy = "Use another folder for --out, or remove it"
    if (target / MANIFEST).exists():
        store = read_store(target)
        if store.source.get("key") != identity["key"]:
            raise RecordingError(target, "holds another import, or one of files that have changed since", remedy)
        shutil.rmtree(target / PARTS, ignore_errors=True)
        return store
    if target.exists() and (not target.is_dir() or (any(target.iterdir()) and not (target / PARTS).is_dir())):
        raise RecordingError(target, "exists and is no unfinished import", remedy)
    return None


def _progress(results: Iterator[ImportedRecording], total: int) -> Iterator[ImportedRecording]:
    from tqdm import tqdm

    yield from tqdm(results, desc="importing recordings", total=total, disable=None)


def _imported(
    source: Source, description: ImportDescription, planned: Sequence[PlannedRecording], folder: Path, jobs: int
) -> Iterator[ImportedRecording]:
    folder.mkdir(parents=True, exist_ok=True)
    if jobs == 1:
        yield from (import_recording(source, description, each, folder) for each in planned)
        return
    from joblib import Parallel, delayed

    tasks = (delayed(_in_process)(source.path, description, each, folder) for each in planned)
    yield from Parallel(n_jobs=jobs, return_as="generator")(tasks)


def _in_process(
    path: Path, description: ImportDescription, planned: PlannedRecording, folder: Path
) -> ImportedRecording:
    return import_recording(open_source(path), description, planned, folder)


def import_recording(
    source: Source, description: ImportDescription, planned: PlannedRecording, folder: Path
) -> ImportedRecording:
    """Imports all streams of a recording.

    Args:
        source: Folder or archive.
        description: Its description.
        planned: The recording.
        folder: Folder of the parts.

    Raises:
        RecordingError: A file cannot be used.
    """
    streams = {
        sensor: StreamImport(
            source, planned, sensor, description.sensors[sensor], description.clocks.get(sensor, ClockCorrection())
        )
        for sensor in planned.files
    }
    origin = min(stream.recorded_start for stream in streams.values())
    start = min(stream.start(origin) for stream in streams.values())
    return ImportedRecording(
        planned, start, {sensor: stream.run(folder, origin, start) for sensor, stream in streams.items()}
    )


def _join(
    target: Path,
    description: ImportDescription,
    imported: Sequence[ImportedRecording],
    labelled: Labelled,
    subjects: Mapping[str, int],
    identity: Mapping[str, Any],
    faults: FaultLog,
) -> StreamStore:
    """Joins the streams of all recordings to one array per sensor; the manifest is written last."""
    try:
        activities = activities_of(labelled, description.activities)
    except ValueError as error:
        raise ConfigurationError("description", str(error), REMEDY) from error
    sensors = {
        name: StreamSensor(each.kind, each.rate, each.shape, each.channels, each.units[: len(each.channels)])
        for name, each in description.sensors.items()
    }
    hashes = {name: _write_array(target, name, sensor, imported) for name, sensor in sensors.items()}
    rows = dict.fromkeys(sensors, 0)
    recordings = []
    for each in imported:
        segments = {}
        for name, part in each.parts.items():
            placed = []
            for first, count in part.segments:
                placed.append(Segment(first, count, rows[name]))
                rows[name] += count
            segments[name] = tuple(placed)
        recordings.append(
            StreamRecording(
                each.recording.name,
                subjects[each.recording.subject],
                _iso(each.start),
                _duration(segments, sensors),
                labelled.intervals[each.recording.name],
                segments,
            )
        )
    store = StreamStore(
        target, description.title, sensors, activities, subjects, tuple(recordings), hashes, dict(identity)
    )
    write_report(store, {each.recording.name: each.parts for each in imported}, labelled, faults)
    store.write()
    shutil.rmtree(target / PARTS, ignore_errors=True)
    return store


def _duration(segments: Mapping[str, Sequence[Segment]], sensors: Mapping[str, StreamSensor]) -> float:
    ends = [(each[-1].first + each[-1].frames - 1) / sensors[name].rate for name, each in segments.items() if each]
    return max(ends, default=0.0)


def _iso(time: int) -> str:
    return f"{np.datetime64(time, 'ns')}Z"


def _write_array(target: Path, name: str, sensor: StreamSensor, imported: Sequence[ImportedRecording]) -> str:
    """Writes ``<sensor>.npy`` from the frames of all recordings; the hash of the file."""
    parts = [each.parts[name] for each in imported if name in each.parts]
    frames = sum(count for part in parts for _, count in part.segments)
    digest = hashlib.sha256()
    with whole_file(target / f"{name}.npy", one_writer=True) as path, path.open("w+b") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (frames, *sensor.shape)}
        np.lib.format.write_array_header_1_0(file, header)
        file.seek(0)
        digest.update(file.read())
        for part in parts:
            with part.frames.open("rb") as frame_file:
                while block := frame_file.read(COPIED):
                    digest.update(block)
                    file.write(block)
    return digest.hexdigest()
