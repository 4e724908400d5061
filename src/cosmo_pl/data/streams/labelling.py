"""Labels of imported recordings: intervals of label files, matched by path, subject and time."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from cosmo_pl.data.streams.description import ImportDescription, LabelsDescription
from cosmo_pl.data.streams.joining import ImportedRecording
from cosmo_pl.data.streams.label_checks import label_files
from cosmo_pl.data.streams.label_days import RecordedDays, RecordedTime
from cosmo_pl.data.streams.label_tasks import about
from cosmo_pl.data.streams.labels import RawInterval, read_intervals
from cosmo_pl.data.streams.planning import matching
from cosmo_pl.data.streams.source import Source
from cosmo_pl.data.streams.store import LabelInterval
from cosmo_pl.data.streams.times import SECOND
from cosmo_pl.errors import RecordingError

Imported = Sequence[ImportedRecording]
OUTSIDE = "label intervals are outside of all recordings"
SHARED = "label intervals of tasks that name no recording are given to several subjects"
CUT_INTERVALS = 2  # of the samples of the slowest sensor, by which a label may be cut without a report
CUT = "label intervals are cut at the start or end of a recording"


@dataclass(frozen=True)
class Labelled:
    """Labels of all recordings.

    Args:
        intervals: Recording to its intervals in the order of time.
        left_out: Reason to the places of the intervals, "labels.csv row 3".
        shared: Places of intervals of Label Studio that were given to several subjects, as nothing says whose they are.
    """

    intervals: Mapping[str, tuple[LabelInterval, ...]]
    left_out: Mapping[str, list[str]]
    shared: Sequence[str] = ()

    @property
    def activities(self) -> list[str]:
        """All activities in the order of the alphabet."""
        return sorted({each.activity for intervals in self.intervals.values() for each in intervals})


def label(source: Source, description: ImportDescription, recordings: Imported, scratch: Path) -> Labelled:
    """Labels of all recordings, which `check_labels` accepts.

    Args:
        source: Folder or archive.
        description: Its description.
        recordings: All recordings.
        scratch: Folder for copies of label files from an archive.

    Raises:
        RecordingError: Two intervals overlap, or it is not known on which day or in which recording one is.
    """
    left_out: dict[str, list[str]] = {OUTSIDE: [], CUT: [], SHARED: []}
    if description.labels is not None:
        found = _from_files(source, description.labels, recordings, scratch, left_out)
    else:
        found = {each.recording.name: _whole(description, each) for each in recordings}
    shared = left_out.pop(SHARED)
    return Labelled({name: tuple(sorted(intervals)) for name, intervals in found.items()}, left_out, shared)


def _whole(description: ImportDescription, each: ImportedRecording) -> list[LabelInterval]:
    activity = None if description.activity is None else description.activity.of(each.recording.placeholders)
    seconds = (each.end - each.start) / SECOND
    return [] if activity is None or seconds <= 0 else [LabelInterval(0.0, seconds, activity)]


def _from_files(
    source: Source,
    labels: LabelsDescription,
    recordings: Imported,
    scratch: Path,
    left_out: dict[str, list[str]],
) -> dict[str, list[LabelInterval]]:
    found: dict[str, list[LabelInterval]] = {each.recording.name: [] for each in recordings}
    for name, values in label_files(source, labels).items():
        names = {each.name for each in matching(values, [each.recording for each in recordings])}
        mine = [each for each in recordings if each.recording.name in names]
        for raw in read_intervals(source.on_disk(name, scratch), labels, _days(mine, labels)):
            _place(labels, name, raw, _candidates(source, name, raw, mine), found, left_out)
    found = {name: _joined(intervals) for name, intervals in found.items()}
    for name, intervals in found.items():
        for before, after in itertools.pairwise(intervals):
            if after.start < before.end:
                problem = f"'{after.activity}' overlaps '{before.activity}' at {after.start:.3f} s of '{name}'"
                raise RecordingError(source.path / labels.files.text, problem, "Give each time one activity")
    return found


def _joined(intervals: Sequence[LabelInterval]) -> list[LabelInterval]:
    """Intervals in their order; those of one activity that overlap, as in two files, are one."""
    joined = list[LabelInterval]()
    for each in sorted(intervals):
        last = joined[-1] if joined else None
        if last is not None and last.activity == each.activity and each.start < last.end:
            joined[-1] = LabelInterval(last.start, max(last.end, each.end), each.activity)
        else:
            joined.append(each)
    return joined


def _days(recordings: Imported, labels: LabelsDescription) -> RecordedDays:
    recorded = [RecordedTime(each.recording.subject, each.start, each.end) for each in recordings]
    return RecordedDays(recorded, ZoneInfo(labels.time.zone))


def _candidates(source: Source, name: str, raw: RawInterval, recordings: Imported) -> Imported:
    """Recordings that an interval can be in: those of its subject, and only one if its times are relative."""
    mine = [each for each in recordings if raw.subject in (None, each.recording.subject)]
    chosen = about(raw.task, [each.recording for each in mine])
    mine = [each for each in mine if each.recording in chosen]
    if raw.relative and len(mine) > 1:
        problem = f"{raw.where}: its times count from the start of a recording, but the file belongs to {len(mine)}"
        raise RecordingError(source.shown(name), problem, "Use one file per recording, with its placeholders")
    return mine


def _place(
    labels: LabelsDescription,
    name: str,
    raw: RawInterval,
    recordings: Imported,
    found: dict[str, list[LabelInterval]],
    left_out: dict[str, list[str]],
) -> None:
    """Adds an interval to all recordings that it overlaps."""
    inside, subjects = 0, set[str]()
    for each in recordings:
        start, end = (time if raw.relative else time - each.start for time in (raw.start, raw.end))
        low, high = max(start, 0), min(end, each.end - each.start)
        if low < high:
            found[each.recording.name].append(LabelInterval(low / SECOND, high / SECOND, raw.activity))
            inside += high - low
            subjects.add(each.recording.subject)
    if labels.format == "label_studio" and len(subjects) > 1:
        left_out[SHARED].append(f"{name} {raw.where}")
    if not inside:
        left_out[OUTSIDE].append(f"{name} {raw.where}")
    elif raw.end - raw.start - inside > max(map(_tolerance, recordings)):
        left_out[CUT].append(f"{name} {raw.where}")


def _tolerance(recording: ImportedRecording) -> float:
    """Nanoseconds by which a label may be longer than a recording: who labels all of it counts its last sample in."""
    return CUT_INTERVALS * SECOND * max(part.facts.interval["p50"] for part in recording.parts.values())


def seconds_by_activity(intervals: Sequence[LabelInterval]) -> dict[str, float]:
    """Labelled seconds of each activity."""
    total: Counter[str] = Counter()
    for each in intervals:
        total[each.activity] += each.end - each.start  # type: ignore[assignment]
    return {name: float(total[name]) for name in sorted(total)}
