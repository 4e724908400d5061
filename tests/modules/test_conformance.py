"""The methods of this package pass the public checks, and defective methods do not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cosmo_pl import modules
from cosmo_pl.data import MultimodalDataModule, USCDataModule
from cosmo_pl.data.augmentations import Gain
from cosmo_pl.data.loading import Batch
from cosmo_pl.encoders import TemporalEncoder
from cosmo_pl.modules import BaseModule, ClassifierModule
from cosmo_pl.testing import METHOD_CHECKS, check_method
from cosmo_pl.testing import methods as checks
from cosmo_pl.testing.helpers import MakeData
from cosmo_pl.testing.methods import MakeMethod


def method(name: str, encoded: bool = True, **arguments: Any) -> MakeMethod:
    """Makes a method, on small encoders where it has any."""

    def make(data: MultimodalDataModule) -> BaseModule:
        shapes = data.modality_shapes
        encoders = {name: TemporalEncoder(3, channels=(4, 4, 4, 4), segments=2) for name in shapes}
        own = {**({"encoders": encoders} if encoded else {}), **arguments}
        module: BaseModule = getattr(modules, name)(shapes, data.num_classes, **own)
        return module

    return make


VIEWS: dict[str, Any] = {"num_augmentations": 2, "augmentations": {"acc": [Gain()], "gyro": [Gain()]}}
CONTRASTS_VIEWS = ("FOCAL", "SimCLR")
METHODS = {
    "Cosmo, stage 1": method("ContrastiveFusionModule", projection_hidden=8),
    "CMC": method("CMCModule", projection_hidden=8),
    "COCOA": method("COCOAModule", projection_hidden=8),
    "FOCAL": method("FOCALModule", projection_hidden=8, projection_dim=8),
    "SimCLR": method("SimCLRModule", projection_hidden=8),
    "Cosmo, stage 2": method("IterativeFusionModule", iterative_epochs=1, quality_lambda=0.0),
    "single modality": method("SingleModalModule", modality="acc"),
    "DeepSense": method("DeepSenseModule"),
    "AttnSense": method("AttnSenseModule"),
    "nearest neighbour": method("NearestNeighborModule", encoded=False),
    "MiniRocket": method("MiniRocketModule", encoded=False, num_kernels=168),
    "random forest": method("RandomForestModule", encoded=False, num_trees=3),
    "random forest relative to gravity": method("RandomForestModule", encoded=False, num_trees=3, accelerometer="acc"),
}


@pytest.fixture
def make_data(usc_root: Path) -> MakeData:
    small = {"pretrain_batch_size": 32, "max_train_samples": 100, "max_test_samples": 20}
    return partial(USCDataModule, root=str(usc_root), window_size=60, label_rate=0.25, **small)


@pytest.mark.parametrize("check", METHOD_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("name", METHODS)
def test_conforms(name: str, check: Callable[[MakeMethod, MakeData], None], make_data: MakeData) -> None:
    if name == "MiniRocket":
        pytest.importorskip("aeon")
    check(METHODS[name], partial(make_data, **VIEWS) if name in CONTRASTS_VIEWS else make_data)


@pytest.mark.parametrize("check", METHOD_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_prototypes_conform(check: Callable[[MakeMethod, MakeData], None], make_data: MakeData, tmp_path: Path) -> None:
    data = make_data()
    pretraining = checks.train(METHODS["Cosmo, stage 1"](data), data)
    assert isinstance(pretraining, modules.ContrastiveFusionModule)
    pretraining.write_bundle(tmp_path / "bundle")
    check(method("PrototypeModule", encoded=False, bundle=str(tmp_path / "bundle")), make_data)


def test_every_check_is_listed() -> None:
    defined = {name for name in vars(checks) if name.startswith("check_")} - {"check_method"}
    assert defined == {check.__name__ for check in METHOD_CHECKS}


class Linear(ClassifierModule):
    """A linear classifier of the accelerometer."""

    def __init__(self, modality_shapes: dict[str, tuple[int, ...]], num_classes: int) -> None:
        super().__init__(num_classes)
        self.save_hyperparameters()
        self.layer = nn.Linear(180, num_classes)

    def classify(self, inputs: dict[str, Tensor], present: object = None) -> tuple[Tensor, None]:
        return self.layer(inputs["acc"].flatten(1)), None

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class SwallowsArguments(Linear):
    def __init__(self, modality_shapes: dict[str, tuple[int, ...]], num_classes: int, **others: Any) -> None:
        super().__init__(modality_shapes, num_classes)


class Untrained(Linear):
    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)


class LooksAtTestSubjects(Linear):
    def on_fit_start(self) -> None:
        super().on_fit_start()
        assert self.data is not None
        self.layer.bias.data += float(self.data.plain_batch(self.data.split.test)["inputs"]["acc"].mean())


class UsesAllLabels(Linear):
    def on_fit_start(self) -> None:
        super().on_fit_start()
        assert self.data is not None
        self.layer.bias.data += float(self.data.samples.label[self.data.split.unlabeled[:9]].sum())


class ChangesBatches(Linear):
    def on_fit_start(self) -> None:
        super().on_fit_start()
        assert self.data is not None
        inputs = self.data.inputs["acc"]
        assert isinstance(inputs, Tensor)
        inputs += 1


class ForgetsItsState(Linear):
    def on_fit_start(self) -> None:
        super().on_fit_start()
        self.shift = 1.0

    def classify(self, inputs: dict[str, Tensor], present: object = None) -> tuple[Tensor, None]:
        return super().classify(inputs)[0] * (1 + torch.arange(self.num_classes) * getattr(self, "shift", 0.0)), None


class DependsOnTheBatch(Linear):
    def classify(self, inputs: dict[str, Tensor], present: object = None) -> tuple[Tensor, None]:
        logits = super().classify(inputs)[0]
        return logits - logits.mean(dim=0), None


class Unseeded(Linear):
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        loss = super().training_step(batch, batch_idx)
        return (
            None if loss is None else loss * float(torch.rand(1, generator=torch.Generator().manual_seed(_counter())))
        )


class TestsTwice(Linear):
    def test_step(self, batch: Batch, batch_idx: int) -> Tensor:
        super().test_step(batch, batch_idx)
        return super().test_step(batch, batch_idx)


def _counter(calls: list[int] = []) -> int:  # noqa: B006  it is to remember its calls
    calls.append(0)
    return len(calls)


def make_of(kind: Any) -> MakeMethod:
    return lambda data: kind(data.modality_shapes, data.num_classes)


def test_a_method_from_outside_conforms(make_data: MakeData) -> None:
    check_method(make_of(Linear), make_data)


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (SwallowsArguments, "arguments_are_spelled_out"),
        (Untrained, "training_changes_what_it_should"),
        (LooksAtTestSubjects, "training_uses_training_subjects_only"),
        (UsesAllLabels, "unlabelled_samples_are_used_without_their_labels"),
        (ChangesBatches, "training_leaves_the_data_as_they_were"),
        (ForgetsItsState, "a_checkpoint_is_whole_by_itself"),
        (DependsOnTheBatch, "a_sample_is_evaluated_by_itself"),
        (Unseeded, "training_is_repeatable"),
        (TestsTwice, "a_classifier_is_tested_on_each_sample_once"),
    ],
)
def test_a_defect_fails_its_check(kind: type[Linear], check: str, make_data: MakeData) -> None:
    with pytest.raises(AssertionError):
        getattr(checks, f"check_{check}")(make_of(kind), make_data)
