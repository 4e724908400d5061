"""Reads and checks the description of a folder of recordings."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cosmo_pl.data.streams.description import (
    ACTIVITY,
    DATE,
    ESTIMATE,
    ESTIMATE_EACH,
    FORMATS,
    LABEL_FORMATS,
    SUBJECT,
    TEXT,
    UNITS,
    ClockCorrection,
    ImportDescription,
    LabelsDescription,
    PathActivity,
    StreamDescription,
    TimeDescription,
)
from cosmo_pl.data.streams.patterns import Pattern, placeholders
from cosmo_pl.data.units import canonical, factor
from cosmo_pl.errors import ConfigurationError, choices
from cosmo_pl.fields import NAME, Field
from cosmo_pl.io import read_yaml

REMEDY = "Correct the description of the import"
RANGE = r"(?:(.+)\.)?(\d+):(\d+)"
AXES = ("x", "y", "z")
AXES_OF = ("accelerometer", "gyroscope", "magnetometer")
MAX_COLUMNS = 100_000


def read_description(path: Path) -> ImportDescription:
    """Reads a description from YAML.

    Raises:
        ConfigurationError: It cannot be read or used; the message names the file and the field.
    """
    return parse_description(read_yaml(path), str(path))


def parse_description(content: Mapping[str, Any], name: str = "description") -> ImportDescription:
    """Checks a description.

    Args:
        content: The content of its YAML file.
        name: Its name in errors.

    Raises:
        ConfigurationError: It cannot be used; the message names the field.
    """
    try:
        return _description(Field(content))
    except ValueError as error:
        raise ConfigurationError(name, f"cannot be used ({error})", REMEDY) from error


def _description(given: Field) -> ImportDescription:
    keys = ("title", "sensors", "recordings", "labels", "activity", "activities", "subjects", "clocks")
    _known(given, keys)
    sensors = {}
    for name, each in given["sensors"].fields().items():
        Field(name, "name of a sensor").text(NAME, "letters, digits, - and _")
        sensors[name] = _stream(each)
    given["sensors"].require(bool(sensors), "at least one sensor")
    labels, activity = given.get("labels"), given.get("activity")
    given.require(not (labels and activity), "with either labels or activity")
    named = given.get("activities")
    activities = () if named is None else tuple(each.text(".+") for each in named.each())
    subjects = given.get("subjects")
    numbers = {} if subjects is None else {str(k): v.whole(0, 10**9) for k, v in subjects.fields().items()}
    if subjects is not None:
        subjects.require(len(set(numbers.values())) == len(numbers), "a different number for each subject")
    if named is not None:
        named.require(len(set(activities)) == len(activities), "a list of different names")
    return ImportDescription(
        given["title"].text(".+", "a name"),
        sensors,
        _recordings(given, sensors),
        None if labels is None else _labels(labels),
        None if activity is None else _activity(activity, sensors),
        activities,
        numbers,
        _clocks(given.get("clocks"), sensors),
        given.mapping(),
    )


def _known(given: Field, keys: Collection[str]) -> None:
    for key in given.mapping():
        if key not in keys:
            position = f"{given.name}.{key}" if given.name else key
            raise ValueError(f"{position} is no field of a description. {choices(str(key), keys)}")


def _stream(given: Field) -> StreamDescription:
    keys = ("files", "kind", "time", "values", "channels", "unit", "convert", "shape", "rate", "max_gap", "header")
    of_text = ("delimiter", "decimal", "comment", "skip")
    _known(given, (*keys, *of_text))
    files, kind, values = _pattern(given["files"], FORMATS), given["kind"].text("[a-z_]+", "a kind"), _values(given)
    for field in filter(None, map(given.get, of_text)):
        field.require(files.text.lower().endswith(TEXT), f"left out, as the files do not end in {' or '.join(TEXT)}")
    shape = _shape(given, len(values))
    channels = _channels(given, values, kind, images=len(shape) > 1)
    units = _per_channel(given["unit"], len(channels))
    gap, rate = given.get("max_gap"), given["rate"].number(1e-3, 1e5)
    max_gap = None if gap is None else gap.number(1 / rate, 1e6)
    header, delimiter = _header(given, values), _delimiter(given, files)
    time = _time(given["time"], placed=True, named=set(files.names))
    number = isinstance(time.column, int)
    given["time"]["column"].require(time.column not in values, "a column other than those of the values")
    given["time"]["column"].require(header or number, "the position of a column, as the files have no header")
    factors = _factors(given.get("convert"), units)
    return StreamDescription(
        *(files, kind, time, values, channels, units, factors, rate, shape, max_gap),
        *(header, delimiter, *_lines(given, delimiter)),
    )


def _pattern(given: Field, endings: Collection[str] = ()) -> Pattern:
    text = given.text(".+", "a path")
    given.require(not endings or text.lower().endswith(tuple(endings)), f"a path that ends in {', '.join(endings)}")
    try:
        return Pattern(text)
    except ValueError as error:
        raise ValueError(f"{given.name}: {error}") from error


def _values(given: Field) -> tuple[str, ...] | tuple[int, ...]:
    """Columns; a range "1:193" is the positions from 1 to 192, and "acc.0:3" the columns acc.0, acc.1 and acc.2."""
    field = given["values"]
    if isinstance(field.value, str):
        found = re.fullmatch(RANGE, field.value)
        size = int(found[3]) - int(found[2]) if found else 0
        field.require(0 < size <= MAX_COLUMNS, 'a list of columns or a range, as "1:4"')
        assert found is not None
        numbers = range(int(found[2]), int(found[3]))
        return tuple(numbers) if found[1] is None else tuple(f"{found[1]}.{number}" for number in numbers)
    each = [_column(one) for one in field.each()]
    field.require(0 < len(each) <= MAX_COLUMNS and len(set(each)) == len(each), "a list of different columns")
    field.require(len({type(one) for one in each}) == 1, "a list of either names or positions")
    return tuple(each)  # type: ignore[return-value]


def _column(given: Field) -> str | int:
    if isinstance(given.value, str):
        return given.text(".+", "a name")
    return given.whole(0, MAX_COLUMNS)


def _shape(given: Field, columns: int) -> tuple[int, ...]:
    field = given.get("shape")
    if field is None:
        return (columns,)
    shape = tuple(each.whole(1, MAX_COLUMNS) for each in field.each())
    size = shape[0] * shape[1] if len(shape) == 2 else 0
    field.require(size == columns, f"[height, width] of {columns} values")
    return shape


def _channels(given: Field, values: tuple[Any, ...], kind: str, images: bool) -> tuple[str, ...]:
    field = given.get("channels")
    if field is None and images:
        return (kind,)
    if field is None:
        numbered = isinstance(values[0], int) and kind in AXES_OF and len(values) == len(AXES)
        return AXES if numbered else tuple(map(str, values))
    names = tuple(each.text(".+", "a name") for each in field.each())
    wanted = 1 if images else len(values)
    field.require(len(set(names)) == len(names) == wanted, f"a list of {wanted} different names")
    return names


def _per_channel(given: Field, channels: int) -> tuple[str, ...]:
    """One unit for all channels, or a list of one for each, in their usual spelling."""
    if isinstance(given.value, list):
        units = tuple(canonical(each.text(".+", "a unit")) for each in given.each())
        given.require(len(units) == channels, f"one unit, or a list of {channels}")
        return units
    return (canonical(given.text(".+", "a unit")),) * channels


def _factors(given: Field | None, units: tuple[str, ...]) -> tuple[float, ...]:
    if given is None:
        return (1.0,) * len(units)
    _known(given, ("from", "factor"))
    own, recorded = given.get("factor"), given.get("from")
    given.require((own is None) != (recorded is None), "a mapping of either from or factor")
    if own is not None:
        own.require(own.number() != 0, "a factor other than 0")
        return (own.number(),) * len(units)
    assert recorded is not None
    pairs = zip(_per_channel(recorded, len(units)), units, strict=True)
    try:
        return tuple(factor(before, after) for before, after in pairs)
    except ValueError as error:
        raise ValueError(f"{recorded.name}: {error}") from error


def _header(given: Field, values: tuple[Any, ...]) -> bool:
    field = given.get("header")
    header = True if field is None else field.flag()
    given["values"].require(header or isinstance(values[0], int), "positions of columns, as the files have no header")
    return header


def _delimiter(given: Field, files: Pattern | None) -> str:
    field = given.get("delimiter")
    if field is not None:
        return field.text("(?s:.)", "one character")
    return "\t" if files is not None and files.text.lower().endswith(".tsv") else ","


def _lines(given: Field, delimiter: str) -> tuple[str, str, int]:
    """Decimal point or comma, first character of comments, and lines before the table."""
    decimal, comment, skip = (given.get(key) for key in ("decimal", "comment", "skip"))
    if decimal is not None:
        decimal.require(decimal.value in (".", ","), 'a point or a comma: "," or "."')
        decimal.require(decimal.value != delimiter, "another character than the delimiter")
    if comment is not None:
        comment.require(comment.value != delimiter, "another character than the delimiter")
    return (
        "." if decimal is None else decimal.text(),
        ""
        if comment is None
        else comment.text("[!-/:-@^-`{-~\\[\\]]", "one character that is no letter, digit or space"),
        0 if skip is None else skip.whole(0, MAX_COLUMNS),
    )


def _time(given: Field, placed: bool, named: Collection[str] = ()) -> TimeDescription:
    _known(given, ("column",) * placed + ("unit", "zone", "relative") + ("start",) * placed)
    unit = given["unit"]
    unit.require(unit.value in ("iso", *UNITS), f"one of iso, {', '.join(UNITS)}")
    relative, start, zone = given.get("relative"), given.get("start"), given.get("zone")
    counted = relative is not None and relative.flag()
    iso = counted and placed and unit.value == "iso"  # labels may be at 1:02:03 of a recording
    unit.require(not iso, f"one of {', '.join(UNITS)} of relative times")
    if start is not None:
        start.require(counted, "left out for times that are not relative")
        start.require(set(placeholders(start.text())) <= set(named), "with placeholders of files")
    if zone is not None:
        zone.require(_is_zone(zone.text()), "a zone of the tz database, as Europe/Berlin")
        zone.require(unit.value == "iso", "left out, as numbers count in UTC; with unit iso it is that of the times")
    return TimeDescription(
        unit.text(),
        _column(given["column"]) if placed else None,
        "UTC" if zone is None else zone.text(),
        counted,
        None if start is None else start.text(),
    )


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _recordings(given: Field, sensors: Mapping[str, StreamDescription]) -> str:
    """Name of a recording; by default all placeholders that the files of every sensor have."""
    patterns = [sensor.files.names for sensor in sensors.values()]
    common = [name for name in patterns[0] if all(name in names for names in patterns)]
    field = given.get("recordings")
    if field is None:
        return "_".join(f"{{{name}}}" for name in common) or "recording"
    used = placeholders(field.text(".+", "a name"))
    field.require(set(used) <= set(common), f"made from placeholders of the files of every sensor: {', '.join(common)}")
    return field.text()


def _labels(given: Field) -> LabelsDescription:
    of_csv = ("columns", "delimiter", "decimal", "comment", "skip")
    _known(given, ("files", "format", "time", "tier", "activities", *of_csv))
    kind = given["format"]
    kind.require(kind.value in LABEL_FORMATS, f"one of {', '.join(LABEL_FORMATS)}")
    for field in filter(None, map(given.get, of_csv)):
        field.require(kind.value == "csv", "left out, as the format is not csv")
    columns = _roles(given.get("columns")) if kind.value == "csv" else {}
    files, time, tier = _pattern(given["files"]), given.get("time"), given.get("tier")
    if tier is not None:
        tier.require(kind.value != "csv", "left out, as the format is csv")
    tiers: tuple[str, ...] = ()
    if tier is not None:
        several = isinstance(tier.value, list)
        tiers = tuple(each.text(".+") for each in tier.each()) if several else (tier.text(".+"),)
    delimiter = _delimiter(given, files)
    default = TimeDescription("iso") if kind.value == "csv" else TimeDescription("ms", relative=True)
    return LabelsDescription(
        files,
        kind.text(),
        columns,
        default if time is None else _time(time, placed=False),
        tiers,
        _names(given.get("activities")),
        delimiter,
        *_lines(given, delimiter),
    )


def _roles(given: Field | None) -> dict[str, str]:
    """Role to column of CSV; columns are named as their roles by default."""
    roles = ("start", "end", ACTIVITY)
    default = {role: role for role in roles}
    if given is None:
        return default
    _known(given, (*roles, SUBJECT, DATE))
    return default | {role: column.text(".+", "the name of a column") for role, column in given.fields().items()}


def _activity(given: Field, sensors: Mapping[str, StreamDescription]) -> PathActivity:
    _known(given, ("path", "names"))
    path, known = given["path"], set.intersection(*(set(sensor.files.names) for sensor in sensors.values()))
    path.require(set(placeholders(path.text(".+"))) <= known, "made from placeholders of the files of every sensor")
    return PathActivity(path.text(), _names(given.get("names")))


def _names(given: Field | None) -> dict[str, str | None]:
    found = {} if given is None else given.fields()
    return {str(raw): None if name.value is None else name.text(".+", "a name") for raw, name in found.items()}


def _clocks(given: Field | None, sensors: Mapping[str, Any]) -> Mapping[str, ClockCorrection] | str:
    if given is None:
        return {}
    if isinstance(given.value, str):
        known = given.value in (ESTIMATE, ESTIMATE_EACH)
        given.require(known, f"a mapping of sensors, '{ESTIMATE}' or '{ESTIMATE_EACH}'")
        given.require(len(sensors) > 1, "left out, as there is one sensor")
        return given.text()
    found = {}
    for name, each in given.fields().items():
        each.require(name in sensors, f"of a sensor: {', '.join(sensors)}")
        _known(each, ("offset", "drift"))
        offset, drift = each.get("offset"), each.get("drift")
        seconds = 0.0 if offset is None else offset.number(-1e6, 1e6)
        found[name] = ClockCorrection(seconds, 0.0 if drift is None else drift.number(-1e4, 1e4))
    return found
