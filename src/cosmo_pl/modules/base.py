"""What all LightningModules of the package share."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassConfusionMatrix

from cosmo_pl.data.loading import Batch
from cosmo_pl.metrics import classification_metrics

Shapes = dict[str, tuple[int, ...]]


def sgd(
    parameters: Iterable[nn.Parameter], lr: float, momentum: float, weight_decay: float,
    lr_milestones: Sequence[int], lr_gamma: float,
) -> dict[str, Any]:  # fmt: skip
    """SGD whose rate is multiplied by `lr_gamma` after each of `lr_milestones` epochs."""
    optimizer = torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(lr_milestones), lr_gamma)
    return {"optimizer": optimizer, "lr_scheduler": scheduler}


class BaseModule(LightningModule, ABC):
    """A module that keeps a record of its training: it travels with the checkpoint, whichever run reads it.

    Attributes:
        record: ``fit_seconds``, ``epochs`` and whatever a subclass adds, JSON values only.
    """

    phase: ClassVar[Literal["pretrain", "finetune"]]
    """The part of the data that the module trains on."""

    def __init__(self) -> None:
        super().__init__()
        self.record: dict[str, Any] = {"fit_seconds": 0.0, "epochs": 0}
        self._clock = 0.0

    def on_fit_start(self) -> None:
        """Starts the clock."""
        self._clock = time.perf_counter()

    def on_train_epoch_end(self) -> None:
        """Adds the epoch to the record; a resumed run goes on counting."""
        now = time.perf_counter()
        self.record["fit_seconds"] += now - self._clock
        self.record["epochs"] = self.current_epoch + 1
        self._clock = now

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Stores the record."""
        checkpoint["record"] = dict(self.record)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes the record over."""
        self.record.update(checkpoint.get("record", {}))

    def loader_name(self, dataloader_idx: int) -> str:
        """Name of a validation loader: the datamodule's, or "val" where plain loaders are given to the trainer."""
        parts = getattr(getattr(self.trainer, "datamodule", None), "val_parts", None)
        return list(parts)[dataloader_idx] if parts else "val"


class ClassifierModule(BaseModule):
    """A classifier of multimodal samples; a subclass gives `forward` and the optimizers.

    Validation loaders are evaluated under their names ("val", "test"); the best accuracy on the test subjects over
    the epochs is logged as ``test/acc_best_epoch`` because the released code reports it. It selects nothing.

    Args:
        num_classes: Number of activities.
    """

    phase = "finetune"

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.stage_metrics = nn.ModuleDict(
            {f"{stage}_metrics": classification_metrics(num_classes, stage) for stage in ("train", "val", "test")}
        )
        self.confusion = MulticlassConfusionMatrix(num_classes)

    @abstractmethod
    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Classifies samples, modality to (N, *shape), into logits (N, num_classes)."""

    def attention_by_class(self) -> dict[str, dict[str, float]] | None:
        """Mean attention weight of each modality by class, of a method that weights modalities."""
        return None

    def _metrics(self, stage: str) -> MetricCollection:
        metrics = self.stage_metrics[f"{stage}_metrics"]
        assert isinstance(metrics, MetricCollection)
        return metrics

    def _shared_step(self, batch: Batch, stage: str) -> tuple[Tensor, Tensor]:
        """Loss and logits of a batch; updates and logs the metrics of the stage."""
        logits = self(batch["inputs"])
        loss = F.cross_entropy(logits, batch["label"])
        metrics = self._metrics(stage)
        metrics.update(logits, batch["label"])
        size = len(batch["label"])
        self.log(f"{stage}/loss", loss, on_step=False, on_epoch=True, batch_size=size, add_dataloader_idx=False)
        self.log_dict(metrics, on_step=False, on_epoch=True, batch_size=size, add_dataloader_idx=False)  # type: ignore[arg-type]
        return loss, logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        """Cross-entropy of the labelled samples."""
        return self._shared_step(batch, "train")[0]

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Evaluates one batch of a validation loader."""
        self._shared_step(batch, self.loader_name(dataloader_idx))

    def on_validation_epoch_end(self) -> None:
        """Follows the best epoch on the test subjects."""
        metric = self._metrics("test")["acc"]
        if self.trainer.sanity_checking or not metric.update_called:
            return
        accuracy = float(metric.compute())
        if accuracy > self.record.get("test_acc_best_epoch", {}).get("accuracy", -1.0):
            self.record["test_acc_best_epoch"] = {"accuracy": accuracy, "epoch": self.current_epoch}
        self.log("test/acc_best_epoch", self.record["test_acc_best_epoch"]["accuracy"])

    def test_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Evaluates one batch; returns its logits."""
        logits = self._shared_step(batch, "test")[1]
        self.confusion.update(logits, batch["label"])
        return logits

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Probabilities (N, num_classes) of a batch, with the samples' index and label (N,)."""
        return {
            "index": batch["index"], "label": batch["label"], "probability": self(batch["inputs"]).softmax(dim=1)
        }  # fmt: skip
