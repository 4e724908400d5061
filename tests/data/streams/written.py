"""Imported recordings of two sensors, written without an import."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cosmo_pl.data.streams.store import LabelInterval, Segment, StreamRecording, StreamSensor, StreamStore

SENSORS = {
    "wrist": StreamSensor("accelerometer", 20.0, (3,), ("x", "y", "z"), ("g", "g", "g")),
    "mat": StreamSensor("pressure", 5.0, (4, 2), ("pressure",), ("au",)),
}
ACTIVITIES = ("walk", "sit", "jump")
SECONDS = 12.0


def write_streams(
    folder: Path,
    subjects: Sequence[int] = (1, 2, 3, 4, 5),
    per_activity: int = 1,
    unlabeled: int = 0,
    labels: Sequence[str] = ACTIVITIES,
    seconds: float = SECONDS,
    offset: float | None = None,
) -> StreamStore:
    """Recordings, each of one activity; and `unlabeled` recordings without labels per subject.

    With an `offset`, both sensors see the same movement, the mat by a clock that is ahead by so many seconds.
    """
    recordings, frames = [], dict.fromkeys(SENSORS, 0)
    random = np.random.default_rng(0)
    values: dict[str, list[np.ndarray]] = {name: [] for name in SENSORS}
    for subject in subjects:
        for number, activity in enumerate([*(list(labels) * per_activity), *([None] * unlabeled)]):
            segments = {}
            for name, sensor in SENSORS.items():
                length = round(sensor.rate * seconds)
                segments[name] = (Segment(0, length, frames[name]),)
                frames[name] += length
                level = ACTIVITIES.index(activity) if activity else 0
                moved = 0.0 if offset is None else _movement(len(recordings), name, length, offset)
                values[name].append(random.normal(size=(length, *sensor.shape)).astype(np.float32) + level + moved)
            marked = (LabelInterval(0.0, seconds, activity),) if activity else ()
            start = f"2024-05-{subject:02d}T10:{number:02d}:00"
            recordings.append(StreamRecording(f"s{subject}_{number}", subject, start, seconds, marked, segments))
    folder.mkdir(parents=True, exist_ok=True)
    known = {str(subject): subject for subject in subjects}
    hashes = dict.fromkeys(SENSORS, "ab" * 32)
    store = StreamStore(folder, "Kitchen", SENSORS, ACTIVITIES, known, tuple(recordings), hashes)
    for name, parts in values.items():
        np.save(store.path(name), np.concatenate(parts))
    store.write()
    return store


def _movement(recording: int, name: str, length: int, offset: float) -> np.ndarray:
    """A smooth movement (length, *1) that is the same function of time for both sensors."""
    random = np.random.default_rng(recording)
    frequencies, phases = random.uniform(0.2, 1.5, size=12), random.uniform(0, 6.3, size=12)
    sensor = SENSORS[name]
    times = np.arange(length) / sensor.rate - (offset if name == "mat" else 0.0)
    movement: np.ndarray = 2 * np.sin(2 * np.pi * times[:, None] * frequencies + phases).sum(axis=1)
    return movement.astype(np.float32).reshape(-1, *(1,) * len(sensor.shape))


def rewrite(store: StreamStore, sensor: str, values: np.ndarray) -> None:
    """Replaces the values of a sensor, as if they had been imported."""
    np.save(store.path(sensor), values)
    digest = hashlib.sha256(store.path(sensor).read_bytes()).hexdigest()
    replace(store, sha256={**store.sha256, sensor: digest}).write()
