"""Suggested labels against random ones at the same budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.selection import Indices
from cosmo_pl.edge.refitting import logits_of, refitted
from cosmo_pl.modules import BaseModule, PrototypeModule
from cosmo_pl.suggestion import candidates, centred_features, most_typical


def suggestions(runs: Sequence[tuple[BaseModule, MultimodalDataModule]]) -> dict[str, Any]:
    """Trains prototypes on as many labels as a run has, chosen in three ways, and tests them.

    - "suggested": the most typical sample of each cluster, see `cosmo_pl.suggestion`; no label is used.
    - "random": samples with equal probability; no label is used.
    - "balanced": the run's own labels, sampled equally from each class, which only who knows all labels can do.

    Samples of a class without a label count as not correct.

    Args:
        runs: One run of prototypes.

    Returns:
        ``labels``, ``total`` (test samples) and ``num_classes``; ``correct`` and ``classes`` (those with a label): way
        to number.
    """
    model, data = runs[0]
    assert isinstance(model, PrototypeModule)
    rows, count, seed = candidates(data), len(data.split.labeled), data.label_sampling.seed
    typical = most_typical(centred_features(model.encoders, data, rows), count, seed)[0]
    chosen = {
        "suggested": rows[typical],
        "random": np.random.default_rng(seed).choice(rows, count, replace=False),
        "balanced": data.split.labeled,
    }
    return {
        "labels": count,
        "total": len(data.split.test),
        "num_classes": data.num_classes,
        "correct": {way: _correct(model, data, labeled) for way, labeled in chosen.items()},
        "classes": {way: len(np.unique(data.samples.label[labeled])) for way, labeled in chosen.items()},
    }


def _correct(trained: PrototypeModule, data: MultimodalDataModule, labeled: Indices) -> int:
    """Number of test samples that prototypes of these labels recognise."""
    unlabeled = np.setdiff1d(data.split.pretraining(include_labeled=True), labeled)
    model = refitted(trained, data, replace(data.split, labeled=np.sort(labeled), unlabeled=unlabeled))
    rows = data.split.test
    return int((logits_of(model, data, rows).argmax(axis=1) == data.samples.label[rows]).sum())
