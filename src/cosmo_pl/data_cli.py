"""`cosmo-pl data download|simulate|describe|augmentations|clip`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cosmo_pl.errors import ConfigurationError

if TYPE_CHECKING:
    from cosmo_pl.data import MultimodalDataModule

Published = Literal["usc", "utd"]
DatasetKey = Literal["usc", "utd", "self_collected"]


def download(
    dataset: Published,
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
    dataset: DatasetKey,
    root: str = "data",
    subjects: int | None = None,
    trials: int | None = None,
    seed: int = 0,
    resolution: tuple[int, int] | None = None,
    clock_offset: float = 0.0,
    dropped_frames: float = 0.0,
) -> None:
    """Writes simulated recordings in the dataset's own layout; everything reads them like real ones.

    The arguments from `resolution` on are those of self_collected; its depth has 60 by 80 pixels by default, a tenth
    of the disk that the paper's 480 by 640 take (84 GB).

    Args:
        dataset: usc (USC-HAD), utd (UTD-MHAD) or self_collected (the paper's own, which was never published).
        root: Folder that will hold the dataset's folder.
        subjects: Number of subjects; the dataset's own number by default.
        trials: Trials of each activity and subject; the dataset's own number by default.
        seed: Seed of people and motion.
        resolution: Rows and columns of depth.
        clock_offset: Standard deviation of each sensor's clock error in seconds.
        dropped_frames: Share of depth and radar frames that are lost.
    """
    from cosmo_pl.simulation import simulate_self_collected, simulate_usc, simulate_utd

    known: dict[str, tuple[Callable[..., Path], int, int]] = {
        "usc": (simulate_usc, 14, 5), "utd": (simulate_utd, 8, 4), "self_collected": (simulate_self_collected, 30, 8),
    }  # fmt: skip
    write, people, repeats = known[dataset]
    cameras = {"resolution": resolution, "clock_offset": clock_offset, "dropped_frames": dropped_frames}
    given = {name: value for name, value in cameras.items() if value}
    if given and dataset != "self_collected":
        raise ConfigurationError(next(iter(given)), f"is nothing that {dataset} has", "Leave it out")
    print(write(Path(root), subjects=range(1, (subjects or people) + 1), trials=trials or repeats, seed=seed, **given))


def describe(dataset: DatasetKey, root: str | None = None, cache_dir: str | None = None) -> None:
    """Checks every recording, and prints what is on disk: Table 1 of the paper, and samples by activity and subject.

    Args:
        dataset: usc (USC-HAD), utd (UTD-MHAD) or self_collected (recordings of one's own).
        root: Folder that holds the dataset's folder; $COSMO_PL_DATA, else data, by default.
        cache_dir: Folder of the cache of parsed recordings.
    """
    from cosmo_pl.data import SelfCollectedDataModule, USCDataModule, UTDDataModule
    from cosmo_pl.data.describe import describe as report

    modules: dict[str, Callable[..., MultimodalDataModule]] = {
        "usc": USCDataModule, "utd": UTDDataModule, "self_collected": SelfCollectedDataModule.of_everything,
    }  # fmt: skip
    print(report(modules[dataset](root=root, cache_dir=cache_dir)))


def clip(name: str, root: str | None = None, out: str = "clip.png") -> None:
    """Draws a clip of IMU, depth and radar in all three sensors, side by side.

    Args:
        name: Name of a clip in the manifest, for instance s01_a01_t1.
        root: Folder that holds SelfCollected; $COSMO_PL_DATA, else data, by default.
        out: PNG to write, or GIF for an animation.
    """
    import numpy as np

    from cosmo_pl.data.clip_format import check_arrays, read_manifest
    from cosmo_pl.data.locate import dataset_folder
    from cosmo_pl.simulation import clip_animation, clip_picture

    manifest = read_manifest(dataset_folder(root, "SelfCollected"))
    clips = {clip.name: clip for clip in manifest.clips}
    chosen = clips.get(name)
    if chosen is None or not {"imu", "depth", "radar"} <= set(chosen.files):
        raise ConfigurationError("name", f"'{name}' is no clip with imu, depth and radar", f"Try {next(iter(clips))}")
    check_arrays(replace(manifest, clips=(chosen,)), ["imu", "depth", "radar"])
    draw = clip_animation if out.endswith(".gif") else clip_picture
    title = f"{chosen.name}: {manifest.activities[chosen.label]}, subject {chosen.subject}"
    print(draw({sensor: np.load(path) for sensor, path in chosen.files.items()}, title, Path(out)))


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
    from cosmo_pl.run_loading import load_data

    data = load_data([Path(recipe)])
    batch, label = data.plain_batch(data.split.labeled), data.split.labeled
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

    auto_cli(
        [download, simulate, describe, augmentations, clip], args=list(args), prog="cosmo-pl data", as_positional=True
    )
