"""Random removal of modalities during training, for use where a sensor may fail."""

from __future__ import annotations

from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from cosmo_pl.constraints import Constrained, OpenShare
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base import VARIED, ClassifierModule, availability
from cosmo_pl.stream_names import parts_of

FEWEST = 2  # samples of a modality in a batch, for batch normalisation


class ModalityDropout(Constrained, Callback):
    """Removes modalities from samples of training batches at random; evaluation uses all that are present.

    Each sample keeps at least one stream of the module: a modality, or several joined ones, which are removed together.
    Each stream keeps at least two samples of a batch.

    Args:
        probability: Probability that a sample loses a stream.

    Raises:
        ConfigurationError: The probability is outside (0, 1).
    """

    numerics = "1.0"

    def __init__(self, probability: OpenShare = 0.2) -> None:
        self.probability = probability

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Checks that the module is a classifier of several streams, and trains parameters.

        Raises:
            ConfigurationError: It is not.
        """
        remedy = "Remove it from trainer.callbacks"
        if not isinstance(pl_module, ClassifierModule):
            raise ConfigurationError("ModalityDropout", "is for a stage 2", remedy)
        trains = any(parameter.requires_grad for parameter in pl_module.parameters())
        if not trains or len(self._streams(pl_module)) < 2:
            name = type(pl_module).__name__
            raise ConfigurationError("ModalityDropout", f"has no effect on {name}", remedy)

    @staticmethod
    def _streams(module: LightningModule) -> list[str]:
        return list(getattr(module, "encoders", ()))

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Chooses what each sample keeps, and writes it to ``batch["present"]``."""
        streams = self._streams(pl_module)
        whole = torch.ones_like(batch["label"], dtype=torch.bool)
        present = availability(streams, batch["inputs"], batch.get("present")) or dict.fromkeys(streams, whole)
        kept = self.keep(torch.stack([present[stream] for stream in streams]))
        parts = {part: rows for stream, rows in zip(streams, kept, strict=True) for part in parts_of(stream)}
        batch["present"] = {**batch.get("present", {}), **parts}
        batch[VARIED] = True

    def keep(self, present: Tensor) -> Tensor:
        """Removes streams from samples at random.

        Args:
            present: Whether each sample has each stream (M, N), bool.

        Returns:
            Whether each sample keeps each stream (M, N), bool.
        """
        chance = torch.rand(present.shape, device=present.device)
        kept = present & (chance >= self.probability)
        # A sample that would lose all its streams keeps the one with the highest random number.
        highest = torch.where(present, chance, -1.0).argmax(dim=0)
        kept[highest, torch.arange(present.shape[1], device=present.device)] |= ~kept.any(dim=0)
        return torch.where(kept.sum(dim=1, keepdim=True) < FEWEST, present, kept)
