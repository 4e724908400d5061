"""Files of labels in a folder, recognised by their first rows, and how their times are written."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from cosmo_pl.data.streams.columns import ACTIVITIES, EPOCHS, PERSONS, words
from cosmo_pl.data.streams.csv_format import COMMON, CsvFormat
from cosmo_pl.data.streams.description import ACTIVITY, SUBJECT
from cosmo_pl.data.streams.encodings import REPLACED
from cosmo_pl.data.streams.heads import moment, number, read_head, text_head
from cosmo_pl.data.streams.labels import FRAMES
from cosmo_pl.data.streams.source import Source, readable
from cosmo_pl.errors import CosmoError, RecordingError
from cosmo_pl.io import read_json

ROLES = {
    "start": ("start", "begin", "begins", "from", "onset", "started", "starttime", "von", "beginn", "anfang"),
    "end": ("end", "stop", "to", "until", "finish", "ended", "ends", "endtime", "bis", "ende"),
    ACTIVITY: (*ACTIVITIES, "event", "what"),
    SUBJECT: PERSONS,
    "date": ("date", "day", "datum"),
}
FORMAT_OF = {".csv": "csv", ".tsv": "csv", ".eaf": "elan", ".json": "label_studio"}
START = 2**14  # bytes of a file by which labels are recognised
CLOCK = r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?"


@dataclass(frozen=True)
class LabelGuess:
    """How a file of labels is written.

    Args:
        format: "csv", "elan" or "label_studio".
        time: Fields of `TimeDescription`.
        reason: Why these times are assumed.
        columns: Role to column of CSV.
        written: How CSV is written.
        absolute: Whether the times are ISO times or times of day without zone.
        subjects: Names of subjects in its first rows.
        damaged: Whether its first rows have bytes that are no UTF-8, which the import refuses.
    """

    format: str
    time: dict[str, Any]
    reason: str
    columns: dict[str, str] = field(default_factory=dict)
    written: CsvFormat = COMMON
    absolute: bool = False
    subjects: frozenset[str] = frozenset()
    damaged: bool = False


def label_guess(source: Source, name: str, scratch: Path) -> LabelGuess | None:
    """How a file of labels is written; None for another file.

    Args:
        source: Folder or archive.
        name: The file.
        scratch: Folder for copies of files from an archive.
    """
    try:
        kind = FORMAT_OF.get(PurePosixPath(name).suffix.lower())
        if kind == "csv":
            return _table(source, name)
        if kind == "label_studio":
            return _label_studio(source.on_disk(name, scratch))
        return None if kind is None else LabelGuess(kind, {"unit": "ms", "relative": True}, "ELAN counts milliseconds")
    except CosmoError:
        return None


def roles_of(columns: Sequence[str | int]) -> dict[str, str]:
    """Role to the first column that is named so."""
    found: dict[str, str] = {}
    for column in map(str, columns):
        role = next((role for role, known in ROLES.items() if role not in found and words(column) & set(known)), None)
        if role is not None:
            found[role] = column
    return found


def _table(source: Source, name: str) -> LabelGuess | None:
    path = source.shown(name)
    with source.open(name) as file, readable(path):
        head = text_head(path, file, START)
    if not head.columns or not head.header or not {"start", "end", ACTIVITY} <= set(roles_of(head.columns)):
        return None  # before more of the file is read, which may be a long stream
    head = read_head(source, name)
    roles = roles_of(head.columns)
    texts = [text for text in head.texts(roles["start"]) if text]
    time, reason, absolute = _time(texts)
    subjects = frozenset(head.texts(roles[SUBJECT])) - {""} if SUBJECT in roles else frozenset[str]()
    damaged = any(REPLACED in text for row in head.rows for text in row)
    return LabelGuess("csv", time, reason, roles, head.format, absolute, subjects, damaged)


def _time(texts: Sequence[str]) -> tuple[dict[str, Any], str, bool]:
    if all(re.fullmatch(CLOCK, text) for text in texts):
        return {"unit": "iso"}, "they are times of day", True
    if all(moment(text) for text in texts):
        return {"unit": "iso"}, "they are times of ISO 8601", not any(moment(text).tzinfo for text in texts)  # type: ignore[union-attr]
    if all(math.isnan(number(text)) for text in texts):
        return {"unit": "iso"}, f"'{texts[0]}' is no number; ISO 8601 would be 2024-06-03T09:00:02", False
    largest = max(filter(math.isfinite, map(number, texts)), default=0.0)
    for unit, (low, high) in EPOCHS.items():
        if low <= largest <= high:
            return {"unit": unit}, f"numbers of this size are {unit} since 1970", False
    unit = "s" if largest < 1e5 else "ms"
    return (
        {"unit": unit, "relative": True},
        f"they are up to {largest:g}, and count from the start of a recording",
        False,
    )


def _label_studio(path: Path) -> LabelGuess | None:
    content = read_json(path, partial(RecordingError, path))
    tasks = content if isinstance(content, list) else [content]
    try:
        results = [each for task in tasks for one in task["annotations"] for each in one.get("result", ())]
        values = [each.get("value", {}) for each in results]
        starts = [str(value["start"]) for value in values if "start" in value]
        of_frames = any(FRAMES in value for value in values)
    except (AttributeError, TypeError, KeyError):  # JSON of something else
        return None
    if of_frames:
        reason = "labels of video frames have no times, so the import refuses them"
        return LabelGuess("label_studio", {"unit": "ms", "relative": True}, reason)
    if not starts:
        return None
    time, reason, absolute = _time(starts)
    return LabelGuess("label_studio", time, reason, absolute=absolute)
