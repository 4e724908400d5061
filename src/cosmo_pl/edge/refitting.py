"""A second stage, trained again on other samples within seconds."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import Trainer, seed_everything
from pytorch_lightning.utilities.seed import isolate_rng

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.selection import Indices
from cosmo_pl.data.split import Split
from cosmo_pl.modules import ClassifierModule
from cosmo_pl.modules.base import evaluated
from cosmo_pl.quiet import QUIET_TRAINER


def is_quick(module: ClassifierModule) -> bool:
    """Whether training the module again changes no weights: it has prototypes, a forest or examples."""
    return not any(parameter.requires_grad for parameter in module.parameters())


def refitted(trained: ClassifierModule, data: MultimodalDataModule, split: Split) -> ClassifierModule:
    """A copy of a module that `is_quick`, trained on other samples for as many epochs. Activities may lack labels.

    Args:
        trained: The module; it stays as it is.
        data: The data of its training after their setup; they stay as they are.
        split: The samples to train on.
    """
    assert is_quick(trained)
    others, module = copy.copy(data), copy.deepcopy(trained)
    others.split, others.allow_missing_classes = split, True
    with isolate_rng(), _own_seed(data.label_sampling.seed):
        trainer = Trainer(accelerator="cpu", max_epochs=trained.record.epochs or 1, **QUIET_TRAINER)
        trainer.fit(module, datamodule=others)
    return module.eval()


@contextmanager
def _own_seed(seed: int) -> Iterator[None]:
    """Seeds everything; Lightning's seed, which later trainings go by, is as before at the end."""
    before = os.environ.get("PL_GLOBAL_SEED")
    seed_everything(seed, verbose=False)
    try:
        yield
    finally:
        os.environ.pop("PL_GLOBAL_SEED", None)
        if before is not None:
            os.environ["PL_GLOBAL_SEED"] = before


def logits_of(module: ClassifierModule, data: MultimodalDataModule, rows: Indices) -> NDArray[np.float32]:
    """Logits (N, C) of samples of the whole dataset, by their indices."""
    parts = [logits for _, logits in evaluated(module, data.plain_loader(rows))]
    return torch.cat(parts).numpy() if parts else np.zeros((0, module.num_classes), dtype=np.float32)
