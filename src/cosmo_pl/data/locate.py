"""Where a dataset lies on disk."""

from __future__ import annotations

import os
from pathlib import Path

from cosmo_pl.io import user_path

SIMULATION = "simulation.json"  # what `cosmo-pl data simulate` writes first into a dataset's folder


def dataset_folder(root: str | None, dataset: str) -> Path:
    """Folder of a dataset.

    Args:
        root: Folder that holds it, or the dataset's folder itself; None takes $COSMO_PL_DATA, else ``data``.
        dataset: Name of the dataset's folder.

    Returns:
        ``root/dataset``, or ``root`` where that does not exist; whether recordings are there is for the reader to see.
    """
    base = user_path(root or os.environ.get("COSMO_PL_DATA") or "data")
    return base / dataset if (base / dataset).is_dir() else base


def is_simulated(folder: Path) -> bool:
    """Whether the recordings in a dataset's folder were simulated, not measured."""
    return (folder / SIMULATION).is_file()
