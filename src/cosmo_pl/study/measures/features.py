"""Distances between the features of different modalities (Ouyang et al., MobiCom 2022, Fig. 2)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.loading import on_device
from cosmo_pl.data.selection import evenly_spaced
from cosmo_pl.modules import BaseModule
from cosmo_pl.study.measures._plane import plane

MAX_SAMPLES = 300
CHUNK = 64  # samples that are encoded at once


def features(runs: Sequence[tuple[BaseModule, MultimodalDataModule]]) -> dict[str, Any]:
    """Compares the encoders' features z_j (Eq. 1) of the same test samples, at most 300 evenly spaced.

    Samples without all modalities are left out.

    Args:
        runs: A model of several modalities, or one model for each modality, with data of the same test samples.

    Returns:
        ``cosine_distance``: mean over samples and pairs of modalities of 1 - cos(z_i, z_j); None where no two
        modalities have features of equal size. ``points``: modality to a t-SNE of all modalities' features of unit
        length together; empty where their sizes differ. ``label``: classes of the samples, in their order; beside
        ``sizes``, ``samples`` and ``class_names``.
    """
    data = runs[0][1]
    rows = data.samples.complete(data.split.test)
    rows = rows[evenly_spaced(len(rows), MAX_SAMPLES)]
    by_modality = {name: z for model, data in runs for name, z in _encoded(model, data, rows).items()}
    return {
        "cosine_distance": cosine_distance(by_modality),
        "points": _embedded(by_modality),
        "label": data.samples.label[rows].tolist(),
        "class_names": list(data.class_names),
        "sizes": {name: z.shape[1] for name, z in by_modality.items()},
        "samples": len(rows),
    }


def cosine_distance(by_modality: dict[str, Tensor]) -> float | None:
    """Mean of 1 - cos over samples and over pairs of modalities, (N, D_j) each, whose features have equal size."""
    pairs = [(a, b) for a, b in combinations(by_modality.values(), 2) if a.shape == b.shape]
    if not pairs:
        return None
    return round(float(torch.stack([1 - F.cosine_similarity(a, b).mean() for a, b in pairs]).mean()), 5)


def _encoded(model: BaseModule, data: MultimodalDataModule, rows: NDArray[np.int64]) -> dict[str, Tensor]:
    """Features (N, D_j) of each of the model's streams."""
    encoders = model.encoders
    assert isinstance(encoders, torch.nn.Module)
    parts = []
    with torch.inference_mode():
        for chunk in np.split(rows, range(CHUNK, len(rows), CHUNK)):
            batch = on_device(data.plain_batch(chunk), model.device)
            parts.append({name: z.flatten(1).cpu() for name, z in encoders(batch["inputs"]).items()})
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _embedded(by_modality: dict[str, Tensor]) -> dict[str, list[list[float]]]:
    if len({z.shape for z in by_modality.values()}) > 1:
        return {}
    points = plane(torch.cat([F.normalize(z, dim=1) for z in by_modality.values()]).numpy())
    count = len(points) // len(by_modality)
    return {name: points[i * count : (i + 1) * count] for i, name in enumerate(by_modality)}
