"""Sensors that measured nothing, or hardly anything, in all that a method is trained on: judged before any training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pytorch_lightning.utilities import rank_zero_warn

from cosmo_pl.data.selection import Indices, evenly_spaced
from cosmo_pl.errors import ConfigurationError

if TYPE_CHECKING:
    from cosmo_pl.data.base import MultimodalDataModule
    from cosmo_pl.data.samples import Samples

MIN_DISTINCT = 10  # samples, and values; the quality of a modality is measured on at least that many
LOOKED_AT = 256  # samples, evenly spaced, in which doubtful values are looked for
SATURATED = 0.5  # of the values of a sensor at its limit


def check_sensors(data: MultimodalDataModule, samples: Samples, rows: Indices) -> None:
    """Warns of doubtful sensors, and refuses dead ones.

    Args:
        data: The datamodule.
        samples: All of its samples.
        rows: Those that are trained on.

    Raises:
        ConfigurationError: A modality is dead, or is doubtful under `data.strict`.
    """
    dead, doubtful = sensor_faults(data, samples, rows)
    if dead or (doubtful and data.strict):
        raise ConfigurationError(
            "modalities", "; ".join(dead or doubtful), "Repair the sensor's recordings, or leave the modality out"
        )
    for line in doubtful:
        rank_zero_warn(f"{data.dataset}: {line}.")


def sensor_faults(data: MultimodalDataModule, samples: Samples, rows: Indices) -> tuple[list[str], list[str]]:
    """What makes a modality useless, and what is doubtful of its channels; a line for each.

    Args:
        data: The datamodule.
        samples: All of its samples.
        rows: Those that are looked at.
    """
    dead, doubtful = [], []
    for name in data.modalities:
        there = rows[samples.present[name][rows]] if name in samples.present else rows
        if not len(there):
            continue
        values = samples.inputs[name]
        distinct = _distinct(values, there)
        if distinct < min(MIN_DISTINCT, len(there)):
            dead.append(f"'{name}' is dead: its {len(there)} training samples hold {distinct} different ones")
            continue
        some = np.asarray(values[there[evenly_spaced(len(there), LOOKED_AT)]])
        axis = data.channel_axis.get(name, -1)
        channels = some.reshape(-1, 1) if axis is None else np.moveaxis(some, axis, -1).reshape(-1, some.shape[axis])
        for group in data.channel_groups[name]:
            doubt = _doubt(channels[:, list(group)])
            if doubt:
                doubtful.append(f"'{name}' (channels {', '.join(map(str, group))}) {doubt} in the training samples")
    return dead, doubtful


def _distinct(values: Any, rows: Sequence[int] | Indices) -> int:
    """Number of different samples, counted up to `MIN_DISTINCT`."""
    seen: set[bytes] = set()
    for row in rows:
        seen.add(np.asarray(values[row]).tobytes())
        if len(seen) == MIN_DISTINCT:
            break
    return len(seen)


def _doubt(values: np.ndarray) -> str:
    """What is doubtful of the values (n, channels) of a sensor; nothing as a rule."""
    found = np.unique(values[:: max(1, len(values) // 2**16)])
    if len(found) == 1:
        return f"is always {found[0]:g}"
    if len(found) < MIN_DISTINCT:
        return f"holds {len(found)} different values"
    measured = values[values != 0]  # 0 is what many sensors give without a reading
    limit = max((measured.min(), measured.max()), key=lambda extreme: int((measured == extreme).sum()))
    share = float((measured == limit).mean())
    return f"is saturated: {share:.0%} of its values are {limit:g}" if share >= SATURATED else ""
