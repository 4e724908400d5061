"""The steps of an import: streams by the clocks of the sensors or corrected ones, labels, and the store."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cosmo_pl.data.faults import FaultLog
from cosmo_pl.data.streams.clock_corrections import Corrections, EstimatedClock, corrections_of, estimate_clocks
from cosmo_pl.data.streams.clock_pieces import ages_of
from cosmo_pl.data.streams.coverage import report_unrecorded
from cosmo_pl.data.streams.description import ESTIMATE_EACH, ClockCorrection, ImportDescription
from cosmo_pl.data.streams.joining import ImportedRecording, placed, sensor_of, write_array
from cosmo_pl.data.streams.label_checks import check_labels
from cosmo_pl.data.streams.labelling import CUT, SHARED, label
from cosmo_pl.data.streams.parts import StreamImport
from cosmo_pl.data.streams.planning import PlannedRecording
from cosmo_pl.data.streams.report import report_faults, report_units, write_report
from cosmo_pl.data.streams.row_columns import report_activities_in_rows
from cosmo_pl.data.streams.source import Source, open_source
from cosmo_pl.data.streams.store import LabelInterval, StreamStore
from cosmo_pl.data.streams.times import SECOND
from cosmo_pl.data.streams.unmatched import report_readings, report_unmatched, unmatched
from cosmo_pl.storage import SIMULATION

PARTS = ".parts"


@dataclass(frozen=True)
class ImportJob:
    """An import.

    Args:
        source: Folder or archive.
        description: Its description.
        planned: Its recordings.
        subjects: Name of each subject to its number.
        target: Folder to write.
        identity: What identifies the import.
        faults: Where faults are reported.
        jobs: Number of processes.
    """

    source: Source
    description: ImportDescription
    planned: Sequence[PlannedRecording]
    subjects: Mapping[str, int]
    target: Path
    identity: Mapping[str, Any]
    faults: FaultLog
    jobs: int

    @cached_property
    def unmatched(self) -> list[str]:
        """Files that no pattern of the description matches."""
        return unmatched(self.source, self.description, self.target)

    @property
    def parts(self) -> Path:
        """Folder of the streams until they are joined."""
        return self.target / PARTS

    @property
    def _rates(self) -> dict[str, float]:
        return {name: stream.rate for name, stream in self.description.sensors.items()}

    def run(self) -> StreamStore:
        """Imports all recordings. A clock whose error is to be estimated is corrected in a second pass.

        Raises:
            RecordingError: A file or a label cannot be used, or there is a fault under `strict`.
            ConfigurationError: An activity of the labels is not among those of the description.
        """
        clocks, estimated = self.description.clocks, list[EstimatedClock]()
        check_labels(self.source, self.description, self.planned, self.faults)
        report_unmatched(self.unmatched, self.planned, self.faults)
        report_readings(self.source, self.description, self.faults)
        report_activities_in_rows(self.source, self.description, self.planned, self.faults)
        imported = self._streams(self._stated_corrections())
        if isinstance(clocks, str):
            recorded = self._joined(imported, {}, ())  # before labels are read: none can be used
            estimated = estimate_clocks(recorded, each=clocks == ESTIMATE_EACH)
            corrections = corrections_of(estimated, recorded.recordings)
            imported = self._streams(corrections) if corrections else imported
        return self._finished(imported, estimated)

    def _finished(self, imported: Sequence[ImportedRecording], estimated: Sequence[EstimatedClock]) -> StreamStore:
        """Reads the labels and writes the store; the manifest is written last."""
        streams = {each.recording.name: each.parts for each in imported}
        report_faults(streams, self._rates, self.faults)
        report_units(streams, self.faults)  # of all recordings, also under strict
        labelled = label(self.source, self.description, imported, self.parts)
        for reason, where in labelled.left_out.items():
            remedy = "Correct the times of the labels, or their zone in the description"
            self.faults.report(reason, where, remedy, mended=reason == CUT)
        remedy = "Name the file of the recording or its subject in the data of each task"
        self.faults.report(SHARED, labelled.shared, remedy)
        activities = self.description.activities or labelled.activities
        store = self._joined(imported, labelled.intervals, tuple(activities))
        if self.description.labels is not None:
            report_unrecorded(store.recordings, store.sensors, self.faults)
        write_report(store, streams, labelled, self.faults, estimated, self.unmatched)
        if SIMULATION in self.source.names:
            with self.source.open(SIMULATION) as mark:
                (self.target / SIMULATION).write_bytes(mark.read())
        store.write()
        shutil.rmtree(self.parts, ignore_errors=True)
        return store

    def _stated_corrections(self) -> Corrections:
        """Corrections by the errors of clocks that the description states."""
        clocks = self.description.clocks
        if isinstance(clocks, str) or not clocks:
            return {}
        age = dict.fromkeys((each.name for each in self.planned), 0.0)
        if any(clock.drift for clock in clocks.values()):  # otherwise no time has to be read before the import
            age = ages_of({each.name: (each.subject, self._recorded_start(each)) for each in self.planned})
        return {name: {sensor: clock.at(after) for sensor, clock in clocks.items()} for name, after in age.items()}

    def _recorded_start(self, recording: PlannedRecording) -> float:
        streams = stream_imports(self.source, self.description, recording, {})
        return min(stream.recorded_start for stream in streams.values()) / SECOND

    def _streams(self, corrections: Corrections) -> list[ImportedRecording]:
        """All recordings, their streams put onto grids after the correction of clocks."""
        from tqdm import tqdm

        imported = list[ImportedRecording]()
        for each in tqdm(self._imported(corrections), "importing recordings", len(self.planned), disable=None):
            imported.append(each)
            if self.faults.strict:
                report_faults({each.recording.name: each.parts}, self._rates, self.faults)
        return imported

    def _imported(self, corrections: Corrections) -> Iterator[ImportedRecording]:
        self.parts.mkdir(parents=True, exist_ok=True)
        tasks = ((each, self.parts, corrections.get(each.name, {})) for each in self.planned)
        if self.jobs == 1:
            yield from (import_recording(self.source, self.description, *task) for task in tasks)
            return
        from joblib import Parallel, delayed

        calls = (delayed(_in_process)(self.source.path, self.description, *task) for task in tasks)
        yield from Parallel(n_jobs=self.jobs, return_as="generator")(calls)

    def _joined(
        self,
        imported: Sequence[ImportedRecording],
        labels: Mapping[str, tuple[LabelInterval, ...]],
        activities: tuple[str, ...],
    ) -> StreamStore:
        """The store with its arrays; the manifest is not written."""
        sensors = {name: sensor_of(each) for name, each in self.description.sensors.items()}
        hashes = {name: write_array(self.target, name, sensor, imported) for name, sensor in sensors.items()}
        recordings = placed(imported, sensors, self.subjects, labels)
        title, identity = self.description.title, dict(self.identity)
        return StreamStore(self.target, title, sensors, activities, self.subjects, recordings, hashes, identity)


def _in_process(
    path: Path,
    description: ImportDescription,
    planned: PlannedRecording,
    folder: Path,
    clocks: Mapping[str, ClockCorrection],
) -> ImportedRecording:
    return import_recording(open_source(path), description, planned, folder, clocks)


def import_recording(
    source: Source,
    description: ImportDescription,
    planned: PlannedRecording,
    folder: Path,
    clocks: Mapping[str, ClockCorrection],
) -> ImportedRecording:
    """Imports all streams of a recording.

    Args:
        source: Folder or archive.
        description: Its description.
        planned: The recording.
        folder: Folder of the parts.
        clocks: Sensor to the error of its clock at the start of the recording.

    Raises:
        RecordingError: A file cannot be used.
    """
    streams = stream_imports(source, description, planned, clocks)
    origin = min(stream.recorded_start for stream in streams.values())
    start = min(stream.start(origin) for stream in streams.values())
    return ImportedRecording(
        planned, start, {sensor: stream.run(folder, origin, start) for sensor, stream in streams.items()}
    )


def stream_imports(
    source: Source,
    description: ImportDescription,
    planned: PlannedRecording,
    clocks: Mapping[str, ClockCorrection],
) -> dict[str, StreamImport]:
    """Sensor to the import of its stream, of which only the first time is read."""
    described, right = description.sensors, ClockCorrection()
    return {
        name: StreamImport(source, planned, name, described[name], clocks.get(name, right)) for name in planned.files
    }
