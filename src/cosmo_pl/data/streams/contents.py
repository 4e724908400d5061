"""Hashes of what the sensors of imported recordings measured: the same in every import, whatever its numbers are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.streams.store import Segment, StreamStore


def content_hashes(store: StreamStore, sensors: Sequence[str]) -> dict[str, frozenset[str]]:
    """Recording to a hash of each of its sensors.

    The hash of a sensor depends neither on labels, windows and other sensors, nor on the name and the subject of the
    recording. A sensor that measured one constant value is left out, as it says nothing of the recording.

    Args:
        store: The imported recordings.
        sensors: Names of sensors.
    """
    arrays = {name: store.array(name) for name in sensors}
    return {
        each.name: frozenset(
            found for name in sensors if (found := _hash(arrays[name], each.segments.get(name, ()))) is not None
        )
        for each in store.recordings
    }


def _hash(array: NDArray[np.float32], segments: Sequence[Segment]) -> str | None:
    digest, low, high = hashlib.blake2b(digest_size=8), np.inf, -np.inf
    for segment in segments:
        frames = np.ascontiguousarray(array[segment.row : segment.row + segment.frames])
        if frames.size:
            digest.update(frames.data)
            low, high = min(low, float(frames.min())), max(high, float(frames.max()))
    return digest.hexdigest() if low < high else None
