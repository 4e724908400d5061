"""Callbacks that let an interrupted training continue as an uninterrupted one."""

from __future__ import annotations

import os
import time
from pathlib import Path

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from cosmo_pl.run_folder import LAST_NAME

SHARE = 0.05
"""Largest part of the time of a training that checkpoints take."""


class EpochSeed(Callback):
    """Seeds each epoch separately, so that a resumed run uses the random numbers of an uninterrupted one."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Seeds shuffling, dropout and augmentation of the epoch, differently in each process."""
        seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
        torch.manual_seed((trainer.global_rank << 54) + (seed << 20) + trainer.current_epoch)


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
