"""Augmented views: the rows of a training batch for each sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cosmo_pl.data.augmentations import Augmentation
from cosmo_pl.data.normalization import Normalization


class AugmentedViews:
    """Augmented views of samples, computed on the device of the samples.

    Args:
        augmentations: Modality to its augmentations, in order; they see values in the sensor's units.
        normalization: Modality to the statistics that its samples are standardised with. If each subject has its own
            (`normalization` "adapt"), they are those of the training samples, and the units are as if of one subject.
        count: Views V per sample, each augmented independently, modality by modality.
    """

    def __init__(
        self,
        augmentations: Mapping[str, Sequence[Augmentation]],
        normalization: Mapping[str, Normalization],
        count: int,
    ) -> None:
        self.augmentations = augmentations
        self.normalization = normalization
        self.count = count
        self._positives: Tensor | None = None
        self._fraction = 0.0

    def set_positives(self, positives: Tensor | None, fraction: float = 0.0) -> None:
        """Sets other samples that replace a sample in some of its views; all but its first view may be replaced.

        Args:
            positives: Indices of samples (N, K) for each training sample, in the order of the datamodule's training
                rows; -1 for none. None replaces no view, as at the start.
            fraction: Fraction of the views that are replaced, of the samples that have positives.
        """
        self._positives, self._fraction = positives, fraction

    def choose(self, rows: Tensor) -> Tensor:
        """Rows (N·V,) of the views of the rows (N,): V for each, side by side, some of them positives."""
        chosen = rows.unsqueeze(1).repeat(1, self.count)
        if self._positives is not None:
            chosen[:, 1:] = self._replace(chosen[:, 1:], self._positives.to(rows.device)[rows])
        return chosen.flatten()

    def _replace(self, rows: Tensor, positives: Tensor) -> Tensor:
        """Replaces a fraction of the rows (N, V-1) by one of their positives (N, K) at random."""
        known = positives >= 0
        # A sample without positives gets equal weights, and its choice is not used.
        weights = torch.where(known.any(dim=1, keepdim=True), known, True).float()
        choice = torch.multinomial(weights, rows.shape[1], True)
        replaced = (torch.rand(rows.shape, device=rows.device) < self._fraction) & known.any(dim=1, keepdim=True)
        return torch.where(replaced, positives.gather(1, choice), rows)

    def augment(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Augments standardised samples, modality to (N, *shape)."""
        return {name: self._augment(name, values) for name, values in inputs.items()}

    def _augment(self, name: str, values: Tensor) -> Tensor:
        steps = self.augmentations.get(name, ())
        if not steps:
            return values
        values = self.normalization[name].invert(values)
        for augmentation in steps:
            values = augmentation(values)
        return self.normalization[name].apply(values)
