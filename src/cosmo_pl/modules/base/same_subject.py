"""The base of the methods whose contrastive loss can weight negatives of the same subject."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from cosmo_pl.data.loading import Batch
from cosmo_pl.losses import ContrastiveFusionLoss, CrossViewLoss
from cosmo_pl.modules.base.pretraining import CrossModalModule


class SubjectWeightingModule(CrossModalModule):
    """Gives the `loss` of a subclass the subjects of the samples if it weights negatives of the same subject.

    Its arguments and errors are those of `CrossModalModule`.
    """

    numerics = "1.0"
    loss: ContrastiveFusionLoss | CrossViewLoss
    """Set by a subclass."""

    def loss_arguments(self, batch: Batch) -> dict[str, Any]:
        """Adds the subject of each row (N·V,) if negatives of the same subject are weighted."""
        given = super().loss_arguments(batch)
        return given if self.loss.same_subject_weight is None else {**given, "subject": batch["subject"]}

    def view_subjects(self, subject: Tensor | None, num_augmentations: int, repeats: int = 1) -> Tensor | None:
        """Subjects of the rows of all processes, each `repeats` times: (N·V,) to (N, V·repeats)."""
        if subject is None:
            return None
        every = self.gathered(subject.double()).reshape(-1, num_augmentations)
        return every.repeat_interleave(repeats, dim=1)
