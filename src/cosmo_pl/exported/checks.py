"""Checks of the fields of ``model.json``, before anything reads them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.exported.run import AGAIN, DESCRIPTION
from cosmo_pl.fields import Field
from cosmo_pl.sensors import check_limits

LARGEST = 1e6  # Hz, seconds, steps
SMALLEST = 1e-6


def check_description(description: Mapping[str, Any], folder: Path) -> None:
    """Checks type and range of each field that this package reads.

    Args:
        description: Content of ``model.json``.
        folder: Its folder.

    Raises:
        ConfigurationError: A field is missing, or has another type or an impossible value.
    """
    field = Field(description)
    try:
        _check_activities(field)
        sensors = field["sensors"].fields()
        field["sensors"].require(bool(sensors), "any sensor")
        for sensor in sensors.values():
            _check_sensor(sensor)
        _check_encoders(field["encoders"], set(sensors))
        for name in ("window", "hop"):
            _check_positive(field[name])
        for each in [field["head"]["graph"], *field["head"]["partial"].fields().values()]:
            each.text()
        if (levels := field.get("levels")) is not None:
            levels.require(levels.mapping().keys() <= sensors.keys(), "the levels of sensors")
            for level in levels.fields().values():
                level.number(0.0, math.inf)
        for each in in_turn.each() if (in_turn := field.get("in_turn")) is not None else ():
            each["sensor"].text()
            each["worth"].number(0.0, 1.0)
        if (distance := field.get("distance")) is not None:
            distance.text()
        if (decision := field.get("decision")) is not None:
            decision.mapping()
    except ValueError as error:
        problem = f"'{folder / DESCRIPTION}' is damaged ({error})"
        raise ConfigurationError("model", problem, AGAIN) from error


def _check_activities(field: Field) -> None:
    names = [each.text(r"(?s:.+)", "the name of an activity") for each in field["class_names"].each()]
    field["class_names"].require(bool(names) and len(set(names)) == len(names), "a list of different activities")
    for each in field["attends_to"].each():
        each.text()


def _check_sensor(sensor: Field) -> None:
    shape = [each.whole(1, int(LARGEST)) for each in sensor["shape"].each()]
    sensor["shape"].require(len(shape) > 0, "the shape of a window")
    described = sensor.mapping().keys() - {"shape"}
    if not described:  # the run did not say what it measures
        return
    sensor["kind"].text(r"(?s:.+)", "the kind of a sensor")
    channels, units = (len([each.text() for each in sensor[name].each()]) for name in ("channels", "units"))
    sensor["units"].require(channels == units > 0, f"the units of {channels} channels")
    _check_positive(sensor["rate"])
    check_limits(sensor)


def _check_encoders(encoders: Field, sensors: set[str]) -> None:
    encoders.require(bool(encoders.mapping()), "any encoder")
    used = []
    for encoder in encoders.fields().values():
        encoder["graph"].text()
        used += [each.text() for each in encoder["modalities"].each()]
    encoders.require(sorted(used) == sorted(sensors), f"those of {', '.join(sorted(sensors))}, each once")


def _check_positive(field: Field) -> None:
    """A number above 0, or null."""
    if field.value is not None:
        field.number(SMALLEST, LARGEST)
