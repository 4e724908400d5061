"""What a modality measures, by which encoders of one dataset are matched to the sensors of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

ACCELERATIONS = {"g", "m/s2", "m/s^2", "m/s²"}
ANGULAR_RATES = {"deg/s", "°/s", "dps", "rad/s"}


@dataclass(frozen=True)
class SensorDescription:
    """A sensor as its samples reach the encoders.

    Args:
        kind: What it is: "accelerometer", "gyroscope", "inertial", "skeleton", "depth", "pressure", "radar", "series".
        channels: Names of its channels, as ("x", "y", "z").
        units: Unit of each channel.
        rate: Frames per second; None if clips are stretched to a fixed number of frames, so that it varies.
    """

    kind: str
    channels: tuple[str, ...]
    units: tuple[str, ...]
    rate: float | None

    def __str__(self) -> str:
        return (
            f"{self.kind} ({' '.join(self.channels)}) in {_unit(self.units) or 'unknown units'}, {_frames(self.rate)}"
        )

    @classmethod
    def read(cls, described: Mapping[str, Any]) -> SensorDescription:
        """Restores what `dataclasses.asdict` made of one, lists for tuples included."""
        channels, units = tuple(described["channels"]), tuple(described["units"])
        return cls(described["kind"], channels, units, described["rate"])

    def differences(self, other: SensorDescription) -> list[str]:
        """What differs from another sensor, as "unit m/s2, not g"; empty if an encoder of one suits the other."""
        pairs = {
            "kind": (self.kind, other.kind),
            "channels": (" ".join(self.channels), " ".join(other.channels)),
            "unit": (_unit(self.units), _unit(other.units)),
            "rate": (_frames(self.rate), _frames(other.rate)),
        }
        return [f"{name} {mine}, not {theirs}" for name, (mine, theirs) in pairs.items() if mine != theirs]


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


def _unit(units: Sequence[str]) -> str:
    return " ".join(dict.fromkeys(units))


def _frames(rate: float | None) -> str:
    return "varying" if rate is None else f"{rate:g} Hz"


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
