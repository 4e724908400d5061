"""The base of all LightningModules of the package."""

from __future__ import annotations

import inspect
import json
import time
from abc import ABC
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
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
from cosmo_pl.modules.base.optimization import OptimizerSettings, optimization

Shapes = dict[str, tuple[PositiveInt, ...]]


@dataclass(frozen=True)
class BestEpoch:
    """The epoch with the best accuracy on the test subjects.

    Args:
        accuracy: That accuracy.
        epoch: The epoch, counted from 0.
    """

    accuracy: float
    epoch: int


@dataclass
class TrainingRecord:
    """Facts about a training that travel with its checkpoint and its results.

    Args:
        fit_seconds: Seconds spent in the epochs, evaluation included.
        epochs: Number of completed epochs.
        max_epochs: Number of planned epochs; None before the training, and without a limit.
        precision: Precision of the trainer.
        bundle: Folder of the bundle that the encoders come from.
        pretraining: Class of the method that wrote the bundle.
        test_acc_best_epoch: The best epoch on the test subjects. It selects nothing.
    """

    fit_seconds: float = 0.0
    epochs: int = 0
    max_epochs: int | None = None
    precision: str | None = None
    bundle: str | None = None
    pretraining: str | None = None
    test_acc_best_epoch: BestEpoch | None = None

    def to_dict(self) -> dict[str, Any]:
        """The facts that are known, in plain values."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> TrainingRecord:
        """The record of a checkpoint; facts of other versions are left out."""
        known = {each.name: stored[each.name] for each in fields(cls) if stored.get(each.name) is not None}
        best = known.pop("test_acc_best_epoch", None)
        return cls(**known, test_acc_best_epoch=None if best is None else BestEpoch(**best))


class BaseModule(Constrained, LightningModule, ABC):
    """A module whose checkpoint is complete: it holds all arguments and a description of the training data.

    Attributes:
        record: Facts about the training.
        trained: The data of the training; None before it, and for a training on plain loaders.
    """

    numerics: ClassVar[str] = "1.0"
    """As "meaning.rounding", see CHANGELOG.md."""

    mixed_precision: ClassVar[bool] = True
    """Whether the command line may train it in bfloat16, see `cosmo_pl.precision`."""

    manual_optimization: ClassVar[bool] = False
    """Whether the module steps its optimizers itself, as Lightning calls it."""

    has_gradients: ClassVar[bool] = True
    """Whether the training has gradients."""

    several_processes: ClassVar[bool] = True
    """Whether several processes may train it, each on a part of the samples (Lightning's DDP)."""

    batch_statistics: ClassVar[bool] = True
    """Whether a training step may need two samples. In fine-tuning, a last batch of one sample is then left out."""

    keeps_training: ClassVar[bool] = True
    """Whether a further training goes on from the weights of an earlier one, whose people then stay trained people."""

    phase: ClassVar[Literal["pretrain", "finetune"]]
    """The part of the data that the module trains on."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = not self.manual_optimization
        self.record = TrainingRecord()
        self.trained: TrainedOn | None = None
        self._clock = 0.0

    def on_fit_start(self) -> None:
        """Starts the clock, and records the precision and the data.

        Raises:
            ConfigurationError: The method works in one process only, and the trainer has several.
        """
        if self.trainer.world_size > 1:
            if not self.several_processes:
                problem = f"{type(self).__name__} needs all samples in one process, and there are several"
                raise ConfigurationError("devices", problem, "Use --trainer.devices=1")
            # Each process has its own dropout and augmentations. DDP copies the weights of the first to all.
            torch.manual_seed(torch.initial_seed() + self.global_rank)
        self.record.precision = str(self.trainer.precision)
        self.record.max_epochs = self.trainer.max_epochs
        self.trained = self._training_data()
        self._clock = time.perf_counter()

    def _training_data(self) -> TrainedOn | None:
        """The trainer's data, with those that the weights come from: of a bundle, or of a training that goes on."""
        if (data := self.data) is None:
            return None
        trained, earlier, bundle = data.trained_on, self.trained, getattr(self, "bundle", None)
        if earlier is not None:
            trained = trained.after(earlier.pretrained, earlier.pretrained_recordings)
            if self.keeps_training:
                people = earlier.numbers(data, data.data_fingerprint) - set(trained.subjects)
                trained = trained.after({data.key: people}, ())
        return trained if bundle is None else bundle.passed_on(trained, data)

    def on_train_epoch_end(self) -> None:
        """Adds the epoch to the record. A resumed run continues the count.

        Raises:
            ConfigurationError: The training has diverged.
        """
        self._check_finite()
        now = time.perf_counter()
        self.record.fit_seconds += now - self._clock
        self.record.epochs = self.current_epoch + 1
        self._clock = now

    def _check_finite(self) -> None:
        loss = self.trainer.callback_metrics.get("train/loss")
        broken = "the loss" if loss is not None and not loss.isfinite() else not_finite(self.state_dict())
        if broken is not None:
            problem = f"the training diverged: {broken} is not finite after epoch {self.current_epoch + 1}"
            remedy = "Use smaller learning rates or gradient_clip_val; --ckpt_path=last resumes from an earlier epoch"
            raise ConfigurationError("lr", problem, remedy)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Stores the record, all arguments that build the module again, and the description of the training data."""
        checkpoint["record"] = self.record.to_dict()
        checkpoint["class_path"] = f"{type(self).__module__}.{type(self).__qualname__}"
        checkpoint["hyper_parameters"] = self.whole_arguments()
        if self.trained is not None:
            checkpoint["data_fingerprint"] = self.trained.fingerprint
            checkpoint["trained_on"] = self.trained.described()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes over the record.

        Raises:
            ConfigurationError: A training is resumed on other data or with other arguments, or a trained model is
                evaluated on data with another preparation.
        """
        self.record = TrainingRecord.from_dict({**self.record.to_dict(), **checkpoint.get("record", {})})
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
        elif data is not None and data.adopted is None and trained is not None and data.is_set_up:
            trained.check_usable(data, data.modality_shapes, data.transforms, data.statistics_of == "adapt")
            other = trained.other_statistics(data.normalization)
            if other:
                problem = f"standardises {', '.join(other)} with other statistics than the training did"
                remedy = "Call data.adopt(module.trained) before data.setup, or use cosmo_pl.run_loading.load_run"
                raise ConfigurationError("datamodule", problem, remedy)
        self.trained = trained

    def _check_arguments(self, checkpoint: Mapping[str, Any]) -> None:
        """Checks that the arguments are those of the training."""
        if "class_path" not in checkpoint:  # of an older version
            return
        then, now = checkpoint["hyper_parameters"], self.whole_arguments()
        names = [name for name in now if json.dumps(then.get(name)) != json.dumps(now[name])]  # a tuple is a list
        differ = [f"{name} {then.get(name)} -> {now[name]}" for name in names]
        if differ:
            problem = f"was trained with other arguments: {'; '.join(differ)}"
            raise ConfigurationError("ckpt_path", problem, "Give those of its training, or train from the start")

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Loads weights, as torch does.

        Raises:
            ConfigurationError: They belong to another module, or are not finite.
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

    def _set_hparams(self, hp: Any) -> None:
        """Keeps hyper-parameters as plain values: checkpoints and loggers store no objects of this package."""
        plain = {name: asdict(v) if isinstance(v, OptimizerSettings) else v for name, v in hp.items()}
        super()._set_hparams(plain)

    def whole_arguments(self) -> dict[str, Any]:
        """All arguments of the constructor as plain values, from which the module can be built again."""
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

    @property
    def required_data(self) -> MultimodalDataModule:
        """`data`, for methods that batches are not enough for.

        Raises:
            ConfigurationError: There is no datamodule.
        """
        if self.data is None:
            problem = f"is missing, and {type(self).__name__} takes samples from it"
            raise ConfigurationError("datamodule", problem, "Give the trainer a datamodule")
        return self.data

    @property
    def optimizer_settings(self) -> OptimizerSettings:
        """The argument `optimizer` of the module; the default settings where it has none."""
        return OptimizerSettings.of(self.hparams.get("optimizer", {}))

    def configure_optimizers(self) -> Any:
        """One optimizer with its schedule, from the arguments `lr` and `optimizer`."""
        return optimization(self.parameters(), self.hparams["lr"], self.optimizer_settings, self.num_epochs)

    @property
    def num_epochs(self) -> int | None:
        """Epochs of the training; None without a trainer or a limit."""
        return None if self._trainer is None else self.trainer.max_epochs

    def loader_name(self, dataloader_idx: int) -> str:
        """Name of a validation loader in the datamodule; "val" for a plain loader."""
        parts = {} if self.data is None else self.data.val_parts
        return list(parts)[dataloader_idx] if parts else "val"
