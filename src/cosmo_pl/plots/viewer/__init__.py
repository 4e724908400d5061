"""Sensors, windows and predictions on one time line of the Rerun viewer, or in a file for it."""

from cosmo_pl.plots.viewer.viewer import PAUSE, Viewer

__all__ = ["PAUSE", "Viewer"]
