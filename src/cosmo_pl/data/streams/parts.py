"""The stream of one sensor in one recording: read, checked, put onto the grid, and kept until all are joined."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.streams.contents import ContentHash
from cosmo_pl.data.streams.description import ClockCorrection, StreamDescription
from cosmo_pl.data.streams.ordering import NumberedSamples, in_order, pieces
from cosmo_pl.data.streams.patterns import filled, placeholders
from cosmo_pl.data.streams.planning import PlannedRecording
from cosmo_pl.data.streams.quality import BROKEN, EMPTY, NO_TIME, StreamFacts, StreamQuality
from cosmo_pl.data.streams.reading import FileReader
from cosmo_pl.data.streams.resampling import AVERAGED, Frames, on_grid
from cosmo_pl.data.streams.source import Source
from cosmo_pl.data.streams.times import HOUR, NONE, SECOND, Clock
from cosmo_pl.errors import ConfigurationError, RecordingError
from cosmo_pl.io import read_json, whole_file, write_json

VERSION = 5  # of what is computed: a part of another version is made again
PEEK = 2**16  # bytes that are read for the first time of a file
INTERVALS = 5  # that are a gap
FRAMES, FACTS = "frames.f32", "facts.json"


@dataclass(frozen=True)
class Part:
    """An imported stream.

    Args:
        folder: Folder with its frames.
        segments: First tick and number of frames of each segment.
        facts: What it is like.
        recorded: Hash of its values as recorded; None if they are all the same.
    """

    folder: Path
    segments: list[tuple[int, int]]
    facts: StreamFacts
    recorded: str | None = None

    @property
    def frames(self) -> Path:
        """File of its frames, float32 (N, C)."""
        return self.folder / FRAMES


class FirstTime(NamedTuple):
    """First time of a file.

    Attributes:
        time: Nanoseconds.
        used: Whether a row of the file is used.
        twice: Whether it is in an hour that occurs twice, and taken for the first one.
    """

    time: int
    used: bool
    twice: bool

    @property
    def order(self) -> int:
        """Sorts files by time, but by name in an hour that occurs twice: 2:00 may follow 2:10."""
        return self.time // HOUR * HOUR if self.twice else self.time


class StreamImport:
    """Imports a sensor's stream of a recording.

    Args:
        source: Folder or archive.
        recording: The recording.
        sensor: Name of the sensor.
        stream: Its description.
        correction: Error of its clock.
    """

    def __init__(
        self,
        source: Source,
        recording: PlannedRecording,
        sensor: str,
        stream: StreamDescription,
        correction: ClockCorrection,
    ) -> None:
        self.source, self.recording, self.sensor, self.stream = source, recording, sensor, stream
        self.correction = correction
        self._zero = self._time_of_zero()
        firsts = {name: self._first_time(name) for name in recording.files[sensor]}
        self.files = sorted(firsts, key=lambda name: (firsts[name].order, name))
        used = (name for name in self.files if firsts[name].used)  # rows that are left out do not move the start
        self.recorded_start = firsts[next(used, self.files[0])].time

    def _time_of_zero(self) -> int:
        """Time at which relative times are 0."""
        from pyarrow import array

        time = self.stream.time
        if time.start is None:
            return 0
        name = f"sensors.{self.sensor}.time.start of '{self.recording.name}'"
        for each in placeholders(time.start):
            if each not in self.recording.placeholders:
                problem = f"'{time.start}' is not one time, as the files of the recording differ in {{{each}}}"
                raise ConfigurationError(name, problem, f"Add {{{each}}} to `recordings` in the description")
        text = filled(time.start, self.recording.placeholders)

        def refuse(_: int, problem: str) -> Exception:
            return ConfigurationError(name, f"'{text}' {problem}", "Correct the description of the import")

        return int(Clock(type(time)("iso", zone=time.zone)).read(array([text]), refuse)[0])

    def _first_time(self, name: str) -> FirstTime:
        """Time of the first row of a file that is used: not of one that is out of order and left out."""
        quality = StreamQuality((), (), images=True)  # counts are those of the import
        reader = self._beginning(name)
        samples = _complete(reader, quality)
        first = next(samples, None)
        if first is None:
            return self._first_incomplete(name)
        rows: Iterable[NumberedSamples] = itertools.chain([first], samples)
        time = int(next(in_order(rows, self._max_gap(first[2]), quality))[0][0])
        return FirstTime(time, True, reader.clock.guessed)

    def _beginning(self, name: str) -> FileReader:
        clock = Clock(self.stream.time, self._zero, guess=True)  # the import goes on from the file before
        return FileReader(self.source, name, self.stream, clock, block=PEEK)

    def _first_incomplete(self, name: str) -> FirstTime:
        """First time of a file of which no row can be used, as another file of the stream may have some."""
        reader = self._beginning(name)
        for rows in reader.batches():
            times = rows.time[rows.time != NONE]
            if len(times):
                return FirstTime(int(times.min()), False, reader.clock.guessed)
        if reader.broken:
            problem = (
                f"row {reader.broken[0]}: has another number of values than the first row, as have {len(reader.broken)}"
            )
            raise RecordingError(reader.path, problem, "Correct delimiter, decimal or header in the description")
        raise RecordingError(reader.path, "has no row with a time", "Remove the file, or correct the description")

    def _max_gap(self, time: NDArray[np.int64]) -> int:
        """Longest time between two samples that is no gap, in nanoseconds, from the times of the first batch."""
        rate = min(self.stream.rate, SECOND / _median_interval(time))
        return round((self.stream.max_gap or INTERVALS / rate) * SECOND)

    def start(self, origin: int) -> int:
        """Corrected time of the first sample in nanoseconds.

        Args:
            origin: Time from which the clock drifts.
        """
        return int(self._corrected(np.array([self.recorded_start]), origin)[0])

    def _corrected(self, time: NDArray[np.int64], origin: int) -> NDArray[np.int64]:
        offset, drift = self.correction.offset, self.correction.drift
        if not offset and not drift:
            return time
        elapsed = (time - origin - offset * SECOND) / (1 + 1e-6 * drift)
        corrected: NDArray[np.int64] = np.rint(elapsed).astype(np.int64) + origin
        return corrected

    def key(self, origin: int, start: int) -> str:
        """Identifies the result."""
        files = [self.source.identity(name) for name in self.files]
        content = [
            VERSION,
            self.recording.name,
            str(self.stream),
            str(self.correction),
            self._zero,
            origin,
            start,
            files,
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def run(self, folder: Path, origin: int, start: int) -> Part:
        """Imports the stream, unless that is done.

        Args:
            folder: Folder of all parts.
            origin: Time from which the clock drifts, in nanoseconds.
            start: Time of tick 0.

        Raises:
            RecordingError: A file cannot be read, or no row of it can be used.
        """
        key = self.key(origin, start)
        path = folder / f"{self.sensor}-{key[:16]}"
        return _kept(path, key) or self._imported(path, key, origin, start)

    def _imported(self, path: Path, key: str, origin: int, start: int) -> Part:
        stream = self.stream
        quality, recorded = StreamQuality(stream.channels, stream.units, stream.images), ContentHash()
        samples = self._samples(origin, quality, recorded)
        first = next(samples, None)
        if first is None:
            shown = self.source.shown(self.files[0])
            raise RecordingError(shown, f"has no row with a time and {len(stream.values)} values", "Correct `values`")
        max_gap = self._max_gap(first[2])
        ordered = in_order(itertools.chain([first], samples), max_gap, quality)
        average = _median_interval(first[2]) * stream.rate < AVERAGED
        frames = on_grid(pieces(ordered, max_gap, quality), stream.rate, start, average)
        try:
            with whole_file(path) as part:
                part.mkdir()
                segments = _write_frames(part / FRAMES, frames)
                facts = quality.facts(sum(count for _, count in segments))
                content = {"key": key, "segments": segments, "facts": asdict(facts), "recorded": recorded.found}
                write_json(part / FACTS, content)
        except OSError:  # a process of an import that was killed may have completed the same part meanwhile
            if (kept := _kept(path, key)) is None:
                raise
            return kept
        return Part(path, segments, facts, recorded.found)

    def _samples(self, origin: int, quality: StreamQuality, content: ContentHash) -> Iterator[NumberedSamples]:
        """Rows with a time and all values, converted and by the right clock."""
        clock = Clock(self.stream.time, self._zero)
        factors = np.asarray(self.stream.factors, dtype=np.float32)
        for file in self.files:
            for name, row, time, recorded in _complete(FileReader(self.source, file, self.stream, clock), quality):
                values = recorded * factors if (factors != 1).any() else recorded
                quality.values(values)
                content.update(recorded)
                yield name, row, self._corrected(time, origin), values


def _complete(reader: FileReader, quality: StreamQuality) -> Iterator[NumberedSamples]:
    """Rows of a file with a time and all values, as recorded."""
    name = reader.name
    for rows in reader.batches():
        timed = rows.time != NONE
        blank = ~timed & np.isnan(rows.values).all(axis=1)  # an empty line
        complete = np.isfinite(rows.values).all(axis=1)
        quality.leave_out(NO_TIME, name, rows.row[~timed & ~blank])
        quality.leave_out(EMPTY, name, rows.row[timed & ~complete])
        used = timed & complete
        if used.all() and len(used):
            yield name, rows.row, rows.time, rows.values
        elif used.any():
            yield name, rows.row[used], rows.time[used], rows.values[used]
    quality.leave_out(BROKEN, name, reader.broken)


def _median_interval(time: NDArray[np.int64]) -> float:
    """Median interval of the first batch in nanoseconds, between different times."""
    interval = np.diff(np.unique(time))
    return float(np.median(interval)) if len(interval) else float(SECOND)


def _write_frames(path: Path, frames: Iterator[Frames]) -> list[tuple[int, int]]:
    """Writes frames to a file; first tick and number of frames of each segment."""
    segments: list[tuple[int, int]] = []
    with path.open("wb") as file:
        for begins, first, values in frames:
            file.write(np.ascontiguousarray(values, dtype="<f4").data)
            if begins or not segments:
                segments.append((first, len(values)))
            else:
                segments[-1] = segments[-1][0], segments[-1][1] + len(values)
    return segments


def _kept(path: Path, key: str) -> Part | None:
    """A complete part with this key."""
    if not (path / FACTS).is_file():
        return None
    content = read_json(path / FACTS, partial(RecordingError, path / FACTS))
    if content["key"] != key:
        return None
    segments = [(first, count) for first, count in content["segments"]]
    return Part(path, segments, StreamFacts(**content["facts"]), content.get("recorded"))
