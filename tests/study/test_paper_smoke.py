"""The studies that share their runs with Table 2, on small simulated recordings, and what they are drawn to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cosmo_pl.cli import main
from cosmo_pl.study.jobs import Project

from .smoke import ROOT, project, recordings, run_and_draw
from .test_slow_smoke import ELSEWHERE

pytestmark = pytest.mark.slow
STUDIES = [name for name in Project(ROOT).studies() if name not in ELSEWHERE]


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory, once, quick_quality, no_picture):
    yield from project(tmp_path_factory.mktemp("smoke"), once("smoke", recordings), without=["quick"])


def drawn(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "experiments" / "rendered").iterdir()}


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_runs_and_is_drawn(name, folder, capsys):
    run_and_draw(name, folder, capsys)


def test_nothing_is_left_to_run(capsys):
    for name in STUDIES:
        main(["study", "run", name, "--preset=smoke"])
        assert capsys.readouterr().out.splitlines()[-1].endswith(" done, 0 to run")
    main(["study", "status", "table2", "--preset=smoke"])
    assert " 0 running" in capsys.readouterr().out


def test_a_second_rendering_is_the_same_to_the_byte(folder):
    before = drawn(folder)
    for name in STUDIES:
        main(["study", "render", name, "--preset=smoke"])
    assert drawn(folder) == before
    assert len(before) >= 3 * len(STUDIES) - 1


def test_results_are_small_and_say_that_they_are_simulated(folder):
    files = sorted((folder / "experiments/results").rglob("*.json"))
    assert max(path.stat().st_size for path in files) < 100_000
    assert all(json.loads(path.read_text(encoding="utf-8"))["simulated"] for path in files)
