"""The metrics of every classifier: one collection, cloned a stage."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score


def classification_metrics(num_classes: int, stage: str) -> MetricCollection:
    """Accuracy over samples and macro-F1, accumulated over an epoch.

    Args:
        num_classes: Number of classes.
        stage: Prefix of the names, as in ``test/acc``.
    """
    return MetricCollection(
        {
            "acc": MulticlassAccuracy(num_classes, average="micro"),
            "f1_macro": MulticlassF1Score(num_classes, average="macro"),
        },
        prefix=f"{stage}/",
    )


def wilson_interval(correct: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson score interval of a proportion (E. B. Wilson, JASA 1927); z = 1.96 is 95 %.

    Raises:
        ValueError: There is no sample, or not between 0 and all of them are correct.
    """
    if total < 1 or not 0 <= correct <= total:
        raise ValueError(f"{correct} of {total} is no proportion")
    share, scale = correct / total, 1 + z**2 / total
    centre = (share + z**2 / (2 * total)) / scale
    margin = z / scale * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return max(0.0, centre - margin), min(1.0, centre + margin)


class ClassMean(Metric):
    """Mean of a vector over the samples of each class; a class without samples has NaN.

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
        """Adds vectors (N, size) of samples of the classes (N,)."""
        # Not in place: a state that a reset made in inference mode may not be changed outside of it.
        self.total = self.total.index_add(0, labels, values.detach().float())
        self.count = self.count.index_add(0, labels, torch.ones(len(labels), 1, device=labels.device))

    def compute(self) -> Tensor:
        """Means (num_classes, size)."""
        return self.total / self.count
