"""`cosmo-pl data download|simulate|describe|augmentations`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

DatasetKey = Literal["usc", "utd"]


def download(
    dataset: DatasetKey,
    root: str = "data",
    modalities: list[str] | None = None,
    base_url: str | None = None,
    verify_hash: bool = True,
) -> None:
    """Fetches a dataset from its publisher, verifies the archives and unpacks them.

    An interrupted download is resumed. Recordings that are there are never overwritten.

    Args:
        dataset: usc (USC-HAD) or utd (UTD-MHAD).
        root: Folder that will hold the dataset's folder.
        modalities: Modalities whose archives are fetched; all that the datamodules read by default.
        base_url: Address of a mirror that has the archives under their own names.
        verify_hash: Whether archives of a known hash have to match it.
    """
    from cosmo_pl.data.download import download as fetch

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    print(fetch(dataset, Path(root), modalities, base_url, verify_hash))


def simulate(
    dataset: DatasetKey, root: str = "data", subjects: int | None = None, trials: int | None = None, seed: int = 0
) -> None:
    """Writes simulated recordings in the dataset's own layout; everything reads them like real ones.

    Args:
        dataset: usc (USC-HAD) or utd (UTD-MHAD).
        root: Folder that will hold the dataset's folder.
        subjects: Number of subjects; the dataset's own number by default.
        trials: Trials of each activity and subject; the dataset's own number by default.
        seed: Seed of people and motion.
    """
    from cosmo_pl.simulation import simulate_usc, simulate_utd

    write, people, repeats = (simulate_usc, 14, 5) if dataset == "usc" else (simulate_utd, 8, 4)
    print(write(Path(root), subjects=range(1, (subjects or people) + 1), trials=trials or repeats, seed=seed))


def describe(dataset: DatasetKey, root: str | None = None, cache_dir: str | None = None) -> None:
    """Prints what is on disk: Table 1 of the paper, and samples by activity and subject.

    Args:
        dataset: usc (USC-HAD) or utd (UTD-MHAD).
        root: Folder that holds the dataset's folder; $COSMO_PL_DATA, else data, by default.
        cache_dir: Folder of the cache of parsed recordings.
    """
    from cosmo_pl.data import USCDataModule, UTDDataModule
    from cosmo_pl.data.describe import describe as report

    module = {"usc": USCDataModule, "utd": UTDDataModule}[dataset]
    print(report(module(root=root, cache_dir=cache_dir)))


def augmentations(recipe: str, clip: int = 0, out: str = "augmentations.png", seed: int = 0) -> None:
    """Draws a training sample as it is and under each augmentation of a config.

    Args:
        recipe: A config with augmentations, for instance configs/utd_plus_stage1.yaml.
        clip: Number of the sample among the labelled ones.
        out: PNG to write.
        seed: Seed of the draws.
    """
    import torch

    from cosmo_pl.data.augmentations.picture import picture
    from cosmo_pl.errors import ConfigurationError
    from cosmo_pl.run_loading import load_data

    data = load_data([Path(recipe)])
    batch, label = data.labeled_batch(), data.split.labeled
    if data.views is None or not data.augmentations:
        raise ConfigurationError("recipe", f"'{recipe}' has no augmentations", "Name one that has, or add some")
    if not 0 <= clip < len(label):
        raise ConfigurationError("clip", f"is {clip}, there are {len(label)} labelled samples", "Use a smaller one")
    torch.manual_seed(seed)
    sample = {name: data.normalization[name].invert(x[clip]) for name, x in batch["inputs"].items()}
    title = f"{data.dataset}: {data.class_names[int(batch['label'][clip])]}, subject {int(batch['subject'][clip])}"
    print(picture(sample, data.augmentations, title, Path(out)))


def main(args: Sequence[str]) -> None:
    """Runs one data subcommand."""
    from jsonargparse import auto_cli

    auto_cli([download, simulate, describe, augmentations], args=list(args), prog="cosmo-pl data", as_positional=True)
