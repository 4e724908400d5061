"""The modules in Python, where no command line has set anything right."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger

from cosmo_pl.bundle import Bundle
from cosmo_pl.callbacks import ResultWriter
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import ContrastiveFusionModule, IterativeFusionModule

from .conftest import stage1, stage2


def test_the_module_says_which_part_it_trains_on(make_data, make_trainer):
    data = make_data()
    make_trainer(1, limit_train_batches=1).fit(stage1(data), datamodule=data)
    assert data.phase == "pretrain"
    assert set(data.training_rows) == set(data.split.unlabeled)
    assert not set(data.training_rows) & set(data.split.labeled)
    make_trainer(1, limit_train_batches=1).fit(stage2(data), datamodule=data)
    assert set(data.training_rows) == set(data.split.labeled)


@pytest.mark.parametrize(("phase", "make"), [("finetune", stage1), ("pretrain", stage2)])
def test_a_part_that_contradicts_the_module_is_refused(phase, make, make_data, make_trainer):
    data = make_data(phase=phase)
    with pytest.raises(ConfigurationError, match=f"phase: is '{phase}'"):
        make_trainer(1).fit(make(data), datamodule=data)


def test_plain_loaders_give_a_bundle_that_says_what_it_lacks(make_data, make_trainer, tmp_path):
    data = make_data(phase="pretrain")
    data.setup()
    trainer = make_trainer(1, logger=CSVLogger(str(tmp_path)), limit_train_batches=2)
    with pytest.warns(UserWarning, match="neither statistics nor quality"):
        trainer.fit(stage1(data), data.train_dataloader())
    bundle = Bundle.load(trainer.log_dir)
    assert (bundle.normalization, bundle.quality, bundle.data_fingerprint) == ({}, {}, "")
    with pytest.warns(UserWarning, match="standardisation is unknown"):
        second = stage2(data := make_data(), bundle=trainer.log_dir, quality_lambda=0.0)
        make_trainer(1, limit_train_batches=1).fit(second, datamodule=data)


@pytest.mark.parametrize("make", [stage1, stage2])
def test_load_from_checkpoint_needs_nothing_else(make, make_data, make_trainer, tmp_path):
    data = make_data()
    saver = ModelCheckpoint(str(tmp_path), filename="kept")
    make_trainer(1, limit_train_batches=1, callbacks=[saver], enable_checkpointing=True).fit(
        model := make(data), datamodule=data
    )
    again = type(model).load_from_checkpoint(tmp_path / "kept.ckpt")
    assert isinstance(again, ContrastiveFusionModule | IterativeFusionModule)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())
    assert again.trained == data.trained_on


def kept(data, make_trainer, folder: Path, **arguments):
    saver = ModelCheckpoint(str(folder), filename="kept")
    trainer = make_trainer(1, limit_train_batches=1, callbacks=[saver], enable_checkpointing=True)
    trainer.fit(stage2(data, **arguments), datamodule=data)
    return str(folder / "kept.ckpt")


def test_a_training_goes_on_with_its_data_and_arguments(make_data, make_trainer, tmp_path):
    path = kept(make_data(), make_trainer, tmp_path)
    with pytest.raises(ConfigurationError, match=r"test subjects \(7, 8\) -> \(1, 2\)"):
        make_trainer(2).fit(stage2(data := make_data(test_subjects=(1, 2))), datamodule=data, ckpt_path=path)
    with pytest.raises(ConfigurationError, match=r"encoder_lr 0.001 -> 0.5"):
        make_trainer(2).fit(stage2(data := make_data(), encoder_lr=0.5), datamodule=data, ckpt_path=path)


def test_other_statistics_than_those_of_the_training_are_refused(make_data, make_trainer, tmp_path):
    path = kept(make_data(), make_trainer, tmp_path)
    other = make_data(train_subjects=(1,), label_rate=1.0)
    with pytest.raises(ConfigurationError, match="with other statistics"):
        make_trainer(1).test(stage2(other), datamodule=other, ckpt_path=path, verbose=False)
    adopted = make_data(test_subjects=(7,))
    model = IterativeFusionModule.load_from_checkpoint(path)
    adopted.adopt(model.trained)
    make_trainer(1).test(model, datamodule=adopted, verbose=False)
    assert len(adopted.split.test) == 27 and adopted.normalization == model.trained.normalization


def test_divergence_is_an_error(make_data, make_trainer):
    data = make_data()
    with pytest.raises(ConfigurationError, match=r"diverged: .* not finite after epoch \d"):
        make_trainer(5).fit(stage2(data, encoder_lr=1e30, classifier_lr=1e30), datamodule=data)


def test_a_training_on_one_label_is_refused(make_data, make_trainer):
    data = make_data(label_rate=0.005, allow_missing_classes=True)
    with pytest.raises(ConfigurationError, match="label_rate: leaves 1 labelled samples"):
        make_trainer(1).fit(stage2(data), datamodule=data)


def test_results_of_plain_loaders_are_refused_before_the_test(make_data, make_trainer):
    data = make_data()
    data.setup()
    trainer = make_trainer(1, callbacks=[ResultWriter()])
    for evaluate in (trainer.test, trainer.predict):
        with pytest.raises(ConfigurationError, match="datamodule: is missing, and ResultWriter"):
            evaluate(stage2(data), data.test_dataloader())


def test_predictions_that_are_not_returned_are_refused_before_they_are_made(make_data, make_trainer):
    data = make_data()
    trainer = make_trainer(1, callbacks=[ResultWriter()])
    with pytest.raises(ConfigurationError, match=r"return_predictions: is false, and predictions\.csv is written"):
        trainer.predict(stage2(data), datamodule=data, return_predictions=False)
