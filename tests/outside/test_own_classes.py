"""Encoders, augmentations and classifiers that others write: what breaks their contract is one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from torch import Tensor, nn

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import ClassifierModule

from .kitchen.data import KitchenDataModule, record

QUIET: dict[str, Any] = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "accelerator": "cpu",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("kitchen")).parent


@pytest.fixture
def data(root: Path, tmp_path: Path) -> KitchenDataModule:
    return KitchenDataModule(
        modalities=("wrist", "pressure"), root=str(root), cache_dir=str(tmp_path), labels_per_class=2
    )


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
