"""A folder of imported recordings: streams on uniform grids of time, one array per sensor, and ``streams.json``.

A stream consists of segments, pieces without a gap. Frame k of a segment that begins at tick f of a sensor with rate r
was at (f + k) / r seconds after the start of the recording. Time between segments is a gap.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.errors import ConfigurationError, RecordingError, choices
from cosmo_pl.fields import NAME, Field
from cosmo_pl.io import read_json, write_json
from cosmo_pl.sensors import SensorDescription

MANIFEST = "streams.json"
FORMAT = 1
REMEDY = "Import the recordings again"


@dataclass(frozen=True)
class StreamSensor:
    """A sensor of imported recordings.

    Args:
        kind: See `SensorDescription`.
        rate: Frames per second on the grid.
        shape: Shape of a frame: (channels,) of a series, (height, width) of images.
        channels: Names of the channels of a series; one name for images.
        units: Unit of each channel.
        max_gap: See `StreamDescription`; None also in imports of older versions.
    """

    kind: str
    rate: float
    shape: tuple[int, ...]
    channels: tuple[str, ...]
    units: tuple[str, ...]
    max_gap: float | None = None

    @property
    def description(self) -> SensorDescription:
        """What an encoder has to know of it."""
        return SensorDescription(self.kind, self.channels, self.units, self.rate, self.max_gap)


class Segment(NamedTuple):
    """A piece of a stream without a gap.

    Attributes:
        first: Tick of its first frame, counted from the start of the recording.
        frames: Number of its frames.
        row: Row of its first frame in the sensor's array.
    """

    first: int
    frames: int
    row: int

    def seconds(self, rate: float) -> tuple[float, float]:
        """Start of its first frame and end of its last one, in seconds after the start of the recording."""
        return self.first / rate, (self.first + self.frames) / rate


class LabelInterval(NamedTuple):
    """Time of one activity.

    Attributes:
        start: Seconds after the start of the recording.
        end: Seconds after the start of the recording.
        activity: Its name.
    """

    start: float
    end: float
    activity: str


@dataclass(frozen=True)
class StreamRecording:
    """A recording of one subject.

    Args:
        name: Its name, different from all others.
        subject: Number of the subject.
        start: Time of tick 0, as ISO 8601.
        duration: Seconds until its last frame.
        labels: Intervals in the order of time that do not overlap; other time is unlabelled.
        segments: Sensor to its segments in the order of time.
        recorded: Sensor to the hash of its values as recorded; empty in imports of older versions.
    """

    name: str
    subject: int
    start: str
    duration: float
    labels: tuple[LabelInterval, ...]
    segments: Mapping[str, tuple[Segment, ...]]
    recorded: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StreamStore:
    """Imported recordings.

    Args:
        folder: Folder that holds ``streams.json`` and ``<sensor>.npy``.
        title: Name of the dataset in tables and figures.
        sensors: Sensor to its description.
        activities: Names of the activities, in the order of their labels.
        subjects: Name of a subject as recorded to its number.
        recordings: All recordings.
        sha256: Sensor to the hash of its array's file.
        source: Whatever identifies the imported files and the description of the import.
    """

    folder: Path
    title: str
    sensors: Mapping[str, StreamSensor]
    activities: tuple[str, ...]
    subjects: Mapping[str, int]
    recordings: tuple[StreamRecording, ...]
    sha256: Mapping[str, str]
    source: Mapping[str, Any] = field(default_factory=dict)

    def numbered(self, subjects: Any, argument: str) -> Any:
        """Subjects by their numbers instead of their names.

        Args:
            subjects: A name as recorded; anything else stays as it is. Also lists of these, and lists of lists.
            argument: What names the subjects, for the message.

        Raises:
            ConfigurationError: No subject has such a name.
        """
        if isinstance(subjects, str):
            if subjects not in self.subjects:
                problem = f"'{self.folder}' has no subject '{subjects}'"
                raise ConfigurationError(argument, problem, choices(subjects, self.subjects))
            return self.subjects[subjects]
        if isinstance(subjects, Sequence):
            return [self.numbered(each, argument) for each in subjects]
        return subjects

    def path(self, sensor: str) -> Path:
        """File of a sensor's array."""
        return self.folder / f"{sensor}.npy"

    def frames(self, sensor: str) -> int:
        """Number of frames in a sensor's array."""
        ends = (segment.row + segment.frames for each in self.recordings for segment in each.segments.get(sensor, ()))
        return max(ends, default=0)

    def array(self, sensor: str) -> NDArray[np.float32]:
        """All frames of a sensor (N, *shape), memory-mapped.

        Raises:
            RecordingError: The file is missing, incomplete or of another shape, or was changed after the import. A
                change that keeps the time of the file is not seen.
        """
        path, shape = self.path(sensor), (self.frames(sensor), *self.sensors[sensor].shape)
        try:
            array: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
        except Exception as error:  # numpy raises half a dozen kinds for a missing or damaged file
            raise RecordingError(path, f"cannot be read ({error})", REMEDY) from error
        if array.dtype != np.float32 or array.shape != shape:
            problem = f"holds {array.dtype} {array.shape}, {MANIFEST} has float32 {shape}"
            raise RecordingError(path, problem, REMEDY)
        if self._is_later(path) and _digest(path, path.stat().st_mtime_ns) != self.sha256[sensor]:
            raise RecordingError(path, "has been changed since the import", REMEDY)
        return array

    def _is_later(self, path: Path) -> bool:
        """Whether a file was written after ``streams.json``, which an import writes last; copies may be."""
        manifest = self.folder / MANIFEST
        return manifest.is_file() and path.stat().st_mtime_ns > manifest.stat().st_mtime_ns

    def write(self) -> None:
        """Writes ``streams.json``, to be called when all arrays are complete: a folder without it is no dataset."""
        sensors = {name: asdict(sensor) for name, sensor in self.sensors.items()}
        recordings = [asdict(recording) for recording in self.recordings]
        whole = {**self._content, "sensors": sensors, "recordings": recordings, "source": self.source}
        write_json(self.folder / MANIFEST, whole)

    @property
    def fingerprint(self) -> str:
        """Hash of all that is imported, not of where it comes from: copies on other machines have the same."""
        return hashlib.sha256(json.dumps(self._content, sort_keys=True).encode()).hexdigest()

    @property
    def _content(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "title": self.title,
            "sensors": {name: _identity(sensor) for name, sensor in self.sensors.items()},
            "activities": self.activities,
            "subjects": self.subjects,
            "sha256": self.sha256,
            "recordings": [_identity(recording) for recording in self.recordings],
        }


@lru_cache
def _digest(path: Path, changed: int) -> str:
    """Hash of a file that was written at that time."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _identity(described: StreamSensor | StreamRecording) -> dict[str, Any]:
    """What identifies it: the fields without those that imports of older versions do not have."""
    return {name: value for name, value in asdict(described).items() if name not in ("max_gap", "recorded")}


def read_store(folder: Path) -> StreamStore:
    """Reads the description of imported recordings; no array is opened.

    Raises:
        RecordingError: ``streams.json`` is missing, damaged, or of another format; the message names the field.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise RecordingError(folder, f"holds no {MANIFEST}", "Give a folder that `cosmo-pl data import` has written")
    given = Field(read_json(path, partial(RecordingError, path, remedy=REMEDY)))
    try:
        return _store(folder, given)
    except ValueError as error:
        raise RecordingError(path, f"cannot be used: {error}", REMEDY) from error


def _store(folder: Path, given: Field) -> StreamStore:
    given["format"].require(given["format"].value == FORMAT, str(FORMAT))
    sensors = {}
    for name, each in given["sensors"].fields().items():
        Field(name, "name of a sensor").text(NAME, "letters, digits, - and _")
        sensors[name] = _sensor(each)
    activities = tuple(each.text() for each in given["activities"].each())
    recordings = tuple(_recording(each, sensors, activities) for each in given["recordings"].each())
    names = [recording.name for recording in recordings]
    given["recordings"].require(0 < len(names) == len(set(names)), "a list of recordings with different names")
    subjects = {name: each.whole(0, 10**18) for name, each in given["subjects"].fields().items()}
    hashes = {name: given["sha256"][name].digest() for name in sensors}
    source = given["source"].mapping()
    return StreamStore(folder, given["title"].text(), sensors, activities, subjects, recordings, hashes, source)


def _sensor(given: Field) -> StreamSensor:
    shape = tuple(each.whole(1, 10**6) for each in given["shape"].each())
    channels, units = (tuple(each.text() for each in given[key].each()) for key in ("channels", "units"))
    images = len(shape) > 1
    given["shape"].require(bool(shape), "at least one size")
    given["units"].require(len(units) == len(channels) == (1 if images else shape[0]), "one for each channel")
    rate, gap = given["rate"].number(1e-6, 1e6), given.get("max_gap")
    max_gap = None if gap is None else gap.number(1e-6, 1e6)
    return StreamSensor(given["kind"].text(), rate, shape, channels, units, max_gap)


def _recording(given: Field, sensors: Mapping[str, StreamSensor], activities: tuple[str, ...]) -> StreamRecording:
    segments = {
        name: tuple(_segment(each) for each in found.each()) for name, found in given["segments"].fields().items()
    }
    given["segments"].require(set(segments) <= set(sensors), f"segments of the sensors {sorted(sensors)}")
    labels = tuple(_label(each, activities) for each in given["labels"].each())
    ordered = all(before.end <= after.start for before, after in itertools.pairwise(labels))
    given["labels"].require(ordered, "intervals in the order of time that do not overlap")
    return StreamRecording(
        given["name"].text(),
        given["subject"].whole(0, 10**18),
        given["start"].text(),
        given["duration"].number(0),
        labels,
        segments,
        _hashes(given),
    )


def _hashes(given: Field) -> dict[str, str]:
    found = given.get("recorded")
    return {} if found is None else {name: each.text("[0-9a-f]{16}", "a hash") for name, each in found.fields().items()}


def _segment(given: Field) -> Segment:
    first, frames, row = (each.whole(0) for each in given.each())
    return Segment(first, frames, row)


def _label(given: Field, activities: tuple[str, ...]) -> LabelInterval:
    start, end, activity = given.each()
    activity.require(activity.value in activities, f"one of the activities {list(activities)}")
    end.require(end.number() > start.number(), "later than the start")
    return LabelInterval(start.number(), end.number(), activity.text())
