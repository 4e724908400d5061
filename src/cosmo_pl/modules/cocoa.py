"""COCOA: cross-modality contrastive learning for sensor data (S. Deldar et al., IMWUT 6(3), 2022)."""

from __future__ import annotations

from torch import Tensor

from cosmo_pl.constraints import AtLeastTwo, NonNegativeFloat, PositiveFloat, Size
from cosmo_pl.encoders import Encoder
from cosmo_pl.losses import COCOALoss
from cosmo_pl.losses.cocoa import RELEASED_WEIGHT, Temperature
from cosmo_pl.modules.base import CrossModalModule, OptimizerSettings, Shapes

PUBLISHED = OptimizerSettings("adam", weight_decay=0.0)


class COCOAModule(CrossModalModule):
    """Pulls the modalities of a sample together, and pushes different samples apart within each modality.

    The publication does not augment, has no projection head, and penalises the weights of the convolutions. With V
    augmented views, each view of each modality counts as a modality: all V·M views of a sample are positives, and no
    view of a sample is its negative. The module writes a bundle as Cosmo's stage 1 does.

    Args:
        modality_shapes: Modality to shape of a sample. The command line takes it from the data.
        num_classes: Number of activities, for the quality weights. The command line takes it from the data.
        encoders: Modality to encoder.
        projection_dim: Size D of a projected feature.
        projection_hidden: Size of the projection heads' hidden layer.
        temperature: τ of the loss.
        negative_weight: λ of the loss, by default that of the released code.
        lr: Learning rate.
        optimizer: Optimizer and schedule of the learning rate, by default those of the released code.
        max_clusters: Largest number of clusters tried for the quality weights; None stands for twice `num_classes`.

    Raises:
        ConfigurationError: Encoders and modalities do not match, there are fewer than two, or an argument is out of
            range.
    """

    numerics = "1.0"

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        encoders: dict[str, Encoder],
        projection_dim: Size = 128,
        projection_hidden: Size = 1280,
        temperature: Temperature = 0.1,
        negative_weight: NonNegativeFloat = RELEASED_WEIGHT,
        lr: PositiveFloat = 1e-4,
        optimizer: OptimizerSettings = PUBLISHED,
        max_clusters: AtLeastTwo | None = None,
    ) -> None:
        super().__init__(modality_shapes, num_classes, encoders, projection_dim, projection_hidden, max_clusters)
        self.save_hyperparameters(ignore=["encoders"])
        self.loss = COCOALoss(temperature, negative_weight)

    def pretraining_loss(self, inputs: dict[str, Tensor], num_augmentations: int = 1) -> Tensor:
        """COCOA loss of the V augmented views of all M modalities, (N, V·M, D)."""
        views = self.views(self.gathered(self.project(self(inputs))))
        loss: Tensor = self.loss(views.reshape(-1, num_augmentations * views.shape[1], views.shape[2]))
        return loss
