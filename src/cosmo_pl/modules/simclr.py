"""SimCLR for each sensor by itself (T. Chen, S. Kornblith, M. Norouzi and G. Hinton, ICML 2020)."""

from __future__ import annotations

import torch
from pytorch_lightning.utilities import rank_zero_warn
from torch import Tensor

from cosmo_pl.constraints import AtLeastTwo, PositiveFloat, Size
from cosmo_pl.encoders import Encoder
from cosmo_pl.losses import ContrastiveFusionLoss
from cosmo_pl.modules.base import OptimizerSettings, PretrainingModule, Shapes, projection_heads
from cosmo_pl.stream_names import parts_of


class SimCLRModule(PretrainingModule):
    """Makes augmented views of a sample similar, and those of different samples dissimilar, within each modality.

    The loss is NT-Xent, the contrastive fusion loss of the V augmented views of one modality in place of fused views,
    summed over the modalities. No term compares modalities, so that the encoder of each learns what it would learn
    alone, unless a callback chooses the views by the features of all, as `NearestNeighborPositives` does. C. I. Tang et
    al. ("Exploring Contrastive Learning in Human Activity Recognition for Healthcare", 2020) use it for wearable
    sensors. The module writes a bundle as Cosmo's stage 1 does.

    Args:
        modality_shapes: Modality to shape of a sample. The command line takes it from the data.
        num_classes: Number of activities, for the quality weights. The command line takes it from the data.
        encoders: Modality to encoder; one is enough.
        projection_dim: Size D of a projected feature.
        projection_hidden: Size of the projection heads' hidden layer.
        temperature: τ of the loss.
        lr: Learning rate.
        optimizer: Optimizer and schedule of the learning rate.
        max_clusters: Largest number of clusters tried for the quality weights; None stands for twice `num_classes`.

    Raises:
        ConfigurationError: Encoders and modalities do not match, an argument is out of range, or the data have fewer
            than two augmented views.
    """

    numerics = "1.0"
    min_augmentations = 2

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        encoders: dict[str, Encoder],
        projection_dim: Size = 128,
        projection_hidden: Size = 1280,
        temperature: PositiveFloat = 0.1,
        lr: PositiveFloat = 0.01,
        optimizer: OptimizerSettings = OptimizerSettings(milestones=(100, 200)),
        max_clusters: AtLeastTwo | None = None,
    ) -> None:
        super().__init__(modality_shapes, num_classes, encoders, max_clusters)
        self.save_hyperparameters(ignore=["encoders"])
        self.heads = projection_heads(self.encoders, projection_hidden, projection_dim)
        self.loss = ContrastiveFusionLoss(temperature)

    def setup(self, stage: str) -> None:
        """Warns of modalities whose views are equal, and checks what every pretraining checks."""
        super().setup(stage)
        if stage != "fit" or self.data is None:
            return
        if any(hasattr(callback, "positives") for callback in self.trainer.callbacks):  # type: ignore[attr-defined]
            return
        streams = {name: parts_of(name) for name in self.encoders}
        equal = [n for n, parts in streams.items() if not any(self.data.augmentations.get(part) for part in parts)]
        if equal:
            rank_zero_warn(
                f"SimCLRModule compares views of {', '.join(equal)} that differ by nothing but dropout: give "
                "data.init_args.augmentations of each modality, or the callback NearestNeighborPositives"
            )

    def pretraining_loss(self, inputs: dict[str, Tensor], num_augmentations: int = 1) -> Tensor:
        """NT-Xent of the V augmented views (N, V, D) of each modality, summed over the modalities."""
        features = self(inputs)
        projected = self.gathered({name: head(features[name]) for name, head in self.heads.items()})
        return torch.stack([self.loss(r.reshape(-1, num_augmentations, r.shape[1])) for r in projected.values()]).sum()
