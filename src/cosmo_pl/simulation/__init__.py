"""Raw recordings, simulated from one kinematic body model, in the layouts that the datamodules read."""

from cosmo_pl.simulation.mex import simulate_mex
from cosmo_pl.simulation.self_collected import Recorder, self_collected_clip, simulate_self_collected
from cosmo_pl.simulation.usc import simulate_usc
from cosmo_pl.simulation.utd import simulate_utd

__all__ = [
    "Recorder",
    "self_collected_clip",
    "simulate_mex",
    "simulate_self_collected",
    "simulate_usc",
    "simulate_utd",
]
