"""Raw recordings in the official layouts of USC-HAD and UTD-MHAD, written from one kinematic body model."""

from cosmo_pl.simulation.usc import simulate_usc
from cosmo_pl.simulation.utd import simulate_utd

__all__ = ["simulate_usc", "simulate_utd"]
