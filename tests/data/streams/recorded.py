"""Folders of recordings as devices write them, generated with known faults."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cosmo_pl.data.streams.description import ImportDescription
from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.data.streams.reading_description import parse_description
from cosmo_pl.data.streams.sniffing import Sniffed, sniff
from cosmo_pl.data.streams.store import StreamStore

SECOND = 10**9
START = 1_600_000_000 * SECOND  # 2020-09-13T12:26:40Z
SENSOR: dict[str, Any] = {
    "files": "{subject}/wrist.csv",
    "kind": "accelerometer",
    "time": {"column": "time", "unit": "ns"},
    "values": ["x", "y", "z"],
    "unit": "g",
    "rate": 50,
}


def described(sensor: dict[str, Any] | None = None, **more: Any) -> ImportDescription:
    """A description with one sensor whose fields are those of `SENSOR` and the given ones."""
    wrist = copy.deepcopy(SENSOR) | (sensor or {})
    return parse_description({"title": "Kitchen", "sensors": {"wrist": wrist}} | more)


def jittered(seconds: float, rate: float, seed: int = 0, jitter: float = 0.2) -> np.ndarray:
    """Increasing times in nanoseconds whose intervals vary by `jitter` periods."""
    period = SECOND / rate
    count = int(seconds * rate)
    noise = np.random.default_rng(seed).uniform(-jitter, jitter, count) * period
    return START + np.rint(np.arange(count) * period + noise - noise[0]).astype(np.int64)


def signal(time: np.ndarray) -> np.ndarray:
    """Acceleration of about 1 g at times in nanoseconds (T, 3), exactly as CSV holds it."""
    seconds = (time - START) / SECOND
    columns = [0.1 * np.sin(2 * seconds), 1 + 0.1 * np.cos(3 * seconds), 0.05 * seconds % 0.3]
    return np.round(np.stack(columns, axis=1), 6)


def write_csv(
    path: Path, time: Sequence[Any] | np.ndarray, values: np.ndarray, header: str | None = "time,x,y,z"
) -> Path:
    """Writes rows of a time and values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [",".join([str(t), *(f"{v:.6f}" for v in row)]) for t, row in zip(time, values, strict=True)]
    path.write_text("\n".join([*([header] if header else []), *rows]) + "\n")
    return path


def record(folder: Path, paths: Sequence[str]) -> None:
    """Ten seconds of acceleration in each file, in seconds since 1970."""
    time = jittered(10, 50)
    for path in paths:
        write_csv(folder / path, [f"{t / SECOND:.6f}" for t in time], signal(time))


def drafted(folder: Path) -> tuple[Sniffed, StreamStore]:
    """The draft of a folder, and what is imported by it."""
    found = sniff(folder)
    return found, import_streams(folder, folder.parent / f"{folder.name}_imported", found.description)
