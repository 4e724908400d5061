"""Live recognition: samples of sensors in, the activity of each window out."""

from cosmo_pl.edge.live.engine import LiveRecogniser, LiveWindow
from cosmo_pl.edge.live.reports import Report, Reporter

__all__ = ["LiveRecogniser", "LiveWindow", "Report", "Reporter"]
