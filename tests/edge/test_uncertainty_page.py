"""The page about decisions: its programs run, on a small model of simulated recordings."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from cosmo_pl.cli import main
from cosmo_pl.edge.decision import Decision
from docs.test_walkthroughs import write_files

FOREST = ["--config=cosmo:usc_stage2", "--config=cosmo:model/random_forest", "--model.init_args.num_trees=20"]
RUN = ["--run.folder=runs/usc_plus", "--run.name=cosmo-forest"]
QUIET = ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false", "--trainer.accelerator=cpu"]


def test_the_programs_of_the_page_run(
    tmp_path: Path, usc_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COSMO_PL_DATA", str(usc_root))
    data = ["--data.init_args.label_rate=0.3", "--data.init_args.val_subjects=[8,9,10]"]
    main(["fit", *FOREST, *RUN, *data, *QUIET])
    write_files("uncertainty", tmp_path)
    capsys.readouterr()
    runpy.run_path("decide.py")
    first, *windows = [line for line in capsys.readouterr().out.splitlines() if line]
    assert first.startswith("T = ") and first.endswith("measured on validation subjects 8, 9, 10")
    assert len(windows) >= 2 and all(0 < float(line.split()[-1]) <= 1 for line in windows)
    decision = Decision.read(json.loads(Path("decision.json").read_text(encoding="utf-8")))
    assert decision.temperature > 0 and decision.threshold > 0 and decision.transitions is not None
    runpy.run_path("metrics.py")
    score, delays = capsys.readouterr().out.splitlines()
    assert score == "F1@50 0.33: 1 found, 3 wrong, 1 missed" and delays == "[1. 1.]"
