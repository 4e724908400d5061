"""Counts of a dataset: the rows of the paper's Table 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pytorch_lightning import LightningModule

from cosmo_pl.data.base import MultimodalDataModule


def describe(runs: Sequence[tuple[LightningModule | None, MultimodalDataModule]]) -> dict[str, Any]:
    """Counts a dataset under the arguments of its config.

    Args:
        runs: One datamodule after its setup, without a model.

    Returns:
        ``title`` of the dataset, ``modalities`` (name to shape of a sample), ``classes``, ``subjects``, ``recordings``,
        ``samples``; ``train_subjects`` and ``test_subjects`` (numbers); ``train_samples`` of all training subjects, of
        which ``labeled`` and ``unlabeled`` are used; ``test_samples``.
    """
    ((_, data),) = runs
    samples, split = data.samples, data.split
    return {
        "title": getattr(type(data), "title", data.dataset),
        "modalities": {name: list(data.modality_shapes[name]) for name in data.modalities},
        "classes": data.num_classes,
        "subjects": len(np.unique(samples.subject)),
        "recordings": len(np.unique(samples.recording)),
        "samples": len(samples),
        "train_subjects": np.unique(samples.subject[split.train]).tolist(),
        "test_subjects": np.unique(samples.subject[split.test]).tolist(),
        "train_samples": len(split.train),
        "labeled": len(split.labeled),
        "unlabeled": len(split.unlabeled),
        "test_samples": len(split.test),
    }
