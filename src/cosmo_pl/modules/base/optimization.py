"""Optimizer and schedule of a module, from its hyper-parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import torch
from torch import nn

from cosmo_pl.errors import ConfigurationError

OptimizerName = Literal["sgd", "adam"]


def optimization(parameters: Iterable[nn.Parameter], hparams: Mapping[str, Any]) -> dict[str, Any]:
    """Optimizer whose rate is multiplied by `lr_gamma` after each of `lr_milestones` epochs.

    Args:
        parameters: What is trained.
        hparams: ``lr``, ``momentum``, ``weight_decay``, ``lr_milestones``, ``lr_gamma`` and, of a module that offers a
            choice, ``optimizer`` and Adam's ``betas``.

    Raises:
        ConfigurationError: The optimizer is unknown.
    """
    name = hparams.get("optimizer", "sgd")
    rate, decay = hparams["lr"], hparams["weight_decay"]
    optimizer: torch.optim.Optimizer
    if name == "sgd":
        optimizer = torch.optim.SGD(parameters, lr=rate, momentum=hparams["momentum"], weight_decay=decay)
    elif name == "adam":
        optimizer = torch.optim.Adam(parameters, lr=rate, betas=tuple(hparams["betas"]), weight_decay=decay)
    else:
        raise ConfigurationError("optimizer", f"'{name}' is unknown", "Use 'sgd' or 'adam'")
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(hparams["lr_milestones"]), hparams["lr_gamma"])
    return {"optimizer": optimizer, "lr_scheduler": scheduler}
