"""Methods that keep the labelled samples: all of them, no others, and nothing else in the checkpoint."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch.utils.data import DataLoader

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.nearest_neighbor import NearestNeighborModule
from cosmo_pl.modules.random_forest import RandomForestModule

METHODS = {
    "euclidean": (NearestNeighborModule, {}),
    "dtw": (NearestNeighborModule, {"metric": "dtw", "band": 0.05, "velocities": True}),
    "forest": (RandomForestModule, {"num_trees": 20}),
}


def build(data, method):
    kind, arguments = METHODS[method]
    return kind(data.modality_shapes, data.num_classes, **arguments)


every_method = pytest.mark.parametrize("method", METHODS)


@every_method
def test_keeps_all_labelled_samples_and_no_others(method, make_data, make_trainer):
    """Also the one that would be a training batch of its own; what the test subjects did makes no difference."""
    data, spoiled = make_data(batch_size=31), make_data(batch_size=31)
    data.setup()
    spoiled.setup()
    labeled = torch.from_numpy(data.split.labeled)
    assert len(labeled) % data.batch_size == 1
    for values in spoiled.inputs.values():
        values[torch.from_numpy(spoiled.split.test)] = torch.nan
    modules = [build(data, method) for _ in range(2)]
    for module, seen in zip(modules, (data, spoiled), strict=True):
        make_trainer(1, limit_val_batches=0).fit(module, datamodule=seen)
    inputs, label = modules[0].examples
    assert all(torch.equal(values, data.inputs[name][labeled]) for name, values in inputs.items())
    assert torch.equal(label, torch.from_numpy(data.samples.label)[labeled])
    assert not set(data.samples.subject[labeled].tolist()) & {7, 8}
    one, other = (module.state_dict() for module in modules)
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[key]) for key, value in one.items())


@every_method
def test_checkpoint_alone_predicts_the_same(method, make_data, make_trainer, tmp_path):
    """A fresh module knows nothing of the training data but what the file holds."""
    data = make_data()
    module = build(data, method)
    trainer = make_trainer(1)
    trainer.fit(module, datamodule=data)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    inputs = next(iter(data.test_dataloader()))["inputs"]
    expected = module.eval()(inputs)
    restored = type(module).load_from_checkpoint(
        tmp_path / "last.ckpt", modality_shapes=data.modality_shapes, weights_only=True
    )
    assert restored.record == module.record
    assert torch.equal(restored.eval()(inputs), expected)
    again = build(data, method)
    again.remember({"inputs": {n: v[:3] for n, v in inputs.items()}, "label": torch.tensor([0, 1, 2])})
    assert not torch.equal(again(inputs), expected)
    again.load_state_dict(module.state_dict())
    assert torch.equal(again(inputs), expected), "what was derived from earlier examples is forgotten"


@every_method
def test_one_epoch_writes_a_checkpoint_without_warnings(method, make_data, make_trainer, tmp_path):
    from pytorch_lightning.callbacks import ModelCheckpoint

    keep = ModelCheckpoint(tmp_path, filename="last", save_on_train_epoch_end=True)
    trainer = make_trainer(1, enable_checkpointing=True, callbacks=[keep])
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        trainer.fit(build(make_data(), method), datamodule=make_data())
    assert (tmp_path / "last.ckpt").is_file()
    about = ("optim", "training_step", "unique classes")
    assert not [str(w.message) for w in given if any(word in str(w.message) for word in about)]


@every_method
def test_counts_every_test_sample_once(method, make_data, make_trainer):
    data = make_data()
    module = build(data, method)
    trainer = make_trainer(1)
    trainer.fit(module, datamodule=data)
    assert module.record.epochs == 1
    assert module.record.fit_seconds > 0
    trainer.test(module, datamodule=data, verbose=False)
    assert module.confusion.compute().sum() == len(data.split.test)
    assert float(trainer.callback_metrics["test/acc"]) > 5 / data.num_classes


@every_method
def test_one_modality_is_enough(method, make_data, make_trainer):
    data = make_data(modalities=["skeleton"])
    trainer = make_trainer(1, limit_val_batches=0)
    module = build(data, method)
    trainer.fit(module, datamodule=data)
    trainer.test(module, datamodule=data, verbose=False)
    assert float(trainer.callback_metrics["test/acc"]) > 3 / data.num_classes


@every_method
def test_other_data_than_the_checkpoint_s_are_named(method, make_data, make_trainer):
    fitted = build(make_data(), method)
    make_trainer(1, limit_val_batches=0).fit(fitted, datamodule=make_data())
    for other in (make_data(skeleton_frames=32), make_data(modalities=["skeleton"])):
        with pytest.raises(ConfigurationError, match=r"ckpt_path: .*'skeleton': \(40, 20, 3\)"):
            build(other, method).load_state_dict(fitted.state_dict())


@every_method
def test_refuses_to_guess_before_it_has_examples(method, make_data):
    data = make_data()
    data.setup()
    batch = data.plain_batch(data.split.labeled)
    module = build(data, method)
    with pytest.raises(ConfigurationError, match="no examples yet"):
        module(batch["inputs"])
    fresh = build(data, method)
    fresh.load_state_dict(module.state_dict())
    with pytest.raises(ConfigurationError, match="no examples yet"):
        fresh(batch["inputs"])


def test_plain_loaders_are_refused(make_data, make_trainer):
    data = make_data()
    data.setup()
    loader = DataLoader([data.plain_batch(data.split.labeled)], batch_size=None)
    with pytest.raises(ConfigurationError, match="datamodule"):
        make_trainer(1).fit(build(data, "euclidean"), loader)
