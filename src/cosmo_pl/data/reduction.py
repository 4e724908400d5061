"""Reduction of depth and radar clips to the resolution of the encoders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.errors import ConfigurationError


def reduce_depth(
    clip: NDArray[Any], frames: int, size: Sequence[int], bounds: tuple[float, float] = (0.0, math.inf)
) -> tuple[NDArray[np.uint16], int]:
    """Frames evenly spaced over a clip, averaged over areas.

    A pixel without a reading (0) is left out of the average, which would otherwise contain surfaces that do not exist.
    An area without any reading has the value 0. Values out of bounds count as no reading, as many cameras write the
    largest number of their format, 65535, where they have none.

    Args:
        clip: Depth (T, H, W) in millimetres, 0 where there is no reading; may be memory-mapped.
        frames: Number of frames of the result; frames are repeated if the clip has fewer.
        size: Height and width of the result, at most those of the clip.
        bounds: Smallest and largest plausible reading in millimetres.

    Returns:
        Depth (frames, height, width) in whole millimetres, and the number of values that were out of bounds.
    """
    height, width = size
    chosen = np.linspace(0, len(clip) - 1, frames).round().astype(int)
    reduced, replaced = np.empty((frames, height, width), dtype=np.uint16), 0
    for i, frame in enumerate(chosen):  # one at a time, as a whole clip takes 49 MB in float32
        image = np.asarray(clip[frame], dtype=np.float64)
        beyond = (image != 0) & ((image < bounds[0]) | (image > bounds[1]))
        replaced += int(beyond.sum())
        image = np.where(beyond, 0.0, image)
        total = _sums(_sums(image, 0, height), 1, width)
        count = _sums(_sums((image > 0).astype(np.float64), 0, height), 1, width)
        reduced[i] = np.divide(total, count, out=np.zeros_like(total), where=count > 0).round()
    return reduced, replaced


def reduce_radar(clip: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Averages a radar clip over equal intervals of time.

    Args:
        clip: Radar frames (T, channels, range, azimuth, elevation).
        frames: Number of frames of the result, at most T.

    Returns:
        Array (frames, channels, range, azimuth, elevation).
    """
    edges = _edges(len(clip), frames)
    lengths = np.diff([*edges, len(clip)]).astype(clip.dtype).reshape(-1, *(1,) * (clip.ndim - 1))
    sums: NDArray[np.float32] = np.add.reduceat(clip, edges, axis=0)
    return sums / lengths


def check_size(name: str, wanted: Sequence[int], recorded: Sequence[int]) -> None:
    """Checks that a reduction does not enlarge.

    Args:
        name: Name of the argument.
        wanted: Its sizes.
        recorded: The recorded sizes.

    Raises:
        ConfigurationError: A size is larger than the recorded one.
    """
    for want, have in zip(wanted, recorded, strict=True):
        if want > have:
            raise ConfigurationError(
                name, f"{list(wanted)} cannot be taken from recordings of {list(recorded)}", "Use at most these"
            )


def _edges(length: int, parts: int) -> NDArray[np.int64]:
    return np.arange(parts, dtype=np.int64) * length // parts


def _sums(values: NDArray[np.float64], axis: int, parts: int) -> NDArray[np.float64]:
    sums: NDArray[np.float64] = np.add.reduceat(values, _edges(values.shape[axis], parts), axis=axis)
    return sums
