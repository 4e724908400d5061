"""Bad arguments: refused before any training."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosmo_pl.data import USCDataModule, UTDDataModule
from cosmo_pl.data.transforms import CenterOnHip
from cosmo_pl.errors import ConfigurationError, CosmoError

from .refusals import BOTH, Module, make, refusal, run


@BOTH
@pytest.mark.parametrize(
    ("argument", "value", "told"),
    [
        ("modalities", ["acc", "radar"], "Choose from"),
        ("modalities", [], "Choose from"),
        ("transforms", {"radar": [CenterOnHip()]}, "radar"),
        ("batch_size", 1, "at least 2"),
        ("batch_size", 0, "at least 2"),
        ("pretrain_batch_size", 1, "at least 2"),
        ("label_rate", 0.0, "(0, 1]"),
        ("label_rate", 1.01, "(0, 1]"),
        ("label_rate", -0.1, "(0, 1]"),
        ("label_rate", float("nan"), "(0, 1]"),
        ("label_rate", 1e-4, "Use a label_rate of at least"),
        ("labels_per_class", 0, "at least 1"),
        ("labels_per_class", 10_000, "fewer"),
        ("target_label_fraction", 1.5, "[0, 1]"),
        ("target_label_fraction", -0.5, "[0, 1]"),
        ("test_subjects", [4, 15], "no subject [15]"),
        ("train_subjects", [1, 77], "no subject [77]"),
        ("val_subjects", [99], "no subject [99]"),
        ("train_subjects", [1, 2, 4], "test_subjects"),
        ("val_subjects", [4], "test_subjects"),
        ("unlabeled_per_labeled", 1e6, "at most"),
        ("unlabeled_per_labeled", -1.0, "above 0"),
        ("label_split", "a split", "label_split_file"),
        ("max_train_samples", 0, ""),
        ("max_train_samples", -3, ""),
        ("max_train_per_class", 0, ""),
        ("max_test_samples", 0, ""),
        ("max_test_samples", -3, ""),
        ("label_seed", -1, ""),
        ("phase", "pretraining", "pretrain"),
        ("folds", 4, "Give the number of the tested fold"),
        ("fold", 0, "Give both or neither"),
    ],
)
def test_an_argument_that_cannot_work(module: Module, originals: Path, argument: str, value: object, told: str) -> None:
    refusal(ConfigurationError, lambda: run(module, originals, **{argument: value}), argument, told)


@BOTH
@pytest.mark.parametrize(
    ("folds", "fold", "argument", "told"),
    [
        (4, 4, "fold", "Use 0 to 3"),
        (4, -1, "fold", "at least 0"),
        ([[1], [2]], 2, "fold", "Use 0 to 1"),
        (1, 0, "folds", "at least 2"),
        (0, 0, "folds", "at least 2"),
        ([], 0, "folds", "empty"),
        ([[1], []], 0, "folds", "empty"),
        ([[1, 2], [2, 3]], 0, "folds", "[2]"),
        ([[1, 1], [3]], 0, "folds", "[1]"),
    ],
)
def test_folds_that_cannot_work_are_refused_before_any_file_is_read(
    module: Module, tmp_path: Path, folds: object, fold: int, argument: str, told: str
) -> None:
    refusal(ConfigurationError, lambda: make(module, tmp_path, folds=folds, fold=fold, test_subjects=None),
            argument + ": ", told)  # fmt: skip


@pytest.mark.parametrize(
    ("module", "argument", "value"),
    [
        (USCDataModule, "window_size", 0),
        (USCDataModule, "stride", 0),
        (USCDataModule, "stride", -5),
        (UTDDataModule, "inertial_steps", 1),
        (UTDDataModule, "skeleton_frames", 0),
        (USCDataModule, "modalities", ["skeleton"]),
        (USCDataModule, "modalities", ["acc", "acc"]),
        (UTDDataModule, "modalities", ["radar"]),
    ],
)
def test_an_argument_of_one_dataset_that_cannot_work(
    module: Module, argument: str, value: object, tmp_path: Path
) -> None:
    refusal(ConfigurationError, lambda: make(module, tmp_path, **{argument: value}), argument)


@BOTH
def test_arguments_are_checked_before_any_file_is_read(module: Module, tmp_path: Path) -> None:
    for argument, value in (("batch_size", 1), ("label_rate", 2.0), ("modalities", ["sonar"])):
        refusal(ConfigurationError, lambda a=argument, v=value: make(module, tmp_path, **{a: v}), argument)


@BOTH
def test_a_pretraining_batch_larger_than_the_data(module: Module, originals: Path) -> None:
    data = make(module, originals, phase="pretrain", pretrain_batch_size=10**6)
    data.setup()
    refusal(ConfigurationError, data.train_dataloader, "pretrain_batch_size", "1000000", "smaller")


@BOTH
def test_a_cache_that_cannot_be_written(module: Module, originals: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    refusal(CosmoError, lambda: run(module, originals, cache_dir=str(tmp_path / "file" / "cache")), "cache_dir")
