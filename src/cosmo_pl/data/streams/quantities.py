"""Columns of one file that are of several quantities, each of which is a sensor, and units in a row of their own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from cosmo_pl.data.streams.columns import AXES, IMAGE_COLUMNS, kind_of
from cosmo_pl.data.streams.header_units import header_unit, kind_of_unit, unit_of_time
from cosmo_pl.data.streams.measured import Stream

SHORT = {"accelerometer": "acc", "gyroscope": "gyr", "magnetometer": "mag"}
OTHERS = "others"


def by_quantity(stream: Stream, taken: Collection[str] = ()) -> list[Stream]:
    """A sensor for each quantity that three or more columns have by their names or by the units in them.

    Args:
        stream: All columns of a file.
        taken: Names of other sensors.

    Returns:
        The sensors in the order of the columns, and one of all other columns; `stream` if it has one quantity.
    """
    kinds = [_quantity(str(name)) for name in stream.named]
    columns = {kind: [n for n, each in enumerate(kinds) if each == kind] for kind in dict.fromkeys(kinds) if kind}
    columns = {kind: those for kind, those in columns.items() if len(those) >= AXES}
    if len(columns) < 2 or len(kinds) >= IMAGE_COLUMNS:
        return [stream]
    found = {SHORT[kind]: those for kind, those in columns.items()}
    if others := [n for n in range(len(kinds)) if not any(n in those for those in found.values())]:
        found[OTHERS] = others
    parts = [_part(stream, name, those, taken) for name, those in found.items()]
    return [parts[0], *(replace(each, left_out={}) for each in parts[1:])]  # which is said once


def _quantity(name: str) -> str | None:
    """The kind of sensor that a column is of, by its name or else by its unit; None for one that is not in `SHORT`."""
    unit, kind = header_unit(name), kind_of(name)
    if kind not in SHORT and unit is not None:
        kind = kind_of_unit(unit)
    return kind if kind in SHORT else None


def _part(stream: Stream, name: str, columns: list[int], taken: Collection[str]) -> Stream:
    """Some columns as a sensor of their own."""
    name = f"{stream.name}_{name}"
    while name in taken:
        name += "_"
    channels, units = (tuple(each[n] for n in columns if each) for each in (stream.channels, stream.units))
    values = [stream.values[n] for n in columns]
    return replace(stream, name=name, values=values, channels=channels, units=units, shared=True)


def with_row_of_units(stream: Stream) -> Stream:
    """The sensor with the units of a row below the names of its columns, which are then described by positions."""
    head, time = stream.heads[0], stream.time
    if not head.units:
        return stream
    position = {column: n for n, column in enumerate(head.columns)}
    units = dict(zip(head.columns, head.units, strict=True))
    stated = unit_of_time(units[time.column])
    if time.relative and stated:
        time = replace(time, unit=stated, reason="the row of units states it; it counts from the start")
    return replace(
        stream,
        heads=tuple(each.by_position() if each.header else each for each in stream.heads),
        time=replace(time, column=position[time.column]),
        values=[position[column] for column in stream.values],
        channels=tuple(map(str, stream.values)) if head.header else (),
        units=tuple(units[column].strip("[](){}") for column in stream.values),
    )
