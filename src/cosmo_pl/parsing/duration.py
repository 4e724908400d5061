"""Durations as people write them."""

from __future__ import annotations

import re

from cosmo_pl.errors import ConfigurationError

UNITS = {"h": 3600, "m": 60, "s": 1}


def parse_duration(text: str | None) -> float | None:
    """Seconds of "90s", "9m" or "1h30m"; None for None.

    Raises:
        ConfigurationError: It is no duration.
    """
    if text is None:
        return None
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text)
    if not text or parts is None:
        raise ConfigurationError("time_limit", f"'{text}' is no duration", "Write it as in 90s, 9m or 1h30m")
    return float(sum(int(count) * unit for count, unit in zip(parts.groups(), UNITS.values(), strict=True) if count))
