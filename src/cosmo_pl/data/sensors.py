"""What a modality measures, by which encoders of one dataset are matched to the sensors of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby


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

    def differences(self, other: SensorDescription) -> list[str]:
        """What differs from another sensor, as "unit m/s2, not g"; empty if an encoder of one suits the other."""
        pairs = {
            "kind": (self.kind, other.kind),
            "channels": (" ".join(self.channels), " ".join(other.channels)),
            "unit": (" ".join(dict.fromkeys(self.units)), " ".join(dict.fromkeys(other.units))),
            "rate": (_described(self.rate), _described(other.rate)),
        }
        return [f"{name} {mine}, not {theirs}" for name, (mine, theirs) in pairs.items() if mine != theirs]


def _described(rate: float | None) -> str:
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
