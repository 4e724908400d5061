"""Good recordings of both datasets, written once."""

from __future__ import annotations

from pathlib import Path

import pytest

from .raw import noise, write_usc, write_utd


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with good recordings of both datasets, below ``usc`` and ``utd``."""
    root = tmp_path_factory.mktemp("originals")
    write_usc(root / "usc", trials=(1,), content=noise(30, 6))
    write_utd(root / "utd", trials=(1,))
    return root
