"""Writing of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cosmo_pl.errors import ConfigurationError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def saved(figure: Figure, path: Path) -> Path:
    """Writes a figure to a file, whose folder is made, and returns the path. A PNG does not name what drew it.

    Raises:
        ConfigurationError: It is a folder, or its ending is that of no picture.
    """
    if not path.name:
        raise ConfigurationError("out", f"'{path}' is a folder", "Name a file in it")
    path = path if path.suffix else path.with_suffix(".png")
    kinds = figure.canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in kinds:
        raise ConfigurationError(
            "out", f"'{path}' has the ending of no picture", f"Use one of {', '.join(sorted(kinds))}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None} if path.suffix.lower() == ".png" else None)
    return path
