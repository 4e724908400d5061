"""The base of methods that are fitted without gradients."""

from __future__ import annotations

import torch

from cosmo_pl.modules.base.classifier import ClassifierModule


class WithoutGradientsModule(ClassifierModule):
    """A classifier whose training has no optimizer: it stores samples, or what it computes from them.

    Args:
        num_classes: Number of activities.
    """

    manual_optimization = True
    has_gradients = False
    keeps_training = False
    mixed_precision = False
    several_processes = False
    batch_statistics = False  # encoders, if there are any, are in eval mode

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """An optimizer without parameters: Lightning writes no checkpoint before an optimizer has made a step."""
        return torch.optim.SGD([torch.zeros(0)], lr=0.0)

    def count_step(self) -> None:
        """Counts a step of the training, for Lightning."""
        self.optimizers().step()  # type: ignore[union-attr]
