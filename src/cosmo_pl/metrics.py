"""The metrics of every classifier."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from cosmo_pl.errors import ConfigurationError


def classification_metrics(num_classes: int, stage: str) -> MetricCollection:
    """Accuracy over samples and macro-F1, accumulated over an epoch.

    Args:
        num_classes: Number of classes.
        stage: Prefix of the names, as in ``test/acc``.

    Raises:
        ConfigurationError: There is one class.
    """
    if num_classes < 2:
        raise ConfigurationError(
            "num_classes", f"is {num_classes}, and a classifier separates classes", "Use 2 or more"
        )
    return MetricCollection(
        {
            "acc": MulticlassAccuracy(num_classes, average="micro"),
            "f1_macro": MulticlassF1Score(num_classes, average="macro"),
        },
        prefix=f"{stage}/",
    )


class ClassMean(Metric):
    """Mean vector of the samples of each class. The mean of a class without samples is NaN.

    Args:
        num_classes: Number of classes.
        size: Length of the vector.
    """

    total: Tensor
    count: Tensor

    def __init__(self, num_classes: int, size: int) -> None:
        super().__init__()
        self.add_state("total", torch.zeros(num_classes, size), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(num_classes, 1), dist_reduce_fx="sum")

    def update(self, values: Tensor, labels: Tensor) -> None:
        """Adds the vectors (N, size) of samples whose classes are `labels` (N,)."""
        # Not in place: a state that was reset in inference mode cannot be changed outside of it.
        self.total = self.total.index_add(0, labels, values.detach().float())
        self.count = self.count.index_add(0, labels, torch.ones(len(labels), 1, device=labels.device))

    def compute(self) -> Tensor:
        """Means (num_classes, size)."""
        return self.total / self.count
