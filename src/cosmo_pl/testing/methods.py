"""Conformance tests of a method, a LightningModule of this package or of another one."""

from __future__ import annotations

import inspect
import json
import tempfile
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer, seed_everything
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from cosmo_pl.bundle import Bundle
from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.loading import Batch
from cosmo_pl.modules.base import BaseModule, ClassifierModule, ExampleModule, PretrainingModule
from cosmo_pl.quiet import QUIET_TRAINER, quiet
from cosmo_pl.testing.helpers import MakeData, ready

MakeMethod = Callable[[MultimodalDataModule], BaseModule]
EPOCHS = 2


def check_method(make: MakeMethod, make_data: MakeData) -> None:
    """Runs all checks of `METHOD_CHECKS` on a method. Each trains it for two epochs: give it small encoders.

    Args:
        make: Makes the module for a datamodule, for instance
            ``lambda data: MyModule(data.modality_shapes, data.num_classes)``.
        make_data: Makes the datamodule, which should be small and has to pass `check_dataset`.

    Raises:
        AssertionError: A check fails. Its name says what the method does not keep.
        CosmoError: The method cannot be trained on the data.
    """
    for check in METHOD_CHECKS:
        check(make, make_data)


def check_arguments_are_spelled_out(make: MakeMethod, make_data: MakeData) -> None:
    """The constructor takes no ``**kwargs``, which would swallow a misspelt argument of a config."""
    kinds = [each.kind for each in inspect.signature(type(make(ready(make_data())))).parameters.values()]
    assert inspect.Parameter.VAR_KEYWORD not in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds


def check_hyperparameters_are_plain_values(make: MakeMethod, make_data: MakeData) -> None:
    """All arguments are stored as JSON values, so that a checkpoint is whole by itself and runs no code."""
    json.dumps(make(ready(make_data())).whole_arguments())


def check_training_changes_what_it_should(make: MakeMethod, make_data: MakeData) -> None:
    """Training changes parameters or buffers; parameters without gradient stay as they are, to the bit."""
    torch.manual_seed(0)
    module = make(ready(make_data()))
    before = deepcopy(module.state_dict())
    frozen = [name for name, parameter in module.named_parameters() if not parameter.requires_grad]
    train(module, make_data())
    after = module.state_dict()
    assert set(before) == set(after) or isinstance(module, ExampleModule)
    assert any(not _equal(value, after[name]) for name, value in before.items()), "the training changed nothing"
    assert all(_equal(before[name], after[name]) for name in frozen), "the training changed a frozen parameter"


def check_training_is_repeatable(make: MakeMethod, make_data: MakeData) -> None:
    """The same seed gives the same weights, to the bit."""
    first, second = (trained(make, make_data).state_dict() for _ in range(2))
    _assert_equal(first, second)


def check_training_uses_training_subjects_only(make: MakeMethod, make_data: MakeData) -> None:
    """Other recordings of the test subjects give the same weights."""

    def change_test_subjects(data: MultimodalDataModule) -> None:
        for values in data.inputs.values():
            assert isinstance(values, Tensor), "the checks need samples in memory"
            values[data.split.test] = values[data.split.test].flip(0) * 3 + 1

    _assert_equal(trained(make, make_data).state_dict(), trained(make, make_data, change_test_subjects).state_dict())


def check_unlabelled_samples_are_used_without_their_labels(make: MakeMethod, make_data: MakeData) -> None:
    """Other labels of the unlabelled samples give the same weights; a pretraining uses no labels at all."""
    pretrains = isinstance(make(ready(make_data())), PretrainingModule)

    def change_labels(data: MultimodalDataModule) -> None:
        rows = data.split.train if pretrains else data.split.unlabeled
        data.samples.label[rows] = (data.samples.label[rows] + 1) % data.num_classes

    _assert_equal(trained(make, make_data).state_dict(), trained(make, make_data, change_labels).state_dict())


def check_training_leaves_the_data_as_they_were(make: MakeMethod, make_data: MakeData) -> None:
    """Another method that is trained on the same datamodule finds the same samples."""
    data = ready(make_data())
    before = {name: values[torch.arange(4)].clone() for name, values in data.inputs.items()}
    train(make(data), data)
    for name, values in before.items():
        assert torch.equal(values, data.inputs[name][torch.arange(4)]), name


def check_a_checkpoint_is_whole_by_itself(make: MakeMethod, make_data: MakeData) -> None:
    """``load_from_checkpoint(path)`` without arguments gives the same model, which computes the same."""
    data = ready(make_data())
    with tempfile.TemporaryDirectory() as folder:
        saver = ModelCheckpoint(folder, filename="model", save_on_train_epoch_end=True)
        module = train(make(data), data, [saver])
        again = type(module).load_from_checkpoint(Path(folder, "model.ckpt"))
    _assert_equal(module.state_dict(), again.state_dict())
    batch = _test_batch(data)
    with torch.no_grad():
        for one, other in zip(_outputs(module, batch), _outputs(again, batch), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0)


def check_a_sample_is_evaluated_by_itself(make: MakeMethod, make_data: MakeData) -> None:
    """In evaluation the result of a sample does not depend on the others of its batch."""
    data = ready(make_data())
    module = train(make(data), data).eval()
    batch = _test_batch(data)
    with torch.no_grad():
        together = _outputs(module, batch)
        alone = [_outputs(module, _row(batch, row)) for row in range(len(batch["label"]))]
    for part, whole in enumerate(together):
        torch.testing.assert_close(torch.cat([outputs[part] for outputs in alone]), whole, rtol=1e-4, atol=1e-4)


def check_a_classifier_is_tested_on_each_sample_once(make: MakeMethod, make_data: MakeData) -> None:
    """The confusion matrix and the accuracy of a test are those of the predictions of all test samples."""
    data = ready(make_data())
    module = make(data)
    if not isinstance(module, ClassifierModule):
        return
    train(module, data)
    with quiet():
        trainer = _trainer(None)
        measured = trainer.test(module, datamodule=data, verbose=False)[0]
        batches: Any = trainer.predict(module, datamodule=data)
    index, label, probability = (torch.cat([b[key] for b in batches]) for key in ("index", "label", "probability"))
    assert index.tolist() == data.split.test.tolist()
    assert probability.shape == (len(index), data.num_classes)
    torch.testing.assert_close(probability.sum(dim=1), torch.ones(len(index)))
    right = (probability.argmax(dim=1) == label).float().mean()
    assert abs(float(right) - measured["test/acc"]) < 1e-6
    assert int(module.confusion.compute().sum()) == len(index)


def check_a_pretraining_writes_its_encoders(make: MakeMethod, make_data: MakeData) -> None:
    """The bundle of a pretraining holds its encoders, to the bit, and quality and statistics of every modality."""
    data = ready(make_data())
    module = make(data)
    if not isinstance(module, PretrainingModule):
        return
    train(module, data)
    with tempfile.TemporaryDirectory() as folder:
        module.write_bundle(Path(folder, "bundle"))
        bundle = Bundle.load(Path(folder, "bundle"))
    for name, encoder in module.encoders.items():
        _assert_equal(encoder.state_dict(), bundle.encoders[name].state_dict())
    assert set(bundle.quality) == set(bundle.normalization) == set(data.modalities)


METHOD_CHECKS: tuple[Callable[[MakeMethod, MakeData], None], ...] = (
    check_arguments_are_spelled_out,
    check_hyperparameters_are_plain_values,
    check_training_changes_what_it_should,
    check_training_is_repeatable,
    check_training_uses_training_subjects_only,
    check_unlabelled_samples_are_used_without_their_labels,
    check_training_leaves_the_data_as_they_were,
    check_a_checkpoint_is_whole_by_itself,
    check_a_sample_is_evaluated_by_itself,
    check_a_classifier_is_tested_on_each_sample_once,
    check_a_pretraining_writes_its_encoders,
)
"""All checks, each a function of both arguments of `check_method`; a test may be parametrised with them."""


def train(module: BaseModule, data: MultimodalDataModule, callbacks: Sequence[Callback] = ()) -> BaseModule:
    """Trains a module for two epochs without leaving a file."""
    with quiet(), tempfile.TemporaryDirectory() as folder:
        _trainer(folder, list(callbacks)).fit(module, datamodule=data)
    return module


def trained(
    make: MakeMethod, make_data: MakeData, change: Callable[[MultimodalDataModule], None] = lambda data: None
) -> BaseModule:
    """A module that was made and trained under seed 0, on data that were changed after their setup."""
    data = ready(make_data())
    change(data)
    seed_everything(0, verbose=False)
    return train(make(data), data)


def _trainer(folder: str | None, callbacks: list[Callback] | None = None) -> Trainer:
    given = {**QUIET_TRAINER, "callbacks": callbacks, "enable_checkpointing": bool(callbacks)}
    return Trainer(default_root_dir=folder, max_epochs=EPOCHS, accelerator="cpu", devices=1, **given)


def _test_batch(data: MultimodalDataModule) -> Batch:
    return data.plain_batch(data.split.test[:6])


def _row(batch: Batch, row: int) -> Batch:
    inputs = {name: values[row : row + 1] for name, values in batch["inputs"].items()}
    present = {name: values[row : row + 1] for name, values in batch.get("present", {}).items()}
    return {"inputs": inputs, "label": batch["label"][row : row + 1], **({"present": present} if present else {})}


def _outputs(module: BaseModule, batch: Batch) -> list[Tensor]:
    """Logits of a classifier, features of a pretraining."""
    module.eval()
    if isinstance(module, ClassifierModule):
        return [module.logits(batch)]
    features: dict[str, Tensor] = module(batch["inputs"])
    return list(features.values())


def _equal(one: Any, other: Any) -> bool:
    return torch.equal(one, other) if isinstance(one, Tensor) and isinstance(other, Tensor) else bool(one == other)


def _assert_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert set(one) == set(other)
    differ = [name for name, value in one.items() if not _equal(value, other[name])]
    assert not differ, f"these differ: {', '.join(differ[:5])}"
