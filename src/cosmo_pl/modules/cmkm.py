"""CMC-CMKM: contrastive multiview coding with cross-modal knowledge mining (R. Brinzea et al., IJCNN 2022)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cosmo_pl.constraints import AtLeastTwo, NonNegativeFloat, NonNegativeInt, PositiveFloat, Size
from cosmo_pl.encoders import Encoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.losses import KnowledgeMiningLoss
from cosmo_pl.modules.base import CrossModalModule, OptimizerSettings, Shapes, load_encoders

PUBLISHED = OptimizerSettings("adam", weight_decay=0.0)


class CMKMModule(CrossModalModule):
    """Contrasts modalities as `CMCModule` does, with samples that are similar in each modality as further positives.

    The similarities are cosines of features of other encoders, one per modality, which SimCLR has trained before and
    which stay frozen and in eval mode. Augmented views of a sample are compared with those of the same position only.
    The module writes a bundle of its own encoders as Cosmo's stage 1 does.

    Args:
        modality_shapes: Modality to shape of a sample. The command line takes it from the data.
        num_classes: Number of activities, for the quality weights. The command line takes it from the data.
        encoders: Modality to encoder.
        bundle: Folder or name of the bundle of the frozen encoders, as in `IterativeFusionModule`.
        frozen_encoders: Descriptions of the frozen encoders, in a checkpoint that holds their weights; otherwise None.
        projection_dim: Size D of a projected feature.
        projection_hidden: Size of the projection heads' hidden layer.
        temperature: τ of the loss.
        num_positives: Number K of mined positives of a sample in each modality.
        intra_weight: Weight λ of the negatives of the same modality.
        lr: Learning rate.
        optimizer: Optimizer and schedule of the learning rate, by default those of the released code.
        max_clusters: Largest number of clusters tried for the quality weights; None stands for twice `num_classes`.

    Raises:
        ConfigurationError: No bundle is given, encoders and modalities do not match, there are fewer than two, or an
            argument is out of range.
        BundleError: The bundle is missing, damaged, or for other modalities or shapes.
    """

    numerics = "1.0"

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        encoders: dict[str, Encoder],
        bundle: str | None = None,
        frozen_encoders: dict[str, Encoder] | None = None,
        projection_dim: Size = 128,
        projection_hidden: Size = 1280,
        temperature: PositiveFloat = 0.1,
        num_positives: NonNegativeInt = 1,
        intra_weight: NonNegativeFloat = 1.0,
        lr: PositiveFloat = 0.001,
        optimizer: OptimizerSettings = PUBLISHED,
        max_clusters: AtLeastTwo | None = None,
    ) -> None:
        super().__init__(modality_shapes, num_classes, encoders, projection_dim, projection_hidden, max_clusters)
        self.save_hyperparameters(ignore=["encoders", "frozen_encoders"])
        if bundle is None and frozen_encoders is None:
            problem = "none is given, and positives are mined by the features of trained encoders"
            raise ConfigurationError("bundle", problem, "Give that of a SimCLRModule")
        self.frozen, self.bundle = load_encoders(modality_shapes, frozen_encoders, bundle)
        if list(self.frozen) != list(self.encoders):
            problem = f"has encoders of {list(self.frozen)}, and those to train are of {list(self.encoders)}"
            raise ConfigurationError("bundle", problem, "Use the same streams for both")
        self.frozen.requires_grad_(False).eval()
        self.loss = KnowledgeMiningLoss(temperature, num_positives, intra_weight)

    def whole_arguments(self) -> dict[str, Any]:
        """All arguments of the constructor, with descriptions of both kinds of encoders."""
        frozen = {name: each.described() for name, each in self.frozen.items()}  # type: ignore[operator]
        return {**super().whole_arguments(), "frozen_encoders": frozen}

    def train(self, mode: bool = True) -> CMKMModule:
        """Sets the mode of all but the frozen encoders."""
        super().train(mode)
        self.frozen.eval()
        return self

    def setup(self, stage: str) -> None:
        """Checks the data of the frozen encoders, the size of a batch, and what every pretraining checks.

        Raises:
            ConfigurationError: They have been trained on test subjects, or a batch has too few samples to mine.
        """
        if stage == "fit" and self.data is not None:
            if self.bundle is not None:
                self.bundle.check_data(self.data)
            batch, mined = self.data.pretrain_batch_size * self.trainer.world_size, self.loss.num_positives
            if mined >= batch:
                problem = f"is {mined}, and a sample has {batch - 1} others in a batch"
                raise ConfigurationError("num_positives", problem, "Use fewer, or a larger pretrain_batch_size")
        super().setup(stage)

    def pretraining_loss(self, inputs: dict[str, Tensor], num_augmentations: int = 1) -> Tensor:
        """Loss of the views of each position, averaged over the V positions."""
        views = self.views(self.gathered(self.project(self(inputs))))
        with torch.no_grad():
            known = {name: F.normalize(z.flatten(1).float(), dim=1) for name, z in self.frozen(inputs).items()}
        known = self.gathered(known)
        losses = []
        for view in range(num_augmentations):
            with torch.autocast(self.device.type, enabled=False):  # in bfloat16 samples would be equally similar
                similarity = torch.stack(
                    [z[view::num_augmentations] @ z[view::num_augmentations].T for z in known.values()]
                )
            losses.append(self.loss(views[view::num_augmentations], similarity))
        return torch.stack(losses).mean()
