"""What the modalities of a dataset measure, from the units of their channels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from cosmo_pl.sensors import SensorDescription

__all__ = ["SensorDescription", "described_sensor", "groups_of"]

ACCELERATIONS = {"g", "m/s2", "m/s^2", "m/s²"}
ANGULAR_RATES = {"deg/s", "°/s", "dps", "rad/s"}


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
    return SensorDescription(kind or _kind(set(units)), names, tuple(by_channel[c] for c in range(count)), rate)


def _kind(units: set[str]) -> str:
    if units and units <= ACCELERATIONS | ANGULAR_RATES:
        both = bool(units & ACCELERATIONS) and bool(units & ANGULAR_RATES)
        return "inertial" if both else "accelerometer" if units & ACCELERATIONS else "gyroscope"
    return "series"


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
