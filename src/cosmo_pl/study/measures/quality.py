"""Quality of the modalities by the largest number of clusters (Ouyang et al., MobiCom 2022, Sec. 5.2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.fusion.quality import (
    best_num_clusters,
    default_max_clusters,
    hopkins_statistic,
    optimal_num_clusters,
    principal_scores,
    quality_weights,
)
from cosmo_pl.modules import BaseModule


def quality(runs: Sequence[tuple[BaseModule | None, MultimodalDataModule]]) -> dict[str, Any]:
    """Measures the silhouettes of up to 4C clusters, and the quality under each smaller limit.

    Args:
        runs: One datamodule after its setup, without a model.

    Returns:
        ``dataset``, its name; ``num_classes``, C; ``max_clusters``, the limits from C/2 to 4C, or to the largest one
        that the samples allow; ``default_max_clusters``, the default limit of stage 1; and ``modalities``, name to
        ``samples``, ``hopkins``, ``hopkins_std``, ``silhouettes`` (number of clusters to mean silhouette), and for each
        limit ``num_clusters`` and ``weight``.
    """
    ((_, data),) = runs
    classes = data.num_classes
    scores = {name: principal_scores(values.cpu().numpy()) for name, values in data.quality_inputs().items()}
    hopkins = {name: hopkins_statistic(points) for name, points in scores.items()}
    curves = {name: optimal_num_clusters(points, 4 * classes)[1] for name, points in scores.items()}
    limits = list(range(max(2, classes // 2), max(max(curve) for curve in curves.values()) + 1))
    best = [{name: best_num_clusters(curve, limit) for name, curve in curves.items()} for limit in limits]
    means = {name: mean for name, (mean, _) in hopkins.items()}
    weights = [quality_weights(means, found, classes) for found in best]
    return {
        "dataset": data.dataset,
        "num_classes": classes,
        "default_max_clusters": min(default_max_clusters(classes), limits[-1]),
        "max_clusters": limits,
        "modalities": {
            name: {
                "samples": len(scores[name]),
                "hopkins": _rounded(hopkins[name][0]),
                "hopkins_std": _rounded(hopkins[name][1]),
                "silhouettes": {str(k): _rounded(value) for k, value in curve.items()},
                "num_clusters": [found[name] for found in best],
                "weight": [_rounded(found[name]) for found in weights],
            }
            for name, curve in curves.items()
        },
    }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
