"""Sensors without usable values in all training samples: they are refused, or warned of, before any training."""

from __future__ import annotations

import numpy as np
from pytorch_lightning.utilities import rank_zero_warn

from cosmo_pl.data.identity import DatasetIdentity
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.selection import Indices, evenly_spaced, num_different
from cosmo_pl.errors import ConfigurationError

MIN_DISTINCT = 10  # different samples, and different values of a channel; modality quality is measured on at least 10
EXAMINED = 256  # samples, evenly spaced, that are searched for doubtful values
SATURATED = 0.5  # share of a sensor's values that equal its largest or smallest value


def check_sensors(samples: Samples, rows: Indices, identity: DatasetIdentity, strict: bool) -> None:
    """Warns of doubtful sensors, and refuses dead ones.

    Args:
        samples: All samples of the dataset.
        rows: Indices of the training samples.
        identity: The dataset's name and channels.
        strict: Whether doubtful sensors are refused too.

    Raises:
        ConfigurationError: A modality is dead, or is doubtful under `strict`.
    """
    dead, doubtful = sensor_faults(samples, rows, identity)
    if dead or (doubtful and strict):
        raise ConfigurationError(
            "modalities", "; ".join(dead or doubtful), "Repair the sensor's recordings, or leave the modality out"
        )
    for line in doubtful:
        rank_zero_warn(f"{identity.dataset}: {line}.")


def sensor_faults(samples: Samples, rows: Indices, identity: DatasetIdentity) -> tuple[list[str], list[str]]:
    """Faults of whole sensors.

    Args:
        samples: All samples of the dataset.
        rows: Indices of the samples that are examined.
        identity: The dataset's channels.

    Returns:
        One line per dead modality, and one line per doubtful group of channels.
    """
    dead, doubtful = [], []
    for name, values in samples.inputs.items():
        known = rows[samples.has(name)[rows]]
        if not len(known):
            continue
        distinct = num_different((np.asarray(values[row]) for row in known), MIN_DISTINCT)
        if distinct < min(MIN_DISTINCT, len(known)):
            dead.append(f"'{name}' is dead: its {len(known)} samples hold {distinct} different ones")
            continue
        some = np.asarray(values[known[evenly_spaced(len(known), EXAMINED)]])
        axis = identity.channel_axis.get(name, -1)
        channels = some.reshape(-1, 1) if axis is None else np.moveaxis(some, axis, -1).reshape(-1, some.shape[axis])
        for group in identity.channel_groups[name]:
            doubt = _doubt(channels[:, list(group)])
            if doubt:
                doubtful.append(f"'{name}' (channels {', '.join(map(str, group))}) {doubt}")
    return dead, doubtful


def _doubt(values: np.ndarray) -> str:
    """Why the values (n, channels) of a sensor are doubtful; empty if they are not."""
    found = np.unique(values[:: max(1, len(values) // 2**16)])
    if len(found) == 1:
        return f"is always {found[0]:g}"
    if len(found) < MIN_DISTINCT:
        return f"holds {len(found)} different values"
    measured = values[values != 0]  # many sensors report 0 where they have no reading
    limit = max((measured.min(), measured.max()), key=lambda extreme: int((measured == extreme).sum()))
    share = float((measured == limit).mean())
    return f"is saturated: {share:.0%} of its values are {limit:g}" if share >= SATURATED else ""
