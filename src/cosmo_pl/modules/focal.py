"""FOCAL: shared and private features of modalities (S. Liu et al., NeurIPS 2023, https://arxiv.org/abs/2310.20071)."""

from __future__ import annotations

from typing import Annotated, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cosmo_pl.constraints import AtLeastTwo, Constraint, NonNegativeFloat, PositiveFloat, PositiveInt, Size
from cosmo_pl.data.loading import Batch
from cosmo_pl.encoders import Encoder
from cosmo_pl.losses import FOCALLoss
from cosmo_pl.modules.base import CrossModalModule, OptimizerSettings, Shapes
from cosmo_pl.tensors import at_least_float32

PUBLISHED = OptimizerSettings("adamw", weight_decay=0.05, schedule="cosine")
EvenSize = Annotated[Size, Constraint("an even number", lambda size: size % 2 == 0)]


class FOCALModule(CrossModalModule):
    """Contrasts modalities in one half of their features and augmented views in the other, see `FOCALLoss`.

    The features are those of the projection heads before the normalisation. A batch holds sequences of neighbouring
    windows of a recording. Recordings of one sample, as the clips of UTD-MHAD, have no neighbours: the temporal term is
    then 0. Logs ``train/shared``, ``train/private``, ``train/orthogonality`` and ``train/temporal``, the terms without
    their weights. The module writes a bundle as Cosmo's stage 1 does.

    Args:
        modality_shapes: Modality to shape of a sample. The command line takes it from the data.
        num_classes: Number of activities, for the quality weights. The command line takes it from the data.
        encoders: Modality to encoder.
        projection_dim: Size D of a projected feature, half of it shared.
        projection_hidden: Size of the projection heads' hidden layer.
        temperature: τ of the loss, by default that of the released code for its convolutional network.
        sequence_length: Largest number of neighbouring windows in a sequence.
        shared_weight: Weight of the contrast of modalities. All weights are by default those of the released code.
        private_weight: Weight of the contrast of augmented views.
        orthogonality_weight: Weight of orthogonality.
        temporal_weight: Weight of the temporal term.
        margin: Margin of the temporal term.
        lr: Learning rate.
        optimizer: Optimizer and schedule of the learning rate, by default those of the released code.
        max_clusters: Largest number of clusters tried for the quality weights; None stands for twice `num_classes`.

    Raises:
        ConfigurationError: Encoders and modalities do not match, there are fewer than two, an argument is out of range,
            or the data have fewer than two augmented views.
    """

    numerics = "1.0"
    min_augmentations = 2
    several_processes = False

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        encoders: dict[str, Encoder],
        projection_dim: EvenSize = 256,
        projection_hidden: Size = 1280,
        temperature: PositiveFloat = 0.5,
        sequence_length: PositiveInt = 4,
        shared_weight: NonNegativeFloat = 1.0,
        private_weight: NonNegativeFloat = 1.0,
        orthogonality_weight: NonNegativeFloat = 3.0,
        temporal_weight: NonNegativeFloat = 5.0,
        margin: NonNegativeFloat = 1.0,
        lr: PositiveFloat = 0.001,
        optimizer: OptimizerSettings = PUBLISHED,
        max_clusters: AtLeastTwo | None = None,
    ) -> None:
        super().__init__(modality_shapes, num_classes, encoders, projection_dim, projection_hidden, max_clusters)
        self.save_hyperparameters(ignore=["encoders"])
        self.sequence_length = sequence_length
        weights = shared_weight, private_weight, orthogonality_weight, temporal_weight
        self.loss = FOCALLoss(temperature, *weights, margin)
        self._sequence: Tensor | None = None  # by sample index

    def on_fit_start(self) -> None:
        """Reads which samples are neighbours."""
        super().on_fit_start()
        if self.data is not None:
            self._sequence = torch.from_numpy(self.data.sequences).to(self.device)

    def loss_arguments(self, batch: Batch) -> dict[str, Any]:
        """Adds the sequence of each sample; of all of its views its first is the sample itself."""
        given = super().loss_arguments(batch)
        if self._sequence is None:
            return given
        return {**given, "sequence": self._sequence[batch["index"][:: batch.get("num_augmentations", 1)]]}

    def views(self, projected: dict[str, Tensor]) -> Tensor:
        """The shared halves (N, M, D/2) of the projected features, of unit norm."""
        return F.normalize(torch.stack(list(projected.values()), dim=1).chunk(2, dim=2)[0], dim=2)

    def pretraining_loss(
        self, inputs: dict[str, Tensor], num_augmentations: int = 1, sequence: Tensor | None = None
    ) -> Tensor:
        """FOCAL loss of the V augmented views of samples; `sequence` (N,) numbers the sequence of each sample."""
        encoded = self(inputs)
        projected = [at_least_float32(head.layers(encoded[name])) for name, head in self.heads.items()]  # type: ignore[operator, union-attr]
        features = torch.stack(projected, dim=1)
        terms = self.loss.terms(features.reshape(-1, num_augmentations, *features.shape[1:]), sequence)
        for name, value in terms.items():
            self.log_mean(f"train/{name}", value, len(features) // num_augmentations)
        return self.loss.weighted(terms)
