"""Small federations on simulated recordings of UTD-MHAD."""

from __future__ import annotations

import pytest
import torch

from cosmo_pl.data import UTDDataModule
from cosmo_pl.encoders import TemporalEncoder
from cosmo_pl.modules import ContrastiveFusionModule

CHANNELS = (4, 4, 4, 4)


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
