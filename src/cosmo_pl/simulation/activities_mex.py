"""The seven exercises of MEx as tables of poses of people who lie or kneel on a mat.

Each exercise is a loop. Angles are in degrees (see `cosmo_pl.simulation.body`). The body is described as if it stood,
and then turned as a whole: on the back, on the side, or face down.
"""

from __future__ import annotations

from dataclasses import dataclass

from cosmo_pl.simulation.motion import Action, Key, Pose
from cosmo_pl.simulation.poses import both, left, right

BACK, SIDE, FRONT = 0.0, 90.0, 180.0
"""Rotation of a lying body about its long axis, from lying on the back (degrees)."""


@dataclass(frozen=True)
class Exercise:
    """An exercise on the mat.

    Args:
        action: Its motion.
        lies: Rotation of the body about its long axis, from lying on the back (degrees).
    """

    action: Action
    lies: float


def _exercise(name: str, lies: float, *keys: Key) -> Exercise:
    return Exercise(Action(name, loop=keys, grounded=False, spread={"nod": 4.0, "bend": 2.0}, sway=0.5), lies)


_BENT: Pose = both(hip=50, knee=95, flex=4, abd=20, elbow=10)
_FLAT: Pose = both(hip=0, knee=5, flex=25, abd=25, elbow=110)
_CLAM: Pose = {**both(hip=45, knee=90, elbow=80), **right(flex=60), **left(flex=150)}
_KNEELING: Pose = both(hip=90, knee=90, flex=88, abd=4, elbow=5)

EXERCISES = (
    _exercise(
        "knee rolling",
        BACK,
        (1.4, {**_BENT, "yaw": 35, "twist": -35}),
        (1.0, _BENT),
        (1.4, {**_BENT, "yaw": -35, "twist": 35}),
        (1.0, _BENT),
    ),
    _exercise(
        "bridging",
        BACK,
        (1.3, {**_BENT, **both(hip=10, knee=90, flex=-12, abd=20), "bend": -12}),
        (2.6, {**_BENT, **both(hip=10, knee=90, flex=-12, abd=20), "bend": -12}),
        (1.2, _BENT),
        (0.7, _BENT),
    ),
    _exercise(
        "pelvic tilt",
        BACK,
        (0.9, {**_BENT, "pitch": -9, "bend": 9}),
        (2.6, {**_BENT, "pitch": -9, "bend": 9}),
        (0.9, _BENT),
        (1.0, _BENT),
    ),
    _exercise(
        "clam",
        SIDE,
        (1.2, {**_CLAM, **right(open=38, hip=45, knee=90)}),
        (0.4, {**_CLAM, **right(open=38, hip=45, knee=90)}),
        (1.2, _CLAM),
        (0.3, _CLAM),
    ),
    _exercise(
        "repeated extension in lying",
        FRONT,
        (1.3, {**_FLAT, **both(hip=-8, flex=70, elbow=15), "bend": -38, "nod": -15}),
        (0.5, {**_FLAT, **both(hip=-8, flex=70, elbow=15), "bend": -38, "nod": -15}),
        (1.3, _FLAT),
        (0.5, _FLAT),
    ),
    _exercise(
        "prone punch",
        FRONT,
        (0.6, {**_KNEELING, **right(flex=165, elbow=5)}),
        (0.7, _KNEELING),
        (0.6, {**_KNEELING, **left(flex=165, elbow=5)}),
        (0.7, _KNEELING),
    ),
    _exercise(
        "superman",
        FRONT,
        (1.2, {**_KNEELING, **right(flex=165, elbow=5), **left(hip=5, knee=10)}),
        (2.4, {**_KNEELING, **right(flex=165, elbow=5), **left(hip=5, knee=10)}),
        (1.2, _KNEELING),
        (0.4, _KNEELING),
        (1.2, {**_KNEELING, **left(flex=165, elbow=5), **right(hip=5, knee=10)}),
        (2.4, {**_KNEELING, **left(flex=165, elbow=5), **right(hip=5, knee=10)}),
        (1.2, _KNEELING),
        (0.4, _KNEELING),
    ),
)
"""The exercises in the order of their numbers."""
