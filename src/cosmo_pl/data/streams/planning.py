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
    files: dict[str, dict[str, list[str]]] = {}
    said: dict[str, dict[str, set[str]]] = {}  # recording to placeholder to its values in all paths
    for sensor, stream in description.sensors.items():
        matched = [(name, values) for name in source.names if (values := stream.files.match(name)) is not None]
        if not matched:
            problem = f"holds no file of the sensor '{sensor}', {stream.files.text}"
            raise RecordingError(source.path, problem, f"Correct sensors.{sensor}.files in the description")
        for name, values in matched:
            recording = filled(description.recordings, values)
            known = said.setdefault(recording, {})
            for key, value in values.items():
                known.setdefault(key, set()).add(value)
            _check(source, name, recording, known, description)
            files.setdefault(recording, {}).setdefault(sensor, []).append(name)
    return [PlannedRecording(name, _common(said[name]), files[name]) for name in sorted(files)]


def _common(said: Mapping[str, set[str]]) -> dict[str, str]:
    """What the paths of a recording say in common: a path may lack what another has."""
    return {key: min(values) for key, values in said.items() if len(values) == 1}


def _check(
    source: Source, name: str, recording: str, said: Mapping[str, set[str]], description: ImportDescription
) -> None:
    shown = name.encode(errors="backslashreplace").decode()
    if shown != name:
        raise RecordingError(source.shown(shown), "has a name that is not in UTF-8", "Rename it, or its folder")
    activity = set() if description.activity is None else set(description.activity.placeholders)
    for key in sorted({SUBJECT} | activity):
        if len(values := said.get(key, set())) > 1:
            problem = f"belongs to the recording '{recording}', which has files of {key} {' and '.join(sorted(values))}"
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
