"""Imported recordings of two sensors, written without an import."""

from __future__ import annotations

from collections.abc import Sequence
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
) -> StreamStore:
    """Recordings of 12 s, each of one activity; and `unlabeled` recordings without labels per subject."""
    recordings, frames = [], dict.fromkeys(SENSORS, 0)
    random = np.random.default_rng(0)
    values: dict[str, list[np.ndarray]] = {name: [] for name in SENSORS}
    for subject in subjects:
        for number, activity in enumerate([*(list(labels) * per_activity), *([None] * unlabeled)]):
            segments = {}
            for name, sensor in SENSORS.items():
                length = round(sensor.rate * SECONDS)
                segments[name] = (Segment(0, length, frames[name]),)
                frames[name] += length
                level = ACTIVITIES.index(activity) if activity else 0
                values[name].append(random.normal(size=(length, *sensor.shape)).astype(np.float32) + level)
            marked = (LabelInterval(0.0, SECONDS, activity),) if activity else ()
            start = f"2024-05-{subject:02d}T10:{number:02d}:00"
            recordings.append(StreamRecording(f"s{subject}_{number}", subject, start, SECONDS, marked, segments))
    folder.mkdir(parents=True, exist_ok=True)
    known = {str(subject): subject for subject in subjects}
    hashes = dict.fromkeys(SENSORS, "ab" * 32)
    store = StreamStore(folder, "Kitchen", SENSORS, ACTIVITIES, known, tuple(recordings), hashes)
    for name, parts in values.items():
        np.save(store.path(name), np.concatenate(parts))
    store.write()
    return store
