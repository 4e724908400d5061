"""Label intervals from CSV, from ELAN (``.eaf``) and from Label Studio (JSON)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from cosmo_pl.data.streams.csv_format import COMMA
from cosmo_pl.data.streams.description import LabelsDescription, renamed
from cosmo_pl.data.streams.encodings import SAVE
from cosmo_pl.data.streams.label_days import RecordedDays
from cosmo_pl.data.streams.label_tasks import named_in
from cosmo_pl.data.streams.label_times import instant, is_time_of_day
from cosmo_pl.errors import RecordingError, choices
from cosmo_pl.fields import Field
from cosmo_pl.io import read_json, utf8_text

MILLISECOND = 10**6
NIGHT = 16 * 3600 * 10**9  # nanoseconds: an end that is earlier in the day is of the next day within them
VALUES = ("timeserieslabels", "labels")  # keys of Label Studio's labels on time series and on audio
ALIGNED, REFERRING = "ALIGNABLE_ANNOTATION", "REF_ANNOTATION"  # of ELAN, with times and with those of another
FRAMES = "timelinelabels"  # key of Label Studio's labels on frames of a video, whose rate an export does not state


class RawInterval(NamedTuple):
    """A label as it stands in a file.

    Attributes:
        start: Nanoseconds since 1970 in UTC, or since the start of the recording if the times are `relative`.
        end: As `start`.
        activity: Its name, after the renaming of the description.
        subject: Name of the subject; None if the file does not say it.
        relative: Whether the times count from the start of the recording.
        where: Its row or annotation, for errors.
        task: Paths and names in the data of a task of Label Studio.
    """

    start: int
    end: int
    activity: str
    subject: str | None
    relative: bool
    where: str
    task: tuple[str, ...] = ()


def read_intervals(path: Path, labels: LabelsDescription, day: date | RecordedDays | None = None) -> list[RawInterval]:
    """Reads the intervals of a file.

    Overlapping intervals of one activity and subject are joined.

    Args:
        path: The file.
        labels: Its description.
        day: Date of times that have none, such as 12:10, or the recordings that tell it; an interval that ends before
            it starts then ends a day later.

    Returns:
        The intervals in the order of subject and time, of activities that are not left out.

    Raises:
        RecordingError: The file cannot be read, holds no interval, or an interval has no time, no length, or overlaps
            one of another activity; the message names the row or annotation.
    """
    found = recorded_intervals(path, labels, day)
    named = [(each, renamed(each.activity, labels.activities)) for each in found]
    kept = [each._replace(activity=name) for each, name in named if name is not None]
    return _joined(path, sorted(kept, key=lambda each: (each.subject or "", each.task, each.start, each.end)))


def recorded_intervals(path: Path, labels: LabelsDescription, day: date | RecordedDays | None) -> list[RawInterval]:
    """The intervals of a file in its order, with their activities as recorded, as `read_intervals` reads them.

    Raises:
        RecordingError: The file cannot be read, holds no interval, or an interval has no time.
    """
    read: Mapping[str, Callable[..., Iterator[RawInterval]]] = {
        "csv": _csv,
        "elan": _elan,
        "label_studio": _label_studio,
    }
    found = list(read[labels.format](path, labels, day))
    if not found:
        raise RecordingError(path, "holds no interval", "Label some time, or remove the file")
    return found


def _joined(path: Path, intervals: Iterable[RawInterval]) -> list[RawInterval]:
    result: list[RawInterval] = []
    for each in intervals:
        if each.end <= each.start:
            raise RecordingError(path, f"{each.where}: the end is not after the start", "Correct its times")
        before = result[-1] if result else None
        other = before is None or (before.subject, before.task) != (each.subject, each.task)
        if before is None or other or each.start >= before.end:
            result.append(each)
        elif before.activity == each.activity:
            result[-1] = before._replace(end=max(before.end, each.end))
        else:
            problem = f"{each.where}: '{each.activity}' overlaps '{before.activity}' of {before.where}"
            raise RecordingError(path, problem, "Give each time one activity; choose a `tier` if there are several")
    return result


def _csv(path: Path, labels: LabelsDescription, day: date | RecordedDays | None) -> Iterator[RawInterval]:
    text = utf8_text(path, partial(RecordingError, path, remedy=SAVE))
    lines = list(io.StringIO(text, newline=""))
    for number, line in enumerate(lines):  # which become empty, so that rows are numbered as in the file
        if number < labels.skip or (labels.comment and line.startswith(labels.comment)):
            lines[number] = "\n"
    reader = csv.reader(lines, delimiter=labels.delimiter, strict=True, skipinitialspace=True)
    last = 0
    try:
        known = [name.strip() for name in next(filter(None, reader), ())]
        for role, column in labels.columns.items():
            if column not in known:
                problem = f"has no column '{column}' for the {role} of a label"
                raise RecordingError(path, problem, f"labels.columns.{role}: {choices(column, known)}")
            if known.count(column) > 1:
                raise RecordingError(path, f"has {known.count(column)} columns '{column}'", "Rename one of them")
        last = reader.line_num
        for row in reader:
            last = reader.line_num
            if not row:
                continue
            if any(cell.strip() for cell in row[len(known) :]):  # a decimal comma may have moved all of its values
                problem = f"row {last}: has {len(row)} values, but there are {len(known)} columns"
                raise RecordingError(path, problem, "Put values that contain the delimiter in quotes")
            yield _interval_of_row(path, f"row {last}", dict(zip(known, row, strict=False)), labels, day)
    except csv.Error as error:
        raise RecordingError(path, f"row {last + 1}: {error}", "Correct the row") from error


def _interval_of_row(
    path: Path, where: str, row: Mapping[str, str], labels: LabelsDescription, day: date | RecordedDays | None
) -> RawInterval:
    value = {role: row.get(column, "").strip() for role, column in labels.columns.items()}
    missing = [role for role in ("start", "end", "activity", "subject") if role in value and not value[role]]
    if missing:
        raise RecordingError(path, f"{where}: no {' and no '.join(missing)}", "Complete the row, or remove it")
    for role in ("start", "end"):
        if labels.decimal == ",":
            value[role] = value[role].replace(",", ".")
        elif labels.time.unit != "iso" and COMMA.fullmatch(value[role]):
            problem = f"{where}: the {role} '{value[role]}' has a decimal comma"
            raise RecordingError(path, problem, 'Add `decimal: ","` to labels in the description')
    on = partial(_on_day, path, where, value, labels)
    subject = value.get("subject") or None
    without_date = not value.get("date") and any(is_time_of_day(value[role]) for role in ("start", "end"))
    if isinstance(day, RecordedDays) and without_date and labels.time.unit == "iso" and not labels.time.relative:
        day = day.choose(subject, on, partial(_ambiguous, path, f"{where}: {value['start']} to {value['end']}"))
    start, end = on(None if isinstance(day, RecordedDays) else day)
    return RawInterval(start, end, value["activity"], subject, labels.time.relative, where)


def _on_day(
    path: Path, where: str, value: Mapping[str, str], labels: LabelsDescription, day: date | None
) -> tuple[int, int]:
    """Start and end of a row, whose times are of the day if they have no date."""
    dated = value.get("date") or (day.isoformat() if day else None)
    refuse = partial(_refused, path, where)
    start, end = (instant(value[role], labels.time, dated, partial(refuse, role)) for role in ("start", "end"))
    if end < start and dated is not None and not labels.time.relative and is_time_of_day(value["end"]):
        try:
            tomorrow = date.fromisoformat(dated) + timedelta(days=1)  # of 23 or 25 hours where the clock is changed
        except OverflowError:
            raise refuse("end", f"'{value['end']}' is after the last day, {dated}") from None
        later = instant(value["end"], labels.time, tomorrow.isoformat(), partial(refuse, "end"))
        end = later if later - start < NIGHT else end
    return start, end


def _ambiguous(path: Path, where: str, problem: str) -> RecordingError:
    return RecordingError(path, f"{where} {problem}", "Write the date before the time, or add a column of dates")


def _elan(path: Path, labels: LabelsDescription, day: date | RecordedDays | None) -> Iterator[RawInterval]:
    text = utf8_text(path, partial(RecordingError, path))
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise RecordingError(path, "declares XML entities, which ELAN does not write", "Save it in ELAN again")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise RecordingError(path, f"is not readable as XML ({error})", "Save it in ELAN again") from error
    header = root.find("HEADER")
    unit = "milliseconds" if header is None else header.get("TIME_UNITS", "milliseconds")
    if unit != "milliseconds":
        raise RecordingError(path, f"has times in {unit}", "Save it in ELAN with times in milliseconds")
    tiers = {tier.get("TIER_ID", ""): tier for tier in root.iter("TIER")}
    for name in labels.tier:
        if name not in tiers:
            raise RecordingError(path, f"has no tier '{name}'", f"labels.tier: {choices(name, tiers)}")
    slots = {slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
    others = {each.get("ANNOTATION_ID"): each for kind in (ALIGNED, REFERRING) for each in root.iter(kind)}
    for name, tier in tiers.items():
        for kind in (ALIGNED, REFERRING) if name in labels.tier else () if labels.tier else (ALIGNED,):
            for annotation in tier.iter(kind):
                yield _annotated(path, name, annotation, _aligned(annotation, others), slots)


def _aligned(
    annotation: ElementTree.Element, others: Mapping[str | None, ElementTree.Element]
) -> ElementTree.Element | None:
    """The annotation that one of a dependent tier has the times of; None if it refers to none."""
    found: ElementTree.Element | None = annotation
    for _ in others:  # as many steps as there are annotations, should they refer to each other
        if found is None or found.tag == ALIGNED:
            return found
        found = others.get(found.get("ANNOTATION_REF"))
    return found if found is not None and found.tag == ALIGNED else None


def _annotated(
    path: Path,
    tier: str,
    annotation: ElementTree.Element,
    aligned: ElementTree.Element | None,
    slots: Mapping[str | None, str | None],
) -> RawInterval:
    where = f"annotation {annotation.get('ANNOTATION_ID', '?')} of tier '{tier}'"
    if aligned is None:
        raise RecordingError(path, f"{where} refers to no annotation with times", "Save it in ELAN again")
    times = [slots.get(aligned.get(f"TIME_SLOT_REF{end}")) for end in (1, 2)]
    if not all(time is not None and time.isdecimal() for time in times):
        raise RecordingError(path, f"{where}: a time slot has no time", "Align the annotation in ELAN")
    activity = (annotation.findtext("ANNOTATION_VALUE") or "").strip()
    if not activity:
        raise RecordingError(path, f"{where}: no value", "Name the activity, or remove the annotation")
    start, end = (int(str(time)) * MILLISECOND for time in times)
    return RawInterval(start, end, activity, None, True, where)


def _label_studio(path: Path, labels: LabelsDescription, day: date | RecordedDays | None) -> Iterator[RawInterval]:
    day = day.first() if isinstance(day, RecordedDays) else day
    content = read_json(path, partial(RecordingError, path))
    tasks = Field(content, "tasks").each() if isinstance(content, list) else [Field(content, "task")]
    if len(tasks) > 1 and labels.time.relative:
        problem = f"holds {len(tasks)} tasks with relative times"
        raise RecordingError(path, problem, "Export each recording to a file of its own")
    given: set[str] = set()
    for task in tasks:
        try:
            named = named_in(task["data"].mapping()) if "data" in task.mapping() else ()
            results = _annotation(task)
            given |= {str(each.mapping().get("from_name")) for each in results}
            yield from (each._replace(task=named) for each in _labelled(path, results, labels, day))
        except ValueError as error:
            remedy = "Export it as JSON (not JSON-MIN), with one annotation per task or one marked as ground truth"
            raise RecordingError(path, str(error), remedy) from error
    if given and labels.tier and given.isdisjoint(labels.tier):  # an export names only those that have labels
        name = labels.tier[0]
        raise RecordingError(path, f"has no labels from '{name}'", f"labels.tier: {choices(name, sorted(given))}")


def _annotation(task: Field) -> list[Field]:
    """Labels of a task's annotation: the only one, or that which is marked as ground truth."""
    given = [each for each in task["annotations"].each() if not each.mapping().get("was_cancelled")]
    chosen = [each for each in given if each.mapping().get("ground_truth")] or given
    if len(chosen) > 1:
        raise ValueError(f"{task.name}.annotations: there are {len(chosen)} annotations")
    return chosen[0]["result"].each() if chosen else []


def _labelled(
    path: Path, results: Sequence[Field], labels: LabelsDescription, day: date | None
) -> Iterator[RawInterval]:
    for result in results:
        content = result.mapping()
        if labels.tier and content.get("from_name") not in labels.tier:
            continue
        value = result["value"]
        if FRAMES in value.mapping():
            problem = f"{result.name}: labels frames of a video, which have no times"
            remedy = "Label the time series in Label Studio, or write start and end in seconds to CSV"
            raise RecordingError(path, problem, remedy)
        key = next((key for key in VALUES if key in value.mapping()), None)
        if key is None:
            continue  # a choice or a text for the whole task
        refuse = partial(_refused, path, result.name)
        dated = None if day is None else day.isoformat()
        start, end = (
            instant(str(value[role].value), labels.time, dated, partial(refuse, role)) for role in ("start", "end")
        )
        names = value[key].each()
        value[key].require(len(names) == 1, "a list of one activity")
        yield RawInterval(start, end, names[0].text(), None, labels.time.relative, result.name)


def _refused(path: Path, where: str, role: str, problem: str) -> RecordingError:
    return RecordingError(path, f"{where}: the {role} {problem}", "Correct it, or labels.time in the description")
