"""Features of a sensor in which another sensor of the same body can be recognised, on a grid of 25 Hz."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RATE = 25.0
BAND = (0.1, 4.0)  # Hz: slower changes are drifts of the sensor, and bodies seldom move faster
TAPER = 0.15  # of the length, at each end
BLOCKS = 4  # an image is averaged over at most 4 by 4 blocks


class Signal(NamedTuple):
    """Samples of a sensor.

    Attributes:
        times: Seconds by its own clock (T,), ascending.
        values: Samples (T, channels), or images (T, height, width), or joints (T, joints, 3).
        images: Whether they are images.
    """

    times: NDArray[np.float64]
    values: NDArray[np.float32]
    images: bool = False


def features(signal: Signal, start: float, stop: float) -> NDArray[np.float64]:
    """Standardised features of the time from `start` to `stop` at 25 Hz, (n, D).

    The first is the motion, the mean absolute difference of successive samples, averaged over a tick of the grid. A
    series has its channels as further features; images have the means of their blocks, and the motion in each. All are
    restricted to `BAND`.

    Args:
        signal: The samples.
        start: Seconds of the first tick.
        stop: Seconds before which the last tick lies.
    """
    from scipy.signal import butter, sosfiltfilt
    from scipy.signal.windows import tukey

    times = np.arange(start, stop, 1 / RATE)
    frames = _blocks(signal.values) if signal.images else signal.values.reshape(len(signal.values), -1)
    change = np.abs(np.diff(frames, axis=0, prepend=frames[:1]))
    parts = [change.mean(axis=1, keepdims=True), frames, *([change] if signal.images else [])]
    smooth = _averaged(np.concatenate(parts, axis=1), signal.times)
    found = np.stack([np.interp(times, signal.times, column) for column in smooth.T], axis=1)
    band = butter(2, BAND, "band", fs=RATE, output="sos")
    filtered = sosfiltfilt(band, found, axis=0)
    # The filter rings at both ends, which all sensors have in common.
    tapered = filtered * tukey(len(filtered), 2 * TAPER)[:, None]
    result: NDArray[np.float64] = (tapered - tapered.mean(axis=0)) / np.maximum(tapered.std(axis=0), 1e-9)
    return result


def _blocks(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of the blocks of images, (T, blocks)."""
    rows, columns = (np.array_split(np.arange(size), min(BLOCKS, size)) for size in images.shape[1:])
    means = [images[:, r[0] : r[-1] + 1, c[0] : c[-1] + 1].mean(axis=(1, 2)) for r in rows for c in columns]
    return np.stack(means, axis=1)


def _averaged(values: NDArray[np.float32], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over a tick of the grid around each sample, so that a fast sensor is not aliased."""
    width = max(1, round(1 / RATE / max(float(np.median(np.diff(times))), 1e-6)))
    total = np.cumsum(np.concatenate([np.zeros((1, values.shape[1])), values.astype(np.float64)]), axis=0)
    left = np.clip(np.arange(len(values)) - width // 2, 0, None)
    right = np.minimum(np.arange(len(values)) + (width + 1) // 2, len(values))
    averaged: NDArray[np.float64] = (total[right] - total[left]) / (right - left)[:, None]
    return averaged
