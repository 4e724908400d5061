"""Units of measurement in the names of columns: "Gyro X (deg/s)", "acc_x [m/s²]", "gyr_x_dps"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cosmo_pl.data.units import quantity

KNOWN = {
    "m/s2": ("m/s2", "m/s^2", "m/s**2", "m/s/s", "ms-2", "ms^-2", "mps2", "m/sec2", "m/sec^2", "m_s2", "ms2", "mss"),
    "g": ("g",),
    "mg": ("mg",),
    "rad/s": ("rad/s", "rad/sec", "rads-1", "rads^-1", "rad_s", "radps", "rads"),
    "deg/s": ("deg/s", "°/s", "º/s", "dps", "deg/sec", "degrees/s", "degree/s", "degs-1", "degs^-1", "deg_s"),
    "mdeg/s": ("mdeg/s", "mdps", "m°/s"),
    "uT": ("ut", "µt", "μt", "microtesla"),  # both letters that look like a mu
    "mT": ("mt",),
    "G": ("gauss",),
    "mG": ("mgauss", "milligauss"),
    "hPa": ("hpa", "mbar"),
    "kPa": ("kpa",),
    "mmHg": ("mmhg",),
}
TIMES = {"s": ("s", "sec", "second", "seconds"), "ms": ("ms",), "us": ("us", "µs", "μs"), "ns": ("ns",)}
KIND_OF = {
    "acceleration": "accelerometer",
    "angular velocity": "gyroscope",
    "magnetic flux density": "magnetometer",
    "pressure": "pressure",
}


def header_unit(name: str | int, kind: str | None = None) -> str | None:
    """The unit that the name of a column states: in brackets, or last after an underscore or a space.

    Args:
        name: Name of the column; a position states none.
        kind: Kind of its sensor, where it is known. G and mG are gauss of a magnetometer, and gravity of others; where
            it is unknown, mG is gauss and G gravity.
    """
    found = re.search(r"[(\[{<]\s*([^)\]}>]+?)\s*[)\]}>]", str(name))
    after = re.search(r"(?<=[^\W_])[_ ](m_s2|deg_s|rad_s|[^\W_][^\s_]*)$", str(name))
    for text in [each[1] for each in (found, after) if each]:
        unit = _unit(text, kind)
        if unit is not None and (found or kind is None or kind_of_unit(unit) == kind):
            return unit
    return None


def kind_of_unit(unit: str) -> str | None:
    """The kind of sensor that measures in a unit; None for others."""
    return KIND_OF.get(quantity(unit) or "")


def unit_of_time(text: str) -> str | None:
    """The unit of time that a text is, "s", "ms", "us" or "ns"; None for another text."""
    plain = text.strip().strip("[](){}").lower()
    return next((unit for unit, names in TIMES.items() if plain in names), None)


def are_units(cells: Sequence[str]) -> bool:
    """Whether texts are mostly units, as in a row below the names of columns."""
    filled = [cell for cell in cells if cell.strip()]
    known = [cell for cell in filled if unit_of_time(cell) or _unit(cell.strip().strip("[](){}"), None)]
    return len(filled) > 1 and 2 * len(known) >= len(filled)


def _unit(text: str, kind: str | None) -> str | None:
    written = re.sub(r"[\s·*.]", "", text.replace("**", "^"))
    plain = written.lower()
    plain = plain.replace("²", "2").replace("⁻¹", "-1").replace("⁻2", "-2").replace("sec", "s")
    if kind == "magnetometer" and plain in ("g", "mg"):
        return {"g": "G", "mg": "mG"}[plain]
    if kind is None and written == "mG":
        return "mG"
    return next((unit for unit, names in KNOWN.items() if plain in names), None)
