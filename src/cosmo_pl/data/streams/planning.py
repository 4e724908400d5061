"""Which files belong to which recording, subject and sensor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cosmo_pl.data.streams.description import SUBJECT, ImportDescription
from cosmo_pl.data.streams.patterns import filled
from cosmo_pl.data.streams.source import Source
from cosmo_pl.errors import RecordingError

ONLY = "1"  # the subject of recordings whose paths name none


@dataclass(frozen=True)
class PlannedRecording:
    """A recording to import.

    Args:
        name: Its name.
        placeholders: Values of the placeholders in the paths that its files share.
        files: Sensor to its files.
    """

    name: str
    placeholders: Mapping[str, str]
    files: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """Name of the subject, as in the path."""
        return self.placeholders.get(SUBJECT, ONLY)


def plan(source: Source, description: ImportDescription) -> list[PlannedRecording]:
    """All recordings, by name.

    Raises:
        RecordingError: A sensor has no file, or files of one recording are of different subjects or activities.
    """
    found: dict[str, PlannedRecording] = {}
    for sensor, stream in description.sensors.items():
        matched = [(name, values) for name in source.names if (values := stream.files.match(name)) is not None]
        if not matched:
            problem = f"holds no file of the sensor '{sensor}', {stream.files.text}"
            raise RecordingError(source.path, problem, f"Correct sensors.{sensor}.files in the description")
        for name, values in matched:
            recording = filled(description.recordings, values)
            known = found.get(recording)
            if known is not None:
                _check(source, name, known, values, description)
            placeholders = values if known is None else _merged(known.placeholders, values)
            files = {} if known is None else known.files
            files = {**files, sensor: [*files.get(sensor, ()), name]}
            found[recording] = PlannedRecording(recording, placeholders, files)
    return [found[name] for name in sorted(found)]


def _merged(known: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """What the paths of a recording say in common: a path may lack what another has."""
    return {key: value for key, value in {**more, **known}.items() if more.get(key, value) == value}


def _check(
    source: Source, name: str, known: PlannedRecording, values: Mapping[str, str], description: ImportDescription
) -> None:
    activity = set() if description.activity is None else set(description.activity.placeholders)
    for key in {SUBJECT} | activity:
        mine, theirs = values.get(key), known.placeholders.get(key)
        if mine is not None and theirs is not None and mine != theirs:
            problem = f"belongs to the recording '{known.name}', which has files of {key} '{theirs}' as well"
            raise RecordingError(source.shown(name), problem, f"Add {{{key}}} to `recordings` in the description")


def subject_numbers(recordings: Iterable[PlannedRecording], given: Mapping[str, int]) -> dict[str, int]:
    """Name of each subject to its number.

    Args:
        recordings: All of them.
        given: Numbers as the description has them; if it has none, whole numbers are kept, and other names are numbered
            from 1 in the order of the alphabet.

    Raises:
        ValueError: A subject has no number, or two have the same.
    """
    names = sorted({recording.subject for recording in recordings})
    if given:
        missing = [name for name in names if name not in given]
        if missing:
            raise ValueError(f"subjects: '{missing[0]}' has no number")
        return {name: given[name] for name in names}
    if not all(name.isdecimal() and len(name) <= 9 for name in names):
        return {name: number for number, name in enumerate(names, 1)}
    numbers = {name: int(name) for name in names}
    if len(set(numbers.values())) < len(names):
        raise ValueError(f"subjects: two of {names} are the same number")
    return numbers


def matching(placeholders: Mapping[str, str], recordings: Sequence[PlannedRecording]) -> list[PlannedRecording]:
    """Recordings whose placeholders have no other value than these."""
    return [
        recording
        for recording in recordings
        if all(recording.placeholders.get(name, value) == value for name, value in placeholders.items())
    ]
