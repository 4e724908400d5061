"""MEx, simulated: two accelerometers, a depth camera above and a pressure mat below of the same motion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import user_path, whole_file
from cosmo_pl.simulation.activities_mex import EXERCISES
from cosmo_pl.simulation.body import Array, Motion, rotation
from cosmo_pl.simulation.mat import camera_pictures, lie_down, pressures
from cosmo_pl.simulation.motion import make_habit, perform
from cosmo_pl.simulation.sensors import InertialErrors, Placement, imu, with_errors
from cosmo_pl.simulation.subject import make_subject, small_turn
from cosmo_pl.simulation.utd import THIGH
from cosmo_pl.simulation.writing import RecordingFiles, check_counts, claimed, write_missing

FOLDERS = {"act": "act", "acw": "acw", "dc": "dc_0.05_0.05", "pm": "pm_1.0_1.0"}
"""Sensor to its folder: accelerometers on thigh and wrist, depth camera, pressure mat."""
RATES = {"act": 103.0, "acw": 97.0, "dc": 10.4, "pm": 14.9}
"""Mean samples and frames per second."""
DEPTH, PRESSURE = (12, 16), (32, 16)
HIGHEST = 3767.0
"""Largest pressure."""

MOTION_RATE = 100
CLAM = 4
"""The exercise that is performed twice, on the left and on the right side."""
TURNED = 180.0  # degrees about the long axis from one side to the other
PLACES = {"act": THIGH, "acw": ("r_forearm", "right_wrist", (0.0, 0.03, 0.02))}
"""Segment, joint and position of each accelerometer from the joint in the segment's frame (metres)."""

ERRORS = InertialErrors()
_DATASET = 4  # separates this dataset's random numbers from those of the others
_BEGIN = datetime(2018, 11, 8, 11, 0, 0)
_START = 0.06  # seconds, standard deviation of a sensor's start
_JITTER = 0.1  # standard deviation of a time, relative to the interval

Stream = tuple[list[datetime], Array]
"""Times and values (T, columns)."""


def mex_recording(seed: int, subject: int, exercise: int, trial: int, seconds: float) -> dict[str, Stream]:
    """One recording of all sensors, which start and sample at times of their own.

    Args:
        seed: Seed of the simulation.
        subject: Number of the subject, from 1.
        exercise: Number of the exercise, 1 to 7.
        trial: Number of the trial; every second trial of exercise 4 is on the other side.
        seconds: Mean length of the recordings, which vary by up to 20 %.
    """
    table, person = EXERCISES[exercise - 1], make_subject(seed, subject)
    habit = make_habit(table.action, np.random.default_rng([seed, _DATASET, subject, exercise]))
    rng = np.random.default_rng([seed, _DATASET, subject, exercise, trial])
    length = seconds * float(rng.uniform(0.8, 1.2))
    motion = perform(table.action, person, habit, rng, MOTION_RATE, length)
    side = (trial - 1) % 2 if exercise == CLAM else 0
    motion = lie_down(motion, table.lies + TURNED * side)
    begin = _BEGIN + timedelta(days=subject, hours=exercise, minutes=2 * trial)
    recorded = {}
    for name, rate in RATES.items():
        times = _times(rate, length, rng)
        frames = np.minimum(np.rint(times * MOTION_RATE).astype(int), len(motion.joints) - 1)
        if name in PLACES:
            values = _accelerometer(motion, name, person.mount, rng)[frames]
        else:
            values = _pictures(motion.joints[frames], name, rng)
        recorded[name] = [begin + timedelta(seconds=float(time)) for time in times], values
    return recorded


def _times(rate: float, length: float, rng: np.random.Generator) -> Array:
    """Increasing times in whole milliseconds at a jittering rate, from a start of the sensor's own."""
    start = abs(rng.normal(0.0, _START))
    ticks = np.arange(1, int((length - start) * rate))
    return np.unique(np.round(start + (ticks + _JITTER * rng.normal(size=len(ticks))) / rate, 3))


def _accelerometer(motion: Motion, name: str, mount: Array, rng: np.random.Generator) -> Array:
    segment, joint, offset = PLACES[name]
    axes = rotation(1, np.array(90.0)) @ mount @ small_turn(rng, 5.0)
    return with_errors(imu(motion, Placement(segment, joint, np.array(offset), axes)), ERRORS, rng)[:, :3]


def _pictures(joints: Array, name: str, rng: np.random.Generator) -> Array:
    """Depth or pressure (T, pixels), with noise."""
    if name == "dc":
        pictures, noise, highest = camera_pictures(joints, DEPTH), 0.002, 1.0
    else:
        pictures, noise, highest = pressures(joints, PRESSURE, HIGHEST), 5.0, HIGHEST
    flat = pictures.reshape(len(pictures), -1)
    noisy: Array = np.clip(flat + noise * rng.normal(size=flat.shape), 0, highest)
    return noisy


def _streams(seed: int, subject: int, exercise: int, trial: int, seconds: float) -> list[Stream]:
    recorded: Mapping[str, Stream] = mex_recording(seed, subject, exercise, trial, seconds)
    return [recorded[name] for name in FOLDERS]


def _write_csv(path: Path, stream: Stream) -> None:
    """Lines of time and values, without header; a time has no fraction where it is zero, as in the published files."""
    times, values = stream
    row = ",".join(["%s"] + ["%.5g"] * values.shape[1])
    lines = (row % (time, *frame) for time, frame in zip(times, values.tolist(), strict=True))
    with whole_file(path, one_writer=True) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")


def simulate_mex(
    root: Path,
    subjects: Sequence[int] = range(1, 31),
    trials: int = 1,
    seconds: float = 60.0,
    seed: int = 0,
    progress: bool = True,
    jobs: int = 1,
) -> Path:
    """Writes simulated recordings in the layout of MEx (Wijekoon, Wiratunga and Cooper, 2019).

    A recording depends only on the seed and on its own subject, exercise, trial and length. The same call completes an
    interrupted run.

    Args:
        root: Folder in which ``MEx`` is made.
        subjects: Numbers of the subjects, from 1.
        trials: Trials of each exercise; twice as many of exercise 4, on either side.
        seconds: Mean length of the recordings, which vary by up to 20 %.
        seed: Seed of all random choices.
        progress: Whether a progress bar is shown.
        jobs: Processes; -1 takes all cores.

    Returns:
        The folder ``MEx``.

    Raises:
        ConfigurationError: An argument is out of range, or the folder holds other recordings.
    """
    check_counts(subjects, trials, seed)
    if not seconds >= 2:
        raise ConfigurationError("seconds", f"{seconds} is too short for a recording", "Give 2 or more")
    folder = user_path(root) / "MEx"
    settings = {"subjects": list(subjects), "trials": trials, "seconds": float(seconds), "seed": seed}
    with claimed(folder, {"dataset": "MEx", **settings}):
        recordings: list[RecordingFiles] = []
        for s, e in product(subjects, range(1, len(EXERCISES) + 1)):
            for t in range(1, trials * (2 if e == CLAM else 1) + 1):
                paths = [folder / below / f"{s:02d}" / f"{e:02d}_{name}_{t}.csv" for name, below in FOLDERS.items()]
                recordings.append((paths, partial(_streams, seed, s, e, t, seconds)))
        write_missing(recordings, "MEx, simulated", progress, _write_csv, jobs)
    return folder
