"""Batches from sets that fit in memory: one index operation a batch, no worker processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler

if TYPE_CHECKING:
    from cosmo_pl.data.views import Views

Batch = dict[str, Any]


class TensorBatches(Dataset[Batch]):
    """Samples held as tensors, on the accelerator where there is one, and read a batch at a time.

    Args:
        inputs: Modality to tensor (N, *shape).
        label: Activity (N,).
        subject: Subject (N,).
        index: Number of each sample in the whole dataset (N,).
        views: What a batch shows of each sample; None shows the sample as it is, once.
    """

    def __init__(
        self, inputs: dict[str, Tensor], label: Tensor, subject: Tensor, index: Tensor, views: Views | None = None
    ) -> None:
        self.inputs = inputs
        self.label = label
        self.subject = subject
        self.index = index
        self.views = views

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, rows: list[int]) -> Batch:
        """Batch of the given rows; see `MultimodalDataModule` for its keys and shapes."""
        chosen = torch.tensor(rows, device=self.label.device)
        if self.views is None:
            return self._rows(chosen)
        batch = self._rows(self.views.choose(chosen))
        return {**batch, "inputs": self.views.change(batch["inputs"]), "views": self.views.count}

    def _rows(self, chosen: Tensor) -> Batch:
        return {
            "inputs": {name: values[chosen] for name, values in self.inputs.items()},
            "label": self.label[chosen],
            "subject": self.subject[chosen],
            "index": self.index[chosen],
        }

    def loader(self, batch_size: int, shuffle: bool = False, drop_last: bool = False) -> DataLoader[Batch]:
        """Loader that gives the batches a plain `DataLoader` over single samples gives with the same sampler and seed.

        The loader's own generator would only seed worker processes; taken from the global one it would shift the
        shuffling of whichever epoch a run begins with, and a resumed run would see other batches.
        """
        sampler = RandomSampler(self) if shuffle else SequentialSampler(self)
        batches = BatchSampler(sampler, batch_size, drop_last)
        return DataLoader(self, sampler=batches, batch_size=None, generator=torch.Generator())
