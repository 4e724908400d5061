"""The model of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cosmo_pl.exported import ExportedRecogniser, is_exported
from cosmo_pl.io import user_path

if TYPE_CHECKING:
    from cosmo_pl.recogniser import AnyRecogniser


def load_model(model: str) -> AnyRecogniser:
    """A run, or an exported model, which needs no PyTorch.

    Args:
        model: Folder of either.

    Raises:
        ConfigurationError: See `Recogniser.load`.
    """
    if is_exported(user_path(model)):
        return ExportedRecogniser.load(model)
    from cosmo_pl.recogniser import Recogniser

    return Recogniser.of_run(model)
