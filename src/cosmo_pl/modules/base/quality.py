"""Modality quality of a datamodule's unlabelled samples, measured once."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.fusion import ModalityQuality, modality_quality
from cosmo_pl.io import cache_folder

CACHE_VERSION = 1  # raise it when `modality_quality` gives other values for the same samples


def data_quality(data: MultimodalDataModule) -> dict[str, ModalityQuality]:
    """Quality of the modalities of a datamodule, from the cache where these samples have been measured before.

    Hundreds of k-means on each modality take half a minute, and all stages 1 on the same samples give the same.

    Args:
        data: The datamodule, set up.
    """
    samples = {name: values.cpu().numpy() for name, values in data.quality_inputs().items()}
    digest = hashlib.sha256(f"{CACHE_VERSION} {data.num_classes}".encode())
    for name, values in samples.items():
        digest.update(f"{name} {values.shape} {values.dtype}".encode() + values.tobytes())
    path = cache_folder(data.cache_dir) / f"quality-{digest.hexdigest()[:32]}.json"
    stored = _read(path)
    if stored is not None:
        return stored
    with _progress(len(samples) * (2 * data.num_classes - 1)) as bar:
        quality = modality_quality(samples, data.num_classes, advance=bar.update)
    part = path.with_suffix(f".{os.getpid()}.part")  # stages 1 on the same samples may end at the same time
    path.parent.mkdir(parents=True, exist_ok=True)
    part.write_text(json.dumps({name: asdict(measured) for name, measured in quality.items()}))
    part.replace(path)
    return quality


def _read(path: Path) -> dict[str, ModalityQuality] | None:
    """What was measured, None where nothing was or the file is damaged."""
    try:
        told = json.loads(path.read_text())
        for measured in told.values():  # JSON has text for keys
            measured["silhouettes"] = {int(k): value for k, value in measured["silhouettes"].items()}
        return {name: ModalityQuality(**measured) for name, measured in told.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _progress(total: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, desc="quality of modalities: clusterings", leave=False, disable=None)
