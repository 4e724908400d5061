"""Accuracy of a trained model with other statistics of its batch normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.modules import BaseModule, ClassifierModule
from cosmo_pl.modules.base import evaluated


def batch_statistics(runs: Sequence[tuple[BaseModule, MultimodalDataModule]]) -> dict[str, Any]:
    """Tests a model with its running statistics, and with those of its labelled samples without dropout.

    Dropout before a layer with batch normalisation changes the variance that the layer sees, but in training only, so
    that the running variance does not fit the evaluation (X. Li et al., "Understanding the disharmony between dropout
    and batch normalization by variance shift", CVPR 2019). All weights stay as they were trained.

    Args:
        runs: One run of a classifier. Its statistics are those of the labelled samples afterwards.

    Returns:
        ``running`` and ``measured``: correct predictions with both; ``total``: test samples.
    """
    model, data = runs[0]
    assert isinstance(model, ClassifierModule)
    running = _correct(model, data)
    measure_statistics(model, data)
    return {"running": running, "measured": _correct(model, data), "total": len(data.split.test)}


def measure_statistics(model: ClassifierModule, data: MultimodalDataModule) -> None:
    """Sets the statistics of each batch normalisation to those of all labelled samples in one batch, in eval mode."""
    layers = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    momentum = [layer.momentum for layer in layers]
    for layer in layers:
        layer.train()
        layer.momentum = 1.0
    with torch.inference_mode():
        model.logits(data.plain_batch(data.split.labeled))
    for layer, before in zip(layers, momentum, strict=True):
        layer.eval()
        layer.momentum = before


def _correct(model: ClassifierModule, data: MultimodalDataModule) -> int:
    tested = evaluated(model, data.test_dataloader())
    return sum(int((logits.argmax(dim=1) == batch["label"].cpu()).sum()) for batch, logits in tested)
