"""The example of the page on the viewer writes a file that holds what it says."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from docs.test_walkthroughs import write_files
from plots.rrd import rows, states


def test_the_example_writes_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_files("view", tmp_path)
    runpy.run_path("show.py")
    found = rows(tmp_path / "wave.rrd")
    assert {name: len(each) for name, each in found.items() if "static" not in name} == {
        "/sensors/wrist/acceleration": 100,
        "/activity/truth": 2,
        "/activity/prediction": 2,
        "/probability/walk": 3,
        "/probability/wave": 3,
        "/weight/wrist": 3,
    }
    assert states(found, "/activity/truth") == states(found, "/activity/prediction") == [(0.0, "wave"), (2.0, "")]
