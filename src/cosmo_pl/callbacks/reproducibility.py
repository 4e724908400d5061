"""Callbacks that let an interrupted training continue as an uninterrupted one."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from cosmo_pl.run_folder import LAST_NAME


class EpochSeed(Callback):
    """Seeds each epoch separately, so that a resumed run uses the random numbers of an uninterrupted one."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Seeds shuffling, dropout and augmentation of the epoch, differently in each process."""
        seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
        torch.manual_seed((trainer.global_rank << 54) + (seed << 20) + trainer.current_epoch)


class LastCheckpoint(ModelCheckpoint):
    """Writes ``last.ckpt`` after every epoch. With `save_last` alone, no file would exist before the end.

    It is a separate class, so that a `ModelCheckpoint` of the user can be used as well.
    """

    def __init__(self) -> None:
        super().__init__(filename=Path(LAST_NAME).stem, enable_version_counter=False, save_on_train_epoch_end=True)
