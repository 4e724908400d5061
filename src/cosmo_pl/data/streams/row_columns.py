"""Columns of a sensor's files that name the person or the activity of each row, which a description cannot state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cosmo_pl.data.faults import FaultLog
from cosmo_pl.data.streams.columns import names_activities, names_persons
from cosmo_pl.data.streams.description import SUBJECT, ImportDescription
from cosmo_pl.data.streams.heads import Head, read_head
from cosmo_pl.data.streams.measured import Stream
from cosmo_pl.data.streams.planning import PlannedRecording
from cosmo_pl.data.streams.source import Source
from cosmo_pl.errors import RecordingError

SHOWN = 3  # names in a sentence
BY_HAND = "write intervals of start, end and activity to a CSV file, as docs/import.md shows"


def several_persons(stream: Stream) -> str:
    """That files hold rows of several persons, or may do so, and the remedy; empty if a person has a file."""
    remedy = "split it into a file per person, as a description names subjects by the paths alone"
    persons = [column for column in stream.heads[0].columns if names_persons(stream.heads, column)]
    for column in (column for column in persons if column in stream.left_out):  # of sensors of one file, only the first
        for head in stream.heads:
            if len(found := _persons(head, column)) > 1:
                names = ", ".join(found[:SHOWN]) + ", ..." * (len(found) > SHOWN)
                return f"'{head.path}' holds several persons in its column '{column}' ({names}): {remedy}"
        if SUBJECT not in stream.group.pattern.names:
            return f"if the column '{column}' of '{stream.heads[0].path}' holds several persons, {remedy}"
    return ""


def _persons(head: Head, column: str | int) -> list[str]:
    """Names of persons in the first rows and in the last one, in their order."""
    last = () if head.last is None else (head.last[list(head.columns).index(column)],)
    return list(dict.fromkeys(text for text in (*head.filled(column), *last) if text))


def report_activities_in_rows(
    source: Source, description: ImportDescription, planned: Sequence[PlannedRecording], faults: FaultLog
) -> None:
    """Reports columns that name an activity in each row, where the description has no labels.

    Args:
        source: Folder or archive.
        description: Its description.
        planned: All recordings.
        faults: Where they are reported.
    """
    if description.labels is None and description.activity is None:
        problem = "columns name an activity in each row, and are not imported"
        remedy = f"If they are needed, {BY_HAND}"
        faults.report(problem, set(_activities_in_rows(source, description, planned)), remedy, mended=True)


def _activities_in_rows(
    source: Source, description: ImportDescription, planned: Sequence[PlannedRecording]
) -> Iterator[str]:
    """The column of the first file of each sensor."""
    for sensor, stream in description.sensors.items():
        name = next(each.files[sensor][0] for each in planned if sensor in each.files)
        try:
            head = read_head(source, name)
        except RecordingError:  # the import names what is wrong with it
            continue
        for column in head.columns:
            if column not in stream.values and names_activities([head], column):
                yield f"'{column}' of {name}"
