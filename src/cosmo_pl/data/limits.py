"""Range of the values that a sensor can have measured, by unit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from cosmo_pl.data.units import QUANTITIES, canonical, factor
from cosmo_pl.errors import ConfigurationError

LARGEST = {
    "acceleration": (40.0, "g"),
    "angular velocity": (5000.0, "deg/s"),
    "length": (20.0, "m"),
    "magnetic flux density": (10.0, "mT"),
    "pressure": (2500.0, "kPa"),
}
"""Quantity to the largest plausible absolute value and its unit.

Each is at least twice the range of worn sensors (16 g, 2,000 degrees/s, 1,200 kPa) or cameras (8 m), and at least three
times the largest value in USC-HAD and UTD-MHAD (8 g, 1,001 degrees/s, 4.06 m).
"""
LIMITS = {
    unit: float(f"{value * factor(given, unit):.6g}")
    for name, (value, given) in LARGEST.items()
    for unit in QUANTITIES[name]
}
LIMITS |= {"m/s2": 400.0, "rad/s": 90.0, "m/s": 100.0}
"""Unit to the largest plausible absolute value."""


def ranges_of(units: Sequence[str], given: Mapping[str, Sequence[float]] | None) -> list[tuple[float, float] | None]:
    """Plausible range of each group of channels; None for an unknown unit.

    Args:
        units: Unit of each group.
        given: Unit to a range that replaces the one of `LIMITS`.
    """
    own = {unit: (float(low), float(high)) for unit, (low, high) in (given or {}).items()}
    usual = {unit: (-limit, limit) for unit, limit in LIMITS.items()}
    return [own.get(unit, usual.get(canonical(unit))) for unit in units]


def depth_bounds(given: Mapping[str, Sequence[float]] | None) -> tuple[float, float]:
    """Smallest and largest plausible distance in millimetres; other depth values count as no reading."""
    low, high = ranges_of(["mm"], given)[0] or (0.0, np.inf)
    return max(0.0, low), high


def check_ranges(given: Mapping[str, Sequence[float]] | None, units: Collection[str]) -> None:
    """Checks the units of the argument `plausible`.

    Args:
        given: The argument.
        units: Units of the chosen modalities.

    Raises:
        ConfigurationError: No modality has the unit.
    """
    for unit in given or {}:
        if unit not in units:
            raise ConfigurationError("plausible", f"no modality has the unit '{unit}'", f"Known units: {sorted(units)}")
