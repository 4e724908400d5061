"""Samples with values that no training can use: not a number, infinite, or too large to be squared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.extremes import Extremes
from cosmo_pl.data.samples import Samples, samples_at_once

LARGEST = 1e15  # the sum of the squares of 10^8 such values is the largest that single precision holds
NOT_FINITE = f"not finite, or beyond {LARGEST:g}"


def is_finite(samples: Samples, name: str, known: Extremes | None = None) -> NDArray[np.bool_]:
    """Whether all values of a modality are finite and at most `LARGEST`, for each sample that has it (N,).

    Args:
        samples: The samples.
        name: The modality.
        known: Its extremes, if they were computed before; samples on disk are then not read.
    """
    values = samples.inputs[name]
    if known is not None:
        usable = ((known.low >= -LARGEST) & (known.high <= LARGEST)).all(axis=1)
    elif values.dtype.kind != "f":
        usable = np.ones(len(values), dtype=bool)
    else:
        usable = np.concatenate([np.zeros(0, dtype=bool), *_usable(values)])
    return usable | ~samples.has(name)


def _usable(values: Any) -> Iterator[NDArray[np.bool_]]:
    """Parts of the result. Comparisons with NaN are false."""
    size = samples_at_once(values.shape[1:])
    for part in (values[i : i + size] for i in range(0, len(values), size)):
        if part.size and float(part.min()) >= -LARGEST and float(part.max()) <= LARGEST:  # needs no second array
            yield np.ones(len(part), dtype=bool)
        else:
            yield (abs(part) <= np.float64(LARGEST)).reshape(len(part), -1).all(axis=1)  # float16 has no such value


def all_finite(samples: Samples) -> bool:
    """Whether every sample can be used, see `is_finite`."""
    return all(is_finite(samples, name).all() for name in samples.inputs)
