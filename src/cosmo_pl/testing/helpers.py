"""What the checks of datasets share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.loading import Batch

MakeData = Callable[..., MultimodalDataModule]
PARTS = ("train", "labeled", "unlabeled", "val", "test")


def ready(data: MultimodalDataModule) -> MultimodalDataModule:
    """The same datamodule, prepared and set up."""
    data.prepare_data()
    data.setup()
    return data


def indices(loader: Iterable[Batch]) -> list[list[int]]:
    """Sample indices of each batch."""
    return [batch["index"].tolist() for batch in loader]


def flat(loader: Iterable[Batch]) -> list[int]:
    """Sample indices of all batches."""
    return [index for batch in indices(loader) for index in batch]


def subjects_in(data: MultimodalDataModule, rows: Any = slice(None)) -> set[int]:
    """Subjects of some samples, of all by default."""
    return set(data.samples.subject[rows].tolist())


def training_subjects(make: MakeData) -> list[int]:
    """Subjects that are trained on by default, in ascending order."""
    data = ready(make())
    found = sorted(subjects_in(data, data.split.train))
    assert len(found) >= 3, f"the checks need three training subjects, and there are {found}"
    return found


def assert_same_split(one: MultimodalDataModule, other: MultimodalDataModule) -> None:
    """Checks that two datamodules have the same samples in every part."""
    for part in PARTS:
        np.testing.assert_array_equal(getattr(one.split, part), getattr(other.split, part), part)


def rows_of(data: MultimodalDataModule, inputs: Mapping[str, Tensor]) -> list[int]:
    """Index of each sample, found by its bytes; it has to be the same in every modality."""
    found: list[list[int]] = []
    for name, values in inputs.items():
        whole = data.inputs[name]
        assert isinstance(whole, Tensor), "the checks need samples in memory"
        row_of = {whole[row].numpy().tobytes(): row for row in range(len(data.samples))}
        assert len(row_of) == len(data.samples), f"two samples of '{name}' are equal"
        found.append([row_of[sample.numpy().tobytes()] for sample in values])
    assert all(rows == found[0] for rows in found) and len(set(found[0])) == len(found[0])
    return found[0]
