"""Stage 1 of Cosmo: contrastive fusion learning on unlabelled data (Ouyang et al., MobiCom 2022, Sec. 5.1)."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from torch import Tensor

from cosmo_pl.constraints import AtLeastTwo, PositiveFloat, Size, whole
from cosmo_pl.encoders import Encoder
from cosmo_pl.fusion import FusionAugmentation, WeightRange
from cosmo_pl.losses import ContrastiveFusionLoss
from cosmo_pl.modules.base import OptimizerSettings, Present, Shapes, SubjectWeightingModule


class ContrastiveFusionModule(SubjectWeightingModule):
    """Learns features that are consistent across modalities, and writes them as a bundle.

    Logs ``train/loss`` and its lower bound log(V·P-1), of the sum N·V·P times as much, as ``train/loss_floor``, and the
    measures of `CrossModalModule`.

    Args:
        modality_shapes: Modality to shape of a sample. The command line takes it from the data.
        num_classes: Number of activities, for the quality weights. The command line takes it from the data.
        encoders: Modality to encoder.
        projection_dim: Size D of a projected feature.
        projection_hidden: Size of the projection heads' hidden layer.
        temperature: τ of the loss.
        reduction: Reduction of the loss over its anchors.
        num_fused: Number of fused views P of a sample; None makes one per 0.1 of `weight_range`.
        weight_range: Range of the fusion weights.
        sampling: "grid" or "random" fusion weights; "auto" is "grid" for two modalities and "random" for more.
        fusion: "sum" or "concat" of the weighted features.
        lr: Learning rate.
        optimizer: Optimizer and schedule of the learning rate.
        max_clusters: Largest number of clusters tried for the quality weights; None stands for twice `num_classes`.
        same_subject_weight: Weight of negatives of the same subject, see `ContrastiveFusionLoss`; None for no weights.

    Raises:
        ConfigurationError: Encoders and modalities do not match, there are fewer than two, or an argument is out of
            range.
    """

    numerics = "1.1"
    missing_modalities = True

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        encoders: dict[str, Encoder],
        projection_dim: Size = 128,
        projection_hidden: Size = 1280,
        temperature: PositiveFloat = 0.07,
        reduction: Literal["mean", "sum"] = "mean",
        num_fused: Annotated[int, whole(2, 10_000)] | None = None,
        weight_range: WeightRange = (0.1, 0.9),
        sampling: Literal["auto", "grid", "random"] = "auto",
        fusion: Literal["sum", "concat"] = "sum",
        lr: PositiveFloat = 0.01,
        optimizer: OptimizerSettings = OptimizerSettings(milestones=(100, 200)),
        max_clusters: AtLeastTwo | None = None,
        same_subject_weight: PositiveFloat | None = None,
    ) -> None:
        super().__init__(modality_shapes, num_classes, encoders, projection_dim, projection_hidden, max_clusters)
        self.save_hyperparameters(ignore=["encoders"])
        self.augment = FusionAugmentation(num_fused, weight_range, sampling, fusion)
        self.augment.weights(len(self.encoders))  # refuses an impossible range before the training
        self.loss = ContrastiveFusionLoss(temperature, reduction, same_subject_weight)

    def _gathered_mask(self, available: Present | None) -> Tensor | None:
        """Availability (N, M) in the batches of all processes."""
        if available is None:
            return None
        return self.gathered(torch.stack(list(available.values()), dim=1).float()) > 0

    def views(self, projected: dict[str, Tensor]) -> Tensor:
        """Fused views (N, P, D) (Eq. 3)."""
        fused: Tensor = self.augment(projected)
        return fused

    def pretraining_loss(
        self,
        inputs: dict[str, Tensor],
        num_augmentations: int = 1,
        present: Present | None = None,
        subject: Tensor | None = None,
    ) -> Tensor:
        """Contrastive fusion loss (Eq. 4). The P fused views of the V augmented views of a sample are V·P positives.

        Samples that lack modalities are fused from those that they have, see `FusionAugmentation`. `subject`, that of
        each row (N·V,), is for `same_subject_weight`.
        """
        available = self.available(inputs, present)
        projected = self.gathered(self.project(self(inputs, available), available))
        weights = self.shared(self.augment.weights(len(projected)))
        views = self.augment(projected, self._gathered_mask(available), weights)
        positives = views.reshape(-1, num_augmentations * views.shape[1], views.shape[2])
        floor = math.log(positives.shape[1] - 1) * (1 if self.loss.reduction == "mean" else positives[..., 0].numel())
        self.log_mean("train/loss_floor", floor, len(positives))
        loss: Tensor = self.loss(positives, self.view_subjects(subject, num_augmentations, views.shape[1]))
        return loss
