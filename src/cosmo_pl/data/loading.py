"""Batches: one index operation for samples in memory, read by worker processes for samples on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, Sampler, SequentialSampler
from torch.utils.data.distributed import DistributedSampler

from cosmo_pl.data.samples import MappedRows, samples_at_once
from cosmo_pl.data.sequences import SequenceSampler
from cosmo_pl.data.views import AugmentedViews

Batch = dict[str, Any]
Share = tuple[int, int]
WHOLE: Share = (0, 1)


def on_device(batch: Batch, device: torch.device) -> Batch:
    """Moves all tensors of a batch to a device."""
    return _changed(batch, lambda values: values.to(device))


def with_modalities(batch: Batch, names: Collection[str]) -> Batch:
    """The batch as if all other modalities were missing; samples that have none of the named are left out.

    Args:
        batch: See `MultimodalDataModule` for its keys and shapes.
        names: Modalities of its inputs that are kept, at least one.
    """
    present = {name: has for name, has in batch.get("present", {}).items() if name in names}
    some = {**batch, "inputs": {name: batch["inputs"][name] for name in names}, "present": present}
    if len(present) < len(names):  # a modality that all samples have
        return some
    found = torch.stack(list(present.values())).any(dim=0)
    return _changed(some, lambda values: values[found])


def _changed(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    """Changes all tensors of a batch, those of each modality included."""
    return {
        key: _changed(value, change)
        if isinstance(value, dict)
        else change(value)
        if isinstance(value, Tensor)
        else value
        for key, value in batch.items()
    }


class StoredInputs:
    """Samples of one modality as they are stored: a batch reads its rows, and prepares them.

    Args:
        values: The samples (N, *shape).
        prepare: Transforms and standardises stored samples (n, *shape) of given rows (n,).
    """

    def __init__(self, values: NDArray[Any] | MappedRows, prepare: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.values = values
        self.prepare = prepare
        self.device = torch.device("cpu")

    def __len__(self) -> int:
        return len(self.values)

    def fetch(self, rows: Tensor) -> Tensor:
        """Rows (n,) as they are stored, (n, *shape)."""
        return torch.from_numpy(self.values[rows.cpu().numpy()])

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Rows (n,), prepared, (n, *shape)."""
        return self.prepare(self.fetch(rows), rows)

    @property
    def on_disk(self) -> bool:
        """Whether the samples are memory-mapped."""
        return isinstance(self.values, MappedRows)

    def in_memory(self, device: torch.device) -> Tensor:
        """All rows, prepared, (N, *shape)."""
        chunks = torch.split(torch.arange(len(self)), samples_at_once(self.values.shape[1:]))
        return torch.cat([self[rows] for rows in chunks]).to(device)


Inputs = Tensor | StoredInputs


class SampleBatches(Dataset[Batch]):
    """Some samples of a dataset, from which whole batches are read.

    Args:
        inputs: Modality to the samples of the whole dataset (N, *shape), on the accelerator, in memory or on disk.
        label: Activity (N,).
        subject: Subject (N,).
        rows: Indices of the samples (n,).
        views: Augmented views of each sample; None takes each sample once, without augmentation.
        present: Modality to whether each sample has it (N,), for modalities that some lack.
    """

    def __init__(
        self,
        inputs: Mapping[str, Inputs],
        label: Tensor,
        subject: Tensor,
        rows: Tensor,
        views: AugmentedViews | None = None,
        present: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.inputs = inputs
        self.label = label
        self.subject = subject
        self.rows = rows
        self.views = views
        self.present = present or {}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, positions: list[int]) -> Batch:
        """Samples at positions in `rows`, those on disk as they are stored. This is all that worker processes do."""
        chosen = self.rows[torch.tensor(positions, device=self.rows.device)]
        batch = {
            "inputs": {
                name: values.fetch(chosen) if isinstance(values, StoredInputs) else values[chosen]
                for name, values in self.inputs.items()
            },
            "label": self.label[chosen],
            "subject": self.subject[chosen],
            "index": chosen,
        }
        return {**batch, "present": {n: p[chosen] for n, p in self.present.items()}} if self.present else batch

    def finish(self, batch: Batch) -> Batch:
        """Prepares samples from disk, and augments; in the process of the training, with its random generators."""
        inputs = {
            name: values.prepare(batch["inputs"][name].to(self.label.device), batch["index"])
            if isinstance(values, StoredInputs)
            else batch["inputs"][name]
            for name, values in self.inputs.items()
        }
        finished = {**batch, "inputs": self._without_missing(inputs, batch)}
        if self.views is None:
            return finished
        augmented = self._without_missing(self.views.augment(inputs), batch)
        return {**finished, "inputs": augmented, "num_augmentations": self.views.count}

    @staticmethod
    def _without_missing(inputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Inputs whose missing modalities are 0, also after standardisation and augmentation."""
        present = batch.get("present", {})
        return {
            name: torch.where(present[name].view(-1, *(1,) * (values.ndim - 1)), values, 0)
            if name in present
            else values
            for name, values in inputs.items()
        }

    def batch(self, positions: list[int]) -> Batch:
        """One batch; see `MultimodalDataModule` for its keys and shapes."""
        return self.finish(self[self.with_views(positions)])

    def with_views(self, positions: list[int]) -> list[int]:
        """Positions of the rows of a batch for these positions: with augmented views, V for each."""
        return positions if self.views is None else self.views.choose(torch.tensor(positions)).tolist()

    def loader(
        self,
        batch_size: int,
        shuffle: bool = False,
        drop_last: bool = False,
        num_workers: int = 0,
        share: Share = WHOLE,
        sequence: Tensor | None = None,
    ) -> DataLoader[Batch]:
        """Loader of the same batches as a `DataLoader` over single samples with the same sampler and seed.

        Its generator only seeds worker processes, which use no random numbers. Without a generator of its own, the
        loader would take a number from the global one, and a resumed run would see other batches.

        Args:
            batch_size: Samples per batch.
            shuffle: Whether each epoch has another order.
            drop_last: Whether an incomplete last batch is left out.
            num_workers: Worker processes that read batches.
            share: Rank of this process in a distributed training, and the number of processes. All processes take the
                same number of different samples; fewer samples than processes are left out.
            sequence: Sequence of each row (n,): those of a sequence stay side by side, for one process.
        """
        batches: _Batches | _DistributedBatches
        if share == WHOLE:
            sampler: Sampler[int] = SequentialSampler(self)  # a random one refuses a part without samples
            if shuffle:
                sampler = RandomSampler(self) if sequence is None else SequenceSampler(sequence)
            batches = _Batches(BatchSampler(sampler, batch_size, drop_last), self)
        else:
            batches = _DistributedBatches(self, share, batch_size, shuffle, drop_last)
        return _Loader(self, sampler=batches, batch_size=None, generator=torch.Generator(), num_workers=num_workers)


class _Batches(DistributedSampler[Any]):
    """Batches of positions, augmented views included; they are sampled in the process of the training.

    It is one of a single process: Lightning divides those of any other kind among the processes.
    """

    def __init__(self, batches: BatchSampler, dataset: SampleBatches) -> None:
        super().__init__(dataset, num_replicas=1, rank=0, shuffle=False)
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        assert isinstance(self.dataset, SampleBatches)
        return map(self.dataset.with_views, self.batches)


class _DistributedBatches(DistributedSampler[Any]):
    """As `_Batches`, for one process of a distributed training. Lightning keeps such a sampler, and sets its epoch."""

    def __init__(
        self, dataset: SampleBatches, share: Share, batch_size: int, shuffle: bool, drop_last_batch: bool
    ) -> None:
        seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
        super().__init__(dataset, share[1], share[0], shuffle, seed, drop_last=True)
        self.batch_size, self.drop_last_batch = batch_size, drop_last_batch

    def __len__(self) -> int:
        return len(BatchSampler(range(self.num_samples), self.batch_size, self.drop_last_batch))

    def __iter__(self) -> Iterator[list[int]]:
        assert isinstance(self.dataset, SampleBatches)
        return map(self.dataset.with_views, BatchSampler([*super().__iter__()], self.batch_size, self.drop_last_batch))


class _Loader(DataLoader[Batch]):
    """A loader of `SampleBatches` that finishes the batches of its workers."""

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        dataset = self.dataset
        assert isinstance(dataset, SampleBatches)
        for batch in super().__iter__():
            yield dataset.finish(batch)
