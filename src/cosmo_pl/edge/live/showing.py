"""The viewer of what a model recognises live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import user_path
from cosmo_pl.plots.viewer import Viewer
from cosmo_pl.plots.viewer.destination import ENDING

if TYPE_CHECKING:
    from cosmo_pl.recogniser import AnyRecogniser


def live_viewer(recogniser: AnyRecogniser, where: str) -> Viewer:
    """The viewer of what a model recognises live.

    Args:
        recogniser: The model.
        where: "window", "browser", or the name of a file that ends in ``.rrd``.

    Raises:
        ConfigurationError: It is none of these, or see `Viewer`.
    """
    if where not in ("window", "browser") and not where.endswith(ENDING):
        raise ConfigurationError("view", f"'{where}' is unknown", f"Use window, browser or FILE{ENDING}")
    shapes = {name: shape[1:] for name, shape in recogniser.modality_shapes.items()}
    save = user_path(where) if where.endswith(ENDING) else None
    if save is not None and save.exists():
        raise ConfigurationError("view", f"'{save}' exists", "Delete it, or name another file")
    return Viewer(recogniser.sensors, shapes, recogniser.class_names, save=save, serve=where == "browser")
