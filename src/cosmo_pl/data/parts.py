"""Batches of the parts of a datamodule's samples."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from cosmo_pl.data.checks import check_pretraining_batch
from cosmo_pl.data.loading import WHOLE, Batch, Inputs, SampleBatches, Share
from cosmo_pl.data.normalization import samples_at_once
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.selection import evenly_spaced, without_overlap
from cosmo_pl.data.split import Split
from cosmo_pl.data.views import AugmentedViews

Phase = Literal["pretrain", "finetune"]


class PartLoaders:
    """What a datamodule that is set up gives to a trainer, see `MultimodalDataModule`."""

    batch_size: int
    pretrain_batch_size: int
    include_labeled: bool
    track_test: bool
    num_workers: int
    span: int
    samples: Samples | None
    split: Split
    inputs: dict[str, Inputs]
    views: AugmentedViews | None
    trainer: Any
    given_phase: Phase | None
    modality_shapes: Any

    @property
    def phase(self) -> Phase:
        """Part of the data that is trained on: as given, else what the trainer's module asks for, else "finetune"."""
        module = None if self.trainer is None else self.trainer.lightning_module
        asked: Phase | None = getattr(module, "phase", None)
        return self.given_phase or asked or "finetune"

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled batches of the pretraining's (incomplete batch dropped) or the labelled samples."""
        rows = self.training_rows
        if self.phase == "finetune":
            # A last batch of a single sample would have no batch statistics: it is left out, another one each epoch.
            single = len(rows) // self.share[1] % self.batch_size == 1
            return self._loader(rows, self.batch_size, self.views, shuffle=True, drop_last=single, share=self.share)
        check_pretraining_batch(self)
        # A last batch of one sample would have no negatives and no batch statistics.
        return self._loader(rows, self.pretrain_batch_size, self.views, shuffle=True, drop_last=True, share=self.share)

    @property
    def share(self) -> Share:
        """Number of this process among those of a distributed training, and how many there are; alone (0, 1)."""
        return WHOLE if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    @property
    def training_rows(self) -> np.ndarray:
        """Numbers of the samples that the phase trains on."""
        return self.split.labeled if self.phase == "finetune" else self.split.pretraining(self.include_labeled)

    def plain_loader(self, rows: np.ndarray) -> DataLoader[Batch]:
        """Samples of the whole dataset by their numbers, in that order and as they are."""
        return self._loader(rows, 8 * self.batch_size)

    @property
    def val_parts(self) -> dict[str, np.ndarray]:
        """Parts evaluated during training, by name, in the order of the validation loaders.

        Pretraining: `Split.probe`. Finetuning: `Split.tracked`, with "test" where `track_test` asks for it.
        """
        return self.split.probe if self.phase == "pretrain" else self.split.tracked(self.track_test)

    def val_dataloader(self) -> list[DataLoader[Batch]]:
        """A loader for each of `val_parts`; every process of a distributed training evaluates all of their samples."""
        return [self.plain_loader(rows) for rows in self.val_parts.values()]

    def test_dataloader(self) -> DataLoader[Batch]:
        """The test subjects' samples, each exactly once."""
        return self.plain_loader(self.split.test)

    predict_dataloader = test_dataloader

    def plain_batch(self, rows: np.ndarray) -> Batch:
        """Samples of the whole dataset by their numbers, as they are, in one batch."""
        return self._batches(rows).batch(list(range(len(rows))))

    def quality_inputs(self, limit: int = 2000) -> dict[str, Tensor]:
        """Samples of `Split.measured` that do not overlap, on which modality quality is measured.

        They are the same for all modalities and at most `limit`, fewer where samples are large: 256 MiB of each.
        """
        assert self.samples is not None
        rows = self.split.measured(self.include_labeled)
        rows = without_overlap(rows, self.samples.recording, self.samples.start, self.span)
        limit = min(limit, *(4 * samples_at_once(shape) for shape in self.modality_shapes.values()))
        chosen = torch.from_numpy(rows[evenly_spaced(len(rows), limit)])
        return {name: values[chosen.to(values.device)] for name, values in self.inputs.items()}

    def _batches(self, rows: np.ndarray, views: AugmentedViews | None = None) -> SampleBatches:
        assert self.samples is not None
        label, subject, index = (
            torch.from_numpy(numbers).to(self.device) for numbers in (self.samples.label, self.samples.subject, rows)
        )
        present = {name: torch.from_numpy(there).to(self.device) for name, there in self.samples.present.items()}
        return SampleBatches(self.inputs, label, subject, index, views, present)

    @property
    def device(self) -> torch.device:
        """Where samples in memory are: on the accelerator, unless worker processes, which have none, read batches."""
        if self.trainer is None or self.num_workers:
            return torch.device("cpu")
        device: torch.device = self.trainer.strategy.root_device
        return device

    def _loader(
        self, rows: np.ndarray, batch_size: int, views: AugmentedViews | None = None, **order: Any
    ) -> DataLoader[Batch]:
        return self._batches(rows, views).loader(batch_size, num_workers=self.num_workers, **order)
