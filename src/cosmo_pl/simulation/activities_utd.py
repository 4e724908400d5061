"""The 27 actions of UTD-MHAD as tables of poses.

A key is (seconds since the previous key, pose); a pose lists the channels that differ from the neutral pose.
Angles are in degrees, shifts in metres (see `cosmo_pl.simulation.body`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from cosmo_pl.simulation.body import reach
from cosmo_pl.simulation.motion import Action, Key, Pose
from cosmo_pl.simulation.poses import GUARD, PUNCH, RISING, SEATED, both, left, right, step

START: tuple[Key, ...] = ((0.0, {}), (0.25, {}))
END: tuple[Key, ...] = ((0.8, {}), (0.25, {}))


def drawing(points: Sequence[tuple[float, float]], seconds: float) -> tuple[Key, ...]:
    """Keys that lead the right wrist along a line in front of the chest.

    Args:
        points: Corners as seen by the subject: (to the right, up) of the centre of the line, in metres.
        seconds: Time for the whole line, at constant speed.
    """
    corners = np.array(points)
    pieces = [np.linspace(a, b, 6, endpoint=False) for a, b in pairwise(corners)]
    line = np.vstack([*pieces, corners[-1:]])
    lengths = np.linalg.norm(np.diff(line, axis=0), axis=1)
    times = np.r_[0.6, seconds * lengths / lengths.sum()]
    return tuple((float(time), reach(-0.06 + x, -0.02 + y, 0.38)) for time, (x, y) in zip(times, line, strict=True))


def circle(sign: float) -> list[tuple[float, float]]:
    """A circle from the top; `sign` +1 is clockwise for the subject."""
    return [(sign * 0.19 * np.sin(t), 0.19 * np.cos(t)) for t in np.linspace(0, 2 * np.pi, 13)]


X_SHAPE = ((-0.17, 0.18), (0.17, -0.18), (0.17, 0.18), (-0.17, -0.18))
TRIANGLE = ((0.0, 0.2), (0.2, -0.15), (-0.2, -0.15), (0.0, 0.2))
COCKED: Pose = {**right(flex=15, abd=85, spin=-75, elbow=95), "twist": -22}
THROWN: Pose = {**right(flex=95, abd=8, spin=-10, elbow=15, roll=50), "twist": 18, "bend": 10}
FOLLOWED: Pose = {**right(flex=45, abd=-20, spin=20, elbow=20, roll=60), "twist": 25, "bend": 14}


UTD_ACTIONS = (
    Action(
        "right arm swipe to the left",
        (*START, (0.6, right(flex=82, abd=50, elbow=20)), (0.55, right(flex=85, abd=-42, elbow=45, roll=20))),
        outro=END,
    ),
    Action(
        "right arm swipe to the right",
        (*START, (0.6, right(flex=75, abd=-38, spin=20, elbow=65)), (0.55, right(flex=80, abd=62, elbow=8))),
        outro=END,
    ),
    Action(
        "right hand wave",
        (*START, (0.55, right(flex=40, abd=45, spin=-45, elbow=115))),
        ((0.24, right(flex=40, abd=45, spin=-75, elbow=105)), (0.24, right(flex=40, abd=45, spin=-18, elbow=115))),
        END,
        (2, 4),
    ),
    Action(
        "two hand front clap",
        (*START, (0.5, both(flex=65, abd=30, elbow=40))),
        ((0.2, both(flex=68, abd=-16, elbow=42)), (0.26, both(flex=65, abd=28, elbow=40))),
        END,
        (2, 3),
    ),
    Action("right arm throw", (*START, (0.6, COCKED), (0.3, THROWN), (0.26, FOLLOWED)), outro=END),
    Action(
        "cross arms in the chest",
        (*START, (0.65, both(flex=42, abd=-2, spin=62, elbow=112)), (0.4, both(flex=44, abd=-4, spin=64, elbow=114))),
        outro=END,
    ),
    Action(
        "basketball shoot",
        (
            *START,
            (0.55, {**both(flex=35, abd=0, spin=20, elbow=120, hip=25, knee=40, ankle=14), "bend": 8}),
            (0.3, {**right(flex=118, abd=0, elbow=85), **left(flex=112, abd=-8, elbow=70)}),
            (0.2, {**right(flex=150, abd=0, elbow=10, roll=25), **left(flex=135, abd=0, elbow=30)}),
            (0.25, {**right(flex=145, abd=0, elbow=12, roll=25), **left(flex=120, abd=5, elbow=35)}),
        ),
        outro=END,
    ),
    Action("right hand draw x", (*START, *drawing(X_SHAPE, 1.5)), outro=END),
    Action("right hand draw circle clockwise", (*START, *drawing(circle(1), 1.4)), outro=END),
    Action("right hand draw circle counter clockwise", (*START, *drawing(circle(-1), 1.4)), outro=END),
    Action("draw triangle", (*START, *drawing(TRIANGLE, 1.6)), outro=END),
    Action(
        "bowling",
        (
            *START,
            (0.5, {**right(flex=25, elbow=60), "bend": 12}),
            (0.5, {**right(flex=-55, abd=15, elbow=5), **left(hip=35, knee=25, abd=30), "bend": 38, "twist": -12}),
            (
                0.4,
                {
                    **right(flex=35, abd=0, elbow=5, hip=-5, knee=25),
                    **left(hip=45, knee=50, abd=25),
                    "bend": 42,
                    "twist": 10,
                },
            ),
            (0.34, {**right(flex=95, abd=-8, elbow=25), **left(hip=35, knee=40), "bend": 28, "twist": 12}),
        ),
        outro=END,
    ),
    Action(
        "front boxing",
        (*START, (0.45, GUARD)),
        (
            (0.2, {**GUARD, **right(**PUNCH), "twist": 15}),
            (0.25, GUARD),
            (0.2, {**GUARD, **left(**PUNCH), "twist": -15}),
            (0.25, GUARD),
        ),
        END,
        (1, 3),
    ),
    Action(
        "baseball swing from right",
        (
            *START,
            (
                0.6,
                {
                    **right(flex=35, abd=45, elbow=110),
                    **left(flex=70, abd=-38, spin=25, elbow=75),
                    "twist": -38,
                    "yaw": -18,
                },
            ),
            (
                0.34,
                {
                    **right(flex=72, abd=-12, elbow=22, roll=40),
                    **left(flex=75, abd=18, elbow=15, roll=-40),
                    "twist": 14,
                    "yaw": 8,
                },
            ),
            (
                0.32,
                {
                    **right(flex=88, abd=-48, spin=20, elbow=60, roll=70),
                    **left(flex=75, abd=55, elbow=70),
                    "twist": 45,
                    "yaw": 22,
                },
            ),
        ),
        outro=((1.0, {}), (0.25, {})),
    ),
    Action(
        "tennis right hand forehand swing",
        (
            *START,
            (
                0.6,
                {
                    **right(flex=-15, abd=62, spin=-30, elbow=35),
                    **left(flex=40, abd=0, elbow=50),
                    "twist": -40,
                    "yaw": -12,
                },
            ),
            (
                0.3,
                {
                    **right(flex=48, abd=28, elbow=15, roll=20),
                    **left(flex=30, abd=20, elbow=40),
                    "twist": 12,
                    "yaw": 5,
                },
            ),
            (0.3, {**right(flex=105, abd=-38, spin=20, elbow=70, roll=75), "twist": 38, "yaw": 12}),
        ),
        outro=END,
    ),
    Action(
        "arm curl",
        START,
        ((0.5, both(flex=6, abd=4, spin=-8, elbow=135, roll=-60)), (0.5, both(elbow=14, roll=-55))),
        ((0.4, {}), (0.25, {})),
        (2, 2),
    ),
    Action(
        "tennis serve",
        (
            *START,
            (0.6, {**right(flex=20, abd=30, elbow=70), **left(flex=60, elbow=25)}),
            (
                0.45,
                {
                    **right(flex=25, abd=92, spin=-80, elbow=105),
                    **left(flex=150, abd=10, elbow=8),
                    "twist": -25,
                    "bend": -10,
                },
            ),
            (0.32, {**right(flex=158, abd=18, elbow=8, roll=45), **left(flex=60, elbow=50), "twist": 12}),
            (
                0.34,
                {
                    **right(flex=40, abd=-28, spin=15, elbow=20, roll=60),
                    **left(flex=20, elbow=50),
                    "twist": 32,
                    "bend": 25,
                },
            ),
        ),
        outro=END,
    ),
    Action(
        "two hand push",
        (
            *START,
            (0.55, both(flex=15, abd=8, elbow=122, roll=20)),
            (0.4, both(flex=84, abd=0, elbow=10, roll=40)),
            (0.3, both(flex=82, abd=0, elbow=14, roll=40)),
        ),
        outro=END,
    ),
    Action(
        "right hand knock on door",
        (*START, (0.55, right(flex=58, abd=10, spin=5, elbow=88, roll=70))),
        (
            (0.13, right(flex=66, abd=8, spin=5, elbow=62, roll=70)),
            (0.16, right(flex=58, abd=10, spin=5, elbow=92, roll=70)),
        ),
        END,
        (2, 4),
    ),
    Action(
        "right hand catch an object",
        (
            *START,
            (0.5, right(flex=96, abd=22, elbow=22, roll=-30)),
            (0.16, right(flex=100, abd=8, elbow=38, roll=20)),
            (0.35, right(flex=55, abd=2, spin=25, elbow=92, roll=40)),
        ),
        outro=END,
    ),
    Action(
        "right hand pick up and throw",
        (
            *START,
            (0.8, {**right(flex=62, abd=5, elbow=8), **both(hip=62, knee=62, ankle=12), "pitch": 8, "bend": 58}),
            (0.2, {**right(flex=66, abd=0, elbow=12), **both(hip=62, knee=62, ankle=12), "pitch": 8, "bend": 58}),
            (0.75, COCKED),
            (0.3, THROWN),
            (0.26, FOLLOWED),
        ),
        outro=END,
    ),
    Action(
        "jogging in place",
        ((0.0, {}), (0.2, {})),
        (
            (0.18, {**step("l", "r", 36, 80, 30), "rise": 0.02}),
            (0.18, {"rise": -0.025, **both(elbow=65)}),
            (0.18, {**step("r", "l", 36, 80, 30), "rise": 0.02}),
            (0.18, {"rise": -0.025, **both(elbow=65)}),
        ),
        ((0.2, {}),),
        (4, 6),
        grounded=False,
    ),
    Action(
        "walking in place",
        ((0.0, {}), (0.2, {})),
        ((0.3, step("l", "r", 42, 62, 18)), (0.28, {}), (0.3, step("r", "l", 42, 62, 18)), (0.28, {})),
        ((0.2, {}),),
        (2, 4),
        grounded=False,
    ),
    Action("sit to stand", ((0.0, SEATED), (0.5, SEATED), (0.6, RISING)), outro=((1.0, {}), (0.5, {}))),
    Action("stand to sit", ((0.0, {}), (0.4, {}), (0.9, RISING)), outro=((0.6, SEATED), (0.6, SEATED))),
    Action(
        "forward lunge",
        (
            *START,
            (0.5, {**left(hip=48, knee=42, ankle=-4), **right(hip=2, knee=8)}),
            (0.5, {**left(hip=52, knee=56, ankle=3), **right(hip=-16, knee=40, ankle=-10)}),
            (0.4, {**left(hip=52, knee=56, ankle=3), **right(hip=-16, knee=40, ankle=-10)}),
            (0.5, {**left(hip=45, knee=55), **right(hip=0, knee=10)}),
        ),
        outro=((0.5, {}), (0.3, {})),
    ),
    Action(
        "squat",
        (
            *START,
            (1.0, {**both(flex=88, abd=-2, elbow=6, hip=92, knee=94, ankle=22), "pitch": 20, "bend": 12}),
            (0.3, {**both(flex=88, abd=-2, elbow=6, hip=94, knee=96, ankle=22), "pitch": 20, "bend": 12}),
        ),
        outro=((1.0, {}), (0.25, {})),
    ),
)
"""Actions 1 to 27."""
