"""What a modality measures, by which encoders of one dataset are matched to the sensors of another."""

from __future__ import annotations

from dataclasses import dataclass


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
