"""Extreme values of samples, from which their plausibility is judged."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.samples import MappedWindows, samples_at_once
from cosmo_pl.io import keep_json, kept_json

Groups = Sequence[Sequence[int]]
ROUNDING = 1e-6  # relative difference of values of a constant that was resampled


def checksum(values: NDArray[Any]) -> int:
    """CRC-32 of an array's values."""
    return zlib.crc32(np.ascontiguousarray(values).view(np.uint8).data)


@dataclass(frozen=True)
class Extremes:
    """Extreme values and checksums of N samples of a modality with G groups of channels.

    Args:
        low: Smallest value of each group (N, G).
        high: Largest value (N, G).
        still: Whether all channels of the group are constant over time (N, G).
        checksum: CRC-32 of all values (N,).
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    still: NDArray[np.bool_]
    checksum: NDArray[np.int64]

    @classmethod
    def of_windows(cls, values: MappedWindows, groups: Groups, axis: int | None, cache: Path) -> Extremes:
        """As `of`, for windows on disk, of which a part is read at a time.

        They are kept in the cache: reading all windows at each start takes a third of a short training (MEx). A file of
        another size or time is read again.

        Args:
            values: The windows.
            groups: Channels of each group.
            axis: Axis of the channels, counted from the end; None for no channel axis.
            cache: Folder of the cache.
        """
        source = Path(str(values.array.filename))  # type: ignore[attr-defined]
        status = source.stat()
        file = str(source), status.st_size, status.st_mtime_ns
        described = json.dumps([file, values.steps, [list(each) for each in groups], axis])
        key = hashlib.sha256(described.encode() + values.rows.tobytes()).hexdigest()[:32]
        path = cache / f"extremes-{key}.json"
        if (kept := kept_json(path)) is not None:
            return cls(*(np.array(kept[each.name]) for each in fields(cls)))
        size = samples_at_once(values.shape[1:])
        parts = [cls.of(values[i : i + size], groups, axis) for i in range(0, len(values), size)]
        found = cls(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls)))
        keep_json(path, {each.name: getattr(found, each.name).tolist() for each in fields(cls)})
        return found

    @classmethod
    def of(cls, values: NDArray[Any], groups: Groups, axis: int | None) -> Extremes:
        """Computes them for samples (N, T, ..., channels, ...).

        Args:
            values: The samples.
            groups: Channels of each group.
            axis: Axis of the channels, counted from the end; None for no channel axis.
        """
        low, high = (_by_channel(found, axis) for found in (values.min(axis=1), values.max(axis=1)))
        by_group = [[found[:, :, list(group)].reshape(len(values), -1) for found in (low, high)] for group in groups]
        with np.errstate(invalid="ignore"):  # values that are not finite are reported
            still = [b - a <= ROUNDING * np.maximum(abs(a), abs(b)) for a, b in by_group]
        return cls(
            np.stack([smallest.min(axis=1) for smallest, _ in by_group], axis=1).astype(np.float64),
            np.stack([largest.max(axis=1) for _, largest in by_group], axis=1).astype(np.float64),
            np.stack([constant.all(axis=1) for constant in still], axis=1),
            np.array([checksum(sample) for sample in values], dtype=np.int64),
        )


def _by_channel(values: NDArray[Any], axis: int | None) -> NDArray[Any]:
    """Values (N, places, channels) of values (N, ..., channels, ...), in a type whose differences can be negative."""
    last = values[..., None] if axis is None else np.moveaxis(values, axis, -1)
    signed = last.astype(np.float32) if last.dtype in (np.uint16, np.float16) else last
    return signed.reshape(len(values), -1, last.shape[-1])
