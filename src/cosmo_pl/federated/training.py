"""The training of a client in one round: some epochs of the module's own training, from given weights."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import torch
from pytorch_lightning import Callback, LightningModule, Trainer, seed_everything
from torch import Tensor
from torch.optim import Optimizer

from cosmo_pl.callbacks import EpochSeed
from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.modules.base import PretrainingModule
from cosmo_pl.precision import resolved_precision
from cosmo_pl.quiet import QUIET_TRAINER, quiet


@contextmanager
def silent() -> Iterator[None]:
    """Silences what Lightning and the data report on each of hundreds of short trainings; errors are raised."""
    with quiet(), warnings.catch_warnings(action="ignore"):
        yield


@dataclass(frozen=True)
class LocalRound:
    """What the server requires of a client in a round.

    Args:
        number: Number of the round, from 1.
        local_epochs: Epochs of the round.
        epochs: Epochs of all rounds, which the schedule of the learning rate covers.
        proximal_mu: μ of FedProx; 0 for none.
    """

    number: int
    local_epochs: int
    epochs: int
    proximal_mu: float = 0.0

    @property
    def first_epoch(self) -> int:
        """First epoch of the round, counted from 0 over all rounds."""
        return (self.number - 1) * self.local_epochs


class LocalEpochs(Callback):
    """Runs the epochs of one round: their numbers and learning rates are those of a training of all rounds.

    Args:
        requested: The round.
    """

    def __init__(self, requested: LocalRound) -> None:
        self.requested = requested

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Moves the schedules to the first epoch."""
        for config in trainer.lr_scheduler_configs:
            for _ in range(self.requested.first_epoch):
                config.scheduler.step()  # type: ignore[call-arg]

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Ends the training with the last epoch of the round."""
        trainer.should_stop = trainer.current_epoch + 1 >= self.requested.first_epoch + self.requested.local_epochs


class ProximalTerm(Callback):
    """Adds the gradient μ (w - w_global) of the proximal term of FedProx.

    Args:
        mu: μ.
    """

    def __init__(self, mu: float) -> None:
        self.mu = mu
        self.start: dict[str, Tensor] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keeps the weights that the server has sent."""
        self.start = {name: value.detach().clone() for name, value in pl_module.named_parameters()}

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Adds the gradient to those of the loss: once a step, when all batches of the step have theirs, unscaled."""
        for name, parameter in pl_module.named_parameters():
            if parameter.grad is not None:
                parameter.grad.add_(parameter.detach() - self.start[name], alpha=self.mu)


def train_locally(
    module: PretrainingModule,
    data: MultimodalDataModule,
    weights: Mapping[str, Tensor],
    requested: LocalRound,
    arguments: Mapping[str, Any],
    seed: str,
) -> float:
    """Trains a module on a client's own data, from given weights. The optimizer begins anew.

    Args:
        module: The module. Weights that are not given stay as they are.
        data: The client's data.
        weights: Weights of the server.
        requested: The round.
        arguments: Arguments of the client's Trainer.
        seed: Text that the randomness of the round depends on.

    Returns:
        Mean loss of the last epoch.

    Raises:
        CosmoError: The data do not suit the module, or the training diverged.
    """
    own, precision = arguments.get("callbacks") or [], arguments.get("precision")
    callbacks = [*(own if isinstance(own, list) else [own]), EpochSeed(), LocalEpochs(requested)]
    callbacks += [ProximalTerm(requested.proximal_mu)] if requested.proximal_mu else []
    precision = resolved_precision(precision or "auto", arguments.get("accelerator", "auto"), module.mixed_precision)
    given = {
        **arguments,
        **QUIET_TRAINER,
        "callbacks": callbacks,
        "max_epochs": requested.epochs,
        "precision": precision,
    }
    seed_everything(crc32(seed.encode()), verbose=False)
    trainer = Trainer(**given)
    done: Any = trainer.fit_loop.epoch_progress.current
    done.ready = done.started = done.processed = done.completed = requested.first_epoch
    module.load_state_dict({**module.state_dict(), **weights})
    trainer.fit(module, datamodule=data)
    loss = trainer.callback_metrics.get("train/loss", torch.tensor(float("nan")))
    return float(loss)
