"""Units of measurement between which values are converted."""

from __future__ import annotations

import math

QUANTITIES = {
    "acceleration": {"m/s2": 1.0, "g": 9.80665, "mg": 9.80665e-3},
    "angular velocity": {"rad/s": 1.0, "deg/s": math.pi / 180, "mdeg/s": math.pi / 180e3},
    "length": {"m": 1.0, "cm": 1e-2, "mm": 1e-3},
    "magnetic flux density": {"T": 1.0, "mT": 1e-3, "uT": 1e-6, "G": 1e-4, "mG": 1e-7},
    "pressure": {"Pa": 1.0, "hPa": 1e2, "kPa": 1e3, "mmHg": 133.322},
}


ALIASES = {"m/s^2": "m/s2", "m/s²": "m/s2", "°/s": "deg/s", "dps": "deg/s", "µT": "uT", "μT": "uT"}
"""Other spellings of units."""
GRAVITY = {unit: QUANTITIES["acceleration"]["g"] / size for unit, size in QUANTITIES["acceleration"].items()}
"""Unit of acceleration to the gravity of the earth."""


def canonical(unit: str) -> str:
    """The usual spelling of a unit."""
    return ALIASES.get(unit, unit)


def quantity(unit: str) -> str | None:
    """What a unit measures, however it is spelled; None for an unknown one."""
    return next((name for name, units in QUANTITIES.items() if canonical(unit) in units), None)


def factor(recorded: str, wanted: str) -> float:
    """What values in one unit are multiplied by to be in another.

    Args:
        recorded: Unit of the values.
        wanted: The other unit.

    Raises:
        ValueError: One is unknown, or they measure different quantities.

    Examples:
        >>> round(factor("m/s2", "g"), 6)
        0.101972
    """
    found = quantity(recorded)
    if recorded == wanted:
        return 1.0
    if found is None or found != quantity(wanted):
        known = "; ".join(", ".join(units) for units in QUANTITIES.values())
        raise ValueError(f"'{recorded}' cannot be converted to '{wanted}'; known units: {known}")
    return QUANTITIES[found][canonical(recorded)] / QUANTITIES[found][canonical(wanted)]
