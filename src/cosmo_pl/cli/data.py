"""`cosmo-pl data download|simulate|describe|pack|augmentations|clip`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from inspect import signature
from pathlib import Path

from cosmo_pl.errors import ConfigurationError


def download(
    dataset: str,
    root: str = "data",
    modalities: list[str] | None = None,
    base_url: str | None = None,
    verify_hash: bool = True,
) -> None:
    """Fetches a dataset from its publisher, verifies the archives and unpacks them.

    An interrupted download is resumed. Recordings that are there are never overwritten.

    Args:
        dataset: Key of a dataset that can be downloaded: usc (USC-HAD) or utd (UTD-MHAD).
        root: Folder that will hold the dataset's folder.
        modalities: Modalities whose archives are fetched; all that the datamodules read by default.
        base_url: Address of a mirror that has the archives under their own names.
        verify_hash: Whether archives of a known hash have to match it.
    """
    from cosmo_pl.data import DATASETS
    from cosmo_pl.data.download import download as fetch

    archives = DATASETS.named(dataset).archives
    if not archives:
        offered = ", ".join(key for key, kind in DATASETS.items() if kind.archives)
        raise ConfigurationError("dataset", f"'{dataset}' cannot be downloaded", f"Choose from {offered}")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    print(fetch(archives, Path(root), modalities, base_url, verify_hash))


def simulate(
    dataset: str,
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
        dataset: Key of a dataset that can be simulated: usc (USC-HAD), utd (UTD-MHAD) or self_collected (the paper's
            own, which was never published).
        root: Folder that will hold the dataset's folder.
        subjects: Number of subjects; the dataset's own number by default.
        trials: Trials of each activity and subject; the dataset's own number by default.
        seed: Seed of people and motion.
        resolution: Rows and columns of depth.
        clock_offset: Standard deviation of each sensor's clock error in seconds.
        dropped_frames: Share of depth and radar frames that are lost.
    """
    from cosmo_pl.data import DATASETS

    simulator = DATASETS.named(dataset).simulator
    if simulator is None:
        offered = ", ".join(key for key, kind in DATASETS.items() if kind.simulator)
        raise ConfigurationError("dataset", f"'{dataset}' cannot be simulated", f"Choose from {offered}")
    module, _, function = simulator.rpartition(".")
    write = getattr(import_module(module), function)
    given = {
        "subjects": None if subjects is None else range(1, subjects + 1), "trials": trials, "seed": seed,
        "resolution": resolution,
        "clock_offset": clock_offset or None, "dropped_frames": dropped_frames or None,
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    unknown = [name for name in given if name not in signature(write).parameters]
    if unknown:
        raise ConfigurationError(unknown[0], f"is nothing that {dataset} has", "Leave it out")
    print(write(Path(root), **given))


def describe(dataset: str, root: str | None = None, cache_dir: str | None = None) -> None:
    """Checks every recording, and prints what is on disk: Table 1 of the paper, and samples by activity and subject.

    Args:
        dataset: Key of a dataset: usc (USC-HAD), utd (UTD-MHAD), self_collected (recordings of one's own) or that of an
            installed package; the class path of a datamodule; or a YAML file with data, whose arguments then hold.
        root: Folder that holds the dataset's folder; $COSMO_PL_DATA, else data, by default.
        cache_dir: Folder of the cache of parsed recordings.
    """
    from cosmo_pl.data import DATASETS
    from cosmo_pl.data.describe import describe as report
    from cosmo_pl.run_loading import make_data

    if dataset.endswith((".yaml", ".yml")):
        given = {name: value for name, value in (("root", root), ("cache_dir", cache_dir)) if value is not None}
        data = make_data([Path(dataset)], given)
    else:
        data = DATASETS.named(dataset).for_description(root=root, cache_dir=cache_dir)
    print(report(data))


def pack(recipe: str, out: str = "packed", modalities: list[str] | None = None) -> None:
    """Writes the samples of a dataset as its reader gives them into one file, for a machine without the recordings.

    There `--root` or $COSMO_PL_DATA names the folder instead of that of the recordings.

    Args:
        recipe: A config with data, for instance configs/usc_stage1.yaml.
        out: Folder that gets the dataset's folder.
        modalities: Modalities, by default those of the config.
    """
    from cosmo_pl.run_loading import make_data

    data = make_data([Path(recipe)], {} if modalities is None else {"modalities": modalities})
    path = data.pack(Path(out))
    print(f"{path} ({path.stat().st_size / 2**20:.1f} MiB)")


def clip(name: str, root: str | None = None, out: str = "clip.png") -> None:
    """Draws a clip of IMU, depth and radar in all three sensors, side by side.

    Args:
        name: Name of a clip in the manifest, for instance s01_a01_t1.
        root: Folder that holds SelfCollected; $COSMO_PL_DATA, else data, by default.
        out: PNG to write, or GIF for an animation.
    """
    import numpy as np

    from cosmo_pl.data.clip_format import check_arrays, read_manifest
    from cosmo_pl.data.identity import dataset_folder
    from cosmo_pl.plots.recording import clip_animation, clip_picture

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

    from cosmo_pl.plots.augmentations import picture
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
    from cosmo_pl.parsing import run_command

    run_command([download, simulate, describe, pack, augmentations, clip], args, "cosmo-pl data")
