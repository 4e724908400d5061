"""USC-HAD, simulated: one inertial sensor on the front right hip, twelve activities."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import user_path
from cosmo_pl.simulation.activities_usc import USC_ACTIVITIES
from cosmo_pl.simulation.body import Array
from cosmo_pl.simulation.motion import make_habit, perform
from cosmo_pl.simulation.sensors import InertialErrors, Placement, imu, with_errors
from cosmo_pl.simulation.subject import make_subject, small_turn
from cosmo_pl.simulation.writing import RecordingFiles, check_counts, claimed, write_missing

RATE = 100
"""Samples per second."""

_STEP = 2  # frames of the motion for each sample
_DATASET = 1  # separates this dataset's random numbers from those of the others
HIP = np.array([0.12, 0.02, -0.11])
"""Front right hip in the pelvis frame (metres)."""

AXES = np.column_stack([(0, 1, 0), (0, 0, -1), (-1, 0, 0)]).astype(float)
"""Sensor axes in the pelvis frame: x up, y forwards, z to the left."""

YIELDING = 4.0
"""Usual rotation of the pouch on the belt for each g of acceleration (degrees)."""

ERRORS = InertialErrors(acc_noise=0.015, acc_range=7.0, gyro_range=900.0)


def usc_readings(seed: int, subject: int, activity: int, trial: int, seconds: float) -> Array:
    """One recording: acceleration in g and angular rate in degrees per second, (T, 6) at 100 Hz.

    Args:
        seed: Seed of the simulation.
        subject: Number of the subject, from 1.
        activity: Number of the activity, 1 to 12.
        trial: Number of the trial, from 1.
        seconds: Mean length of the recordings, which vary by up to 20 %.
    """
    action = USC_ACTIVITIES[activity - 1]
    person = make_subject(seed, subject)
    habit = make_habit(action, np.random.default_rng([seed, _DATASET, subject, activity]))
    rng = np.random.default_rng([seed, _DATASET, subject, activity, trial])
    length = seconds * float(rng.uniform(0.8, 1.2))
    motion = perform(action, person, habit, rng, RATE * _STEP, length)
    mount = AXES @ person.mount @ small_turn(rng, 4.0)
    readings = imu(motion, Placement("pelvis", "hip_center", HIP + person.slip, mount, YIELDING * person.looseness))
    return with_errors(readings[::_STEP], ERRORS, rng)


def _fields(seed: int, subject: int, activity: int, trial: int, seconds: float) -> list[dict[str, Any]]:
    person = make_subject(seed, subject)
    fields = {
        "title": "USC Human Activity Dataset (USC-HAD)",
        "version": "simulated",
        "date": "simulated",
        "subject": str(subject),
        "age": str(person.age),
        "height": f"{100 * person.height:.0f}cm",
        "weight": f"{person.weight}kg",
        "activity": USC_ACTIVITIES[activity - 1].name,
        "activity_number": str(activity),
        "trial": str(trial),
        "sensor_location": "front-right-hip",
        "sensor_orientation": "x-gravity-y-walking-direction-z-vertical-to-walking-direction",
        "sensor_readings": usc_readings(seed, subject, activity, trial, seconds),
    }
    return [fields]


def simulate_usc(
    root: Path,
    subjects: Sequence[int] = range(1, 15),
    trials: int = 5,
    seconds: float = 15.0,
    seed: int = 0,
    progress: bool = True,
    jobs: int = 1,
) -> Path:
    """Writes simulated recordings in the layout of USC-HAD (Zhang and Sawchuk, UbiComp 2012).

    A recording depends only on the seed and on its own subject, activity, trial and length. The same call completes an
    interrupted run.

    Args:
        root: Folder in which ``USC-HAD`` is made.
        subjects: Numbers of the subjects, from 1.
        trials: Trials of each activity.
        seconds: Mean length of the recordings, which vary by up to 20 %.
        seed: Seed of all random choices.
        progress: Whether a progress bar is shown.
        jobs: Processes; -1 takes all cores.

    Returns:
        The folder ``USC-HAD``.

    Raises:
        ConfigurationError: An argument is out of range, or the folder holds other recordings.
    """
    check_counts(subjects, trials, seed)
    if not seconds >= 2:
        raise ConfigurationError("seconds", f"{seconds} is too short for a recording", "Give 2 or more")
    folder = user_path(root) / "USC-HAD"
    settings = {"subjects": list(subjects), "trials": trials, "seconds": float(seconds), "seed": seed}
    with claimed(folder, {"dataset": "USC-HAD", **settings}):
        recordings: list[RecordingFiles] = []
        for s, a, t in product(subjects, range(1, len(USC_ACTIVITIES) + 1), range(1, trials + 1)):
            path = folder / f"Subject{s}" / f"a{a}t{t}.mat"
            recordings.append(([path], partial(_fields, seed, s, a, t, seconds)))
        write_missing(recordings, "USC-HAD, simulated", progress, jobs=jobs)
    return folder
