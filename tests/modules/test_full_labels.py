"""Both stages where all training samples are labelled, or all but a few."""

from __future__ import annotations

import json

import pytest
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.loggers import CSVLogger

from cosmo_pl.data import UTDDataModule
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import (
    AttnSenseModule,
    DeepSenseModule,
    FeatureForestModule,
    NearestNeighborModule,
    PrototypeModule,
    RandomForestModule,
    SingleModalModule,
)

from .conftest import small_encoders, stage1, stage2


def pretrained(data, trainer, folder, **arguments):
    trainer(1, logger=CSVLogger(str(folder), name="stage1")).fit(stage1(data, **arguments), datamodule=data)
    return folder / "stage1" / "version_0" / "bundle"


@pytest.fixture(scope="module")
def bundle(utd_root, tmp_path_factory):
    data = UTDDataModule(
        root=str(utd_root), phase="pretrain", label_rate=1.0, include_labeled=True, max_train_per_class=None,
        pretrain_batch_size=16,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("pretrained")
    return str(pretrained(data, small_trainer, folder, max_clusters=3))


def small_trainer(epochs, **arguments):
    return Trainer(
        accelerator="cpu", max_epochs=epochs, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, log_every_n_steps=1, **arguments,
    )  # fmt: skip


def test_pretraining_uses_all_samples_and_measures_their_quality(make_data, make_trainer, tmp_path):
    data = make_data(phase="pretrain", label_rate=1.0, include_labeled=True)
    folder = pretrained(data, make_trainer, tmp_path, max_clusters=5)
    stored = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    assert stored["training"]["unlabeled"] == len(data.split.train)
    for measured in stored["quality"].values():
        assert list(measured["silhouettes"]) == ["2", "3", "4", "5"]
    assert sum(measured["weight"] for measured in stored["quality"].values()) == pytest.approx(1)


@pytest.mark.parametrize("rate", [0.5, 0.99])
def test_a_probe_asks_what_is_unlabelled(rate, make_data, make_trainer):
    data = make_data(phase="pretrain", label_rate=rate, include_labeled=True)
    trainer = make_trainer(1)
    trainer.fit(stage1(data), datamodule=data)
    assert 0 <= trainer.callback_metrics["probe/acc"] <= 1


def test_without_anything_to_ask_there_is_no_probe_unless_somebody_is_held_out(make_data, make_trainer):
    logged = {}
    for val_subjects in ((), (6,)):
        data = make_data(phase="pretrain", label_rate=1.0, include_labeled=True, val_subjects=val_subjects)
        trainer = make_trainer(1)
        trainer.fit(stage1(data), datamodule=data)
        logged[val_subjects] = set(trainer.callback_metrics)
    assert logged[()] == {"train/loss", "train/loss_floor"}
    assert "probe/acc" in logged[6,]


def test_pretraining_without_any_sample_names_the_remedy(make_data, make_trainer, tmp_path):
    data = make_data(phase="pretrain", label_rate=1.0)
    with pytest.raises(
        ConfigurationError, match=r"label_rate: leaves 0 different samples.*Set include_labeled to true"
    ):
        pretrained(data, make_trainer, tmp_path)


def test_copies_of_few_samples_are_refused_before_the_pretraining(make_data, make_trainer, tmp_path):
    data = make_data(phase="pretrain", label_rate=1.0, include_labeled=True)
    data.setup()
    data.inputs["inertial"][:] = data.inputs["inertial"][torch.arange(len(data.samples)) % 7]
    with pytest.raises(ConfigurationError, match=r"label_rate: leaves 7 different samples.*Use more training samples"):
        pretrained(data, make_trainer, tmp_path)


@pytest.mark.parametrize("value", [1, 0, -3])
def test_a_cap_below_two_clusters_is_refused(value, make_data):
    with pytest.raises(ConfigurationError, match="max_clusters"):
        stage1(make_data(), max_clusters=value)


def forest(data, bundle):
    return RandomForestModule(data.modality_shapes, data.num_classes, num_trees=5, self_training_rounds=2)


def feature_forest(data, bundle):
    return FeatureForestModule(data.modality_shapes, data.num_classes, bundle, num_trees=5, self_training_rounds=2)


def prototypes(data, bundle):
    return PrototypeModule(data.modality_shapes, data.num_classes, bundle)


def iterative(data, bundle):
    return stage2(data, bundle=bundle, iterative_epochs=1)


def finetune(data, bundle):
    return stage2(data, bundle=bundle, iterative_epochs=0, quality_lambda=0)


def probe(data, bundle):
    return stage2(data, bundle=bundle, frozen_encoders=True, freeze=True, head="linear")


def nearest(data, bundle):
    return NearestNeighborModule(data.modality_shapes, data.num_classes)


def warped(data, bundle):
    return NearestNeighborModule(data.modality_shapes, data.num_classes, metric="dtw", band=0.1)


def single(data, bundle):
    return SingleModalModule(data.modality_shapes, data.num_classes, "skeleton", encoders=small_encoders())


def deepsense(data, bundle):
    return DeepSenseModule(data.modality_shapes, data.num_classes, encoders=small_encoders())


def attnsense(data, bundle):
    return AttnSenseModule(data.modality_shapes, data.num_classes, encoders=small_encoders())


@pytest.mark.parametrize("rate", [0.99, 1.0])
@pytest.mark.parametrize(
    "method",
    [forest, feature_forest, prototypes, iterative, finetune, probe, nearest, warped, single, deepsense, attnsense],
)
def test_every_second_stage_takes_all_labels(method, rate, make_data, make_trainer, bundle):
    data = make_data(label_rate=rate, max_test_samples=30)
    module = method(data, bundle)
    trainer = make_trainer(1)
    trainer.fit(module, datamodule=data)
    (metrics,) = trainer.test(module, datamodule=data, verbose=False)
    batch = data.plain_batch(data.split.test)
    with torch.no_grad():
        assert torch.isfinite(module.eval()(batch["inputs"])).all()
    if method in (forest, feature_forest, prototypes, nearest, warped):  # the others learn little in one epoch
        assert metrics["test/acc"] > 5 / data.num_classes


def test_a_forest_with_nothing_to_label_is_the_plain_one(make_data, make_trainer):
    predicted = []
    for rounds in (0, 3):
        data = make_data(label_rate=1.0)
        module = RandomForestModule(data.modality_shapes, data.num_classes, num_trees=5, self_training_rounds=rounds)
        make_trainer(1).fit(module, datamodule=data)
        predicted.append(module.eval()(data.plain_batch(data.split.test)["inputs"]))
    assert torch.equal(*predicted)
