"""Checks of a datamodule: what its batches hold, in which order, and its life cycle."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.finite import NOT_FINITE
from cosmo_pl.data.loading import Batch
from cosmo_pl.testing.helpers import (
    MakeData,
    assert_same_split,
    flat,
    indices,
    ready,
)


def check_shapes_and_classes_are_known_before_the_setup(make: MakeData) -> None:
    """`modality_shapes`, `num_classes` and `class_names` are those of the batches."""
    data = make()
    shapes, classes = dict(data.modality_shapes), data.num_classes
    assert not data.is_set_up, "the constructor reads recordings"
    data = ready(make())
    for loader in (data.train_dataloader(), data.test_dataloader(), *data.val_dataloader()):
        batch = next(iter(loader))
        found = {name: tuple(x.shape[1:]) for name, x in batch["inputs"].items()}
        assert found == shapes, f"batches have samples of the shapes {found}, and modality_shapes says {shapes}"
    assert classes == len(data.class_names), f"num_classes is {classes}, and class_names has {len(data.class_names)}"
    labels = sorted(set(data.samples.label.tolist()))
    assert labels == list(range(classes)), f"labels are {labels}, and those of {classes} classes are 0 to {classes - 1}"


def check_every_sample_is_finite(make: MakeData) -> None:
    """`read` returns no sample that is left out because of its values."""
    data = ready(make())
    faults = [line for line in data.faults.lines if NOT_FINITE in line]
    assert not faults, f"read returns samples that cannot be used: {'; '.join(faults)}"


def check_batches_have_the_documented_keys_types_and_sizes(make: MakeData) -> None:
    """A batch is ``{"inputs", "label", "subject", "index"}`` with float32 inputs and int64 numbers."""
    data = ready(make())
    for loader in (data.train_dataloader(), data.test_dataloader()):
        batch = next(iter(loader))
        assert set(batch) - {"present"} == {"inputs", "label", "subject", "index"}
        assert list(batch["inputs"]) == list(data.modalities)
        size = len(batch["index"])
        assert all(x.dtype == torch.float32 and len(x) == size for x in batch["inputs"].values())
        assert all(batch[key].dtype == torch.int64 and batch[key].shape == (size,) for key in ("label", "subject"))


def check_a_row_keeps_its_sample_label_and_subject_together(make: MakeData) -> None:
    """Inputs, label and subject of a row are of the same sample."""
    data = ready(make())
    for batch in (*data.train_dataloader(), *data.test_dataloader()):
        rows = batch["index"]
        assert batch["label"].tolist() == data.samples.label[rows].tolist()
        assert batch["subject"].tolist() == data.samples.subject[rows].tolist()
        for name, values in batch["inputs"].items():
            if data.transforms.get(name):
                continue
            statistics = data.normalization[name]
            raw = statistics.invert(values.double())
            np.testing.assert_allclose(raw, data.samples.inputs[name][rows], atol=2e-4 * max(statistics.std))


def check_one_modality_alone_has_the_same_split(make: MakeData) -> None:
    """The modalities that are used change neither split nor standardisation."""
    data = ready(make())
    for name in data.modalities:
        alone = ready(make(modalities=[name]))
        assert list(next(iter(alone.train_dataloader()))["inputs"]) == [name]
        assert_same_split(alone, data)
        torch.testing.assert_close(alone.inputs[name], data.inputs[name])


def check_the_same_seed_gives_the_same_batches(make: MakeData) -> None:
    """The global seed decides the order of the batches, and each epoch has another order."""

    def epochs(seed: int) -> list[list[list[int]]]:
        data = ready(make())
        torch.manual_seed(seed)
        return [indices(data.train_dataloader()) for _ in range(2)]

    first = epochs(1)
    assert first == epochs(1)
    assert first != epochs(2) and first[0] != first[1]


def check_evaluation_does_not_change_the_shuffling(make: MakeData) -> None:
    """Evaluation loaders use no random numbers."""
    data = ready(make())
    torch.manual_seed(1)
    expected = indices(data.train_dataloader())
    torch.manual_seed(1)
    loader = data.train_dataloader()
    for evaluated in (data.test_dataloader(), *data.val_dataloader()):
        flat(evaluated)
    data.quality_inputs()
    assert indices(loader) == expected


def check_batches_are_those_of_a_plain_loader(make: MakeData) -> None:
    """A plain PyTorch loader over single samples gives the same batches under the same seed."""
    for phase in ("pretrain", "finetune"):
        data = ready(make(phase=phase, batch_size=5, pretrain_batch_size=6))
        pretrain = phase == "pretrain"
        rows, size = (data.split.unlabeled, 6) if pretrain else (data.split.labeled, 5)
        single = _SingleSamples(data, rows)
        # Without a generator of its own a plain loader would take a seed for its workers from the global one.
        order: dict[str, Any] = {"sampler": RandomSampler(single), "generator": torch.Generator()}
        plain = DataLoader(single, batch_size=size, drop_last=pretrain or len(rows) % size == 1, **order)
        torch.manual_seed(7)
        ours = [*data.train_dataloader(), *data.train_dataloader()]
        torch.manual_seed(7)
        theirs = [*plain, *plain]
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            for key in ("inputs", "label", "subject", "index"):
                torch.testing.assert_close(one[key], other[key], rtol=0, atol=0)


def check_labels_depend_on_their_seed_alone(make: MakeData) -> None:
    """`label_seed` decides which samples are labelled; global random generators do not."""
    found = []
    for global_seed, label_seed in ((0, 3), (1, 3), (0, 4)):
        torch.manual_seed(global_seed)
        np.random.seed(global_seed)  # noqa: NPY002  the global generator must not matter
        found.append(ready(make(label_seed=label_seed)).split.labeled.tolist())
    assert found[0] == found[1] != found[2]


def check_setup_is_done_once(make: MakeData) -> None:
    """A second `setup` changes nothing."""
    data = ready(make())
    samples, inputs, split = data.samples, data.inputs, data.split
    data.setup("fit")
    data.setup("test")
    assert data.samples is samples and data.inputs is inputs and data.split is split


def check_the_root_may_be_the_folder_of_the_dataset(make: MakeData) -> None:
    """`root` is the folder that holds the dataset's folder, or that folder itself."""
    data = ready(make())
    same = ready(make(root=str(data.folder)))
    assert same.data_fingerprint == data.data_fingerprint
    assert_same_split(same, data)


class _SingleSamples(Dataset[Batch]):
    """A part of the data, one sample at a time, as a plain loader would have it."""

    def __init__(self, data: MultimodalDataModule, rows: np.ndarray) -> None:
        self.data, self.rows = data, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> Batch:
        row, samples = int(self.rows[position]), self.data.samples
        inputs = {name: values[torch.tensor(row)] for name, values in self.data.inputs.items()}
        return {"inputs": inputs, "label": samples.label[row], "subject": samples.subject[row], "index": row}
