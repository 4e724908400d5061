"""The datamodules of this package pass the public checks, and a defective datamodule does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cosmo_pl.data import (
    MExDataModule,
    MultimodalDataModule,
    SelfCollectedDataModule,
    StreamsDataModule,
    USCDataModule,
    UTDDataModule,
)
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.testing import DATASET_CHECKS, batches, check_dataset, splits
from cosmo_pl.testing.helpers import MakeData

from .raw import write_self_collected
from .streams.written import write_streams

SMALL = {"depth_frames": 4, "depth_size": (6, 8), "radar_frames": 3, "pretrain_batch_size": 6, "batch_size": 4}


@pytest.fixture(scope="module")
def self_collected_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_self_collected(tmp_path_factory.mktemp("self"), subjects=range(1, 6), activities=3, trials=8)


@pytest.fixture(scope="module")
def streams_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("streams")
    write_streams(root / "Streams", per_activity=2)
    return root


@pytest.fixture(params=["usc", "utd", "self_collected", "mex", "streams"])
def make(request: pytest.FixtureRequest) -> MakeData:
    kinds: dict[str, MakeData] = {
        "usc": partial(USCDataModule, label_rate=0.1),
        "utd": partial(UTDDataModule, label_rate=0.25),
        "self_collected": partial(SelfCollectedDataModule, in_memory=True, label_rate=0.2, test_subjects=(5,), **SMALL),
        "mex": partial(
            MExDataModule,
            window=2.0,
            hop=1.0,
            rates={"act": 20, "acw": 20, "dc": 5, "pm": 5},
            in_memory=True,
            label_rate=0.2,
            test_subjects=(5,),
            pretrain_batch_size=6,
        ),
        "streams": partial(
            StreamsDataModule, in_memory=True, label_rate=0.2, test_subjects=(5,), pretrain_batch_size=6
        ),
    }
    return partial(kinds[request.param], root=str(request.getfixturevalue(f"{request.param}_root")))


@pytest.mark.parametrize("check", DATASET_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_conforms(check: Callable[[MakeData], None], make: MakeData) -> None:
    check(make)


@pytest.mark.parametrize("kind", [USCDataModule, UTDDataModule])
def test_shapes_of_published_datasets_are_known_without_recordings(kind: type[MultimodalDataModule]) -> None:
    make: MakeData = kind
    assert set(make(root="/nowhere").modality_shapes) == set(make().modalities)


def test_every_check_is_listed() -> None:
    defined = {name for part in (batches, splits) for name in vars(part) if name.startswith("check_")}
    assert defined == {check.__name__ for check in DATASET_CHECKS}


class Leaky(UTDDataModule):
    """Fits the statistics on all subjects."""

    def setup(self, stage: str | None = None) -> None:
        if not self.is_set_up:
            super().setup(stage)
            for name, values in self.inputs.items():
                self.inputs[name] = (values - values.mean()) / values.std()


class Repeating(UTDDataModule):
    """Labels other samples in each process."""

    def setup(self, stage: str | None = None) -> None:
        super().setup(stage)
        self.split.labeled[:] = np.random.permutation(self.split.train)[: len(self.split.labeled)]  # noqa: NPY002


class Shuffled(UTDDataModule):
    """Evaluation loaders use the global generator."""

    def test_dataloader(self) -> Any:
        torch.rand(1)
        return super().test_dataloader()


class OneBased(UTDDataModule):
    """Labels begin with 1."""

    def load(self) -> Any:
        samples = super().load()
        return replace(samples, label=samples.label + 1)


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (Leaky, "training_samples_have_mean_zero_and_deviation_one"),
        (Repeating, "labels_depend_on_their_seed_alone"),
        (Shuffled, "evaluation_does_not_change_the_shuffling"),
        (OneBased, "shapes_and_classes_are_known_before_the_setup"),
    ],
)
def test_a_defect_fails_its_check(kind: type[MultimodalDataModule], check: str, utd_root: Path) -> None:
    make = partial(kind, root=str(utd_root), label_rate=0.25)
    with pytest.raises((AssertionError, ConfigurationError)):
        next(each for each in DATASET_CHECKS if each.__name__ == f"check_{check}")(make)
    with pytest.raises((AssertionError, ConfigurationError)):
        check_dataset(make)
