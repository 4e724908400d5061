"""Fourteen activities of daily life as tables of poses, three of them of two people.

They replace those of the paper's self-collected set, of which only the number of activities was published. Each
activity is a loop, so that any two seconds contain it. Angles are in degrees, shifts in metres (see
`cosmo_pl.simulation.body`).
"""

from __future__ import annotations

from dataclasses import dataclass

from cosmo_pl.simulation.motion import Action, Pose
from cosmo_pl.simulation.poses import GUARD, PUNCH, RISING, SEATED, both, left, right, step


@dataclass(frozen=True)
class Scene:
    """An activity with its surroundings.

    Args:
        action: Motion of the person with the worn sensor.
        partner: Motion of a second person, who stands opposite; None for one person.
        table: Whether a table is between the camera and the person.
    """

    action: Action
    partner: Action | None = None
    table: bool = False


_AT_TABLE: Pose = {**SEATED, **both(flex=38, elbow=62, abd=4, roll=30)}
_GRIP: Pose = {**right(flex=48, abd=-4, elbow=48, roll=10), "bend": 4}
_OFFER: Pose = {**right(flex=68, abd=-2, elbow=18, roll=-30), "bend": 8}
_HOLD: Pose = right(flex=20, abd=4, elbow=95, roll=-30)
_CLAP: Pose = {**right(flex=118, abd=2, elbow=28, roll=40), "bend": 3}


def _loop(name: str, *keys: tuple[float, Pose], grounded: bool = True) -> Action:
    return Action(name, loop=keys, grounded=grounded)


_HANDSHAKE = _loop(
    "shaking hands",
    (0.18, {**_GRIP, **right(flex=55, abd=-4, elbow=42, roll=10)}),
    (0.18, {**_GRIP, **right(flex=40, abd=-4, elbow=58, roll=10)}),
)
_HIGH_FIVE = _loop("high five", (0.35, _CLAP), (0.12, _CLAP), (0.45, right(flex=30, abd=12, elbow=75)), (0.15, {}))

SCENES = (
    Scene(_loop("standing", (1.0, {}), (1.0, {}))),
    Scene(_loop("sitting", (1.0, SEATED), (1.0, SEATED)), table=True),
    Scene(
        _loop(
            "sitting down and standing up",
            (0.5, RISING),
            (0.4, {}),
            (0.15, {}),
            (0.5, RISING),
            (0.4, SEATED),
            (0.15, SEATED),
        )
    ),
    Scene(
        _loop(
            "typing",
            (0.12, {**_AT_TABLE, **right(flex=42, elbow=58, abd=4, roll=30)}),
            (0.12, {**_AT_TABLE, **left(flex=42, elbow=58, abd=4, roll=30)}),
        ),
        table=True,
    ),
    Scene(
        _loop(
            "drinking",
            (0.6, {**_AT_TABLE, **right(flex=52, abd=8, spin=35, elbow=132, roll=20), "nod": -10}),
            (0.4, {**_AT_TABLE, **right(flex=58, abd=12, spin=40, elbow=136, roll=30), "nod": -18}),
            (0.6, _AT_TABLE),
            (0.2, _AT_TABLE),
        ),
        table=True,
    ),
    Scene(
        _loop(
            "walking in place",
            (0.28, step("l", "r", 42, 62, 18)),
            (0.26, {}),
            (0.28, step("r", "l", 42, 62, 18)),
            (0.26, {}),
            grounded=False,
        )
    ),
    Scene(
        _loop(
            "jogging in place",
            (0.18, {**step("l", "r", 36, 80, 30), "rise": 0.02}),
            (0.16, {"rise": -0.025, **both(elbow=65)}),
            (0.18, {**step("r", "l", 36, 80, 30), "rise": 0.02}),
            (0.16, {"rise": -0.025, **both(elbow=65)}),
            grounded=False,
        )
    ),
    Scene(
        _loop(
            "squatting",
            (0.75, {**both(flex=80, abd=-2, elbow=6, hip=85, knee=88, ankle=20), "pitch": 18, "bend": 12}),
            (0.75, {}),
        )
    ),
    Scene(
        _loop(
            "waving",
            (0.24, right(flex=40, abd=45, spin=-75, elbow=105)),
            (0.24, right(flex=40, abd=45, spin=-18, elbow=115)),
        )
    ),
    Scene(
        _loop(
            "boxing",
            (0.2, {**GUARD, **right(**PUNCH), "twist": 15}),
            (0.22, GUARD),
            (0.2, {**GUARD, **left(**PUNCH), "twist": -15}),
            (0.22, GUARD),
        )
    ),
    Scene(
        _loop(
            "lifting weights",
            (0.45, both(flex=6, abd=4, spin=-8, elbow=135, roll=-60)),
            (0.45, both(elbow=14, roll=-55)),
        )
    ),
    Scene(_HANDSHAKE, _HANDSHAKE),
    Scene(
        _loop("handing over an object", (0.5, _OFFER), (0.3, _OFFER), (0.5, _HOLD), (0.2, _HOLD)),
        _loop("taking an object", (0.5, _OFFER), (0.3, _OFFER), (0.5, right(flex=5, elbow=40)), (0.2, {})),
    ),
    Scene(_HIGH_FIVE, _HIGH_FIVE),
)
"""The activities, in the order of their labels."""
