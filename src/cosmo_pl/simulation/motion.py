"""Motion of a body from a table of poses.

An `Action` is a list of poses with the time to reach each of them. `perform` makes one performance of a person: it
repeats the loop, varies poses and timing by habit and at random, interpolates, and puts the body on the floor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from cosmo_pl.simulation.body import CHANNELS, COLUMN, SHIFTS, Array, Motion, forward_kinematics, segment_rotations
from cosmo_pl.simulation.subject import Subject, steady_legs
from cosmo_pl.skeleton import JOINTS

Pose = Mapping[str, float]
Key = tuple[float, Pose]

NEUTRAL: Pose = {
    f"{side}_{name}": angle
    for side in "lr"
    for name, angle in {"flex": 2, "abd": 10, "elbow": 16, "roll": 0, "open": 3, "knee": 3, "hip": 2}.items()
}
"""The neutral pose; other poses list only the channels that differ from it."""

_ANGLES = np.array([name not in SHIFTS for name in CHANNELS])
_FEET = [JOINTS.index("left_foot"), JOINTS.index("right_foot")]
_SWING = 0.5  # seconds over which the hip's swing from step to step averages out of the heading
_FIRMNESS = 60.0  # 1/m: sharpness of the change of the standing foot to the lower of the two


@dataclass(frozen=True)
class Action:
    """An activity as a table.

    Args:
        name: Official name.
        intro: Keys before the loop: (seconds since the previous key, pose).
        loop: Keys that are repeated.
        outro: Keys after the loop.
        count: Least and greatest number of repetitions; ignored if the length of a recording is prescribed.
        grounded: Whether the lower foot stays on the floor and does not slide; else only the channels move the body.
        speed: Walking speed straight ahead (metres per second), for an action that is not grounded.
        turn: Mean and standard deviation over trials of a steady rotation to the left (degrees per second).
        ride: Speed of the floor, upwards (metres per second); it starts and stops once within the recording.
        spread: Channel to the standard deviation of its offset, which is constant in a trial.
        sway: Standard deviation of slow involuntary movement (degrees).
        timing: Standard deviation of the logarithm of a trial's tempo.
    """

    name: str
    intro: tuple[Key, ...] = ()
    loop: tuple[Key, ...] = ()
    outro: tuple[Key, ...] = ()
    count: tuple[int, int] = (1, 1)
    grounded: bool = True
    speed: float = 0.0
    turn: tuple[float, float] = (0.0, 0.0)
    ride: float = 0.0
    spread: Pose = field(default_factory=dict)
    sway: float = 1.0
    timing: float = 0.08

    @property
    def keys(self) -> tuple[Key, ...]:
        """Each key once."""
        return (*self.intro, *self.loop, *self.outro)


@dataclass(frozen=True)
class Habit:
    """The way in which one person performs one action.

    Args:
        gain: Factor (K, C) on the difference of each key from the neutral pose.
        bias: Offset (C,) of the channels of a key.
        pace: Factor (K,) on each key's duration.
    """

    gain: Array
    bias: Array
    pace: Array


def make_habit(action: Action, rng: np.random.Generator) -> Habit:
    """Samples a person's way of performing an action."""
    times = np.cumsum([duration for duration, _ in action.keys])
    gain = alike_in_time(rng.normal(0.0, 0.2, (len(times), len(CHANNELS))), times)
    pace = alike_in_time(rng.normal(0.0, 0.15, (len(times), 1)), times)[:, 0]
    bias = _ANGLES * rng.normal(0.0, 9.0, len(CHANNELS))
    return Habit(np.exp(steady_legs(gain)), steady_legs(bias), np.exp(pace))


def alike_in_time(noise: Array, times: Array) -> Array:
    """Correlates the noise (K, C) of keys within a third of a second of each other, and keeps its variance."""
    weight = np.exp(-0.5 * ((times[:, None] - times) / 0.3) ** 2)
    return np.asarray(weight / np.linalg.norm(weight, axis=1, keepdims=True) @ noise)


def pose_vector(pose: Pose) -> Array:
    """Channels (C,) of a pose; the ones that it does not list are those of `NEUTRAL`."""
    vector = np.zeros(len(CHANNELS))
    for name, value in {**NEUTRAL, **pose}.items():
        vector[COLUMN[name]] = value
    return vector


def smooth(x: Array, frames: float) -> Array:
    """Gaussian smoothing along time; the values at the ends are continued."""
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(x, frames, axis=0, mode="nearest"))


def slow_noise(rng: np.random.Generator, frames: int, channels: int, width: float) -> Array:
    """Gaussian noise (T, C) of unit variance that changes over about `width` frames."""
    noise = smooth(rng.normal(size=(frames + int(8 * width), channels)), width)
    unit = np.sqrt(2 * width * np.sqrt(np.pi))
    return np.asarray(noise[int(4 * width) :][:frames] * unit)


def _order(action: Action, rng: np.random.Generator, cycle: float, seconds: float | None) -> Array:
    """Indices of the keys in the order of the performance; the loop fills the prescribed time if there is one."""
    intro, loop, outro = len(action.intro), len(action.loop), len(action.outro)
    if seconds is None:
        repeats = int(rng.integers(action.count[0], action.count[1], endpoint=True))
    else:
        # More than needed, so that no sampled timing makes the recording too short.
        repeats = 3 + int(1.5 * seconds / cycle)
    middle = np.tile(np.arange(intro, intro + loop), repeats)
    return np.concatenate([np.arange(intro), middle, np.arange(intro + loop, intro + loop + outro)])


def _keyframes(
    action: Action, subject: Subject, habit: Habit, rng: np.random.Generator, seconds: float | None
) -> tuple[Array, Array]:
    """Times (K,) and channels (K, C) of the keys of one performance."""
    tempo = subject.tempo * float(np.exp(rng.normal(0.0, action.timing)))
    pace = tempo * habit.pace * np.array([duration for duration, _ in action.keys])
    cycle = float(pace[len(action.intro) : len(action.intro) + len(action.loop)].sum())
    order = _order(action, rng, cycle, seconds)
    neutral = pose_vector({})
    away = np.stack([pose_vector(pose) for _, pose in action.keys]) - neutral
    away = np.where(away != 0, away * habit.gain * subject.gain + habit.bias, 0.0)
    plan = np.cumsum(pace[order])
    effort = np.exp(rng.normal(0.0, 0.06) + alike_in_time(rng.normal(0.0, 0.06, (len(order), 1)), plan))
    haste = np.exp(alike_in_time(rng.normal(0.0, 0.08, (len(order), 1)), plan)[:, 0])
    times = np.cumsum(pace[order] * haste)
    # A recording without an intro starts anywhere in the first cycle.
    start = times[0] if action.intro else rng.uniform(times[0], times[0] + cycle)
    return times - start, neutral + away[order] * effort


def _heading(action: Action, rng: np.random.Generator, frames: int, rate: float) -> Array:
    """Rotation to the left since the start (degrees), (T,): a mean rate that varies slowly over seconds."""
    mean, spread = action.turn
    speed = rng.normal(mean, spread) * (1 + 0.4 * slow_noise(rng, frames, 1, 1.5 * rate)[:, 0])
    heading: Array = np.cumsum(speed) / rate
    return heading


def _ride(action: Action, rng: np.random.Generator, frames: int, rate: float) -> Array:
    """Height of the floor (metres), (T,): it starts to move in the first quarter and stops in the last."""
    clock, length = np.arange(frames) / rate, frames / rate
    ramp = min(float(rng.uniform(1.2, 2.2)), length / 4)
    start, stop = length * rng.uniform(0.02, 0.25), length * rng.uniform(0.75, 0.98) - ramp
    share = np.interp(clock, [start, start + ramp, stop, stop + ramp], [0, 1, 1, 0])
    speed = action.ride * rng.uniform(0.85, 1.15) * smooth(share, 0.15 * rate)
    height: Array = np.cumsum(speed) / rate
    return height


def channels_over_time(
    action: Action, subject: Subject, habit: Habit, rng: np.random.Generator, rate: float, seconds: float | None
) -> Array:
    """The channels of one performance.

    Args:
        action: The action.
        subject: The person.
        habit: The person's way of performing it.
        rng: Generator of the differences between trials.
        rate: Frames per second.
        seconds: Length of the recording; by default the duration of the action.

    Returns:
        Channels (T, C).
    """
    from scipy.interpolate import PchipInterpolator

    times, values = _keyframes(action, subject, habit, rng, seconds)
    length = float(times[-1]) if seconds is None else seconds
    frames = int(length * rate) + 1
    channels = smooth(PchipInterpolator(times, values, axis=0)(np.arange(frames) / rate), 0.04 * rate)
    stance = subject.posture + steady_legs(rng.normal(0.0, 1.5, len(CHANNELS)))
    stance += rng.normal(size=len(CHANNELS)) * [action.spread.get(name, 0.0) for name in CHANNELS]
    sway = action.sway * slow_noise(rng, frames, len(CHANNELS), 0.35 * rate)
    channels[:, _ANGLES] += (stance + sway)[:, _ANGLES]
    channels[:, COLUMN["yaw"]] += subject.facing + _heading(action, rng, frames, rate)
    channels[:, COLUMN["rise"]] += _ride(action, rng, frames, rate)
    return channels


def _standing_height(feet: Array) -> Array:
    """Height (T,) of the hip above a floor under the lower of two feet (T, 2, 3), whose positions are from the hip."""
    height: Array = np.log(np.exp(-_FIRMNESS * feet[..., 1]).sum(axis=1)) / _FIRMNESS
    return height


def _root(action: Action, channels: Array, joints: Array, neutral_height: float, rate: float) -> Array:
    """Path (T, 3) of the hip: from the lower foot if the action is grounded, else from the channels."""
    path = channels[:, [COLUMN[name] for name in SHIFTS]] * [1.0, 1.0, -1.0]
    if not action.grounded:
        heading = np.deg2rad(smooth(channels[:, COLUMN["yaw"]], _SWING * rate))
        path[:, [0, 2]] -= np.cumsum(action.speed * np.stack([np.sin(heading), np.cos(heading)], axis=1), axis=0) / rate
        path[:, 1] += neutral_height
        return path
    feet = joints[:, _FEET]
    path[:, 1] += _standing_height(feet)
    weight = np.exp(-_FIRMNESS * (feet[..., 1] - feet[..., 1].min(axis=1, keepdims=True)))
    weight /= weight.sum(axis=1, keepdims=True)
    # Weight passes from foot to foot more gently than the two feet's speeds agree.
    slide = smooth((weight[..., None] * np.gradient(feet, axis=0)).sum(axis=1), 0.06 * rate)
    path[:, [0, 2]] -= np.cumsum(slide, axis=0)[:, [0, 2]]
    return smooth(path, 0.02 * rate)


def perform(
    action: Action,
    subject: Subject,
    habit: Habit,
    rng: np.random.Generator,
    rate: float,
    seconds: float | None = None,
) -> Motion:
    """One performance of an action by one person.

    Args:
        action: The action.
        subject: The person.
        habit: The person's way of performing it, from `make_habit`.
        rng: Generator of the differences between trials.
        rate: Frames per second.
        seconds: Length of the recording; by default the duration of the action.

    Returns:
        The motion, in the frame described in `cosmo_pl.simulation.body`.
    """
    channels = channels_over_time(action, subject, habit, rng, rate, seconds)
    rotations = segment_rotations(channels)
    joints = forward_kinematics(rotations, subject.scale)
    upright = forward_kinematics(segment_rotations(pose_vector({})[None]), subject.scale)
    root = _root(action, channels, joints, float(_standing_height(upright[:, _FEET])[0]), rate)
    return Motion(rate, joints + (root + subject.position)[:, None], rotations)
