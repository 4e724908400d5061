"""The first experiment of the README, as its reader runs it, with fewer epochs and on small recordings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from cosmo_pl.cli import main
from cosmo_pl.data import UTDDataModule

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
STARTING = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+).*?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUIET = ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false"]


def block(kind: str, containing: str, page: str = README) -> str:
    return next(text for found, text in BLOCK.findall(page) if found == kind and containing in text)


def test_it_is_two_pages() -> None:
    assert len(README.splitlines()) <= 150


def test_the_experiment_in_python(
    utd_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_quality: None
) -> None:
    monkeypatch.chdir(tmp_path)
    short = "max_epochs=1, enable_progress_bar=False, limit_train_batches=2, "
    code = block("python", "ContrastiveFusionModule")
    code = re.sub(r"max_epochs=\d+, ", short, code).replace(
        'root="data", label_rate=0.05', f"root={str(utd_root)!r}, label_rate=0.2"
    )
    names: dict[str, object] = {}
    exec(code, names)
    (metrics,) = tmp_path.glob("stage2/**/metrics.json")
    assert '"labels": ' in metrics.read_text(encoding="utf-8")
    data = names["data"]
    assert isinstance(data, UTDDataModule)
    data.setup()
    run = next(tmp_path.glob("stage2/**/last.ckpt"))
    inputs = {name: data.samples.inputs[name][:3] for name in data.modalities}
    recognise = block("python", "Recogniser.load").replace('"stage2/lightning_logs/version_0"', repr(str(run)))
    exec(recognise, {"Recogniser": names["Recogniser"], **inputs})
    recognise = block("python", "Recogniser.load", STARTING)
    exec(recognise.replace('"runs/utd_plus/cosmo-prototypes/version_0"', repr(str(run))), dict(inputs))
    (bundle,) = tmp_path.glob("stage1/**/bundle")
    encode = block("python", "Bundle.load", STARTING).replace('"runs/utd_plus/cosmo"', repr(str(bundle)))
    encoded: dict[str, torch.Tensor] = {"inertial": torch.from_numpy(inputs["inertial"])}
    exec(encode, encoded)
    assert encoded["features"].shape[0] == 3 and encoded["features"].isfinite().all()


def test_the_experiment_as_a_configuration(
    utd_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_quality: None
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(block("yaml", "run: {name: mine}"), encoding="utf-8")
    data = [f"--data.init_args.{each}" for each in (f"root={utd_root}", "pretrain_batch_size=8", "label_rate=0.3")]
    short = ["--trainer.max_epochs=1", "--trainer.limit_train_batches=2", *QUIET]
    main(["fit", "--config", "cosmo:utd_stage1", "--config", "mine.yaml", *data, *short])
    config = Path("runs/utd/mine/version_0/config.yaml").read_text(encoding="utf-8")
    assert "num_fused: 7" in config
