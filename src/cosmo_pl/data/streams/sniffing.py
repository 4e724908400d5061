"""Drafts the description of a folder of recordings from the first rows of its files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from cosmo_pl.data.selection import evenly_spaced
from cosmo_pl.data.streams import columns as guess
from cosmo_pl.data.streams.csv_format import common_format
from cosmo_pl.data.streams.description import ACTIVITY, DESCRIPTION, FORMATS, SUBJECT, ImportDescription
from cosmo_pl.data.streams.draft import Draft, add_format
from cosmo_pl.data.streams.encodings import ONE_BYTE
from cosmo_pl.data.streams.grouping import Group, groups_of_files
from cosmo_pl.data.streams.heads import files_of, read_head
from cosmo_pl.data.streams.label_guess import FORMAT_OF, LabelGuess, label_guess
from cosmo_pl.data.streams.measured import RAW, Stream, measured
from cosmo_pl.data.streams.no_stream import no_numbers, no_time
from cosmo_pl.data.streams.quantities import by_quantity, with_row_of_units
from cosmo_pl.data.streams.reading_description import parse_description
from cosmo_pl.data.streams.row_columns import BY_HAND, SHOWN, several_persons
from cosmo_pl.data.streams.source import Source, open_source
from cosmo_pl.data.streams.zones import label_zone, zones_of
from cosmo_pl.errors import ConfigurationError, RecordingError
from cosmo_pl.io import user_path, write_whole

FILES = 24  # of a sensor, of which the first rows are read
SLOWEST = 0.001  # Hz that a description can state
SEVERAL = "columns of several quantities can be sensors of their own, with the same files and other values"
NO_PATTERN = set("{}\\")  # characters of a path that a pattern cannot have


@dataclass(frozen=True)
class Sniffed:
    """A drafted description.

    Args:
        text: Its YAML.
        assumed: What was assumed.
        unknown: What could not be known.
        description: The YAML as it is read.
    """

    text: str
    assumed: tuple[str, ...]
    unknown: tuple[str, ...]
    description: ImportDescription


def write_description(folder: Path, out: Path | None = None) -> tuple[Path, Sniffed]:
    """Drafts the description of a folder and writes it.

    Args:
        folder: Folder or ZIP archive of the recordings.
        out: File to write; by default ``streams.yaml`` in the folder.

    Returns:
        The file, and what it holds.

    Raises:
        RecordingError: There is neither a folder nor an archive.
        ConfigurationError: The file exists, or there are no files that can be described.
    """
    if out is None and folder.suffix.lower() == ".zip" and folder.is_file():
        raise ConfigurationError("out", "is needed for an archive", "Give the file to write")
    path = folder / DESCRIPTION if out is None else out
    if path.exists() or path.is_symlink():
        raise ConfigurationError("out", f"'{path}' exists", "Move it elsewhere, or give another file")
    found = sniff(folder)
    write_whole(path, found.text)
    return path, found


def sniff(folder: str | Path) -> Sniffed:
    """Drafts the description of a folder, or of a ZIP archive, from the first rows of its files.

    Args:
        folder: The folder.

    Returns:
        The description, and its text with what was assumed.

    Raises:
        RecordingError: There is neither a folder nor an archive.
        ConfigurationError: It has no files that can be described.
    """
    with TemporaryDirectory() as scratch:
        return _sniff(open_source(user_path(folder)), Path(scratch))


def _sniff(source: Source, scratch: Path) -> Sniffed:
    draft, folder = Draft(), source.path
    odd = [name for name in files_of(source) if NO_PATTERN & set(name)]
    if odd:
        draft.unknown.append(f"'{odd[0]}': no pattern has braces or backslashes; {len(odd)} such files are left out")
    usual = [name for name in files_of(source, tuple(FORMAT_OF)) if not NO_PATTERN & set(name)]
    guesses = {name: label_guess(source, name, scratch) for name in usual}
    marks = {name: found for name, found in guesses.items() if found is not None}
    names = [name for name in files_of(source) if name not in marks and name not in odd]
    if not names:
        problem = f"'{folder}' holds no {', '.join(FORMATS)}{' of a usual name' * bool(odd)}"
        remedy = f"Rename files as '{odd[0]}'" if odd else "Give the folder of the recordings"
        raise ConfigurationError("folder", problem, remedy)
    subjects = {name for found in marks.values() for name in found.subjects}
    groups = groups_of_files(names, lambda name: _signature(source, name), bool(marks), subjects=subjects)
    streams = _streams(source, groups, draft)
    if not streams:
        reasons = "; ".join(draft.unknown)
        raise ConfigurationError("folder", f"no file of '{folder}' has a time and values ({reasons})", "Correct them")
    _head(folder, streams, draft)
    zones = zones_of({each.name: (each.group, each.heads, each.time) for each in streams}, source)
    for stream in streams:
        _sensor(stream, zones.get(stream.name), draft)
    unzoned = [
        each.name for each in streams if each.time.unit == "iso" and not each.time.zoned and each.name not in zones
    ]
    if unzoned:
        draft.unknown.append(f"{', '.join(unzoned)}: the zone of their times; for local time add zone: Europe/Berlin")
    if marks:
        known = {name: set(each.group.values(name)) for each in streams for name in each.group.pattern.names}
        _labels(source, scratch, marks, known, streams, draft)
    else:
        _activity(streams, draft)
    _numbers(streams, draft)
    description = parse_description(yaml.safe_load(draft.text), "the drafted description")
    return Sniffed(draft.text, tuple(draft.assumed), tuple(draft.unknown), description)


def _signature(source: Source, name: str) -> tuple[Any, ...] | None:
    try:
        head = read_head(source, name)
    except RecordingError:
        return None
    return len(head.columns), head.columns if head.header else ()


def _streams(source: Source, groups: Sequence[Group], draft: Draft) -> list[Stream]:
    found: list[Stream] = []
    for group in groups:
        if group.unclear:
            draft.unknown.append(f"{_unclear(group)}; these files are left out")
            continue
        heads = []
        for path in (group.paths[i] for i in evenly_spaced(len(group.paths), FILES)):
            try:
                heads.append(read_head(source, path))
            except RecordingError as error:
                draft.unknown.append(str(error))
        heads.sort(key=lambda head: guess.time_of([head]) is None)  # a damaged file says nothing about the others
        time = guess.time_of(heads) if heads else None
        alike = tuple(head for head in heads if head.columns == heads[0].columns)
        if len(alike) < len(heads):
            other = next(head.path for head in heads if head.columns != heads[0].columns)
            draft.unknown.append(f"{group.pattern.text}: '{other}' has other columns than '{heads[0].path}'")
        if time is None:
            draft.unknown.append(f"{group.pattern.text}: {no_time(heads)}; these files are left out")
            continue
        values, left_out = guess.values_of(alike, time)
        if alike[0].header_lines and _are_no_names(time.column, *values):
            alike = tuple(head.by_position() for head in alike)
            time = guess.time_of(alike) or time
            values, left_out = guess.values_of(alike, time)
        if not values:
            draft.unknown.append(f"{group.pattern.text}: {no_numbers(heads)}; these files are left out")
            continue
        taken = sum(each.name.rstrip("0123456789_") == group.name for each in found)
        name = f"{group.name}_{taken + 1}" if taken else group.name
        stream = with_row_of_units(Stream(name, group, alike, time, values, left_out))
        if guess.rate_of(stream.heads, stream.time)[0] < SLOWEST:
            draft.unknown.append(
                f"{group.pattern.text}: fewer samples than {SLOWEST:g} per second; these files are left out"
            )
            continue
        found.append(stream)
    names = {each.name for each in found}
    return [part for each in found for part in by_quantity(each, names)]


def _are_no_names(*columns: str | int) -> bool:
    """Whether columns cannot be named by their header, as one is empty or several are equal."""
    return "" in columns or len(set(columns)) < len(columns)


def _unclear(group: Group) -> str:
    """That a pattern divides a path elsewhere than its words and numbers do, and the remedy."""
    values = group.pattern.match(group.unclear[0])
    remedy = "separate the parts of its name by a character that is in none of them"
    return f"{group.pattern.text}: '{group.unclear[0]}' would have {values}: {remedy}"


def _head(folder: Path, streams: Sequence[Stream], draft: Draft) -> None:
    draft.lines.append("# Drafted by `cosmo-pl data sniff`. Check every line that has a comment.")
    draft.add("title", folder.resolve().stem or "Recordings")
    common = set.intersection(*(set(each.group.pattern.names) for each in streams))
    guessed = sorted({name for each in streams for name in each.group.guessed})
    if guessed:
        draft.assumed.append(
            f"{', '.join(f'{{{name}}}' for name in guessed)}: by position, no word of the paths says so"
        )
    if question := _persons_or_sessions(streams):
        draft.unknown.append(question)
    if SUBJECT not in common:
        draft.unknown.append("{subject}: no part of the paths of all sensors differs between persons")


def _persons_or_sessions(streams: Sequence[Stream]) -> str:
    """Whether names that are subjects by their position alone are persons; empty where they have the numbers of ids."""
    guessed = [each.group for each in streams if SUBJECT in each.group.guessed]
    names = sorted({name for group in guessed for name in group.values(SUBJECT)})
    if len(names) < 2 or all(any(map(str.isdigit, name)) for name in names):
        return ""
    shown = ", ".join(f"'{name}'" for name in names[:SHOWN]) + ", ..." * (len(names) > SHOWN)
    return (
        f"{{subject}}: whether {shown} are persons: if they are sessions of one person, write {{session}} in all files"
    )


def _matching(count: int) -> str:
    return f"{count} files match it" if count > 1 else "one file matches it"


def _sensor(stream: Stream, zone: tuple[str, str] | None, draft: Draft) -> None:
    group, head, time = stream.group, stream.heads[0], stream.time
    draft.within("sensors", stream.name)
    shared = "; sensors of other quantities are in the same files" * stream.shared
    draft.add("files", group.pattern.text, _matching(len(group.paths)) + shared)
    kind, units, reasons, shape = measured(stream)
    draft.add("kind", kind, reasons[0])
    fields: dict[str, Any] = {"column": time.column, "unit": time.unit}
    fields |= {"relative": True} if time.relative else {}
    fields |= {"zone": zone[0]} if zone else {}
    naive = time.unit == "iso" and not time.zoned
    draft.add("time", fields, "; ".join([time.reason, *(zone[1:] if zone else ["in UTC"] * naive)]))
    if time.relative:
        draft.unknown.append(f"{stream.name}.time: when it was 0; without start, all sensors start together")
    numbers = stream.values
    whole = isinstance(numbers[0], int) and len(numbers) > 3 and numbers == [*range(numbers[0], numbers[-1] + 1)]
    left = [f"without {column}, {reason}" for column, reason in stream.left_out.items()]
    left += [SEVERAL] * (guess.AXES < len(numbers) < guess.IMAGE_COLUMNS and not stream.shared and not shape)
    draft.add(
        "values", f"{numbers[0]}:{numbers[-1] + 1}" if whole else numbers, "; ".join(left), several_persons(stream)
    )
    if stream.channels and len(set(stream.channels)) == len(stream.channels) and "" not in stream.channels:
        draft.add("channels", list(stream.channels))
    unknown = "the unit is not known: replace raw" if RAW in units else ""
    draft.add("unit", units[0] if len(set(units)) == 1 else units, "; ".join(reasons[1:]), unknown)
    if isinstance(shape, tuple):
        draft.add("shape", list(shape), f"{len(numbers)} columns; the name or the aspect of cameras says it")
    elif shape:
        draft.lines.append(f"    # shape: {shape}")
        draft.unknown.append(f"{stream.name}.shape: if its {len(numbers)} values are an image, add shape: {shape}")
    rate, median = guess.rate_of(stream.heads, time)
    draft.add("rate", int(rate) if rate == int(rate) else rate, f"the median is {median:.4g} Hz")
    if not head.header and head.path.suffix.lower() in (".csv", ".tsv"):
        why = "the row after those of names and units" if stream.channels else "the first row"
        draft.add("header", False, f"{why} has values")
    add_format({str(each.path): each.format for each in stream.heads}, draft)


def _labels(
    source: Source,
    scratch: Path,
    marks: dict[str, LabelGuess],
    known: dict[str, set[str]],
    streams: Sequence[Stream],
    draft: Draft,
) -> None:
    people = known.get(SUBJECT, set())
    groups = groups_of_files(list(marks), lambda path: marks[path].format, True, known, people)
    group = max(groups, key=lambda each: len(each.paths))
    for other in groups:
        if other is not group:
            draft.unknown.append(f"{other.pattern.text}: more labels; only those of {group.pattern.text} are described")
    if group.unclear:
        draft.unknown.append(_unclear(group))
    written = {path: marks[path].written for path in group.paths}
    found = replace(marks[group.paths[0]], written=common_format(list(written.values())))
    draft.within("labels")
    draft.add("files", group.pattern.text, _matching(len(group.paths)))
    draft.add("format", found.format)
    if damaged := [path for path in group.paths if marks[path].damaged]:
        draft.unknown.append(f"labels.files: '{damaged[0]}' is not UTF-8, but {ONE_BYTE}: save it as UTF-8")
    if found.columns:
        named = {name for path in group.paths for name in marks[path].subjects}
        draft.add("columns", found.columns, "their names say so", _without_path(named - people, people))
    if found.format == "csv":
        add_format(written, draft)
    zone, unknown = None, ""
    if found.absolute:
        spans = {each.name: (each.group, each.heads, each.time) for each in streams}
        zone = label_zone(source, group, found, spans, scratch)
        unknown = "" if zone else "their zone, UTC is assumed: if they are local times, add zone: Europe/Berlin"
    time = found.time | ({"zone": zone[0]} if zone else {})
    draft.add("time", time, "; ".join([found.reason, *zone[1:]] if zone else [found.reason]), unknown)


def _without_path(missing: set[str], known: set[str]) -> str:
    """That labels name subjects whose names are in no path; empty if there are none."""
    if not missing:
        return ""
    names, paths = (", ".join(f"'{name}'" for name in sorted(each)[:5]) for each in (missing, known))
    return f"no path names the subjects {names} of the labels, but {paths or 'none'}: correct the labels or files"


def _numbers(streams: Sequence[Stream], draft: Draft) -> None:
    """Numbers of subjects as in their names, P2 and P10, where the order of the alphabet gives others."""
    names = sorted({name for each in streams for name in each.group.values(SUBJECT)} - {""})
    ends = [re.search(r"\d{1,9}$", name) for name in names]
    numbers = {name: int(end[0]) for name, end in zip(names, ends, strict=True) if end}
    distinct = len(set(numbers.values())) == len(names)
    if distinct and not all(map(str.isdecimal, names)) and [*numbers.values()] != [*range(1, len(names) + 1)]:
        draft.within()
        draft.add("subjects", numbers, "the numbers in their names; add those of new subjects")


def _activity(streams: Sequence[Stream], draft: Draft) -> None:
    common = set.intersection(*(set(each.group.pattern.names) for each in streams))
    if ACTIVITY not in common:
        numbers = [name for name in sorted(common - {SUBJECT}) if all(map(str.isdigit, streams[0].group.values(name)))]
        hint = f'; if {{{numbers[0]}}} is the activity, add activity: {{path: "{{{numbers[0]}}}"}}' if numbers else ""
        in_rows = [
            f"'{column}' of {each.name}"
            for each in streams
            for column, why in each.left_out.items()
            if why == guess.IN_ROWS
        ]
        why = f"the column {in_rows[0]} names an activity in each row, which is not read: {BY_HAND}" if in_rows else ""
        why = why or "no file of labels was found; all time is unlabelled"
        draft.unknown.append(f"labels: {why}{hint}")
        return
    values = sorted(set(streams[0].group.values(ACTIVITY)))
    draft.within()
    unknown = "the names of the activities: add names" if all(map(str.isdigit, values)) else ""
    example = f', names: {{"{values[0]}": walking}}' if unknown else ""
    why = f"there are {len(values)} values and no file of labels{example}"
    draft.add(ACTIVITY, {"path": "{activity}"}, why, unknown)
