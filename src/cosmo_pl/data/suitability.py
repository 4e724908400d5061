"""Whether sensors suit what was trained on others: kind, channels, unit, rate, transforms and shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cosmo_pl.data.transforms import Described
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.sensors import SensorDescription

Sensors = Mapping[str, SensorDescription]


def unsuitable(
    trained: Sensors, steps: Described | None, now: Sensors, steps_now: Described | None
) -> dict[str, list[str]]:
    """Modality to what differs from the sensors of a training.

    Args:
        trained: Modality to the sensor of the training; those that `now` lacks are not compared.
        steps: Modality to the preprocessing steps of the training; None where they are unknown.
        now: Modality to the sensor that is to be used.
        steps_now: Its preprocessing steps.

    Returns:
        Modality to differences in words, as "unit m/s2, not g"; without modalities that do not differ.
    """
    found = {name: now[name].differences(mine) for name, mine in trained.items() if name in now}
    if steps is not None and steps_now is not None:
        for name, differences in found.items():
            mine, theirs = _steps(steps.get(name, ())), _steps(steps_now.get(name, ()))
            differences += [f"transforms {theirs}, not {mine}"] * (mine != theirs)
    return {name: differences for name, differences in found.items() if differences}


def check_suitable(title: str, differences: Mapping[str, Sequence[str]]) -> None:
    """Checks that no sensor of data differs from the one that a model was trained on.

    Args:
        title: Name of the data.
        differences: See `unsuitable`.

    Raises:
        ConfigurationError: A sensor differs; the message names it and both values.
    """
    for name, several in differences.items():
        problem = f"'{name}' of {title} does not suit the model, which was trained on another: {'; '.join(several)}"
        raise ConfigurationError("data", problem, "Convert or resample the recordings as those of its training")


def _steps(described: Sequence[Mapping[str, Any]]) -> str:
    """The preprocessing steps of a modality in words."""
    steps = [f"{step['class_path'].rpartition('.')[2]}{dict(step['init_args']) or ''}" for step in described]
    return ", ".join(steps) or "none"
