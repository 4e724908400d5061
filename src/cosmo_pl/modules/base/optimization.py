"""Settings of an optimizer and of its learning-rate schedule, and what they are made into."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, MultiStepLR

from cosmo_pl.constraints import NonNegativeFloat, NonNegativeInt, PositiveFloat, Probability, check_arguments
from cosmo_pl.errors import ConfigurationError

ADAPTIVE = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


@dataclass(frozen=True)
class OptimizerSettings:
    """An optimizer and the schedule of its learning rate; the rate itself is an argument of the module.

    Args:
        name: "sgd", "adam" or "adamw".
        momentum: Momentum of SGD.
        betas: β₁ and β₂ of Adam and AdamW.
        weight_decay: Weight decay.
        schedule: "steps" multiplies the rate by `gamma` after each of `milestones`; "cosine" lowers it to 0 at the
            last epoch.
        milestones: Epochs after which "steps" changes the rate.
        gamma: Factor of "steps".

    Raises:
        ConfigurationError: A setting is out of range.

    Example:
        >>> OptimizerSettings("adamw", schedule="cosine").weight_decay
        0.0001
    """

    name: Literal["sgd", "adam", "adamw"] = "sgd"
    momentum: Probability = 0.9
    betas: tuple[Probability, Probability] = (0.9, 0.999)
    weight_decay: NonNegativeFloat = 1e-4
    schedule: Literal["steps", "cosine"] = "steps"
    milestones: Sequence[NonNegativeInt] = ()
    gamma: PositiveFloat = 0.9

    def __post_init__(self) -> None:
        check_arguments(OptimizerSettings, vars(self), "OptimizerSettings.")

    @classmethod
    def of(cls, settings: OptimizerSettings | Mapping[str, Any]) -> OptimizerSettings:
        """Settings from their fields as plain values, in which checkpoints store them."""
        return settings if isinstance(settings, OptimizerSettings) else cls(**settings)

    def optimizer(self, parameters: Iterable[Any], lr: float) -> torch.optim.Optimizer:
        """The optimizer of some parameters, or of groups of them, with a learning rate."""
        common: dict[str, Any] = {"lr": lr, "weight_decay": self.weight_decay, "fused": True}
        optimizer: torch.optim.Optimizer
        if self.name == "sgd":
            optimizer = torch.optim.SGD(parameters, momentum=self.momentum, **common)
        else:
            optimizer = ADAPTIVE[self.name](parameters, betas=tuple(self.betas), **common)
        # A fused step could also unscale gradients. The scaler does that, before they are clipped.
        optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]
        return optimizer

    def lr_schedule(self, optimizer: torch.optim.Optimizer, epochs: int | None) -> LRScheduler:
        """The schedule of an optimizer, which is stepped once per epoch.

        Args:
            optimizer: The optimizer.
            epochs: Number of epochs of the training.

        Raises:
            ConfigurationError: The schedule is "cosine", and the number of epochs is unknown.
        """
        if self.schedule == "steps":
            return MultiStepLR(optimizer, list(self.milestones), self.gamma)
        if epochs is None or epochs < 1:
            raise ConfigurationError(
                "optimizer.schedule", "'cosine' needs the number of epochs", "Set trainer.max_epochs"
            )
        # CosineAnnealingLR stores the number of epochs: in a training resumed with more, its rate would rise again.
        return LambdaLR(optimizer, lambda epoch: (1 + math.cos(math.pi * min(epoch, epochs) / epochs)) / 2)


def optimization(
    parameters: Iterable[nn.Parameter | dict[str, Any]], lr: float, settings: OptimizerSettings, epochs: int | None
) -> dict[str, Any]:
    """Optimizer and schedule, as Lightning's ``configure_optimizers`` returns them.

    Args:
        parameters: The parameters to train, or groups of them.
        lr: Learning rate.
        settings: Settings of both.
        epochs: Number of epochs of the training.

    Raises:
        ConfigurationError: The schedule is "cosine", and the number of epochs is unknown.
    """
    optimizer = settings.optimizer(parameters, lr)
    return {"optimizer": optimizer, "lr_scheduler": settings.lr_schedule(optimizer, epochs)}
