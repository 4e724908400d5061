"""Small federations on simulated recordings of UTD-MHAD."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch

from cosmo_pl.data import UTDDataModule
from cosmo_pl.encoders import TemporalEncoder
from cosmo_pl.modules import ContrastiveFusionModule

CHANNELS = (4, 4, 4, 4)
CONFIG = Path(__file__).parents[2] / "configs" / "utd_plus_stage1.yaml"
SMALL = [
    f"--config={CONFIG}", "--trainer.callbacks=[]", "--trainer.accelerator=cpu", "--trainer.limit_train_batches=2",
    "--data.init_args.pretrain_batch_size=8", "--data.init_args.label_rate=0.4", "--data.init_args.num_augmentations=2",
    "--data.init_args.train_subjects=[1,2,3]", "--data.init_args.allow_missing_classes=true",
    "--model.init_args.encoders.inertial.init_args.channels=[4,4,4,4]",
    "--model.init_args.encoders.skeleton.init_args.channels=[4,4,4,4]", "--model.init_args.projection_hidden=8",
    "--model.init_args.projection_dim=4", "--run.name=homes",
]  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def quality(quick_quality):
    """Quality is measured quickly."""


@pytest.fixture
def make_data(utd_root):
    def make(**arguments):
        defaults = {
            "root": str(utd_root), "label_rate": 0.2, "max_train_per_class": None, "include_labeled": True,
            "pretrain_batch_size": 8, "phase": "pretrain", "allow_missing_classes": True,
        }  # fmt: skip
        return UTDDataModule(**{**defaults, **arguments})

    return make


@pytest.fixture
def make_module():
    def make(seed=0, **arguments):
        torch.manual_seed(seed)
        encoders = {
            "inertial": TemporalEncoder(6, channels=CHANNELS),
            "skeleton": TemporalEncoder(60, channels=CHANNELS),
        }
        data = UTDDataModule()
        named = {"lr": 0.01, "optimizer": {"name": "adamw", "schedule": "cosine"}, **arguments}
        return ContrastiveFusionModule(
            data.modality_shapes, data.num_classes, encoders, projection_hidden=8, projection_dim=4, **named
        )

    return make


@pytest.fixture
def words(utd_root, tmp_path):
    def make(*more, rounds=2, folder="runs"):
        own = [f"--data.init_args.root={utd_root}", f"--run.folder={tmp_path / folder}", f"--federated.rounds={rounds}"]
        return [*SMALL, *own, *more]

    return make


@pytest.fixture
def grid():
    """Arguments of the server → the clients that they describe, as `simulate` makes them."""
    from flwr.app import Context, RecordDict

    from cosmo_pl.federated import client
    from cosmo_pl.federated.config import TrainingConfig
    from cosmo_pl.federated.simulation import LocalGrid, client_words

    def make(words, subjects=(1, 2, 3), app=client.app, kind=LocalGrid):
        config = TrainingConfig.of(words)
        described = partial(client_words, words, config.settings, modalities=("inertial", "skeleton"))
        contexts = {
            number: Context(1, number, {"name": str(each), "arguments": described(subject=each)}, RecordDict(), {})
            for number, each in enumerate(subjects, start=1)
        }
        return kind(app, contexts)

    return make
