"""The model of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.exported import ExportedRecogniser, is_exported
from cosmo_pl.io import user_path

if TYPE_CHECKING:
    from cosmo_pl.recogniser import AnyRecogniser


def load_model(model: str) -> AnyRecogniser:
    """A run, or an exported model, which needs no PyTorch.

    Args:
        model: Folder of either.

    Raises:
        ConfigurationError: There is no such folder; see also `Recogniser.load`.
    """
    path = user_path(model)
    if is_exported(path):
        return ExportedRecogniser.load(model)
    if not path.exists():  # before PyTorch is needed, which the device may lack
        remedy = "Name a run of `cosmo-pl fit`, or a folder that `cosmo-pl export` wrote"
        raise ConfigurationError("model", f"'{model}' does not exist", remedy)
    from cosmo_pl.recogniser import Recogniser

    return Recogniser.of_run(model)
