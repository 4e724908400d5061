"""`cosmo-pl data download|simulate|sniff|import|describe|pack|clocks|augmentations|clip|suggest`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmo_pl.constraints import PositiveFloat, PositiveInt, check
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import YAML

if TYPE_CHECKING:
    from cosmo_pl.data.clocks import ClockEstimate


def download(
    dataset: str,
    root: str = "data",
    modalities: list[str] | None = None,
    base_url: str | None = None,
    verify_hash: bool = True,
) -> None:
    """Downloads a dataset from its publisher, verifies the archives and unpacks them.

    An interrupted download is resumed. Existing recordings are never overwritten.

    Args:
        dataset: Key of a dataset that can be downloaded: usc (USC-HAD), utd (UTD-MHAD) or mex (MEx).
        root: Folder in which the dataset's folder is made.
        modalities: Modalities whose archives are downloaded; by default all but the depth of UTD-MHAD.
        base_url: Address of a mirror with archives of the same names.
        verify_hash: Whether archives with a known hash have to match it.
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
    """Writes simulated recordings in the layout of a dataset, which are read like real ones.

    The arguments from `resolution` on are for self_collected. Its depth has 60 by 80 pixels by default; the 480 by 640
    pixels of the paper need 84 GB.

    Args:
        dataset: Key of a dataset that can be simulated: usc (USC-HAD), utd (UTD-MHAD), mex (MEx) or self_collected (the
            paper's own, which was never published).
        root: Folder in which the dataset's folder is made.
        subjects: Number of subjects; by default that of the dataset.
        trials: Trials per activity and subject; by default those of the dataset.
        seed: Seed of subjects and motion.
        resolution: Rows and columns of depth; 60 and 80 by default.
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
    numbers = None if subjects is None else range(1, subjects + 1)
    arguments: dict[str, Any] = {"subjects": numbers, "trials": trials, "seed": seed, "resolution": resolution}
    arguments |= {"clock_offset": clock_offset or None, "dropped_frames": dropped_frames or None}
    specified = {name: value for name, value in arguments.items() if value is not None}
    unknown = [name for name in specified if name not in signature(write).parameters]
    if unknown:
        raise ConfigurationError(unknown[0], f"is no argument of {dataset}", "Leave it out")
    parallel = {"jobs": -1} if "jobs" in signature(write).parameters else {}
    print(write(Path(root), **specified, **parallel))


def import_(
    folder: str, out: str = "imported", description: str | None = None, strict: bool = False, jobs: PositiveInt = 1
) -> None:
    """Imports recordings as devices write them: timestamped files of several sensors, and labels as intervals of time.

    Gaps, clock jumps, duplicates and whatever else is wrong are counted in report.json; report.html shows them with a
    time line of each recording. An import that was killed goes on where it stood.

    Args:
        folder: Folder of the recordings, or a ZIP archive of it, which is not unpacked.
        out: Folder that is written. If it holds the same import, nothing is done.
        description: Description of files, columns, units and labels; by default streams.yaml in the folder.
        strict: Whether lost rows, units that look wrong and dead channels are errors. Rows that come twice or out of
            order, saturated channels and long pauses are reported only.
        jobs: Number of processes.
    """
    from cosmo_pl.data.faults import SHOWN
    from cosmo_pl.data.streams.importing import import_streams
    from cosmo_pl.data.streams.report import read_facts
    from cosmo_pl.plots.import_report import write_page

    store = import_streams(folder, out, description, strict, jobs)
    page = write_page(store.folder)
    hours = sum(recording.duration for recording in store.recordings) / 3600
    labelled = sum(each.end - each.start for recording in store.recordings for each in recording.labels) / 3600
    print(
        f"{store.folder}: {len(store.recordings)} recordings of {len({r.subject for r in store.recordings})} subjects, "
        f"{hours:.2f} hours, of which {labelled:.2f} have labels; sensors {', '.join(store.sensors)}\n{page}"
    )
    facts = read_facts(store.folder)
    if facts.unmatched:
        shown = ", ".join([*facts.unmatched[:SHOWN], *(["..."] if len(facts.unmatched) > SHOWN else [])])
        print(f"{len(facts.unmatched)} files match no pattern of the description and are not imported: {shown}")
    clocks = facts.clocks
    for name in dict.fromkeys(each["sensor"] for each in clocks):
        right = sum(len(each["recordings"]) for each in clocks if each["sensor"] == name and each["corrected"])
        print(f"clock of {name}: corrected in {right} of {len(store.recordings)} recordings")


def describe(dataset: str, root: str | None = None, cache_dir: str | None = None) -> None:
    """Checks all recordings of a dataset, and prints its counts: Table 1 of the paper, samples by activity and subject.

    Args:
        dataset: Key of a dataset: usc (USC-HAD), utd (UTD-MHAD), mex (MEx), self_collected (your own recordings) or
            that of an installed package; the class path of a datamodule; or a YAML file with data and their arguments.
        root: Folder that contains the dataset's folder; by default $COSMO_PL_DATA, else data.
        cache_dir: Folder of the cache of parsed recordings.
    """
    from cosmo_pl.data import DATASETS
    from cosmo_pl.data.describe import describe as report
    from cosmo_pl.run_loading import make_data

    if dataset.endswith(YAML):
        folders = {"root": root, "cache_dir": cache_dir}
        data = make_data([Path(dataset)], {name: folder for name, folder in folders.items() if folder is not None})
    else:
        data = DATASETS.named(dataset).for_description(root=root, cache_dir=cache_dir)
    print(report(data))


def pack(recipe: str, out: str = "packed", modalities: list[str] | None = None) -> None:
    """Writes the samples of a dataset into one file, for a machine without the recordings.

    On that machine, `--root` or $COSMO_PL_DATA is the folder of this file instead of that of the recordings. Imported
    recordings, MEx and own synchronised ones need no such file: their folder is copied.

    Args:
        recipe: A config with data, for instance configs/usc_stage1.yaml.
        out: Folder in which the dataset's folder is made.
        modalities: Modalities; by default those of the config.
    """
    from cosmo_pl.run_loading import make_data

    data = make_data([Path(recipe)], {} if modalities is None else {"modalities": modalities})
    path = data.pack(Path(out))
    print(f"{path} ({path.stat().st_size / 2**20:.1f} MiB)")


def sniff(folder: str, out: str | None = None) -> None:
    """Drafts the description of a folder of recordings, which `cosmo-pl data import` reads.

    Only the first rows of files are read, and no file is overwritten. Everything that is assumed is printed.

    Args:
        folder: Folder or ZIP archive with CSV, TSV, Parquet or NPZ files, each of one sensor, with a column of time.
        out: YAML file to write; streams.yaml in the folder by default.
    """
    from cosmo_pl.data.streams.sniffing import write_description

    path, found = write_description(Path(folder), None if out is None else Path(out))
    print(f"assumed, see the comments of {path}:", *(f"  {line}" for line in found.assumed), sep="\n")
    if found.unknown:
        print("not known:", *(f"  {line}" for line in found.unknown), sep="\n")
    described = "" if out is None else f" --description {out}"
    print(f"Check {path}, then run: cosmo-pl data import {folder} --out NAME{described}")


def clip(name: str, root: str | None = None, out: str = "clip.png") -> None:
    """Plots a clip of IMU, depth and radar, side by side.

    Args:
        name: Name of a clip in the manifest, for instance s01_a01_t1.
        root: Folder that contains SelfCollected; by default $COSMO_PL_DATA, else data.
        out: PNG, or GIF for an animation.
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
    plot = clip_animation if out.endswith(".gif") else clip_picture
    title = f"{chosen.name}: {manifest.activities[chosen.label]}, subject {chosen.subject}"
    print(plot({sensor: np.load(path) for sensor, path in chosen.files.items()}, title, Path(out)))


def clocks(folder: str, reference: str | None = None, max_offset: PositiveFloat = 3.0, out: str | None = None) -> None:
    """Estimates by how much the clocks of imported sensors differ, from their movements; no label is used.

    It prints the lines `clocks:` for the description of the import, with the sensors whose error is certain enough. A
    sensor may follow another with a delay by nature, as a mat feels a movement late: the estimate contains it.

    Args:
        folder: Folder of imported recordings.
        reference: Sensor whose clock is right; the first by default.
        max_offset: Largest offset that is searched, in seconds. It needs pieces without a gap that are three times as
            long.
        out: PNG of the correlation over the lag; not drawn by default.
    """
    from cosmo_pl.data.clocks import estimate_clock
    from cosmo_pl.data.streams.clock_pieces import SECONDS, clock_pieces
    from cosmo_pl.data.streams.store import read_store

    check("max_offset", max_offset, PositiveFloat)
    store = read_store(Path(folder))
    names = list(store.sensors)
    right = reference or names[0]
    if right not in names or len(names) < 2:
        raise ConfigurationError("reference", f"'{right}' cannot be compared", f"Name one of two or more of {names}")
    seconds = max(SECONDS, 6 * max_offset)  # a piece is between two thirds of it and half as much again
    found = {
        name: estimate_clock(clock_pieces(store, right, name, seconds=seconds), max_offset)
        for name in names
        if name != right
    }
    for name, each in found.items():
        verdict = "certain enough" if each.reliable else f"unchanged: {each.doubt}"
        numbers = f"offset {each.offset:+.3f} s ± {each.deviation:.3f} s, drift {each.drift:+.0f} ppm"
        print(f"# {name} against {right}: {numbers}, confidence {each.confidence:.2f}, {verdict}")
    stated = store.source.get("description", {}).get("clocks", {})
    if isinstance(stated, dict) and any(stated.values()):
        print("# the clocks of this import are corrected already; the lines have both corrections together")
    else:
        stated = {}
    lines = [f"  {n}: {_together(e, stated.get(n) or {})}" for n, e in found.items() if e.reliable]
    print("\n".join(["clocks:", *lines] if lines else ["clocks: {}"]))
    if out is not None:
        from cosmo_pl.plots.clocks import picture

        print(f"# {picture(found, right, Path(out))}")


def _together(estimated: ClockEstimate, stated: Mapping[str, float]) -> str:
    """The correction of a clock, as in a description: that of the import and what is left after it."""
    offset = estimated.offset + float(stated.get("offset", 0.0))
    drift = estimated.drift + float(stated.get("drift", 0.0))
    return f"{{offset: {offset:.3f}, drift: {round(drift, 3):g}}}"


def augmentations(recipe: str, clip: int = 0, out: str = "augmentations.png", seed: int = 0) -> None:
    """Plots a training sample as recorded and after each augmentation of a config.

    Args:
        recipe: A config with augmentations, for instance configs/utd_plus_stage1.yaml.
        clip: Index of the sample among the labelled samples.
        out: PNG.
        seed: Seed of the augmentations.
    """
    import torch

    from cosmo_pl.plots.augmentations import picture
    from cosmo_pl.run_loading import load_data

    data = load_data([Path(recipe)])
    batch, label = data.plain_batch(data.split.labeled), data.split.labeled
    if data.views is None or not data.augmentations:
        raise ConfigurationError("recipe", f"'{recipe}' has no augmentations", "Use one with augmentations")
    if not 0 <= clip < len(label):
        raise ConfigurationError(
            "clip", f"is {clip}, and there are {len(label)} labelled samples", "Use a smaller index"
        )
    torch.manual_seed(seed)
    sample = {name: data.normalization[name].invert(x[clip]) for name, x in batch["inputs"].items()}
    title = f"{data.dataset}: {data.class_names[int(batch['label'][clip])]}, subject {int(batch['subject'][clip])}"
    print(picture(sample, data.augmentations, title, Path(out)))


def suggest(
    recipe: str,
    bundle: str,
    labels: int | None = None,
    out: str | None = None,
    name: str = "suggested",
    seed: int = 0,
    bundle_modalities: dict[str, str] | None = None,
) -> None:
    """Suggests samples to label: the most typical unlabelled training samples, by the features of stage 1.

    Args:
        recipe: A config with the data of that stage 1, for instance configs/utd_plus_stage2.yaml.
        bundle: Folder of the runs of stage 1, whose newest bundle is used, for instance runs/utd_plus/cosmo; or a
            bundle.
        labels: Number of samples to label; by default as many as activities.
        out: JSON file for the list of suggestions, see `label_split_file`; other lists in it are kept.
        name: Name of the list, see `label_split`.
        seed: Seed of the clusters.
        bundle_modalities: Modality of the data to the modality of the bundle whose encoder it uses, as {act: acc}.
    """
    import numpy as np

    from cosmo_pl.bundle import Bundle
    from cosmo_pl.data.label_splits import write_label_split
    from cosmo_pl.run_loading import make_data
    from cosmo_pl.suggestion import suggest as suggestions
    from cosmo_pl.suggestion import table

    data = make_data([Path(recipe)])
    if data.statistics_of == "bundle":
        data.bundle_statistics = Bundle.load(bundle).restrict(data.modality_shapes, bundle_modalities).normalization
    data.prepare_data()
    data.setup()
    found = suggestions(data, Path(bundle), data.num_classes if labels is None else labels, seed, bundle_modalities)
    print(table(found))
    if out is not None:
        write_label_split(Path(out), name, data.samples, np.array([each.index for each in found]))
        print(f"list '{name}' in {out}")


def main(args: Sequence[str]) -> None:
    """Runs one data subcommand."""
    from cosmo_pl.parsing import run_command

    run_command(
        [download, simulate, sniff, import_, describe, pack, clocks, augmentations, clip, suggest],
        args,
        "cosmo-pl data",
    )
