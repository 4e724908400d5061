"""What a training batch shows of each sample: the sample changed at random, once or several times over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cosmo_pl.data.augmentations import Augmentation
from cosmo_pl.data.normalization import Normalization


class Views:
    """Augmented views of samples, made where the samples are.

    Args:
        augmentations: Modality to its augmentations, in order; they see values in the sensor's units.
        normalization: Modality to the statistics that its samples are standardised with.
        count: Views V of a sample, each augmented independently, modality by modality.

    Attributes:
        partners: For each training sample, in the order of the datamodule's training rows, others that may stand in
            for it (N, K), -1 for none; None without any. `NeighborPartners` sets it.
        partner_share: Share of the views, but each sample's first, that show a partner.
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
        self.partners: Tensor | None = None
        self.partner_share = 0.0

    def choose(self, rows: Tensor) -> Tensor:
        """Rows (N·V,) of what is shown for the rows (N,): V for each, side by side, itself and perhaps partners."""
        shown = rows.unsqueeze(1).repeat(1, self.count)
        if self.partners is not None:
            shown[:, 1:] = self._with_partners(shown[:, 1:], self.partners.to(rows.device)[rows])
        return shown.flatten()

    def _with_partners(self, rows: Tensor, partners: Tensor) -> Tensor:
        """Replaces rows (N, V-1), `partner_share` of them, by one of their partners (N, K) at random."""
        known = partners >= 0
        # Where there is none, any weights will do: the draw is thrown away.
        draw = torch.multinomial(torch.where(known.any(dim=1, keepdim=True), known, True).float(), rows.shape[1], True)
        replace = (torch.rand(rows.shape, device=rows.device) < self.partner_share) & known.any(dim=1, keepdim=True)
        return torch.where(replace, partners.gather(1, draw), rows)

    def change(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Augments standardised samples, modality to (N, *shape)."""
        return {name: self._change(name, values) for name, values in inputs.items()}

    def _change(self, name: str, values: Tensor) -> Tensor:
        steps = self.augmentations.get(name, ())
        if not steps:
            return values
        values = self.normalization[name].invert(values)
        for augmentation in steps:
            values = augmentation(values)
        return self.normalization[name].apply(values)
