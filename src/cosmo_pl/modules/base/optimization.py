"""Optimizer and schedule of a module, from its hyper-parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, MultiStepLR

from cosmo_pl.errors import ConfigurationError

OptimizerName = Literal["sgd", "adam", "adamw"]
Schedule = Literal["steps", "cosine"]
ADAPTIVE = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def optimization(parameters: Iterable[nn.Parameter], hparams: Mapping[str, Any], epochs: int | None) -> dict[str, Any]:
    """Optimizer and a schedule that is stepped once an epoch.

    Args:
        parameters: What is trained.
        hparams: ``lr`` and ``weight_decay``; ``optimizer``, "sgd" where it is not given, with ``momentum`` for SGD and
            ``betas`` for Adam and AdamW; ``schedule``, "steps" where it is not given, which multiplies the rate by
            ``lr_gamma`` after each of ``lr_milestones`` epochs, or "cosine", which brings it to 0.
        epochs: Epochs of the training, for "cosine".

    Raises:
        ConfigurationError: The optimizer or the schedule is unknown, or the number of epochs is not and has to be.
    """
    name, rate, decay = hparams.get("optimizer", "sgd"), hparams["lr"], hparams["weight_decay"]
    optimizer: torch.optim.Optimizer
    if name == "sgd":
        optimizer = torch.optim.SGD(parameters, lr=rate, momentum=hparams["momentum"], weight_decay=decay)
    elif name in ADAPTIVE:
        betas = tuple(hparams.get("betas", (0.9, 0.999)))
        optimizer = ADAPTIVE[name](parameters, lr=rate, betas=betas, weight_decay=decay)
    else:
        raise ConfigurationError("optimizer", f"'{name}' is unknown", "Use 'sgd', 'adam' or 'adamw'")
    return {"optimizer": optimizer, "lr_scheduler": _schedule(optimizer, hparams, epochs)}


def _schedule(optimizer: torch.optim.Optimizer, hparams: Mapping[str, Any], epochs: int | None) -> LRScheduler:
    name = hparams.get("schedule", "steps")
    if name == "steps":
        return MultiStepLR(optimizer, list(hparams["lr_milestones"]), hparams["lr_gamma"])
    if name != "cosine":
        raise ConfigurationError("schedule", f"'{name}' is unknown", "Use 'steps' or 'cosine'")
    if epochs is None or epochs < 1:
        raise ConfigurationError("schedule", "'cosine' needs the number of epochs", "Set trainer.max_epochs")
    # Not CosineAnnealingLR, whose stored horizon would let the rate of a training resumed with more epochs rise again.
    return LambdaLR(optimizer, lambda epoch: (1 + math.cos(math.pi * min(epoch, epochs) / epochs)) / 2)
