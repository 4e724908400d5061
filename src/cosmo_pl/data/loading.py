"""Batches: one index operation each on sets in memory, read by worker processes where samples stay on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, Sampler, SequentialSampler
from torch.utils.data.distributed import DistributedSampler

from cosmo_pl.data.normalization import samples_at_once
from cosmo_pl.data.samples import SomeRows
from cosmo_pl.data.views import AugmentedViews

Batch = dict[str, Any]
Share = tuple[int, int]
WHOLE: Share = (0, 1)


def on_device(batch: Batch, device: torch.device) -> Batch:
    """A batch with everything that it holds of its samples on a device: inputs, label, what is present."""
    return _changed(batch, lambda values: values.to(device))


def with_modalities(batch: Batch, names: Collection[str]) -> Batch:
    """A batch as it is where all other modalities are missing, without the samples that have none of the named.

    Args:
        batch: See `MultimodalDataModule` for its keys and shapes.
        names: Modalities of its inputs, at least one.
    """
    present = {name: there for name, there in batch.get("present", {}).items() if name in names}
    some = {**batch, "inputs": {name: batch["inputs"][name] for name in names}, "present": present}
    if len(present) < len(names):  # a modality that no sample lacks
        return some
    found = torch.stack(list(present.values())).any(dim=0)
    return _changed(some, lambda values: values[found])


def _changed(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    """A batch with all of its tensors changed, those of each modality included."""
    return {
        key: _changed(value, change)
        if isinstance(value, dict)
        else change(value)
        if isinstance(value, Tensor)
        else value
        for key, value in batch.items()
    }


class StoredInputs:
    """Samples of one modality on disk: rows are read as they are stored and prepared a batch at a time.

    Args:
        values: Memory-mapped array (N, *shape), or `SomeRows` of one.
        prepare: What makes stored samples (n, *shape) those of a batch.
    """

    def __init__(self, values: NDArray[Any] | SomeRows, prepare: Callable[[Tensor], Tensor]) -> None:
        self.values = values
        self.prepare = prepare
        self.device = torch.device("cpu")

    def __len__(self) -> int:
        return len(self.values)

    def __getstate__(self) -> dict[str, Any]:
        """A mapped array travels to a worker process as the name of its file; pickled, it would as its bytes."""
        values: Any = self.values  # `SomeRows` sees to itself
        return {**self.__dict__, "values": Path(str(values.filename)) if isinstance(values, np.memmap) else values}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Maps the file again."""
        self.__dict__.update(state)
        if isinstance(self.values, Path):
            self.values = np.load(self.values, mmap_mode="r")

    def fetch(self, rows: Tensor) -> Tensor:
        """Rows (n,) as they are stored, (n, *shape)."""
        return torch.from_numpy(self.values[rows.cpu().numpy()])

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Rows (n,), prepared, (n, *shape)."""
        return self.prepare(self.fetch(rows))

    @property
    def on_disk(self) -> bool:
        """Whether the samples are memory-mapped."""
        return isinstance(self.values, np.memmap | SomeRows)

    def in_memory(self, device: torch.device) -> Tensor:
        """All rows, prepared, (N, *shape)."""
        chunks = torch.split(torch.arange(len(self)), samples_at_once(self.values.shape[1:]))
        return torch.cat([self[rows] for rows in chunks]).to(device)


Inputs = Tensor | StoredInputs


class SampleBatches(Dataset[Batch]):
    """Some samples of a dataset, read a batch at a time.

    Args:
        inputs: Modality to the whole dataset's samples (N, *shape), in memory, on the accelerator where there is one,
            or on disk.
        label: Activity (N,).
        subject: Subject (N,).
        rows: Numbers of the samples (n,).
        views: What a batch shows of each sample; None shows the sample as it is, once.
        present: Modality to whether a sample has it (N,), for modalities that some lack.
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

    def __getitem__(self, places: list[int]) -> Batch:
        """Rows at the given places, those on disk as they are stored; worker processes do this and nothing else."""
        chosen = self.rows[torch.tensor(places, device=self.rows.device)]
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
        """Prepares what was read from disk, and augments; in the training's own process, under its seed."""
        inputs = {
            name: values.prepare(batch["inputs"][name].to(self.label.device))
            if isinstance(values, StoredInputs)
            else batch["inputs"][name]
            for name, values in self.inputs.items()
        }
        if self.views is None:
            return {**batch, "inputs": inputs}
        return {**batch, "inputs": self.views.augment(inputs), "num_augmentations": self.views.count}

    def batch(self, places: list[int]) -> Batch:
        """One batch; see `MultimodalDataModule` for its keys and shapes."""
        return self.finish(self[self.shown(places)])

    def shown(self, places: list[int]) -> list[int]:
        """Positions of the samples that a batch shows for those: V for each where there are augmented views."""
        return places if self.views is None else self.views.choose(torch.tensor(places)).tolist()

    def loader(
        self,
        batch_size: int,
        shuffle: bool = False,
        drop_last: bool = False,
        num_workers: int = 0,
        share: Share = WHOLE,
    ) -> DataLoader[Batch]:
        """Loader that gives the batches a plain `DataLoader` over single samples gives with the same sampler and seed.

        The loader's own generator would only seed worker processes, which draw nothing; taken from the global one it
        would shift the shuffling of whichever epoch a run begins with, and a resumed run would see other batches.

        Args:
            batch_size: Samples of a batch.
            shuffle: Whether they come in another order in each epoch.
            drop_last: Whether an incomplete last batch is left out.
            num_workers: Processes that read batches.
            share: Number of this process among those of a distributed training, and how many there are. Each takes
                as many samples as the others, others of them than they; up to one a process are left out.
        """
        batches: _Shown | _Shared
        if share == WHOLE:
            sampler = RandomSampler(self) if shuffle else SequentialSampler(self)
            batches = _Shown(BatchSampler(sampler, batch_size, drop_last), self)
        else:
            batches = _Shared(self, share, batch_size, shuffle, drop_last)
        return _FinishedLoader(
            self, sampler=batches, batch_size=None, generator=torch.Generator(), num_workers=num_workers
        )


class _Shown(Sampler[list[int]]):
    """Batches of places of what is shown: chosen in the training's own process, as its seed says."""

    def __init__(self, batches: BatchSampler, dataset: SampleBatches) -> None:
        self.batches, self.dataset = batches, dataset

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        return map(self.dataset.shown, self.batches)


class _Shared(DistributedSampler[Any]):
    """As `_Shown`, of a share of the samples: a sampler that Lightning leaves as it is, and tells the epoch."""

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
        return map(self.dataset.shown, BatchSampler([*super().__iter__()], self.batch_size, self.drop_last_batch))


class _FinishedLoader(DataLoader[Batch]):
    """A loader of `SampleBatches` that finishes what its workers have read."""

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        dataset = self.dataset
        assert isinstance(dataset, SampleBatches)
        for batch in super().__iter__():
            yield dataset.finish(batch)
