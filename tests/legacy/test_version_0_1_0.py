"""Bundles of version 0.1.0 are read, and its runs once their arguments are renamed as CHANGELOG.md lists them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from cosmo_pl.bundle import Bundle
from cosmo_pl.cli import main
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.run_loading import load_run

STAGE1, STAGE2 = "runs/cosmo/version_0", "runs/cosmo-iterative/version_0"


@pytest.fixture
def runs(tmp_path, monkeypatch, utd_root):
    shutil.copytree(Path(__file__).parent / "0.1.0", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COSMO_PL_DATA", str(utd_root))
    return tmp_path / "runs"


def rename_arguments(folder):
    """Gives a run's configuration the names of today."""
    Path(folder, "renamed.yaml").replace(Path(folder, "config.yaml"))


def test_a_bundle_loads(runs):
    bundle = Bundle.load("runs/cosmo")
    assert bundle.versions["cosmo_pl"] == "0.1.0"
    assert sum(quality.weight for quality in bundle.quality.values()) == pytest.approx(1)
    with torch.no_grad():
        features = bundle.encoders["inertial"](torch.ones(2, 120, 6))
    assert features.shape[0] == 2
    assert features.isfinite().all()


@pytest.mark.parametrize("folder", [STAGE1, STAGE2])
def test_a_run_with_old_names_is_refused_in_one_line(runs, folder):
    with pytest.raises(ConfigurationError, match=r"^run: '.*' is a run of version 0\.1\.0, ") as caught:
        load_run(Path(folder))
    assert "\n" not in str(caught.value) and "CHANGELOG.md" in str(caught.value)


@pytest.mark.parametrize("folder", [STAGE1, STAGE2])
def test_a_run_loads(runs, folder):
    rename_arguments(folder)
    model, data = load_run(Path(folder))
    stored = torch.load(Path(folder, "checkpoints/last.ckpt"), weights_only=True)["state_dict"]
    assert all(torch.equal(value, stored[name]) for name, value in model.state_dict().items())
    assert model.record.epochs == 1
    assert len(data.split.test) == 54


def test_a_classifier_is_tested_as_it_was_trained(runs, capsys):
    rename_arguments(STAGE2)
    main(["test", f"--config={STAGE2}/config.yaml", f"--ckpt_path={STAGE2}/checkpoints/last.ckpt"])
    assert "/54, 95 % interval" in capsys.readouterr().out


def test_other_arguments_are_refused_in_one_line(runs, capsys):
    rename_arguments(STAGE2)
    words = [f"--config={STAGE2}/config.yaml", f"--ckpt_path={STAGE2}/checkpoints/last.ckpt"]
    with pytest.raises(SystemExit):
        main(["test", *words, "--model.init_args.quality_lambda=0.1"])
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("cosmo-pl: ")]
    assert "quality_lambda 0.8 -> 0.1" in line
