"""What makes a training go on after an interruption as if there had been none."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from cosmo_pl.run_folder import LAST_NAME


class EpochSeed(Callback):
    """Seeds every epoch by itself, so that a resumed run draws what an uninterrupted one would."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Seeds shuffling, dropout and augmentation of the epoch, of each process by itself."""
        seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
        torch.manual_seed((trainer.global_rank << 54) + (seed << 20) + trainer.current_epoch)


class LastCheckpoint(ModelCheckpoint):
    """Writes ``last.ckpt`` after every epoch: with `save_last` alone, nothing is on disk before the end.

    A class of its own, so that a user's `ModelCheckpoint` can be beside it.
    """

    def __init__(self) -> None:
        super().__init__(filename=Path(LAST_NAME).stem, enable_version_counter=False, save_on_train_epoch_end=True)
