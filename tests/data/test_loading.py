"""Batches read at once, and where a dataset lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DistributedSampler

from cosmo_pl.data import USCDataModule
from cosmo_pl.data.identity import dataset_folder, is_simulated
from cosmo_pl.data.loading import SampleBatches, on_device, with_modalities
from cosmo_pl.errors import ConfigurationError


@pytest.fixture
def batches() -> SampleBatches:
    whole = torch.arange(120)
    inputs = {"acc": torch.randn(120, 4, 3), "gyro": torch.randn(120, 2)}
    return SampleBatches(inputs, whole % 3, whole % 2 + 1, 100 + torch.arange(11))


def test_a_batch_holds_the_rows_asked_for_in_their_order(batches: SampleBatches) -> None:
    rows = [7, 0, 7, 10]
    batch = batches[rows]
    assert len(batches) == 11
    assert batch["index"].tolist() == [107, 100, 107, 110]
    assert batch["label"].tolist() == [2, 1, 2, 2] and batch["subject"].tolist() == [2, 1, 2, 1]
    for name, values in batches.inputs.items():
        torch.testing.assert_close(
            batch["inputs"][name], torch.stack([values[100 + row] for row in rows]), rtol=0, atol=0
        )


def test_a_batch_is_a_copy(batches: SampleBatches) -> None:
    before = batches.inputs["acc"].clone()
    batches[[0, 1]]["inputs"]["acc"].zero_()
    torch.testing.assert_close(batches.inputs["acc"], before, rtol=0, atol=0)


def incomplete() -> dict[str, Any]:
    """Four samples: with both modalities, without "acc", without "gyro", without either."""
    present = {"acc": torch.tensor([True, False, True, False]), "gyro": torch.tensor([True, True, False, False])}
    inputs = {name: torch.arange(4.0).unsqueeze(1) for name in present}
    return {
        "inputs": inputs,
        "label": torch.arange(4),
        "index": torch.arange(4),
        "num_augmentations": 1,
        "present": present,
    }


def test_everything_of_a_batch_moves() -> None:
    moved = on_device(incomplete(), torch.device("meta"))
    assert moved["num_augmentations"] == 1
    tensors = [moved["label"], moved["index"], *moved["inputs"].values(), *moved["present"].values()]
    assert len(tensors) == 6 and all(tensor.device.type == "meta" for tensor in tensors)


@pytest.mark.parametrize(
    ("names", "kept"),
    [(["acc"], [0, 2]), (["gyro"], [0, 1]), (["acc", "gyro"], [0, 1, 2])],
    ids=lambda given: str(given),
)
def test_some_modalities_of_a_batch_are_those_of_the_samples_that_have_one(names: list[str], kept: list[int]) -> None:
    some, whole = with_modalities(incomplete(), names), incomplete()
    assert some["index"].tolist() == some["label"].tolist() == kept
    assert list(some["inputs"]) == list(some["present"]) == names
    for name in names:
        assert some["inputs"][name].flatten().tolist() == kept
        assert torch.equal(some["present"][name], whole["present"][name][kept])


def test_a_modality_that_no_sample_lacks_keeps_them_all() -> None:
    batch = incomplete()
    del batch["present"]["gyro"]
    assert with_modalities(batch, ["acc", "gyro"])["index"].tolist() == [0, 1, 2, 3]
    assert with_modalities(batch, ["gyro"])["present"] == {}
    del batch["present"]
    assert with_modalities(batch, ["acc"])["index"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("drop_last", "sizes"), [(False, [4, 4, 3]), (True, [4, 4])])
@pytest.mark.parametrize("shuffle", [False, True])
def test_loaders_cut_into_batches(batches: SampleBatches, shuffle: bool, drop_last: bool, sizes: list[int]) -> None:
    torch.manual_seed(0)
    loader = batches.loader(4, shuffle=shuffle, drop_last=drop_last)
    given = [batch["index"].tolist() for batch in loader]
    assert [len(batch) for batch in given] == sizes and len(loader) == len(sizes)
    seen = [row - 100 for batch in given for row in batch]
    assert len(set(seen)) == len(seen)
    assert (seen == sorted(seen)) != shuffle


def test_a_datasets_folder_is_below_the_root_or_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "holds" / "USC-HAD").mkdir(parents=True)
    assert dataset_folder(str(tmp_path / "holds"), "USC-HAD") == tmp_path / "holds" / "USC-HAD"
    assert dataset_folder(str(tmp_path / "holds" / "USC-HAD"), "USC-HAD") == tmp_path / "holds" / "USC-HAD"
    assert dataset_folder(str(tmp_path / "holds"), "UTD-MHAD") == tmp_path / "holds"
    assert dataset_folder(str(tmp_path / "nowhere"), "UTD-MHAD") == tmp_path / "nowhere"
    monkeypatch.setenv("COSMO_PL_DATA", str(tmp_path / "holds"))
    assert dataset_folder(None, "USC-HAD") == tmp_path / "holds" / "USC-HAD"
    assert dataset_folder(str(tmp_path), "USC-HAD") == tmp_path  # an argument comes before the environment
    monkeypatch.delenv("COSMO_PL_DATA")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "USC-HAD").mkdir(parents=True)
    assert dataset_folder(None, "USC-HAD").resolve() == tmp_path / "data" / "USC-HAD"


def test_simulated_recordings_are_told_from_measured_ones(usc_root: Path, utd_root: Path, tmp_path: Path) -> None:
    assert is_simulated(usc_root / "USC-HAD") and is_simulated(utd_root / "UTD-MHAD")
    assert not is_simulated(tmp_path) and not is_simulated(tmp_path / "nowhere")


def test_official_recordings_are_not_simulated(real_root: Path) -> None:
    assert not is_simulated(dataset_folder(str(real_root), "USC-HAD"))


@pytest.mark.parametrize("stage", ["fit", "test"])
def test_every_process_evaluates_all_samples(usc_root, stage):
    """Lightning divides the batches of any other sampler among the processes, and repeats some."""
    data = USCDataModule(root=str(usc_root), label_rate=0.3, val_subjects=[4])
    data.setup(stage)
    loaders = [data.test_dataloader(), data.predict_dataloader(), *data.val_dataloader()]
    for loader in loaders:
        assert isinstance(loader.sampler, DistributedSampler) and loader.sampler.num_replicas == 1
        assert sum(len(batch["index"]) for batch in loader) == len(loader.dataset)


def test_each_process_needs_a_batch(usc_root, monkeypatch):
    data = USCDataModule(root=str(usc_root), label_rate=0.3, phase="pretrain", pretrain_batch_size=60)
    data.setup()
    rows = len(data.training_rows)
    count = rows // 60 + 1
    monkeypatch.setattr(type(data), "share", (0, count))
    with pytest.raises(ConfigurationError, match=f"60 is more than the {rows // count} samples of one of {count} proc"):
        data.train_dataloader()
