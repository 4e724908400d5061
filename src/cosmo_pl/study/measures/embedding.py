"""The unlabelled samples on which the quality of each modality is measured (Ouyang et al., MobiCom 2022, Fig. 7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.fusion.quality import principal_scores
from cosmo_pl.modules import BaseModule
from cosmo_pl.study.measures._plane import plane


def embedding(runs: Sequence[tuple[BaseModule | None, MultimodalDataModule]]) -> dict[str, Any]:
    """Embeds the principal components on which Hopkins statistic and silhouettes are computed.

    Args:
        runs: One datamodule after its setup, without a model.

    Returns:
        ``points``: modality to a t-SNE of its distinct samples; ``label``: modality to their classes, for colours
        only; and ``class_names``.
    """
    data = runs[0][1]
    points, label = {}, {}
    for name, values in data.quality_inputs().items():
        # Sorted and distinct, as `principal_scores` makes them, so that its rows are those of `samples`.
        samples = np.unique(values.cpu().numpy().reshape(len(values), -1), axis=0)
        points[name] = plane(principal_scores(samples))
        label[name] = _labels(data, name, samples)
    return {"points": points, "label": label, "class_names": list(data.class_names)}


def _labels(data: MultimodalDataModule, name: str, samples: NDArray[np.float32]) -> list[int]:
    """Classes of samples (N, D), found by their values, as the quality is measured without an index."""
    rows = data.split.measured(data.include_labeled)
    known = data.inputs[name][torch.from_numpy(rows)].cpu().numpy().reshape(len(rows), -1)
    by_value = {row.tobytes(): int(label) for row, label in zip(known, data.samples.label[rows], strict=True)}
    return [by_value[row.tobytes()] for row in samples]
