"""What a modality measures, by which encoders of one dataset are matched to the sensors of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cosmo_pl.fields import Field


@dataclass(frozen=True)
class SensorDescription:
    """A sensor as its samples reach the encoders.

    Args:
        kind: What it is: "accelerometer", "gyroscope", "inertial", "skeleton", "depth", "pressure", "radar", "series".
        channels: Names of its channels, as ("x", "y", "z").
        units: Unit of each channel.
        rate: Frames per second; None if clips are stretched to a fixed number of frames, so that it varies.
        max_gap: Seconds without a sample that are a gap; None for five intervals.
        plausible: Unit to the lowest and highest plausible value; None and other units have the usual range, see
            `cosmo_pl.data.limits`.
    """

    kind: str
    channels: tuple[str, ...]
    units: tuple[str, ...]
    rate: float | None
    max_gap: float | None = None
    plausible: Mapping[str, tuple[float, float]] | None = None

    def __str__(self) -> str:
        return (
            f"{self.kind} ({' '.join(self.channels)}) in {_unit(self.units) or 'unknown units'}, {_frames(self.rate)}"
        )

    @classmethod
    def read(cls, described: Mapping[str, Any]) -> SensorDescription:
        """Restores what `dataclasses.asdict` made of one, lists for tuples included."""
        channels, units = tuple(described["channels"]), tuple(described["units"])
        max_gap, plausible = (described.get(name) for name in ("max_gap", "plausible"))  # older versions have neither
        ranges = plausible and {unit: (low, high) for unit, (low, high) in plausible.items()}
        return cls(described["kind"], channels, units, described["rate"], max_gap, ranges)

    def differences(self, other: SensorDescription) -> list[str]:
        """What differs from another sensor, as "unit m/s2, not g"; empty if an encoder of one suits the other."""
        pairs = {
            "kind": (self.kind, other.kind),
            "channels": (" ".join(self.channels), " ".join(other.channels)),
            "unit": (_unit(self.units), _unit(other.units)),
            "rate": (_frames(self.rate), _frames(other.rate)),
        }
        return [f"{name} {mine}, not {theirs}" for name, (mine, theirs) in pairs.items() if mine != theirs]


def check_limits(described: Field) -> None:
    """Checks `max_gap` and `plausible` of a stored description, which those of older versions do not have.

    Raises:
        ValueError: One cannot be used; the message names it.
    """
    if (gap := described.get("max_gap")) is not None:
        gap.number(1e-6, 1e6)
    for bounds in ({} if (ranges := described.get("plausible")) is None else ranges.fields()).values():
        ends = [each.number() for each in bounds.each()]
        bounds.require(len(ends) == 2 and ends[0] < ends[1], "the lowest and the highest value")


def _unit(units: Sequence[str]) -> str:
    return " ".join(dict.fromkeys(units))


def _frames(rate: float | None) -> str:
    return "varying" if rate is None else f"{rate:g} Hz"
