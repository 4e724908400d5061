"""Sensors, windows and predictions on one time line of the Rerun viewer, or in a file for it."""

from cosmo_pl.plots.viewer.viewer import Viewer

__all__ = ["Viewer"]
