"""Callbacks that let an interrupted training continue as an uninterrupted one."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from cosmo_pl.run_folder import LAST_NAME

SHARE = 0.05
"""Largest part of the time of a training that checkpoints take."""
MAX_SEED = 2**32
"""Seeds are smaller, as those of `seed_everything`: the number of the epoch is added below them."""


class EpochSeed(Callback):
    """Seeds each epoch separately, so that a resumed run uses the random numbers of an uninterrupted one.

    The seed is that of Lightning's `seed_everything`. Without it, it is that of `torch.manual_seed`, and is stored in
    checkpoints. Torch's generator takes the low 32 bits of a seed, so seeds that are equal modulo 4096 have the same
    epochs; their initial weights and labels differ.
    """

    def __init__(self) -> None:
        self._seed = 0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Takes the seed of a training; that of a resumed run is loaded after this hook."""
        if stage == "fit":
            self._seed = torch.initial_seed() % MAX_SEED

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Seeds shuffling, dropout and augmentation of the epoch, differently in each process."""
        seed = int(os.environ.get("PL_GLOBAL_SEED", self._seed))
        epoch = (seed << 20) + trainer.current_epoch
        if trainer.global_rank:  # in the low 32 bits, which are all that the generator takes
            epoch = int(np.random.SeedSequence([trainer.global_rank, epoch]).generate_state(1)[0])
        torch.manual_seed(epoch)

    def state_dict(self) -> dict[str, Any]:
        """The seed, for a run that is resumed."""
        return {"seed": self._seed}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Loads the seed of a checkpoint."""
        self._seed = state_dict["seed"]


class LastCheckpoint(ModelCheckpoint):
    """Writes ``last.ckpt`` after the first and the last epoch, and in between as often as `SHARE` of the time allows.

    Epochs with few labels are shorter than the writing of a checkpoint. A killed training loses at most the epoch that
    it was in, and as many before it as fit into 19 times the duration of the writing.

    It is a separate class, so that a `ModelCheckpoint` of the user can be used as well.
    """

    def __init__(self) -> None:
        super().__init__(filename=Path(LAST_NAME).stem, enable_version_counter=False, save_on_train_epoch_end=True)
        self._next = 0.0

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the checkpoint, if it is time to. The first process decides for all of them."""
        start = time.monotonic()
        if not trainer.strategy.broadcast(start >= self._next or ends(trainer)):
            return
        super().on_train_epoch_end(trainer, pl_module)
        end = time.monotonic()
        self._next = end + (end - start) * (1 / SHARE - 1)


def ends(trainer: Trainer) -> bool:
    """Whether the training ends with the epoch whose end is being processed."""
    epochs, steps = trainer.max_epochs or -1, trainer.max_steps
    return trainer.should_stop or 0 < epochs <= trainer.current_epoch + 1 or 0 < steps <= trainer.global_step
