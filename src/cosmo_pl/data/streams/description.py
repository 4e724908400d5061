"""The description of a folder of recordings, ``streams.yaml``: files, columns, units and clocks of its sensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from cosmo_pl.data.streams.patterns import Pattern, filled, placeholders
from cosmo_pl.errors import ConfigurationError

DESCRIPTION = "streams.yaml"
TEXT = (".csv", ".tsv")
FORMATS = (*TEXT, ".parquet", ".npz")
UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}  # of numeric time, in nanoseconds
ESTIMATE, ESTIMATE_EACH = "estimate", "estimate per recording"  # of the errors of clocks
LABEL_FORMATS = ("csv", "elan", "label_studio")
SUBJECT = "subject"
ACTIVITY = "activity"
DATE = "date"


@dataclass(frozen=True)
class TimeDescription:
    """Times of samples or labels.

    Args:
        unit: "iso" for ISO 8601, or the unit of numbers: "s", "ms", "us", "ns".
        column: Name of the column, or its position from 0; None for labels, whose columns have roles.
        zone: Zone of the tz database for ISO times that have none.
        relative: Whether numbers count from the start of the device or recording, not from 1970.
        start: For relative times of samples: when they were 0, as ISO 8601, with placeholders: "{day}T{hour}:00".
            Without it, all sensors of a recording were at 0 together.
    """

    unit: str
    column: str | int | None = None
    zone: str = "UTC"
    relative: bool = False
    start: str | None = None


@dataclass(frozen=True)
class StreamDescription:
    """Files of a sensor.

    Args:
        files: Their paths. Files of one recording are joined in the order of time.
        kind: See `SensorDescription`.
        time: Column of time.
        values: Names of the columns of values, or their positions from 0. A column of NPZ is an array (T,), or
            "name.3" for one of the columns of an array (T, ...).
        channels: Name of each channel; one name for images.
        units: Unit of each channel in the imported streams.
        factors: What each channel as recorded is multiplied by to be in its unit.
        rate: Frames per second of the grid.
        shape: Shape of a frame: (channels,) of a series, (height, width) of images.
        max_gap: Seconds without a sample that are a gap; None for 5 intervals, see `resampling`.
        header: Whether the first row of CSV has the names of the columns.
        delimiter: Between the values of a row of CSV.
        decimal: Point or comma of decimals in CSV.
        comment: First character of lines of CSV that are no rows; empty if there are none.
        skip: Lines before the first row of CSV.
    """

    files: Pattern
    kind: str
    time: TimeDescription
    values: tuple[str, ...] | tuple[int, ...]
    channels: tuple[str, ...]
    units: tuple[str, ...]
    factors: tuple[float, ...]
    rate: float
    shape: tuple[int, ...]
    max_gap: float | None = None
    header: bool = True
    delimiter: str = ","
    decimal: str = "."
    comment: str = ""
    skip: int = 0

    @property
    def images(self) -> bool:
        """Whether frames are images."""
        return len(self.shape) > 1


@dataclass(frozen=True)
class LabelsDescription:
    """Files of labels, which are intervals of time.

    Args:
        files: Their paths.
        format: "csv", "elan" or "label_studio".
        columns: Role to column of CSV: "start", "end", "activity" and, optionally, "subject" and "date".
        time: Unit, zone, and whether times count from the start of the recording.
        tier: Names of the tiers of ELAN, or "from_name" of Label Studio; all if empty.
        activities: Name as recorded to name; null for labels to leave out. Other names are kept as they are.
        delimiter: Of CSV, as `decimal`, `comment` and `skip`, which are those of `StreamDescription`.
    """

    files: Pattern
    format: str
    columns: Mapping[str, str]
    time: TimeDescription
    tier: tuple[str, ...] = ()
    activities: Mapping[str, str | None] = field(default_factory=dict)
    delimiter: str = ","
    decimal: str = "."
    comment: str = ""
    skip: int = 0


@dataclass(frozen=True)
class PathActivity:
    """The activity of whole recordings, from their paths.

    Args:
        path: Text with placeholders, "{activity}".
        names: The text to the name of the activity; null for recordings without label. Others are kept as they are.
    """

    path: str
    names: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Placeholders of the path."""
        return placeholders(self.path)

    def of(self, values: Mapping[str, str]) -> str | None:
        """The activity of a recording from the values of its placeholders; None if it has no label."""
        return renamed(filled(self.path, values), self.names)


def renamed(raw: str, names: Mapping[str, str | None]) -> str | None:
    """The name of an activity, that of the recordings unless there is another one for it.

    Args:
        raw: The name in the recordings.
        names: Name in the recordings to the name of the activity; None for no activity.

    Raises:
        ConfigurationError: There is one for what YAML makes of the name without quotes: 1 of 01.
    """
    if raw not in names and (plain := _without_quotes(raw)) in names:
        problem = f"has a name for {plain}, which YAML also reads for {raw}, and the recordings have '{raw}'"
        raise ConfigurationError("description", problem, f"Write '{raw}' in quotes")
    return names.get(raw, raw)


@cache
def _without_quotes(text: str) -> str:
    try:
        return str(yaml.safe_load(text))
    except yaml.YAMLError:
        return text


@dataclass(frozen=True)
class ClockCorrection:
    """Error of a sensor's clock.

    Args:
        offset: Seconds by which it is ahead at the start of the subject's first recording.
        drift: Microseconds that it gains per second.
    """

    offset: float = 0.0
    drift: float = 0.0

    def at(self, age: float) -> ClockCorrection:
        """The same error, with the offset of a later recording.

        Args:
            age: Seconds from the start of the subject's first recording to that of the recording.
        """
        return ClockCorrection(self.offset + 1e-6 * self.drift * age, self.drift)

    def seconds(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Seconds by which the clock is ahead at times (T,) from the start."""
        return self.offset + 1e-6 * self.drift * times


@dataclass(frozen=True)
class ImportDescription:
    """A folder of recordings.

    Args:
        title: Name of the dataset in tables and figures.
        sensors: Sensor to its files.
        recordings: Name of a recording, from placeholders. Files whose names are equal belong to one recording.
        labels: Files of labels, if there are any.
        activity: Activity of whole recordings, instead of files of labels.
        activities: Names of the activities in the order of their labels; empty for the order of the alphabet.
        subjects: Name of a subject in the paths to its number; empty for whole numbers as they are, or 1, 2, ... in
            the order of the names.
        clocks: Sensor to the error of its clock; or `ESTIMATE`, which estimates it from all recordings together, or
            `ESTIMATE_EACH`, from each recording.
        content: The whole description as it was read, which identifies it.
    """

    title: str
    sensors: Mapping[str, StreamDescription]
    recordings: str
    labels: LabelsDescription | None = None
    activity: PathActivity | None = None
    activities: tuple[str, ...] = ()
    subjects: Mapping[str, int] = field(default_factory=dict)
    clocks: Mapping[str, ClockCorrection] | str = field(default_factory=dict)
    content: Mapping[str, Any] = field(default_factory=dict)
