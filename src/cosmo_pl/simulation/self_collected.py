"""The paper's self-collected set, simulated: a worn 9-axis IMU, a depth camera and a radar of the same scene."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import user_path, write_whole
from cosmo_pl.simulation.activities_self_collected import SCENES, Scene
from cosmo_pl.simulation.body import Motion
from cosmo_pl.simulation.depth_camera import Box, Camera, Room, depth_frames, with_depth_errors
from cosmo_pl.simulation.motion import Action, Habit, make_habit, perform
from cosmo_pl.simulation.radar import radar_frames
from cosmo_pl.simulation.sensors import InertialErrors, Placement, imu, magnetometer, with_errors
from cosmo_pl.simulation.subject import make_subject, small_turn
from cosmo_pl.simulation.utd import AXES, WRIST, YIELDING
from cosmo_pl.simulation.writing import RecordingFiles, check_counts, claimed, write_missing, write_npy

RATES = {"imu": 100, "depth": 20, "radar": 15}
"""Frames per second."""

MOTION_RATE = 300
"""Frames of the motion per second: a multiple of all rates, so that the sensors share instants."""

SECONDS = 2.0
PAUSE = 5.0  # seconds from the start of one clip of a subject to the next

SUBJECTS, TRAINING_SUBJECTS, TRIALS, EXTRA = 30, 25, 8, 74
"""The paper has 3,434 clips: eight per subject and activity make 3,360; the other 74 are of training subjects."""

Clip = dict[str, NDArray[Any]]
_DATASET = 3  # separates this dataset's random numbers from those of the others
_MARGIN = 0.5  # seconds of motion before and after the clip, for clock errors and for differences
_FLOOR = -1.06
_MAGNETIC_NOISE = (0.5, 1.5)  # µT: noise, and a bias that is constant in a clip
_UNITS = {"imu": ["g"] * 3 + ["deg/s"] * 3 + ["uT"] * 3, "depth": "mm", "radar": ["intensity", "m/s"]}


@dataclass(frozen=True)
class Recorder:
    """The recording of clips.

    Args:
        resolution: Rows and columns of depth.
        clock_offset: Standard deviation of each sensor's clock error (seconds).
        dropped_frames: Share of depth and radar frames that are lost; the previous frame is repeated, as drivers do.
    """

    resolution: tuple[int, int] = (60, 80)
    clock_offset: float = 0.0
    dropped_frames: float = 0.0

    def __post_init__(self) -> None:
        if min(self.resolution) < 2:
            raise ConfigurationError("resolution", f"is {list(self.resolution)}", "Use at least 2 by 2")
        if not 0 <= self.clock_offset <= _MARGIN / 4:
            raise ConfigurationError("clock_offset", f"is {self.clock_offset}", f"Use 0 to {_MARGIN / 4} seconds")
        if not 0 <= self.dropped_frames < 1:
            raise ConfigurationError("dropped_frames", f"is {self.dropped_frames}", "Use a share below 1")


def quality(seed: int, subject: int, activity: int) -> dict[str, float]:
    """Factor on each sensor's errors: subject and activity each give half of the variance of its logarithm."""
    generators = [np.random.default_rng([seed, _DATASET, who, number]) for who, number in ((1, subject), (2, activity))]
    return {name: float(np.exp(sum(rng.normal(0.0, 0.5) for rng in generators))) for name in RATES}


def bodies(seed: int, subject: int, activity: int, trial: int) -> tuple[list[Motion], Room, np.random.Generator]:
    """The scene of a clip, and the generator that then samples the sensors' errors.

    Args:
        seed: Seed of the simulation.
        subject: Number of the subject, from 1.
        activity: Number of the activity, 1 to 14.
        trial: Number of the trial, from 1.
    """
    scene = SCENES[activity - 1]
    rng = np.random.default_rng([seed, _DATASET, subject, activity, trial])
    person = make_subject(seed, subject)
    position = person.position + rng.normal(0.0, (0.12, 0.0, 0.15))
    people = [(scene.action, subject, replace(person, position=position))]
    if scene.partner is not None:
        apart = np.array([float(rng.normal(0.42, 0.03)), 0.0, 0.0])
        other = make_subject(seed, subject + 1000 + int(rng.integers(5)))  # one of five other people
        turned = (float(rng.normal(90, 8)), float(rng.normal(-90, 8)))
        people = [
            (scene.action, subject, replace(person, position=position + apart, facing=turned[0])),
            (scene.partner, subject + 1000, replace(other, position=position - apart, facing=turned[1])),
        ]

    def habit(action: Action, number: int) -> Habit:
        return make_habit(action, np.random.default_rng([seed, _DATASET, number, activity]))

    motions = [
        perform(action, who, habit(action, number), rng, MOTION_RATE, SECONDS + 2 * _MARGIN)
        for action, number, who in people
    ]
    return motions, _room(scene, float(position[0]), float(position[2])), rng


def _room(scene: Scene, x: float, z: float) -> Room:
    table = Box(np.array([x - 0.7, _FLOOR, z - 0.95]), np.array([x + 0.7, _FLOOR + 0.72, z - 0.4]))
    low, high = np.array([-2.6, _FLOOR, -1.0]), np.array([2.6, 1.6, 4.6])
    return Room(low, high, (table,) if scene.table else ())


def self_collected_clip(seed: int, subject: int, activity: int, trial: int, recorder: Recorder = Recorder()) -> Clip:
    """One clip of two seconds in all three sensors, which start together except for `Recorder.clock_offset`.

    Args:
        seed: Seed of the simulation.
        subject: Number of the subject, from 1.
        activity: Number of the activity, 1 to 14.
        trial: Number of the trial, from 1.
        recorder: The recorder.

    Returns:
        ``imu`` (200, 9) float32, acceleration in g, angular rate in degrees/s and magnetic field in µT of the right
        wrist; ``depth`` (40, height, width) uint16 in millimetres, 0 without a reading; ``radar`` (30, 2, 16, 32, 16)
        float16, see `radar_frames`.
    """
    motions, room, rng = bodies(seed, subject, activity, trial)
    factor = quality(seed, subject, activity)
    ticks = {name: _ticks(name, recorder, rng) for name in RATES}
    return {
        "imu": _imu(motions[0], seed, subject, rng, factor["imu"])[ticks["imu"]].astype(np.float32),
        "depth": with_depth_errors(
            depth_frames(motions, room, Camera(*recorder.resolution), ticks["depth"]), rng, factor["depth"]
        ),
        "radar": radar_frames(motions, ticks["radar"], rng, factor["radar"]),
    }


def _ticks(name: str, recorder: Recorder, rng: np.random.Generator) -> NDArray[np.int64]:
    """Frames of the motion that a sensor records."""
    count, late = round(SECONDS * RATES[name]), rng.normal()
    lost = (rng.random(count) < recorder.dropped_frames) & (np.arange(count) > 0) & (name != "imu")
    taken = np.maximum.accumulate(np.where(lost, 0, np.arange(count)))
    first = round((_MARGIN + float(np.clip(late, -3, 3)) * recorder.clock_offset) * MOTION_RATE)
    frames: NDArray[np.int64] = first + taken * (MOTION_RATE // RATES[name])
    return frames


def _imu(motion: Motion, seed: int, subject: int, rng: np.random.Generator, factor: float) -> NDArray[np.float64]:
    person = make_subject(seed, subject)
    segment, joint, offset = WRIST
    mount = AXES @ person.mount @ small_turn(rng, np.array([10.0, 4.0, 4.0]))
    placement = Placement(segment, joint, np.array(offset) + person.slip, mount, YIELDING * person.looseness)
    plain = InertialErrors()
    scaled = ("acc_bias", "acc_noise", "gyro_bias", "gyro_noise")
    errors = replace(plain, **{name: factor * getattr(plain, name) for name in scaled})
    field = magnetometer(motion, placement)
    noise, bias = _MAGNETIC_NOISE
    field = field + factor * (noise * rng.normal(size=field.shape) + bias * rng.normal(size=3))
    return np.hstack([with_errors(imu(motion, placement), errors, rng), field])


def clip_numbers(subjects: Sequence[int], trials: int) -> list[tuple[int, int, int]]:
    """Subject, activity and trial of each clip; the defaults give the 3,434 clips of the paper."""
    activities = range(1, len(SCENES) + 1)
    numbers = [(s, a, t) for s in subjects for a in activities for t in range(1, trials + 1)]
    if list(subjects) == list(range(1, SUBJECTS + 1)) and trials == TRIALS:
        pairs = [(s, a) for a in activities for s in range(1, TRAINING_SUBJECTS + 1)]
        numbers += [(s, a, TRIALS + 1) for s, a in pairs[:EXTRA]]
    return sorted(numbers)


def simulate_self_collected(
    root: Path,
    subjects: Sequence[int] = range(1, SUBJECTS + 1),
    trials: int = TRIALS,
    resolution: tuple[int, int] = (60, 80),
    seed: int = 0,
    clock_offset: float = 0.0,
    dropped_frames: float = 0.0,
    progress: bool = True,
    jobs: int = -1,
) -> Path:
    """Writes simulated clips and then the manifest, so that a folder with a manifest is complete.

    A clip depends only on the seed, its own numbers and the recorder. The same call completes an interrupted run.

    Args:
        root: Folder in which ``SelfCollected`` is made.
        subjects: Numbers of the subjects, from 1.
        trials: Trials of each activity.
        resolution: Rows and columns of depth; the paper's is 480 × 640.
        seed: Seed of all random choices.
        clock_offset: Standard deviation of each sensor's clock error (seconds).
        dropped_frames: Share of depth and radar frames that are lost.
        progress: Whether a progress bar is shown.
        jobs: Processes; -1 takes all cores.

    Returns:
        The folder ``SelfCollected``.

    Raises:
        ConfigurationError: An argument is out of range, or the folder holds other recordings.
    """
    check_counts(subjects, trials, seed)
    recorder = Recorder((resolution[0], resolution[1]), clock_offset, dropped_frames)
    folder = user_path(root) / "SelfCollected"
    settings = {"subjects": list(subjects), "trials": trials, "seed": seed, "recorder": vars(recorder)}
    with claimed(folder, {"dataset": "SelfCollected", **settings}):
        numbers = clip_numbers(subjects, trials)
        recordings: list[RecordingFiles] = [
            ([folder / file for file in _files(number).values()], partial(_arrays, seed, number, recorder))
            for number in numbers
        ]
        write_missing(recordings, "SelfCollected, simulated", progress, write_npy, jobs)
        write_whole(folder / "manifest.json", json.dumps(_manifest(numbers, recorder), indent=1) + "\n")
    return folder


def _name(number: Sequence[int]) -> str:
    return "s{:02}_a{:02}_t{}".format(*number)


def _files(number: Sequence[int]) -> dict[str, str]:
    return {name: f"{name}/{_name(number)}.npy" for name in RATES}


def _arrays(seed: int, number: tuple[int, int, int], recorder: Recorder) -> list[NDArray[Any]]:
    clip = self_collected_clip(seed, *number, recorder)
    return [clip[name] for name in RATES]


def _manifest(numbers: Sequence[tuple[int, int, int]], recorder: Recorder) -> Mapping[str, Any]:
    shapes = {"imu": [9], "depth": list(recorder.resolution), "radar": [2, 16, 32, 16]}
    kinds = {"imu": ("series", "float32"), "depth": ("depth", "uint16"), "radar": ("radar", "float16")}
    first = {subject: i for i, (subject, _, _) in reversed(list(enumerate(numbers)))}
    return {
        "format": 1,
        "activities": [scene.action.name for scene in SCENES],
        "modalities": {
            name: {"kind": kind, "rate": RATES[name], "shape": shapes[name], "dtype": dtype, "unit": _UNITS[name]}
            for name, (kind, dtype) in kinds.items()
        },
        "clips": [
            {
                "name": _name(number),
                "subject": number[0],
                "activity": SCENES[number[1] - 1].action.name,
                "start": PAUSE * (i - first[number[0]]),
                "duration": SECONDS,
                "files": _files(number),
            }
            for i, number in enumerate(numbers)
        ],
    }
