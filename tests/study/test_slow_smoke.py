"""The studies that take minutes and show little that others do not, on small simulated recordings."""

from __future__ import annotations

import pytest

from cosmo_pl.study.jobs import Project

from .smoke import project, recordings, run_and_draw

# fig13 is drawn like fig12 and runs the same methods; those of fig17, precision and variance are run by other studies,
# as are depth, MEx, the recipe and the profile released by test_cli, and the overlays of the others by test_overlays;
# what all of them draw has tests of its own.
ELSEWHERE = (
    "baselines", "batch_statistics", "clocks", "depth", "federated", "federated_rounds", "fig11", "fig12", "fig13",
    "fig17", "gravity_search", "live", "mex", "mex_confusions", "mex_missing", "mex_search", "missing", "negatives",
    "odd_even", "originals_lr", "overheads", "own_columns_search", "person", "plus", "plus_ablation", "plus_labels",
    "plus_search", "plus_search_usc", "precision", "released", "suggest", "switching", "transfer", "usc_accuracy",
    "usc_adapted", "usc_confusions", "usc_epochs", "utd_confusions", "variance",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory, once, quick_quality, no_picture):
    yield from project(tmp_path_factory.mktemp("smoke"), once("smoke", recordings), without=["paper", "quick"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_study_runs_and_is_drawn(name, folder, capsys):
    if (needed := Project().study(name).needs) is not None:
        pytest.importorskip(needed, reason=f"{needed} is not installed; see the extras of setup.cfg")
    run_and_draw(name, folder, capsys)
