"""Raw files of a known content in the layouts of both datasets, small and quick to write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

Array = NDArray[np.float64]
Content = Callable[[int, int, int], Array]
"""Subject, activity (from 1), trial → what the file holds."""


def noise(*shape: int, scale: float = 1.0) -> Content:
    """Random values around those of a person's own, so that statistics of other people differ."""

    def content(subject: int, activity: int, trial: int) -> Array:
        rng = np.random.default_rng([subject, activity, trial, *shape])
        return subject + activity / 10 + scale * rng.normal(size=shape)

    return content


def write_usc(
    root: Path,
    subjects: Iterable[int] = (1, 2, 3, 4),
    activities: Iterable[int] = range(1, 13),
    trials: Iterable[int] = (1, 2),
    content: Content | None = None,
) -> Path:
    """Writes ``USC-HAD/Subject{s}/a{m}t{n}.mat`` of shape (T, 6), 50 samples of noise where no content is given."""
    folder = root / "USC-HAD"
    for s, a, t in product(subjects, activities, trials):
        path = folder / f"Subject{s}" / f"a{a}t{t}.mat"
        path.parent.mkdir(parents=True, exist_ok=True)
        savemat(path, {"title": "a test", "sensor_readings": (content or noise(50, 6))(s, a, t)})
    return folder


def write_utd(
    root: Path,
    subjects: Iterable[int] = (1, 2, 3, 4),
    actions: Iterable[int] = range(1, 28),
    trials: Iterable[int] = (1, 2),
    inertial: Content | None = None,
    skeleton: Content | None = None,
) -> Path:
    """Writes ``UTD-MHAD/Inertial`` (T, 6) and ``UTD-MHAD/Skeleton`` (20, 3, T), noise where no content is given.

    The torsos of skeletons of noise are half a metre long.
    """
    folder = root / "UTD-MHAD"
    sensors = {
        "inertial": ("Inertial", "d_iner", inertial or noise(24, 6)),
        "skeleton": ("Skeleton", "d_skel", skeleton or noise(20, 3, 15, scale=0.2)),
    }
    clips = list(product(subjects, actions, trials))
    for name, (place, variable, content) in sensors.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        for s, a, t in clips:
            savemat(folder / place / f"a{a}_s{s}_t{t}_{name}.mat", {variable: content(s, a, t)})
    return folder


SENSORS = {
    "imu": {"kind": "series", "rate": 10, "shape": [9], "dtype": "float32",
            "unit": ["g"] * 3 + ["deg/s"] * 3 + ["uT"] * 3},
    "depth": {"kind": "depth", "rate": 5, "shape": [12, 16], "dtype": "uint16", "unit": "mm"},
    "radar": {"kind": "radar", "rate": 3, "shape": [2, 4, 5, 3], "dtype": "float16", "unit": ["intensity", "m/s"]},
}  # fmt: skip


def write_self_collected(
    root: Path, subjects: Iterable[int] = (1, 2, 3, 4), activities: int = 3, trials: int = 3
) -> Path:
    """Writes ``SelfCollected`` of 2 s clips: imu (20, 9), depth (10, 12, 16) with holes, radar (6, 2, 4, 5, 3)."""
    folder = root / "SelfCollected"
    names = [f"activity {a}" for a in range(activities)]
    clips = []
    for s, a, t in product(subjects, range(activities), range(1, trials + 1)):
        rng = np.random.default_rng([s, a, t])
        name, start = f"s{s:02}_a{a:02}_t{t}", 7.0 * (a * trials + t)
        shape = {sensor: (2 * told["rate"], *told["shape"]) for sensor, told in SENSORS.items()}
        arrays = {
            "imu": s + a / 10 + rng.normal(size=shape["imu"]),
            "depth": rng.integers(500, 4000 + 10 * s, shape["depth"]) * (rng.random(shape["depth"]) > 0.2),
            "radar": s + rng.normal(size=shape["radar"]),
        }
        for sensor, values in arrays.items():
            (folder / sensor).mkdir(parents=True, exist_ok=True)
            np.save(folder / sensor / f"{name}.npy", values.astype(SENSORS[sensor]["dtype"]))
        files = {sensor: f"{sensor}/{name}.npy" for sensor in SENSORS}
        clips.append(
            {"name": name, "subject": s, "activity": names[a], "start": start, "duration": 2.0, "files": files}
        )
    manifest = {"format": 1, "activities": names, "modalities": SENSORS, "clips": clips}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder
