"""Offsets between the clocks of sensors, estimated from unlabelled recordings (paper, Sec. 7)."""

from cosmo_pl.data.clocks.estimation import ClockEstimate, Piece, corrected, estimate_clock, estimate_from_curves
from cosmo_pl.data.clocks.features import Signal, features

__all__ = ["ClockEstimate", "Piece", "Signal", "corrected", "estimate_clock", "estimate_from_curves", "features"]
