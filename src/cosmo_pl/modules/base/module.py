"""What all LightningModules of the package share."""

from __future__ import annotations

import inspect
import json
import time
from abc import ABC
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.trainer.states import TrainerFn
from torch import nn

from cosmo_pl.checkpoints import not_finite
from cosmo_pl.constraints import Constrained, PositiveInt
from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.trained import TrainedOn, check_fingerprint
from cosmo_pl.encoders import Encoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base.optimization import optimization

Shapes = dict[str, tuple[PositiveInt, ...]]


class BaseModule(Constrained, LightningModule, ABC):
    """A module whose checkpoint is whole by itself: it holds all arguments, and what the module was trained on.

    Attributes:
        record: ``fit_seconds``, ``epochs``, ``max_epochs``, ``precision`` and whatever a subclass adds, JSON values
            only. It travels with the checkpoint, whichever run reads it.
        trained: The data of the training; None before, and of a training on plain loaders.
    """

    numerics: ClassVar[str] = "1.0"
    """As "meaning.rounding", see CHANGELOG.md."""

    mixed_precision: ClassVar[bool] = True
    """Whether the command line may train it in bfloat16, see `cosmo_pl.cli.precision`."""

    several_processes: ClassVar[bool] = True
    """Whether it may be trained by several processes on shares of the samples (Lightning's DDP)."""

    phase: ClassVar[Literal["pretrain", "finetune"]]
    """The part of the data that the module trains on."""

    def __init__(self) -> None:
        super().__init__()
        self.record: dict[str, Any] = {"fit_seconds": 0.0, "epochs": 0}
        self.trained: TrainedOn | None = None
        self._clock = 0.0

    def on_fit_start(self) -> None:
        """Starts the clock, and notes the precision and the data.

        Raises:
            ConfigurationError: The method does not work on several devices, and there are.
        """
        if self.trainer.world_size > 1:
            if not self.several_processes:
                problem = f"{type(self).__name__} needs all samples in one process, and there are several"
                raise ConfigurationError("devices", problem, "Use --trainer.devices=1")
            # Each process has dropout and augmentations of its own; weights are those of the first, as DDP sees to.
            torch.manual_seed(torch.initial_seed() + self.global_rank)
        self.record["precision"] = str(self.trainer.precision)
        self.record["max_epochs"] = self.trainer.max_epochs
        self.trained = None if self.data is None else self.data.trained_on
        self._clock = time.perf_counter()

    def on_train_epoch_end(self) -> None:
        """Adds the epoch to the record; a resumed run goes on counting.

        Raises:
            ConfigurationError: The training has diverged.
        """
        self._check_finite()
        now = time.perf_counter()
        self.record["fit_seconds"] += now - self._clock
        self.record["epochs"] = self.current_epoch + 1
        self._clock = now

    def _check_finite(self) -> None:
        loss = self.trainer.callback_metrics.get("train/loss")
        broken = "the loss" if loss is not None and not loss.isfinite() else not_finite(self.state_dict())
        if broken is not None:
            raise ConfigurationError(
                "lr", f"the training diverged: {broken} is not finite after epoch {self.current_epoch + 1}",
                "Use smaller learning rates or gradient_clip_val; --ckpt_path=last goes on from the epoch before",
            )  # fmt: skip

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Stores the record, all that builds the module again, and what it was trained on."""
        checkpoint["record"] = dict(self.record)
        checkpoint["class_path"] = f"{type(self).__module__}.{type(self).__qualname__}"
        checkpoint["hyper_parameters"] = self.whole_arguments()
        if self.trained is not None:
            checkpoint["data_fingerprint"] = self.trained.fingerprint
            checkpoint["trained_on"] = self.trained.described()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes the record over.

        Raises:
            ConfigurationError: A training is resumed on other data or with other arguments, or a trained model is
                evaluated on data that are prepared in another way.
        """
        self.record.update(checkpoint.get("record", {}))
        stored = checkpoint.get("trained_on")
        trained = None if stored is None else TrainedOn.read(stored)
        data = self.data
        if self._trainer is not None:
            self._check_arguments(checkpoint)
        if self._trainer is not None and self.trainer.state.fn == TrainerFn.FITTING:
            if data is not None:
                check_fingerprint(checkpoint.get("data_fingerprint"), data.data_fingerprint)
            if data is not None and trained is not None:
                trained.check_resumed(data.trained_on)
        elif data is not None and data.adopted is None and trained is not None and data.samples is not None:
            other = trained.other_statistics(data.normalization)
            if other:
                raise ConfigurationError(
                    "datamodule", f"standardises {', '.join(other)} with other statistics than the training did",
                    "Call data.adopt(module.trained) before data.setup, or use cosmo_pl.run_loading.load_run",
                )  # fmt: skip
        self.trained = trained

    def _check_arguments(self, checkpoint: Mapping[str, Any]) -> None:
        """Checks that the arguments are those of the training."""
        if "class_path" not in checkpoint:  # of an older version
            return
        then, now = checkpoint["hyper_parameters"], self.whole_arguments()
        names = [name for name in now if json.dumps(then.get(name)) != json.dumps(now[name])]  # a tuple is a list
        differ = [f"{name} {then.get(name)} -> {now[name]}" for name in names]
        if differ:
            raise ConfigurationError(
                "ckpt_path", f"was trained with other arguments: {'; '.join(differ)}",
                "Give those of its training, or train from the start",
            )  # fmt: skip

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Loads weights, as torch does.

        Raises:
            ConfigurationError: They are of another module, or not finite.
        """
        broken = not_finite(state_dict)
        if broken is not None:
            raise ConfigurationError("ckpt_path", f"its weights are not finite ({broken})", "Train again")
        try:
            return super().load_state_dict(state_dict, strict, assign)
        except RuntimeError as error:
            reason = " ".join(line.strip() for line in str(error).splitlines()[1:3])[:200]
            problem = f"does not fit this {type(self).__name__} ({reason})"
            raise ConfigurationError("ckpt_path", problem, "Give the arguments of its run") from error

    def whole_arguments(self) -> dict[str, Any]:
        """Arguments of the constructor, in plain values, that build the module again wherever it is."""
        arguments = {name: value for name, value in self.hparams.items() if not name.startswith("_")}
        encoders = getattr(self, "encoders", None)
        if "encoders" in inspect.signature(type(self)).parameters and isinstance(encoders, nn.ModuleDict):
            arguments["encoders"] = {n: each.described() for n, each in encoders.items() if isinstance(each, Encoder)}
        return arguments

    @property
    def data(self) -> MultimodalDataModule | None:
        """The datamodule of the trainer; None without a trainer, and for plain loaders."""
        data = getattr(self._trainer, "datamodule", None)
        return data if isinstance(data, MultimodalDataModule) else None

    def configure_optimizers(self) -> Any:
        """One optimizer with a stepwise schedule, from the hyper-parameters that `optimization` names."""
        return optimization(self.parameters(), self.hparams, self.num_epochs)

    @property
    def num_epochs(self) -> int | None:
        """Epochs of the training; None where there is no trainer or no limit."""
        return None if self._trainer is None else self.trainer.max_epochs

    def loader_name(self, dataloader_idx: int) -> str:
        """Name of a validation loader: the datamodule's, or "val" where plain loaders are given to the trainer."""
        parts = getattr(getattr(self.trainer, "datamodule", None), "val_parts", None)
        return list(parts)[dataloader_idx] if parts else "val"
