"""Files of labels that a person gives: CSV with a recording, a time and an activity in each row."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cosmo_pl.data.identity import DatasetIdentity
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.selection import Indices
from cosmo_pl.data.split import Split
from cosmo_pl.data.streams.csv_format import COMMA
from cosmo_pl.errors import RecordingError, choices
from cosmo_pl.io import utf8_text

COLUMNS = ("recording", "activity")
TIMES = ("start", "end")
DELIMITERS = ",;\t"
LIKE_TIMES = re.compile(
    r"(start|begin|from|end|stop|until|to(?![a-z])|time).*|.*(start|begin|end|stop|time)", re.IGNORECASE
)
AMONG = "Label recordings of training subjects, or raise max_train_samples and max_train_per_class if they leave it out"
TOLERANCE = 1e-6  # seconds; starts of windows are rounded
REMEDY = "Correct the row, or remove it"


@dataclass(frozen=True)
class GivenLabel:
    """The activity of a recording, of one of its samples, or of an interval of its time.

    Args:
        recording: Name of the recording.
        activity: Name of the activity.
        start: With `end`, seconds after the start of the recording; without, the first step of one sample, as
            ``predictions.csv`` and label splits name it. None stands for all samples.
        end: Seconds after the start of the recording.
        where: The row, for errors.
    """

    recording: str
    activity: str
    start: float | None
    end: float | None
    where: str = field(compare=False)


class LabelError(RecordingError):
    """A label that cannot be used with the recordings.

    Args:
        path: File of the label.
        label: The label.
        problem: What is wrong with it.
        remedy: What to do.
        other: Label of the same file that it contradicts.
    """

    def __init__(
        self, path: Path, label: GivenLabel, problem: str, remedy: str, other: GivenLabel | None = None
    ) -> None:
        super().__init__(path, f"{label.where}: {problem}{'' if other is None else f' by {other.where}'}", remedy)
        self.parts = label, problem, remedy, other

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, *self.parts)


def read_label_file(path: Path) -> list[GivenLabel]:
    """Reads a CSV file with the columns ``recording``, ``activity`` and, optionally, ``start`` and ``end``.

    Commas, semicolons or tabs separate them; without commas between them, seconds may have decimal commas.

    Raises:
        RecordingError: It cannot be read, lacks a column, or has no row or one that cannot be used; the message names
            the row.
    """
    text = utf8_text(path, partial(RecordingError, path, remedy="Give a CSV file of labels"))
    delimiter = _delimiter(text)
    reader = csv.DictReader(io.StringIO(text), strict=True, delimiter=delimiter)
    try:
        known = list(reader.fieldnames or ())
        if missing := [name for name in COLUMNS if name not in known]:
            problem = f"has no column {' and no column '.join(missing)}"
            remedy = "Write the columns recording, start, end, activity, with commas, semicolons or tabs between them"
            raise RecordingError(path, problem, remedy)
        if times := [name for name in known if name not in TIMES and LIKE_TIMES.fullmatch(name)]:
            problem = f"has a column '{times[0]}', which would be ignored, so that whole recordings would be labelled"
            raise RecordingError(path, problem, "Name the columns of seconds start and end")
        found = [_label(path, f"row {reader.line_num}", row, delimiter) for row in reader]
    except csv.Error as error:
        raise RecordingError(path, f"row {reader.line_num + 1}: {error}", REMEDY) from error
    if not found:
        raise RecordingError(path, "holds no label", "Write a row for each")
    return found


def _delimiter(text: str) -> str:
    """The delimiter by which the first row has the columns that a file needs; a comma if there is none."""
    first = next(iter(text.splitlines()), "")
    cells = {each: {cell.strip().strip('"') for cell in first.split(each)} for each in DELIMITERS}
    return next((each for each, found in cells.items() if set(COLUMNS) <= found), ",")


def _label(path: Path, where: str, row: Mapping[str, str | None], delimiter: str) -> GivenLabel:
    surplus: Any = row.get(None)  # type: ignore[call-overload]
    if any(value.strip() for value in surplus or ()):  # a decimal comma may have moved all of its values
        raise RecordingError(path, f"{where}: has more values than there are columns", "Write seconds, as in 12.5")
    text = {name: (row.get(name) or "").strip() for name in (*COLUMNS, *TIMES)}
    if delimiter != ",":
        text |= {name: text[name].replace(",", ".") for name in TIMES if COMMA.fullmatch(text[name])}
    if not text["recording"] or not text["activity"]:
        raise RecordingError(path, f"{where}: no recording or no activity", REMEDY)
    try:
        start, end = (float(text[name]) if text[name] else None for name in TIMES)
    except ValueError as error:
        raise RecordingError(path, f"{where}: {error}", "Write seconds, as in 12.5") from error
    if not all(time is None or math.isfinite(time) for time in (start, end)):
        raise RecordingError(path, f"{where}: a time is not finite", REMEDY)
    if end is not None and (start is None or end <= start):
        raise RecordingError(path, f"{where}: the end is not after the start", REMEDY)
    return GivenLabel(text["recording"], text["activity"], start, end, where)


def with_label_file(data: DatasetIdentity, samples: Samples, split: Split, path: Path) -> tuple[Samples, Split]:
    """Adds the labels of a file to the labelled training samples.

    An interval labels the samples that lie in it as a whole; those at its borders stay as they are.

    Args:
        data: The dataset.
        samples: All samples of the dataset.
        split: Their split without the file.
        path: The file.

    Returns:
        The samples and their split, in which those of the file are labelled.

    Raises:
        LabelError: An activity or recording is unknown, a label has no sample or one that is not trained on, or
            contradicts another label; the message names the row.
        RecordingError: See `read_label_file`.
    """
    label = samples.label.copy()
    origin: dict[int, GivenLabel] = {}
    for each in read_label_file(path):
        refuse = partial(LabelError, path, each)
        if each.activity not in data.class_names:
            known = choices(each.activity, data.class_names)
            remedy = f"{known}; `activities` in the description of an import adds others"
            raise refuse(f"unknown activity '{each.activity}'", remedy)
        number = data.class_names.index(each.activity)
        for row in _rows(data, samples, each, path).tolist():
            if label[row] not in (-1, number):
                known, other = data.class_names[label[row]], origin.get(row)
                problem = f"'{each.activity}' for a sample of '{each.recording}' that is '{known}'"
                raise refuse(problem if other else f"{problem} in the recordings", REMEDY, other)
            label[row] = number
            origin[row] = each
    rows = np.array(sorted(origin), dtype=np.int64)
    trained = np.union1d(split.labeled, split.unlabeled)
    if len(others := np.setdiff1d(rows, trained)):
        problem = f"'{samples.recording[others[0]]}' is not among the training samples"
        raise LabelError(path, origin[int(others[0])], problem, AMONG)
    return replace(samples, label=label), split.with_labels(rows)


def _rows(data: DatasetIdentity, samples: Samples, given: GivenLabel, path: Path) -> Indices:
    """Indices of the samples that a label names."""
    rows = np.flatnonzero(samples.recording == given.recording)
    if not len(rows):
        known = sorted(set(samples.recording.tolist()))
        raise LabelError(path, given, f"there is no recording '{given.recording}'", choices(given.recording, known))
    if given.start is None:
        return rows
    start = samples.start[rows]
    if given.end is None:
        found: Indices = rows[start == given.start]
        nearest = int(start[np.abs(start - given.start).argmin()])
        problem = f"'{given.recording}' has no sample that begins at step {given.start:g}, the nearest at {nearest}"
        remedy = "Take it from `cosmo-pl data suggest` or predictions.csv, or give an end as well: seconds"
    elif data.window_seconds is None or data.step_seconds is None:
        problem = f"an interval, and {data.title} has clips of different lengths"
        raise LabelError(path, given, problem, "Leave start and end empty, to label the whole clip")
    else:
        begin = start * data.step_seconds
        stop = begin + data.window_seconds
        found = rows[(begin >= given.start - TOLERANCE) & (stop <= given.end + TOLERANCE)]
        times = f"{begin.min():g} to {stop.max():g} s"
        problem = f"no sample of '{given.recording}' lies within {given.start:g} to {given.end:g} s"
        remedy = f"Samples of {data.window_seconds:g} s were recorded from {times}"
    if not len(found):
        raise LabelError(path, given, problem, remedy)
    return found
