"""The grids of time that the windows of a model lie on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.constraints import PositiveFloat, check
from cosmo_pl.data.limits import ranges_of
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.exported import ExportedRecogniser
from cosmo_pl.sensors import SensorDescription

if TYPE_CHECKING:
    from cosmo_pl.recogniser import AnyRecogniser

LONGEST = 86_400.0  # seconds of a window, between two of them, and of waiting
LONGEST_GAP = 60.0  # seconds that are interpolated; twice as much is kept before each window


@dataclass(frozen=True)
class Grid:
    """The grid of a sensor.

    Args:
        steps: Frames of a window.
        shape: Shape of a frame.
        rate: Frames per second.
        sensor: What the sensor measures; None where that is unknown.
        level: Root mean square of the sensor's values in training; None where that is unknown.
    """

    steps: int
    shape: tuple[int, ...]
    rate: float
    sensor: SensorDescription | None
    level: float | None = None

    @property
    def size(self) -> int:
        """Values of a frame."""
        return math.prod(self.shape)

    @property
    def units(self) -> tuple[str, ...]:
        """Unit of each value of a frame; empty where they are unknown."""
        units = self.sensor.units if self.sensor else ()
        return units * (self.size // len(units)) if units and self.size % len(units) == 0 else ()

    @property
    def max_gap(self) -> float | None:
        """Seconds without a sample that are a gap, at most `LONGEST_GAP`; None for five intervals."""
        given = self.sensor.max_gap if self.sensor else None
        return None if given is None else min(given, LONGEST_GAP)

    def plausible(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Lowest and highest plausible value of each value of a frame (size,)."""
        ranges = ranges_of(self.units or ("",) * self.size, self.sensor.plausible if self.sensor else None)
        low, high = zip(*(bounds or (-np.inf, np.inf) for bounds in ranges), strict=True)
        return np.array(low, dtype=np.float32), np.array(high, dtype=np.float32)


def check_seconds(name: str, seconds: float) -> None:
    """Refuses more seconds than a day, which no time of samples could hold.

    Raises:
        ConfigurationError: There are more.
    """
    if seconds > LONGEST:
        raise ConfigurationError(name, f"is {seconds:g} s, more than a day", f"Use at most {LONGEST:g} s")


def window_of(recogniser: AnyRecogniser, window: float | None) -> float:
    """Seconds of a window.

    Args:
        recogniser: The model.
        window: Seconds that are asked for.

    Raises:
        ConfigurationError: The model has another window; or it has none, and none is asked for.
    """
    own = recogniser.window
    if own is None and window is None:
        problem = "the model is one of clips of different lengths, so that its window is unknown"
        raise ConfigurationError("window", problem, "Give the seconds that an activity lasts, for instance --window 3")
    if window is not None and not 0 < window < math.inf:
        raise ConfigurationError("window", f"is {window}", "Use a number of seconds above 0")
    if own is not None and window is not None and abs(own - window) > 1e-6:
        raise ConfigurationError("window", f"is {window:g} s, and the model's windows have {own:g} s", "Leave it out")
    found = float(own if own is not None else window or 0)
    check_seconds("window", found)
    return found


def hop_of(recogniser: AnyRecogniser, window: float, hop: float | None, smoothing: bool) -> float:
    """Seconds between the starts of two windows.

    Args:
        recogniser: The model.
        window: Seconds of a window.
        hop: Seconds that are asked for; None takes those of the training where an exported model says so, else half a
            window.
        smoothing: Whether windows are smoothed by transitions, which are for the hop of the training.

    Raises:
        ConfigurationError: It is no number above 0, or another one than the transitions are for.
    """
    own = recogniser.hop if isinstance(recogniser, ExportedRecogniser) else None
    found = hop if hop is not None else own or window / 2
    check("hop", found, PositiveFloat)
    check_seconds("hop", found)
    if smoothing and own is not None and abs(own - found) > 1e-3:
        problem = f"is {found:g} s, and the model smooths windows that start {own:g} s apart"
        raise ConfigurationError("hop", problem, "Leave it out, or leave the decision out (--decision false)")
    return float(found)


def grids_of(recogniser: AnyRecogniser, window: float) -> dict[str, Grid]:
    """Sensor to its grid, on which a window has as many frames as the model takes.

    Args:
        recogniser: The model.
        window: Seconds of a window.

    Raises:
        ConfigurationError: A window has another number of frames at a sensor's rate.
    """
    found = {}
    for name, (steps, *shape) in recogniser.modality_shapes.items():
        sensor = recogniser.sensors.get(name)
        rate = sensor.rate if sensor is not None else None
        if rate is not None and abs(rate * window - steps) > 0.5:
            problem = (
                f"{window:g} s have {rate * window:g} frames of '{name}' at {rate:g} Hz, and the model takes {steps}"
            )
            raise ConfigurationError("window", problem, f"Use {steps / rate:g} s")
        found[name] = Grid(steps, tuple(shape), rate or steps / window, sensor, recogniser.levels.get(name))
    return found
