"""Recordings of the kitchen, a dataset that is no part of this package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .kitchen.data import record


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("kitchen")).parent


@pytest.fixture
def arguments(root: Path, tmp_path: Path) -> dict[str, Any]:
    return {"root": str(root), "cache_dir": str(tmp_path / "cache"), "labels_per_class": 2}
