"""Runs built again from their folders, on a small run of the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from pytorch_lightning import Trainer

from cosmo_pl.cli import main
from cosmo_pl.errors import ConfigurationError, CosmoError
from cosmo_pl.modules import IterativeFusionModule, NearestNeighborModule
from cosmo_pl.run_loading import load_data, load_run

CONFIGS = Path(__file__).parents[2] / "configs"
SMALL = [
    "--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false", "--trainer.accelerator=cpu",
    "--trainer.max_epochs=1", "--data.init_args.label_rate=0.3",
]  # fmt: skip
NARROW = [f"--model.init_args.encoders.{name}.init_args.channels=[4,4,4,4]" for name in ("inertial", "skeleton")]


def fit(config: str, *more: str, overlay: str | None = None) -> None:
    overlays = ["--config", str(CONFIGS / "model" / f"{overlay}.yaml")] if overlay else []
    main(["fit", "--config", str(CONFIGS / config), *overlays, *SMALL, *more])


@pytest.fixture(scope="module")
def trained(tmp_path_factory, utd_root, quick_quality):
    """A folder with both stages of Cosmo, and a nearest neighbour, each after one epoch."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COSMO_PL_DATA", str(utd_root))
        fit("utd_stage1.yaml", *NARROW, "--model.init_args.projection_hidden=16", "--trainer.limit_train_batches=1")
        fit("utd_stage2.yaml", *NARROW, "--data.init_args.label_seed=3")
        fit("utd_stage2.yaml", overlay="nearest_neighbor")
    return folder / "runs" / "utd"


@pytest.fixture
def stage2(trained, monkeypatch, utd_root):
    monkeypatch.chdir(trained.parents[1])
    monkeypatch.setenv("COSMO_PL_DATA", str(utd_root))
    return trained / "cosmo-iterative" / "version_0"


@pytest.fixture
def copy(stage2, tmp_path):
    return Path(shutil.copytree(stage2, tmp_path / "copy"))


def test_the_model_is_that_of_the_checkpoint_and_the_data_are_those_of_the_run(stage2):
    model, data = load_run(stage2)
    stored = torch.load(stage2 / "checkpoints" / "last.ckpt", weights_only=True)
    assert isinstance(model, IterativeFusionModule)
    assert not any(module.training for module in model.modules())
    state = model.state_dict()
    assert state.keys() == stored["state_dict"].keys()
    assert all(torch.equal(value, state[key]) for key, value in stored["state_dict"].items())
    assert model.record.epochs == 1 and model.record.fit_seconds > 0
    assert data.phase == "finetune" and data.label_sampling.seed == 3 and data.label_sampling.rate == 0.3
    assert list(model.encoders) == list(data.modality_shapes)
    assert len(data.split.test) == 54 and data.normalization


def test_it_recognises_as_the_test_of_the_command_line_does(stage2):
    given = ["--config", str(stage2 / "config.yaml"), "--ckpt_path", str(stage2 / "checkpoints" / "last.ckpt")]
    main(["test", *given])
    told = yaml.safe_load((stage2 / "test_0" / "metrics.json").read_text(encoding="utf-8"))
    model, data = load_run(stage2)
    with torch.inference_mode():
        inputs = {name: values[torch.from_numpy(data.split.test)] for name, values in data.inputs.items()}
        found = model(inputs).argmax(dim=1).numpy()
    assert int((found == data.samples.label[data.split.test]).sum()) == told["correct"]
    shutil.rmtree(stage2 / "test_0")


def test_it_can_be_evaluated_by_a_trainer(stage2):
    model, data = load_run(stage2)
    trainer = Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu")
    (metrics,) = trainer.test(model, datamodule=data, verbose=False)
    assert 0 <= metrics["test/acc"] <= 1


def test_examples_travel_with_the_checkpoint(stage2, trained):
    model, data = load_run(trained / "nearest_neighbor" / "version_0")
    assert isinstance(model, NearestNeighborModule)
    assert len(model.examples[1]) == len(data.split.labeled) > 0


@pytest.mark.parametrize("missing", ["config.yaml", "checkpoints/last.ckpt"])
def test_an_incomplete_folder_is_named(copy, missing):
    (copy / missing).unlink()
    with pytest.raises(ConfigurationError, match=missing) as told:
        load_run(copy)
    assert str(copy) in str(told.value)


def test_a_damaged_checkpoint_is_named(copy):
    (copy / "checkpoints/last.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(CosmoError, match=r"last\.ckpt"):
        load_run(copy)


def test_a_checkpoint_of_another_model_is_named(copy, trained):
    shutil.copy(trained / "nearest_neighbor/version_0/checkpoints/last.ckpt", copy / "checkpoints/last.ckpt")
    with pytest.raises(CosmoError, match=r"is of .*NearestNeighborModule, the configuration of .*IterativeFusion"):
        load_run(copy)


def test_a_run_needs_no_bundle_any_more(copy):
    model, data = load_run(copy)
    config = yaml.safe_load((copy / "config.yaml").read_text(encoding="utf-8"))
    config["model"]["init_args"]["bundle"] = "gone/bundle"
    (copy / "config.yaml").write_text(yaml.dump(config), encoding="utf-8")
    again, _ = load_run(copy)
    batch = data.plain_batch(data.split.test[:4])
    with torch.no_grad():
        assert torch.equal(again.logits(batch), model.logits(batch))
    alone = type(model).load_from_checkpoint(copy / "checkpoints/last.ckpt").eval()
    with torch.no_grad():
        assert torch.equal(alone.logits(batch), model.logits(batch))


@pytest.mark.parametrize("part", ["data", "model"])
def test_a_config_without_a_part_is_named(copy, part):
    config = yaml.safe_load((copy / "config.yaml").read_text(encoding="utf-8"))
    del config[part]
    (copy / "config.yaml").write_text(yaml.dump(config), encoding="utf-8")
    with pytest.raises(CosmoError, match=part):
        load_run(copy)


def overlay(folder: Path, **arguments: object) -> Path:
    path = folder / "overlay.yaml"
    path.write_text(yaml.dump({"data": {"init_args": arguments}, "trainer": {"max_epochs": 3}}), encoding="utf-8")
    return path


@pytest.mark.parametrize(("stage", "phase"), [(1, "pretrain"), (2, "finetune")])
def test_data_of_a_config_with_overlays(stage, phase, utd_root, monkeypatch, tmp_path):
    monkeypatch.setenv("COSMO_PL_DATA", str(utd_root))
    more = overlay(tmp_path, label_rate=0.4, label_seed=7)
    data = load_data([CONFIGS / f"utd_stage{stage}.yaml", CONFIGS / "model" / "cmc.yaml", more])
    assert data.phase == phase
    assert (data.label_sampling.rate, data.label_sampling.seed) == (0.4, 7)
    assert [type(step).__name__ for step in data.transforms["skeleton"]] == [
        "CenterOnHip",
        "ScaleByTorso",
        "FaceCamera",
    ]
    assert not np.intersect1d(data.split.labeled, data.split.test).size and len(data.split.labeled) > 27


def test_bad_data_are_named(tmp_path, utd_root, monkeypatch):
    monkeypatch.setenv("COSMO_PL_DATA", str(utd_root))
    base = CONFIGS / "utd_stage1.yaml"
    with pytest.raises(CosmoError, match="strid"):
        load_data([base, overlay(tmp_path, strid=3)])
    with pytest.raises(ConfigurationError, match="modalities"):
        load_data([base, overlay(tmp_path, modalities=["radar"])])
    with pytest.raises(ConfigurationError, match=r"none of .* has data"):
        load_data([CONFIGS / "model" / "cmc.yaml"])
    with pytest.raises(ConfigurationError, match="absent"):
        load_data([tmp_path / "absent.yaml"])
