"""Suggested labels against random ones at the same budget."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from pytorch_lightning import Trainer, seed_everything

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.selection import Indices
from cosmo_pl.modules import BaseModule, PrototypeModule
from cosmo_pl.suggestion import candidates, centred_features, most_typical

EPOCHS = 10  # as the recipe's second stage


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
    assert isinstance(model, PrototypeModule) and data.samples is not None
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
    labelled = copy.copy(data)
    unlabeled = np.setdiff1d(data.split.pretraining(include_labeled=True), labeled)
    labelled.split = replace(data.split, labeled=np.sort(labeled), unlabeled=unlabeled)
    labelled.allow_missing_classes = True
    seed_everything(data.label_sampling.seed, verbose=False)
    model = copy.deepcopy(trained)
    trainer = Trainer(
        accelerator="cpu", max_epochs=EPOCHS, limit_val_batches=0, num_sanity_val_steps=0, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(model, datamodule=labelled)
    trainer.test(model, datamodule=labelled, verbose=False)
    return int(model.confusion.compute().diagonal().sum())
