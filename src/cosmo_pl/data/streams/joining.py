"""Joins the streams of all imported recordings to one array per sensor."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosmo_pl.data.streams.description import StreamDescription
from cosmo_pl.data.streams.parts import Part
from cosmo_pl.data.streams.planning import PlannedRecording
from cosmo_pl.data.streams.store import LabelInterval, Segment, StreamRecording, StreamSensor
from cosmo_pl.io import whole_file

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


def sensor_of(stream: StreamDescription) -> StreamSensor:
    """A sensor as the store describes it."""
    units = stream.units[: len(stream.channels)]
    return StreamSensor(stream.kind, stream.rate, stream.shape, stream.channels, units, stream.max_gap)


def placed(
    imported: Sequence[ImportedRecording],
    sensors: Mapping[str, StreamSensor],
    subjects: Mapping[str, int],
    labels: Mapping[str, tuple[LabelInterval, ...]],
) -> tuple[StreamRecording, ...]:
    """Recordings whose segments have their rows in the joined arrays.

    Args:
        imported: The recordings in the order of the arrays.
        sensors: All sensors.
        subjects: Name of each subject to its number.
        labels: Recording to its labels.
    """
    rows = dict.fromkeys(sensors, 0)
    recordings = []
    for each in imported:
        segments: dict[str, list[Segment]] = {name: [] for name in each.parts}
        for name, part in each.parts.items():
            for first, count in part.segments:
                segments[name].append(Segment(first, count, rows[name]))
                rows[name] += count
        recordings.append(
            StreamRecording(
                each.recording.name,
                subjects[each.recording.subject],
                _iso(each.start),
                _duration(segments, sensors),
                labels.get(each.recording.name, ()),
                {name: tuple(found) for name, found in segments.items()},
                {name: part.recorded for name, part in each.parts.items() if part.recorded is not None},
            )
        )
    return tuple(recordings)


def _duration(segments: Mapping[str, Sequence[Segment]], sensors: Mapping[str, StreamSensor]) -> float:
    ends = [(each[-1].first + each[-1].frames - 1) / sensors[name].rate for name, each in segments.items() if each]
    return max(ends, default=0.0)


def _iso(time: int) -> str:
    return f"{np.datetime64(time, 'ns')}Z"


def write_array(target: Path, name: str, sensor: StreamSensor, imported: Sequence[ImportedRecording]) -> str:
    """Writes ``<sensor>.npy`` from the frames of all recordings; the hash of the file.

    Args:
        target: Folder to write.
        name: The sensor.
        sensor: Its description.
        imported: All recordings.
    """
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
