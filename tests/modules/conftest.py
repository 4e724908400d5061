"""Small models on small simulated data."""

from __future__ import annotations

import pytest
import torch
from pytorch_lightning import Trainer

from cosmo_pl.data import UTDDataModule
from cosmo_pl.encoders import InertialEncoder, SkeletonEncoder
from cosmo_pl.modules import ContrastiveFusionModule, IterativeFusionModule

MODALITIES = ("inertial", "skeleton")
SKELETON_KERNELS = ((5, 5, 2), (5, 5, 2), (5, 5, 1), (5, 2, 1))


def small_encoders(dropout: float = 0.5):
    return {
        "inertial": InertialEncoder(channels=(4, 4, 4, 4), dropout=dropout),
        "skeleton": SkeletonEncoder(channels=(4, 4, 4, 4), kernels=SKELETON_KERNELS, dropout=dropout),
    }


@pytest.fixture(autouse=True, scope="module")
def quality(quick_quality):
    """Quality is measured quickly."""


@pytest.fixture
def make_data(utd_root):
    def make(**arguments):
        defaults = {"root": str(utd_root), "label_rate": 0.2, "max_train_per_class": None, "pretrain_batch_size": 16}
        return UTDDataModule(**{**defaults, **arguments})

    return make


@pytest.fixture
def make_trainer(tmp_path):
    def make(epochs, **arguments):
        defaults = {
            "accelerator": "cpu", "max_epochs": epochs, "logger": False, "enable_checkpointing": False,
            "enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0,
            "log_every_n_steps": 1, "default_root_dir": str(tmp_path),
        }  # fmt: skip
        return Trainer(**{**defaults, **arguments})

    return make


def stage1(data, **arguments):
    torch.manual_seed(0)
    return ContrastiveFusionModule(
        data.modality_shapes, data.num_classes, arguments.pop("encoders", None) or small_encoders(),
        projection_hidden=16, projection_dim=8, **arguments,
    )  # fmt: skip


def stage2(data, **arguments):
    torch.manual_seed(0)
    if "bundle" not in arguments:
        arguments.setdefault("encoders", small_encoders())
        arguments.setdefault("quality_weights", {"inertial": 0.4, "skeleton": 0.6})
    return IterativeFusionModule(data.modality_shapes, data.num_classes, **arguments)
