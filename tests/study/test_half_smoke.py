"""Half of the studies, on small simulated recordings: in a process of their own, for time."""

from __future__ import annotations

import pytest

from .smoke import project, recordings, run_and_draw

# Minutes for little: fig13 is drawn like fig12 and runs the same methods; those of fig17, precision and variance are
# run by other studies, as are the profile released and the originals by test_cli, the overlays of the others by
# test_overlays; what all of them draw has tests of its own.
SLOW = (
    "fig11", "fig12", "fig13", "fig17", "missing", "originals_lr", "plus_ablation", "plus_labels", "plus_search",
    "plus_search_usc", "precision", "released", "variance",
)  # fmt: skip
ELSEWHERE = ("depth", "usc_epochs", *SLOW)


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory, once, quick_quality, no_picture):
    yield from project(tmp_path_factory.mktemp("smoke"), once("smoke", recordings), without=["paper", "quick"])


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in ELSEWHERE])
def test_a_study_runs_and_is_drawn(name, folder, capsys):
    run_and_draw(name, folder, capsys)
