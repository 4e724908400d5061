"""Hashes of what the sensors of imported recordings measured: the same in every import, whatever its numbers are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.streams.store import Segment, StreamStore


def content_hashes(store: StreamStore, sensors: Sequence[str]) -> dict[str, frozenset[str]]:
    """Recording to hashes of each of its sensors.

    The hash of a sensor depends neither on labels and windows, nor on the name and the subject of the recording. There
    is one of its values as recorded, which other sensors, rates and corrections of clocks do not change, and one of its
    frames, which imports of older versions have alone. A sensor that measured one constant value is left out, as it
    says nothing of the recording.

    Args:
        store: The imported recordings.
        sensors: Names of sensors.
    """
    arrays = {name: store.array(name) for name in sensors}
    found: dict[str, frozenset[str]] = {}
    for each in store.recordings:
        of_frames = (_hash(arrays[name], each.segments.get(name, ())) for name in sensors)
        as_recorded = (each.recorded.get(name) for name in sensors)
        found[each.name] = frozenset(digest for digest in (*of_frames, *as_recorded) if digest is not None)
    return found


class ContentHash:
    """Hash of values that come in blocks."""

    def __init__(self) -> None:
        self._digest, self._low, self._high = hashlib.blake2b(digest_size=8), np.inf, -np.inf

    def update(self, values: NDArray[np.float32]) -> None:
        """Adds a block."""
        block = np.ascontiguousarray(values)
        if block.size:
            self._digest.update(block.data)
            self._low, self._high = min(self._low, float(block.min())), max(self._high, float(block.max()))

    @property
    def found(self) -> str | None:
        """The hash; None of values that are all the same."""
        return self._digest.hexdigest() if self._low < self._high else None


def _hash(array: NDArray[np.float32], segments: Sequence[Segment]) -> str | None:
    content = ContentHash()
    for segment in segments:
        content.update(array[segment.row : segment.row + segment.frames])
    return content.found
