"""A classifier, and a method that pretrains."""

from __future__ import annotations

from itertools import combinations
from math import prod

import torch
from torch import Tensor, nn

from cosmo_pl.encoders import Encoder
from cosmo_pl.modules.base import ClassifierModule, OptimizerSettings, PretrainingModule, Shapes


class LinearModule(ClassifierModule):
    """A linear classifier of all values of all modalities."""

    def __init__(self, modality_shapes: Shapes, num_classes: int, lr: float = 0.1) -> None:
        super().__init__(num_classes)
        self.save_hyperparameters()
        self.layers = nn.ModuleDict(
            {name: nn.Linear(prod(shape), num_classes) for name, shape in modality_shapes.items()}
        )

    def classify(self, inputs: dict[str, Tensor], present: object = None) -> tuple[Tensor, None]:
        """The mean of the modalities' logits (N, num_classes)."""
        return torch.stack([self.layers[name](x.flatten(1)) for name, x in inputs.items()]).mean(dim=0), None

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.hparams["lr"])


class AgreementModule(PretrainingModule):
    """Makes the modalities agree on how similar two samples are; trained by the inherited optimizer."""

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: int,
        encoders: dict[str, Encoder],
        lr: float = 0.01,
        optimizer: OptimizerSettings = OptimizerSettings(weight_decay=0.0),
    ) -> None:
        super().__init__(modality_shapes, num_classes, encoders)
        self.save_hyperparameters(ignore=["encoders"])

    def pretraining_loss(self, inputs: dict[str, Tensor], num_augmentations: int = 1) -> Tensor:
        """Mean squared difference between the similarities (N, N) of every two modalities."""
        units = [nn.functional.normalize(z, dim=1) for z in self(inputs).values()]
        pairs = combinations([z @ z.T for z in units], 2)
        return torch.stack([(one - other).square().mean() for one, other in pairs]).mean()
