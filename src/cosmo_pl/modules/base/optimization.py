"""Optimizer and schedule of a module, from its hyper-parameters."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.core.optimizer import LightningOptimizer
from pytorch_lightning.strategies import DDPStrategy
from torch import nn
from torch.amp import GradScaler
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, MultiStepLR

from cosmo_pl.errors import ConfigurationError

OptimizerName = Literal["sgd", "adam", "adamw"]
Schedule = Literal["steps", "cosine"]
RECURRENT = (nn.RNN, nn.GRU, nn.LSTM)
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
        optimizer = torch.optim.SGD(parameters, lr=rate, momentum=hparams["momentum"], weight_decay=decay, fused=True)
    elif name in ADAPTIVE:
        betas = tuple(hparams.get("betas", (0.9, 0.999)))
        optimizer = ADAPTIVE[name](parameters, lr=rate, betas=betas, weight_decay=decay, fused=True)
    else:
        raise ConfigurationError("optimizer", f"'{name}' is unknown", "Use 'sgd', 'adam' or 'adamw'")
    # A fused step could also unscale gradients; the scaler does it, before they are clipped.
    optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]
    return {"optimizer": optimizer, "lr_scheduler": _schedule(optimizer, hparams, epochs)}


def step_each(optimizers: Sequence[LightningOptimizer], scaler: GradScaler | None) -> None:
    """Steps several optimizers on the gradients of one backward pass.

    A gradient scaler chooses its next factor once all of them have stepped, as torch requires: the gradients of each
    have the factor of the backward pass. Lightning's step would let it choose after each.

    Args:
        optimizers: Optimizers of different parameters.
        scaler: What the loss was scaled with; None for no scaling.
    """
    if scaler is not None:
        scaler.update = lambda new_scale=None: None  # type: ignore[method-assign]
    try:
        for optimizer in optimizers:
            optimizer.step()
    finally:
        if scaler is not None:
            del scaler.update  # the method of its class shows again
    if scaler is not None:
        scaler.update()


def step_schedule(schedule: LRScheduler) -> None:
    """Steps a schedule, also that of a frozen part, whose optimizer has rightly made no step."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step\\(\\)` before")
        schedule.step()


def allow_unused_parameters(trainer: Trainer) -> None:
    """Lets distributed training (DDP) go on without gradients of a frozen part, which has none."""
    if isinstance(trainer.strategy, DDPStrategy):
        trainer.strategy._ddp_kwargs["find_unused_parameters"] = True


def toggle(part: nn.Module, active: bool, freeze: bool = True) -> None:
    """Switches a part of a module between train and eval mode, and with `freeze` its gradients on and off."""
    part.train(active)
    for module in part.modules():
        if isinstance(module, RECURRENT):
            module.train()  # cuDNN has no backward through a recurrent layer in eval mode
    for parameter in part.parameters():
        parameter.requires_grad_(active or not freeze)
        parameter.grad = None  # SGD would still step on a stale gradient, by momentum and weight decay


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
