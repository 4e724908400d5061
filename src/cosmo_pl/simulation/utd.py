"""UTD-MHAD, simulated: an inertial sensor on the right wrist or thigh and a Kinect skeleton of the same motion."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from cosmo_pl.io import user_path, write_whole
from cosmo_pl.simulation.activities_utd import UTD_ACTIONS
from cosmo_pl.simulation.body import Array, Motion
from cosmo_pl.simulation.motion import make_habit, perform
from cosmo_pl.simulation.sensors import InertialErrors, Placement, imu, kinect, with_errors
from cosmo_pl.simulation.subject import Subject, make_subject, small_turn
from cosmo_pl.simulation.writing import RecordingFiles, check_counts, claimed, write_missing
from cosmo_pl.skeleton import JOINTS

INERTIAL_RATE, SKELETON_RATE = 50, 30
"""Samples and frames per second."""

MOTION_RATE = 300
"""Frames of the motion per second: a multiple of both sensors' rates, so that they share every instant."""

FIRST_THIGH_ACTION = 22
"""The sensor is worn on the right thigh from this action on, and on the right wrist before it."""

WRIST = ("r_forearm", "right_wrist", (0.03, 0.02, 0.0))
THIGH = ("r_thigh", "right_hip", (0.05, -0.25, -0.06))
"""Segment, joint, and position from the joint in the segment's frame (metres) of the inertial sensor."""

STRAP_TURN = np.array([10.0, 4.0, 4.0])
"""Standard deviation over trials of the strap's rotation (degrees about the sensor's axes), mostly around the limb."""

YIELDING = 2.0
"""Usual rotation of the strap for each g of acceleration (degrees)."""

_DATASET = 2  # separates this dataset's random numbers from those of the others
AXES = np.column_stack([(0, -1, 0), (0, 0, 1), (-1, 0, 0)]).astype(float)
"""Sensor axes in the limb's frame: x along the limb downwards, y backwards, z to the left."""

ERRORS = InertialErrors()


def utd_motion(seed: int, subject: int, action: int, trial: int) -> tuple[Motion, np.random.Generator]:
    """The motion of one recording, and the generator that then samples its sensors' errors.

    Args:
        seed: Seed of the simulation.
        subject: Number of the subject, from 1.
        action: Number of the action, 1 to 27.
        trial: Number of the trial, from 1.
    """
    table = UTD_ACTIONS[action - 1]
    habit = make_habit(table, np.random.default_rng([seed, _DATASET, subject, action]))
    rng = np.random.default_rng([seed, _DATASET, subject, action, trial])
    return perform(table, make_subject(seed, subject), habit, rng, MOTION_RATE), rng


def utd_placement(person: Subject, action: int, mount: Array) -> Placement:
    """Placement of the inertial sensor in an action; `mount` rotates it from its nominal axes."""
    segment, joint, offset = WRIST if action < FIRST_THIGH_ACTION else THIGH
    return Placement(segment, joint, np.array(offset) + person.slip, AXES @ mount, YIELDING * person.looseness)


def utd_recording(seed: int, subject: int, action: int, trial: int) -> tuple[Array, Array]:
    """One recording with both sensors, which start together.

    Args:
        seed: Seed of the simulation.
        subject: Number of the subject, from 1.
        action: Number of the action, 1 to 27.
        trial: Number of the trial, from 1.

    Returns:
        Inertial readings (T, 6) at 50 Hz in g and degrees per second, and the skeleton (20, 3, T) at 30 Hz in metres.
    """
    motion, rng = utd_motion(seed, subject, action, trial)
    person = make_subject(seed, subject)
    skeleton = kinect(motion, rng, MOTION_RATE // SKELETON_RATE)
    placement = utd_placement(person, action, person.mount @ small_turn(rng, STRAP_TURN))
    readings = imu(motion, placement)[:: MOTION_RATE // INERTIAL_RATE]
    return with_errors(readings, ERRORS, rng), skeleton


def _fields(seed: int, subject: int, action: int, trial: int) -> tuple[dict[str, Array], dict[str, Array]]:
    inertial, skeleton = utd_recording(seed, subject, action, trial)
    return {"d_iner": inertial}, {"d_skel": skeleton}


def simulate_utd(
    root: Path,
    subjects: Sequence[int] = range(1, 9),
    trials: int = 4,
    seed: int = 0,
    progress: bool = True,
    jobs: int = 1,
) -> Path:
    """Writes simulated recordings in the layout of UTD-MHAD (Chen, Jafari and Kehtarnavaz, ICIP 2015).

    A recording depends only on the seed and on its own subject, action and trial. The same call completes an
    interrupted run.

    Args:
        root: Folder in which ``UTD-MHAD`` is made.
        subjects: Numbers of the subjects, from 1.
        trials: Trials of each action.
        seed: Seed of all random choices.
        progress: Whether a progress bar is shown.
        jobs: Processes; -1 takes all cores.

    Returns:
        The folder ``UTD-MHAD``.

    Raises:
        ConfigurationError: An argument is out of range, or the folder holds other recordings.
    """
    check_counts(subjects, trials, seed)
    folder = user_path(root) / "UTD-MHAD"
    with claimed(folder, {"dataset": "UTD-MHAD", "subjects": list(subjects), "trials": trials, "seed": seed}):
        order = "".join(f"{number}. {name};\n" for number, name in enumerate(JOINTS, start=1))
        write_whole(
            folder / "Skeleton" / "Skeleton_joint_order.txt", f"Joints of each (20, 3, frames) skeleton:\n\n{order}"
        )
        recordings: list[RecordingFiles] = []
        for s, a, t in product(subjects, range(1, len(UTD_ACTIONS) + 1), range(1, trials + 1)):
            name = f"a{a}_s{s}_t{t}"
            paths = folder / "Inertial" / f"{name}_inertial.mat", folder / "Skeleton" / f"{name}_skeleton.mat"
            recordings.append((paths, partial(_fields, seed, s, a, t)))
        write_missing(recordings, "UTD-MHAD, simulated", progress, jobs=jobs)
    return folder
