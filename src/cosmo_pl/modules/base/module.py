"""What all LightningModules of the package share."""

from __future__ import annotations

import time
from abc import ABC
from typing import Any, ClassVar, Literal

from pytorch_lightning import LightningModule
from pytorch_lightning.trainer.states import TrainerFn

from cosmo_pl.constraints import Constrained, PositiveInt
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base.optimization import optimization

Shapes = dict[str, tuple[PositiveInt, ...]]


class BaseModule(Constrained, LightningModule, ABC):
    """A module that keeps a record of its training: it travels with the checkpoint, whichever run reads it.

    Attributes:
        record: ``fit_seconds``, ``epochs``, ``precision`` and whatever a subclass adds, JSON values only.
    """

    numerics: ClassVar[str] = "1.0"
    """As "meaning.rounding", see CHANGELOG.md."""

    phase: ClassVar[Literal["pretrain", "finetune"]]
    """The part of the data that the module trains on."""

    def __init__(self) -> None:
        super().__init__()
        self.record: dict[str, Any] = {"fit_seconds": 0.0, "epochs": 0}
        self._clock = 0.0

    def on_fit_start(self) -> None:
        """Starts the clock, and notes the precision."""
        self.record["precision"] = str(self.trainer.precision)
        self._clock = time.perf_counter()

    def on_train_epoch_end(self) -> None:
        """Adds the epoch to the record; a resumed run goes on counting."""
        now = time.perf_counter()
        self.record["fit_seconds"] += now - self._clock
        self.record["epochs"] = self.current_epoch + 1
        self._clock = now

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Stores the record, and which recordings were trained on."""
        checkpoint["record"] = dict(self.record)
        checkpoint["data_fingerprint"] = self._data_fingerprint()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes the record over.

        Raises:
            ConfigurationError: A training is resumed on other recordings.
        """
        self.record.update(checkpoint.get("record", {}))
        then, now = checkpoint.get("data_fingerprint"), self._data_fingerprint()
        if then and now and then != now and self.trainer.state.fn == TrainerFn.FITTING:
            raise ConfigurationError(
                "ckpt_path", f"was trained on other recordings ({then[:12]}) than there are now ({now[:12]})",
                "Train from the start, in a study with another --runs folder, or give it the recordings it had",
            )  # fmt: skip

    def _data_fingerprint(self) -> str | None:
        data = getattr(self._trainer, "datamodule", None)  # None outside a trainer
        return getattr(data, "data_fingerprint", None) or None

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
