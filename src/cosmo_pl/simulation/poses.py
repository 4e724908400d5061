"""Poses that several activities share: the channels that differ from the neutral pose.

Angles are in degrees, see `cosmo_pl.simulation.body`.
"""

from __future__ import annotations

from cosmo_pl.simulation.motion import Pose


def right(**angles: float) -> Pose:
    """Channels of the right limbs."""
    return {f"r_{name}": value for name, value in angles.items()}


def left(**angles: float) -> Pose:
    """Channels of the left limbs."""
    return {f"l_{name}": value for name, value in angles.items()}


def both(**angles: float) -> Pose:
    """Channels of the limbs of both sides."""
    return {**left(**angles), **right(**angles)}


def step(side: str, other: str, hip: float, knee: float, swing: float) -> Pose:
    """One leg lifted, the opposite arm forward."""
    leg = {f"{side}_hip": hip, f"{side}_knee": knee, f"{side}_ankle": 10.0}
    arms = {f"{other}_flex": swing, f"{side}_flex": -swing * 0.6, "l_elbow": 30 + swing, "r_elbow": 30 + swing}
    return leg | arms


SEATED: Pose = {**both(hip=68, knee=72, ankle=4, flex=18, elbow=42, abd=8), "bend": 4}
RISING: Pose = {**both(hip=66, knee=68, ankle=2, flex=22, elbow=30), "bend": 34}
GUARD: Pose = both(flex=35, abd=5, spin=20, elbow=125, roll=20)
PUNCH = {"flex": 85.0, "abd": -8.0, "spin": 10.0, "elbow": 12.0, "roll": 80.0}
