"""Encoders, augmentations and classifiers that others write: what breaks their contract is one line."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from pytorch_lightning import Trainer
from torch import Tensor, nn

from cosmo_pl.cli import main
from cosmo_pl.data.augmentations import Augmentation, Gain
from cosmo_pl.encoders import Encoder, TemporalEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import ClassifierModule, ContrastiveFusionModule

from .kitchen.data import KitchenDataModule

QUIET: dict[str, Any] = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "accelerator": "cpu",
}


@pytest.fixture
def data(root: Path, tmp_path: Path) -> KitchenDataModule:
    return KitchenDataModule(
        modalities=("wrist", "pressure"), root=str(root), cache_dir=str(tmp_path), labels_per_class=2
    )


class Own(Encoder):
    """An encoder with a defect that a test chooses."""

    sample_axes = 2

    def __init__(self, defect: Callable[[Tensor], Any] = lambda x: x) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer, self.defect = nn.Conv1d(3, 4, 3), defect

    def forward(self, x: Tensor) -> Any:
        return self.defect(self.layer(x.movedim(-1, 1)))


class Forgetful(Encoder):
    """Does not keep its arguments."""

    sample_axes = 2

    def forward(self, x: Tensor) -> Tensor:
        return x.movedim(-1, 1)


class NoAxes(Encoder):
    """Does not say which samples it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.save_hyperparameters()

    def forward(self, x: Tensor) -> Tensor:
        return x.movedim(-1, 1)


def fails(x: Tensor) -> Tensor:
    raise KeyError("x")


@pytest.mark.parametrize(
    ("defect", "told"),
    [
        (lambda x: x.mean(dim=2), r"returns the shape \(2, 4\) .* at least three axes\. Return"),
        (lambda x: (x, x), r"returns a tuple, no tensor\. Return"),
        (lambda x: x[:1], r"returns the shape \(1, 4, 18\) for samples \(2, 20, 3\), and the first axis is that"),
        (lambda x: x * torch.nan, r"returns values that are not finite"),
        (lambda x: x.double(), r"returns torch.float64 for samples of torch.float32\. Return"),
        (lambda x: nn.Linear(18, 2).double()(x), r"do not fit: RuntimeError: .*dtype.* \(test_own.*, line \d+\)\. Let"),
        (lambda x: nn.Conv1d(4, 2, 3).double()(x), r"do not fit: RuntimeError: .* Let it compute in the type"),
        (lambda x: nn.Conv1d(4, 2, 30)(x), r"do not fit: RuntimeError: .*Use smaller kernels"),
        (lambda x: x.flatten(9), r"do not fit: IndexError: Dimension out of range.*\. Correct its forward\."),
        (fails, r"do not fit: KeyError: 'x' \(test_own_classes.py, line \d+\)\. Correct its forward\."),
    ],
)  # fmt: skip
def test_an_encoder_that_breaks_the_contract_is_named(defect: Callable[[Tensor], Any], told: str) -> None:
    shapes = {"wrist": (20, 3), "pressure": (12, 2)}
    for training in (True, False):
        encoders = {"wrist": Own(defect).train(training), "pressure": TemporalEncoder(2)}
        with pytest.raises(ConfigurationError, match=rf"^encoders \(Own\)[ :].*{told}") as caught:
            ContrastiveFusionModule(shapes, 3, encoders)
        assert "\n" not in str(caught.value) and encoders["wrist"].training is training


@pytest.mark.parametrize(
    ("encoder", "told"),
    [
        (Forgetful, r"Forgetful\): keeps no arguments of its constructor\. Call self\.save_hyperparameters"),
        (NoAxes, r"NoAxes\): has no sample_axes\. Set it on the class"),
    ],
)
def test_what_an_encoder_lacks_is_found_before_the_training(encoder: type[Encoder], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        encoder().feature_shape((20, 3))


class Failing(TemporalEncoder):
    """Cannot be made."""

    def __init__(self, in_features: int = 3) -> None:
        super().__init__(in_features)
        self.rate = 1 / 0


def test_a_constructor_that_fails_is_named(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    encoders = {
        "wrist": {"class_path": f"{__name__}.Failing"},
        "pressure": {"class_path": "cosmo_pl.encoders.TemporalEncoder", "init_args": {"in_features": 2}},
    }
    arguments = {"root": str(root), "modalities": ["wrist", "pressure"], "labels_per_class": 2}
    config = {
        "data": {"class_path": f"{KitchenDataModule.__module__}.KitchenDataModule", "init_args": arguments},
        "model": {"class_path": "cosmo_pl.modules.ContrastiveFusionModule", "init_args": {"encoders": encoders}},
        "trainer": {"accelerator": "cpu"},
    }
    Path("own.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["--allow-code", __name__.partition(".")[0], "fit", "--config", "own.yaml"])
    line = capsys.readouterr().err.splitlines()[-1]
    assert ended.value.code == 2 and "command line" not in line
    told = r"cosmo-pl: Failing: its constructor fails with ZeroDivisionError: .*\(test_own_.*, line \d+\)"
    assert re.match(told, line)


def test_trying_an_encoder_uses_no_random_numbers() -> None:
    encoder, state = Own(), torch.get_rng_state()
    assert encoder.feature_shape((20, 3)) == (4, 18)
    assert torch.equal(state, torch.get_rng_state())


class Change(Augmentation):
    """A change that a test chooses."""

    def __init__(self, by: Callable[[Tensor], Any]) -> None:
        self.by = by

    def random_parameters(self, x: Tensor) -> Tensor:
        return torch.rand(len(x)) + np.random.random() + random.random()  # noqa: NPY002

    def apply(self, x: Tensor, parameters: Tensor) -> Any:
        return self.by(x)


@pytest.mark.parametrize(
    ("by", "told"),
    [
        (lambda x: x[:, 1:], r"changes the shape of 'wrist' from \(4, 20, 3\) to \(4, 19, 3\)"),
        (lambda x: x[1:], r"changes the shape of 'wrist' from \(4, 20, 3\) to \(3, 20, 3\)"),
        (lambda x: x / 0, r"gives 'wrist' values that are not finite"),
        (lambda x: x.double(), r"changes 'wrist' from torch.float32 to torch.float64"),
        (lambda x: x.numpy(), r"returns a ndarray for 'wrist', no tensor"),
        (fails, r"fails on 'wrist' with KeyError: 'x' \(test_own_classes.py, line \d+\)"),
    ],
)
def test_an_augmentation_that_breaks_the_contract_is_named(root: Path, by: Callable[[Tensor], Any], told: str) -> None:
    steps = {"wrist": [Gain(), Change(by)]}
    for stage in (None, "fit"):
        data = KitchenDataModule(root=str(root), labels_per_class=2, augmentations=steps)
        data.prepare_data()
        with pytest.raises(ConfigurationError, match=rf"^augmentations \(Change\): {told}\. Correct"):
            data.setup(stage)
    data = KitchenDataModule(root=str(root), labels_per_class=2, augmentations=steps)
    data.prepare_data()
    data.setup("test")  # which does not augment


def test_trying_augmentations_uses_no_random_numbers(root: Path) -> None:
    data = KitchenDataModule(root=str(root), labels_per_class=2, augmentations={"wrist": [Change(lambda x: x), Gain()]})
    data.prepare_data()
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    data.setup("fit")
    after = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    assert torch.equal(before[0], after[0]) and before[1:] == after[1:]


class Spoilt(ClassifierModule):
    """Gives one class of one test sample another logit."""

    def __init__(self, value: float, everywhere: bool = False) -> None:
        super().__init__(3)
        self.layer = nn.Linear(24, 3)
        self.value, self.everywhere = value, everywhere

    def classify(self, inputs: dict[str, Tensor], present: object = None) -> tuple[Tensor, None]:
        logits = self.layer(inputs["pressure"].flatten(1))
        logits[5, slice(None) if self.everywhere else 1] = self.value
        return logits, None


def trainer() -> Trainer:
    return Trainer(**QUIET)


@pytest.mark.parametrize("evaluate", ["test", "predict"])
@pytest.mark.parametrize(("value", "everywhere"), [(torch.nan, False), (torch.inf, False), (-torch.inf, True)])
def test_logits_that_are_not_finite_are_refused(
    data: KitchenDataModule, evaluate: str, value: float, everywhere: bool
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        getattr(trainer(), evaluate)(Spoilt(value, everywhere), datamodule=data)
    message = str(caught.value)
    assert message.startswith("Spoilt: gives logits that are not finite for 1 of 24 samples") and "\n" not in message
    index = data.predicted(data.samples, data.split)[5]
    assert f"sample {index}, of recording '{data.samples.recording[index]}'" in message


def test_a_class_may_be_excluded(data: KitchenDataModule) -> None:
    found = trainer().predict(Spoilt(-torch.inf), datamodule=data)
    assert found is not None and float(found[0]["probability"][5, 1]) == 0  # type: ignore[index, call-overload]
