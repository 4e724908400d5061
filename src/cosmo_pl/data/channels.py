"""Groups of channels, and what the modalities of a dataset measure, from the units of their channels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from cosmo_pl.data.units import quantity
from cosmo_pl.sensors import SensorDescription

KINDS: dict[frozenset[str | None], str] = {
    frozenset({"acceleration"}): "accelerometer",
    frozenset({"angular velocity"}): "gyroscope",
    frozenset({"acceleration", "angular velocity"}): "inertial",
}
"""What is measured to the kind of a sensor."""


def described_sensor(
    groups: Sequence[Sequence[int]], units: Sequence[str], kind: str | None, rate: float | None
) -> SensorDescription:
    """The description of a modality by what a dataset says of it.

    Args:
        groups: Its groups of channels, see `DatasetIdentity.channel_groups`.
        units: Unit of each group; empty where they are unknown.
        kind: Its kind; None derives it from the units: accelerations, angular rates, both ("inertial"), else "series".
        rate: Frames per second; None if it varies or is unknown.

    Returns:
        Its description. Channels whose number is a multiple of three are x, y and z, others c0, c1, ...
    """
    count = sum(map(len, groups))
    of_group = units or ("",) * len(groups)
    by_channel = {channel: unit for group, unit in zip(groups, of_group, strict=True) for channel in group}
    names = tuple("xyz"[channel % 3] if count % 3 == 0 else f"c{channel}" for channel in range(count))
    usual = KINDS.get(frozenset(quantity(unit) for unit in units), "series")
    return SensorDescription(kind or usual, names, tuple(by_channel[c] for c in range(count)), rate)


def groups_of(units: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """Channels that share normalisation statistics: at most three adjacent ones of the same unit, as x, y, z.

    Args:
        units: Unit of each channel.

    Examples:
        >>> groups_of(["g", "g", "g", "deg/s", "deg/s", "deg/s"])
        ((0, 1, 2), (3, 4, 5))
    """
    runs = [list(run) for _, run in groupby(range(len(units)), key=lambda channel: units[channel])]
    return tuple(tuple(run[i : i + 3]) for run in runs for i in range(0, len(run), 3))


def units_of_groups(units: Sequence[str]) -> tuple[str, ...]:
    """Unit of each of the groups of `groups_of`."""
    return tuple(units[group[0]] for group in groups_of(units))
