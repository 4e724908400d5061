"""The 12 activities of USC-HAD as tables of poses (degrees and metres; see `cosmo_pl.simulation.body`)."""

from __future__ import annotations

from collections.abc import Sequence

from cosmo_pl.simulation.motion import Action, Key, Pose


def stride(seconds: float, legs: dict[str, Sequence[float]], trunk: dict[str, Sequence[float]]) -> tuple[Key, ...]:
    """One stride of two steps.

    Args:
        seconds: Duration.
        legs: Eight values over the stride for channels of a right limb, from the right heel strike; the left limb
            follows half a stride later.
        trunk: Eight values over the stride for channels of the trunk.
    """
    keys: list[Key] = []
    for i in range(8):
        limbs = {f"r_{name}": values[i] for name, values in legs.items()}
        limbs |= {f"l_{name}": values[(i + 4) % 8] for name, values in legs.items()}
        keys.append((seconds / 8, {**limbs, **{name: values[i] for name, values in trunk.items()}}))
    return tuple(keys)


ARMS = {"flex": (-22, -16, 0, 14, 20, 14, 0, -14), "elbow": (15, 17, 20, 26, 32, 28, 20, 16)}
WALK = stride(
    1.08,
    {
        "hip": (26, 24, 12, 0, -10, -6, 14, 28),
        "knee": (4, 16, 9, 4, 10, 40, 60, 26),
        "ankle": (0, -6, 4, 9, 8, -14, -2, 2),
        **ARMS,
    },
    {
        "yaw": (11, 4, -3, -8, -11, -4, 3, 8),
        "side": (0, -6, -3, 1, 0, 6, 3, -1),
        "pitch": (6, 0, 3, 7, 6, 0, 3, 7),
        "rise": (-0.026, -0.014, 0.022, 0.018, -0.026, -0.014, 0.022, 0.018),
        "ahead": (0.016, -0.012, -0.012, 0.01, 0.016, -0.012, -0.012, 0.01),
        "right": (0.0, 0.02, 0.012, 0.0, 0.0, -0.02, -0.012, 0.0),
    },
)
UPSTAIRS = stride(
    1.2,
    {
        "hip": (58, 50, 32, 12, 2, 8, 38, 60),
        "knee": (62, 52, 30, 12, 12, 45, 82, 82),
        "ankle": (8, 12, 8, 0, -6, -14, 4, 8),
        **ARMS,
    },
    {
        "yaw": (10, 5, -2, -7, -10, -5, 2, 7),
        "side": (-3, -6, -2, 2, 3, 6, 2, -2),
        "pitch": (9, 14, 10, 4, 9, 14, 10, 4),
        "rise": (-0.03, -0.01, 0.025, 0.02, -0.03, -0.01, 0.025, 0.02),
        "ahead": (0.012, -0.008, -0.01, 0.006, 0.012, -0.008, -0.01, 0.006),
        "right": (0.0, 0.018, 0.012, 0.0, 0.0, -0.018, -0.012, 0.0),
    },
)
DOWNSTAIRS = stride(
    1.02,
    {
        "hip": (12, 14, 14, 16, 20, 30, 32, 18),
        "knee": (6, 20, 24, 36, 64, 80, 52, 14),
        "ankle": (-18, 4, 14, 22, 18, -4, -16, -22),
        **ARMS,
    },
    {
        "yaw": (10, 4, -2, -7, -10, -4, 2, 7),
        "side": (3, -5, -3, 0, -3, 5, 3, 0),
        "pitch": (1, 6, 3, -1, 1, 6, 3, -1),
        "rise": (-0.035, -0.005, 0.025, 0.018, -0.035, -0.005, 0.025, 0.018),
        "ahead": (0.012, -0.01, -0.008, 0.006, 0.012, -0.01, -0.008, 0.006),
        "right": (0.0, 0.016, 0.012, 0.0, 0.0, -0.016, -0.012, 0.0),
    },
)
RUN = stride(
    0.72,
    {
        "hip": (38, 30, 12, -8, -14, 4, 34, 44),
        "knee": (18, 38, 28, 16, 34, 84, 98, 52),
        "ankle": (4, 16, 10, -10, -16, 0, 4, 4),
        "flex": (-38, -28, 0, 24, 34, 24, 0, -28),
        "elbow": (85, 85, 88, 92, 96, 94, 90, 86),
    },
    {
        "yaw": (17, 7, -5, -14, -17, -7, 5, 14),
        "side": (2, -7, -4, 2, -2, 7, 4, -2),
        "pitch": (17, 5, 7, 15, 17, 5, 7, 15),
        "rise": (-0.005, -0.055, 0.0, 0.05, -0.005, -0.055, 0.0, 0.05),
        "ahead": (0.02, -0.02, -0.012, 0.012, 0.02, -0.02, -0.012, 0.012),
        "right": (0.0, 0.02, 0.012, 0.0, 0.0, -0.02, -0.012, 0.0),
    },
)


def _crouch(depth: float, arms: float) -> Pose:
    """Angles of knees and hips that keep the feet on the floor when the hip sinks by `depth` metres."""
    bend = 160 * depth
    legs = {f"{side}_{name}": bend * k for side in "lr" for name, k in {"hip": 1.5, "knee": 2.0, "ankle": 0.5}.items()}
    return {**legs, "l_flex": arms, "r_flex": arms, "rise": -depth, "pitch": bend * 0.7}


JUMP: tuple[Key, ...] = (
    (0.30, _crouch(0.20, -40)),
    (0.15, _crouch(0.03, 40)),
    (0.04, {"rise": 0.07, "l_flex": 70, "r_flex": 70, "pitch": -4}),
    (0.14, {"rise": 0.24, "l_flex": 80, "r_flex": 80, "pitch": 2}),
    (0.14, {"rise": 0.07, "l_flex": 60, "r_flex": 60, "pitch": 6}),
    (0.04, _crouch(0.03, 40)),
    (0.12, _crouch(0.16, 10)),
    (0.30, _crouch(0.02, 0)),
)
SEATED: Pose = {
    f"{side}_{name}": value for side in "lr" for name, value in {"hip": 60, "knee": 88, "flex": 25, "elbow": 60}.items()
} | {"pitch": -27, "bend": 20}
LYING: Pose = {"pitch": -82, "l_hip": 4, "r_hip": 4}
POSTURE = {"pitch": 6.0, "side": 3.0}

USC_ACTIVITIES = (
    Action("walking-forward", loop=WALK, grounded=False, speed=1.3, turn=(0, 2), spread={"pitch": 4}),
    Action("walking-left", loop=WALK, grounded=False, speed=1.3, turn=(23, 5), spread={"pitch": 4}),
    Action("walking-right", loop=WALK, grounded=False, speed=1.3, turn=(-23, 6), spread={"pitch": 4}),
    Action("walking-upstairs", loop=UPSTAIRS, grounded=False, speed=0.5, turn=(-14, 11), spread={"pitch": 4}),
    Action("walking-downstairs", loop=DOWNSTAIRS, grounded=False, speed=0.6, turn=(15, 11), spread={"pitch": 4}),
    Action("running-forward", loop=RUN, grounded=False, speed=2.6, turn=(0, 3), spread={"pitch": 4}),
    Action("jumping-up", loop=JUMP, grounded=False, spread={"pitch": 4}, timing=0.15),
    Action("sitting", loop=((7.0, SEATED),), spread={"pitch": 9, "side": 8}, sway=0.5),
    Action("standing", loop=((7.0, {}),), spread=POSTURE, sway=1.8),
    Action("sleeping", loop=((7.0, LYING),), spread={"pitch": 4, "side": 60}, sway=0.4),
    Action("elevator-up", loop=((7.0, {}),), ride=1.4, spread=POSTURE, sway=0.8),
    Action("elevator-down", loop=((7.0, {}),), ride=-1.4, spread=POSTURE, sway=0.8),
)
"""Activities 1 to 12."""
