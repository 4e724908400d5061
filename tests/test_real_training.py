"""Training on the official recordings, for minutes: `make test-slow` with COSMO_PL_DATA set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cosmo_pl.cli import main

CONFIGS = Path(__file__).parents[1] / "configs"


@pytest.mark.slow
def test_a_short_utd_run_learns(real_root, tmp_path, monkeypatch):
    """Two epochs of stage 1 and 120 of stage 2 of the shipped configs, on subjects the model has never seen.

    A wrong axis, scale or turn of the parts falls below a third; a nearest neighbour on raw coordinates has 0.53.
    """
    monkeypatch.chdir(tmp_path)
    quiet = ["--trainer.enable_progress_bar=false", f"--data.init_args.root={real_root}"]
    for stage, epochs in ((1, 2), (2, 120)):
        main(["fit", "--config", str(CONFIGS / f"utd_stage{stage}.yaml"), f"--trainer.max_epochs={epochs}",
              "--data.init_args.track_test=false", *quiet])  # fmt: skip
    main(["test", "--config", str(CONFIGS / "utd_stage2.yaml"), *quiet])
    metrics = json.loads(
        (tmp_path / "runs" / "utd" / "cosmo-iterative" / "version_0" / "test_0" / "metrics.json").read_text(
            encoding="utf-8"
        )
    )
    assert metrics["total"] == 215
    assert metrics["labels"] == 27
    assert metrics["accuracy"] > 1 / 3
