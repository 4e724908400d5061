"""Recordings of two people."""

from __future__ import annotations

from pathlib import Path

import pytest

from .recorded import jittered, signal, write_csv


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two people with 10 s each; the second one starts 1 s later."""
    for number, name in enumerate(("anna", "ben")):
        time = jittered(10, 60, seed=number)[60 * number :]
        write_csv(tmp_path / "home" / name / "wrist.csv", time, signal(time))
    return tmp_path / "home"
