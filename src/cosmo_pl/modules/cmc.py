"""CMC: contrastive multiview coding across modalities (Y. Tian, D. Krishnan and P. Isola, ECCV 2020)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from cosmo_pl.constraints import AtLeastTwo, PositiveFloat, Size
from cosmo_pl.encoders import Encoder
from cosmo_pl.losses import ContrastiveFusionLoss, CrossViewLoss
from cosmo_pl.modules.base import OptimizerSettings, Shapes, SubjectWeightingModule


class CMCModule(SubjectWeightingModule):
    """Pulls the modalities of a sample together and pushes them from the other modalities of other samples.

    Negatives are the samples of the batch; the publication takes 16,384 from a memory bank. It writes the same bundle
    as Cosmo's stage 1. Its fine-tuning is `IterativeFusionModule` without alternation and quality guidance.

    Args:
        modality_shapes: Modality to shape of a sample. The command line takes it from the data.
        num_classes: Number of activities, for the quality weights. The command line takes it from the data.
        encoders: Modality to encoder.
        projection_dim: Size D of a projected feature.
        projection_hidden: Size of the projection heads' hidden layer.
        temperature: τ of the loss.
        variant: "cross_view" contrasts every pair of modalities in both directions. "released" is that of Cosmo's
            released code: Cosmo's loss on the modalities without fusion, with negatives in the same modality as well.
        lr: Learning rate.
        optimizer: Optimizer and schedule of the learning rate.
        max_clusters: Largest number of clusters tried for the quality weights; None stands for twice `num_classes`.
        same_subject_weight: Weight of negatives of the same subject, see `ContrastiveFusionLoss`; None for no weights.

    Raises:
        ConfigurationError: Encoders and modalities do not match, there are fewer than two, or an argument is out of
            range.
    """

    numerics = "1.1"

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        encoders: dict[str, Encoder],
        projection_dim: Size = 128,
        projection_hidden: Size = 1280,
        temperature: PositiveFloat = 0.07,
        variant: Literal["cross_view", "released"] = "cross_view",
        lr: PositiveFloat = 0.01,
        optimizer: OptimizerSettings = OptimizerSettings(milestones=(100, 200)),
        max_clusters: AtLeastTwo | None = None,
        same_subject_weight: PositiveFloat | None = None,
    ) -> None:
        super().__init__(modality_shapes, num_classes, encoders, projection_dim, projection_hidden, max_clusters)
        self.save_hyperparameters(ignore=["encoders"])
        if variant == "cross_view":
            self.loss = CrossViewLoss(temperature, same_subject_weight)
        else:
            self.loss = ContrastiveFusionLoss(temperature, same_subject_weight=same_subject_weight)

    def pretraining_loss(
        self, inputs: dict[str, Tensor], num_augmentations: int = 1, subject: Tensor | None = None
    ) -> Tensor:
        """Contrastive loss across the modalities.

        The V augmented views of a sample of one modality are positives of those of another; with "released" all V·M are
        positives of each other. The `subject` of each row (N·V,) is for `same_subject_weight`.
        """
        views = self.views(self.gathered(self.project(self(inputs))))
        modalities = views.shape[1]
        views = views.reshape(-1, num_augmentations, *views.shape[1:])
        released = isinstance(self.loss, ContrastiveFusionLoss)
        who = self.view_subjects(subject, num_augmentations, modalities if released else 1)
        loss: Tensor = self.loss(views.flatten(1, 2) if released else views.transpose(1, 2), who)
        return loss
