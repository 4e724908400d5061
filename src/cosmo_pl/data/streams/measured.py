"""What the columns of a drafted sensor measure: kind, units, and shape of images."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.streams import columns as guess
from cosmo_pl.data.streams.columns import TimeGuess
from cosmo_pl.data.streams.grouping import Group
from cosmo_pl.data.streams.header_units import header_unit, kind_of_unit
from cosmo_pl.data.streams.heads import Head

RAW = "raw"


@dataclass(frozen=True)
class Stream:
    """A sensor whose columns were recognised.

    Args:
        name: Its name.
        group: Its files.
        heads: First rows of some of them.
        time: Their column of time.
        values: Their columns of values.
        left_out: Other columns, with the reason.
        shared: Whether other columns of its files are other sensors.
        channels: Names of the columns of values, where these are described by positions because of a row of units.
        units: Their units in that row.
    """

    name: str
    group: Group
    heads: tuple[Head, ...]
    time: TimeGuess
    values: list[Any]
    left_out: dict[str | int, str]
    shared: bool = False
    channels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    @property
    def named(self) -> list[Any]:
        """What each column of values is known by: its name, with its unit if that is in a row, or its position."""
        if not self.units:
            return self.values
        return [f"{name} ({unit})" for name, unit in zip(self.channels or self.values, self.units, strict=True)]


def measured(stream: Stream) -> tuple[str, list[str], list[str], tuple[int, int] | str | None]:
    """Kind, units, reasons for the kind and for the units, and shape of images or what it may be."""
    path, values = f"{stream.group.pattern.text} {stream.name}", stream.values
    rows = np.concatenate([np.stack([head.numbers(column) for column in values], 1) for head in stream.heads])
    shape, which = guess.shape_of(path, len(values))
    if len(values) >= guess.IMAGE_COLUMNS or (shape and len(values) > 9):
        stated = guess.kind_of(path)
        low, high = np.nanmin(rows), np.nanmax(rows)
        scale = "1" if low >= 0 and 0 < high <= 1 else RAW
        reason = f"values are from {low:g} to {high:g}"
        why = "the name says so" if stated else "no name says more"
        return stated or "series", [scale], [why, reason], shape or f"one of {which}"
    kinds, units, reasons = list[str](), list[str](), list[str]()
    of_path = guess.kind_of(path) if len(values) <= 3 and not stream.shared else None  # else it may name the others
    for number, axes in enumerate(guess.named_axes(stream.named)):
        part = rows[:, len(units) : len(units) + len(axes)]
        named = guess.kind_of(" ".join(map(str, axes))) or of_path
        in_header = [header_unit(column, named) for column in axes]
        stated_kinds = {kind_of_unit(unit) if unit else None for unit in in_header}
        kind, why = (named, "the name says so") if named else _kind(stated_kinds, part, kinds)
        unit, reason = guess.unit_of(kind, part) if len(axes) == 3 else (None, "")
        kinds.append(kind)
        units += [each or unit or RAW for each in in_header]
        reasons += [why] * (number == 0) + [_reason(in_header, unit, reason)] * bool(reason or any(in_header))
    inertial = len(kinds) > 1 and set(kinds) <= {"accelerometer", "gyroscope", "magnetometer"}
    whole = kinds[0] if len(set(kinds)) == 1 else "inertial" if inertial else "series"
    return whole, units, reasons, None


def _kind(stated_kinds: Set[str | None], values: NDArray[np.float64], before: Sequence[str]) -> tuple[str, str]:
    """Kind of axes without a telling name, and the reason.

    Args:
        stated_kinds: Kinds of sensors that measure in the units of their headers; None for a header without one.
        values: Their values (N, axes).
        before: Kinds of the axes before them in the same file.
    """
    if len(stated_kinds) == 1 and (stated := next(iter(stated_kinds))) is not None:
        return stated, "the unit in the header says so"
    if values.shape[1] == 3 and guess.is_gravity(values):
        return "accelerometer", "its vectors are about as long as gravity"
    if values.shape[1] == 3 and before == ["accelerometer"]:
        return "gyroscope", "it follows an accelerometer in the same file"
    return "series", "no name says more"


def _reason(stated: Sequence[str | None], guessed: str | None, reason: str) -> str:
    """Where the unit of three axes comes from."""
    headers = list(dict.fromkeys(unit for unit in stated if unit))
    if not headers:
        return f"guessed by size: {reason}" if guessed else reason
    unlike = guessed and guessed not in headers and kind_of_unit(guessed) == "accelerometer"
    doubt = f", but {reason}, as in {guessed}: check it" if unlike else ""
    return f"the header states {', '.join(headers)}{doubt}"
