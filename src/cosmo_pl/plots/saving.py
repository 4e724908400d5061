"""Writing of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def saved(figure: Figure, path: Path) -> Path:
    """Writes a figure to a file, whose folder is made, and returns the path. A PNG does not name what drew it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None} if path.suffix.lower() == ".png" else None)
    return path
