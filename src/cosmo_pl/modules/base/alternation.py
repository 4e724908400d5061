"""Alternating training of encoders and classifier (Ouyang et al., MobiCom 2022, Sec. 5.2), with Lightning by hand."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pytorch_lightning import Trainer
from pytorch_lightning.core.optimizer import LightningOptimizer
from pytorch_lightning.strategies import DDPStrategy
from torch import nn
from torch.amp import GradScaler
from torch.optim.lr_scheduler import LRScheduler

Part = Literal["encoders", "classifier"]
PARTS: tuple[Part, Part] = ("encoders", "classifier")
RECURRENT = (nn.RNN, nn.GRU, nn.LSTM)


def active_parts(hparams: Mapping[str, Any], epoch: int) -> tuple[Part, ...]:
    """Parts that an epoch trains.

    Args:
        hparams: ``iterative_epochs``, ``first_part``, ``phase_offset`` and ``frozen_encoders``, see
            `IterativeFusionModule`.
        epoch: The epoch, counted from 0.
    """
    length = hparams["iterative_epochs"]
    if hparams["frozen_encoders"]:
        return ("classifier",)
    if length == 0:
        return PARTS
    parts = PARTS if hparams["first_part"] == "encoders" else PARTS[::-1]
    return (parts[(epoch + hparams["phase_offset"]) // length % 2],)


def toggle(part: nn.Module, active: bool, freeze: bool = True) -> None:
    """Switches a part of a module to train or eval mode, and with `freeze` its gradients on or off."""
    part.train(active)
    for module in part.modules():
        if isinstance(module, RECURRENT):
            module.train()  # cuDNN has no backward pass through a recurrent layer in eval mode
    for parameter in part.parameters():
        parameter.requires_grad_(active or not freeze)


def allow_unused_parameters(trainer: Trainer) -> None:
    """Makes distributed training (DDP) accept a frozen part, which has no gradients."""
    if isinstance(trainer.strategy, DDPStrategy):
        trainer.strategy._ddp_kwargs["find_unused_parameters"] = True


def step_each(optimizers: Sequence[LightningOptimizer], scaler: GradScaler | None) -> None:
    """Steps several optimizers on the gradients of one backward pass.

    The gradients of all optimizers have the scaling factor of the backward pass. A gradient scaler may therefore choose
    its next factor only after all of them have stepped. Lightning's step would let it choose after each.

    Args:
        optimizers: Optimizers of different parameters.
        scaler: The scaler of the loss; None without scaling.
    """
    if scaler is not None:
        scaler.update = lambda new_scale=None: None  # type: ignore[method-assign]
    try:
        for optimizer in optimizers:
            optimizer.step()
    finally:
        if scaler is not None:
            del scaler.update  # restores the method of the class
    if scaler is not None:
        scaler.update()


def step_schedule(schedule: LRScheduler) -> None:
    """Steps a schedule. That of a frozen part steps too, although its optimizer has made no step."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step\\(\\)` before")
        schedule.step()
