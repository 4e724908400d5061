"""Modality quality of a datamodule's unlabelled samples, measured once and then cached."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytorch_lightning.utilities import rank_zero_warn

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.selection import num_different
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.fusion import MIN_POINTS, ModalityQuality, default_max_clusters, modality_quality
from cosmo_pl.io import cache_folder, keep_json, kept_json

CACHE_VERSION = 2  # raise it when `modality_quality` returns other values for the same samples, or another format


def data_quality(data: MultimodalDataModule, max_clusters: int | None = None) -> dict[str, ModalityQuality]:
    """Quality of the modalities of a datamodule, from the cache if the same samples have been measured before.

    Hundreds of k-means per modality take half a minute, and all stages 1 on the same samples have the same quality.
    Warns if k* of a modality is the largest number of clusters tried.

    Args:
        data: The datamodule, set up.
        max_clusters: Largest number of clusters tried; None takes twice the number of classes.

    Raises:
        ConfigurationError: Too few different samples are unlabelled.
    """
    limit = default_max_clusters(data.num_classes) if max_clusters is None else max_clusters
    quality = _measured(data, limit)
    for name, measured in quality.items():
        if measured.at_edge:
            rank_zero_warn(
                f"{data.dataset}: the best number of clusters of '{name}', {measured.num_clusters}, is at the limit of "
                f"{max(measured.silhouettes)}, so that the limit determines its quality weight; see max_clusters"
            )
    return quality


def num_measured(data: MultimodalDataModule) -> int:
    """Number of different samples of the modality that has fewest, counted up to `MIN_POINTS`."""
    inputs = data.quality_inputs().values()
    return min(num_different((row.cpu().numpy() for row in values), MIN_POINTS) for values in inputs)


def _measured(data: MultimodalDataModule, max_clusters: int) -> dict[str, ModalityQuality]:
    if (few := num_measured(data)) < MIN_POINTS:
        problem = (
            f"the modalities' quality is measured on unlabelled samples, and {data.title} has {few} different ones"
        )
        remedy = f"Leave at least {MIN_POINTS} unlabelled, give quality_weights, or set quality_lambda to 0"
        raise ConfigurationError("label_rate", problem, remedy)
    samples = {name: values.cpu().numpy() for name, values in data.quality_inputs().items()}
    digest = hashlib.sha256(f"{CACHE_VERSION} {data.num_classes} {max_clusters}".encode())
    for name, values in samples.items():
        digest.update(f"{name} {values.shape} {values.dtype}".encode() + values.tobytes())
    path = cache_folder(data.cache_dir) / f"quality-{digest.hexdigest()[:32]}.json"
    stored = _read(path)
    if stored is not None:
        return stored
    with _progress(len(samples) * (max_clusters - 1)) as bar:
        quality = modality_quality(samples, data.num_classes, advance=bar.update, max_clusters=max_clusters)
    keep_json(path, {name: asdict(measured) for name, measured in quality.items()})
    return quality


def _read(path: Path) -> dict[str, ModalityQuality] | None:
    """A cached quality; None if there is none, or the file is damaged."""
    kept = kept_json(path)
    return kept and {name: ModalityQuality.read(measured) for name, measured in kept.items()}


def _progress(total: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, desc="quality of modalities: clusterings", leave=False, disable=None)
