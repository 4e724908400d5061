"""Feature maps of samples that are computed once while the encoders stand still."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from cosmo_pl.data.loading import Batch
from cosmo_pl.modules.base.encoding import Streams
from cosmo_pl.modules.base.presence import Present

MAX_BYTES = 2**29  # of feature maps that are kept; those of USC-HAD's 20,000 windows would take twice that
VARIED = "varied"
"""Key of a training batch whose samples are not as the data have them; callbacks that change samples set it."""


class FeatureMemory:
    """Feature maps of a datamodule's samples, by the samples' numbers.

    What does not fit into `MAX_BYTES` is computed each time.

    Args:
        encoders: What computes them, in eval mode.
    """

    def __init__(self, encoders: Streams) -> None:
        self.encoders = encoders
        self._bytes_each = 4 * sum(map(math.prod, encoders.feature_shapes.values()))
        self._rows: dict[int, int] = {}  # by the samples' numbers
        self._maps: dict[str, Tensor] = {}

    @staticmethod
    def serves(batch: Batch) -> bool:
        """Whether the samples of a batch are as the data have them, neither augmented nor changed by a callback."""
        return "index" in batch and "num_augmentations" not in batch and not batch.get(VARIED, False)

    def maps(self, batch: Batch, there: Present | None) -> dict[str, Tensor]:
        """Feature maps of a batch's samples, as `Streams` gives them.

        Args:
            batch: The batch.
            there: See `presence`.
        """
        numbers = batch["index"].tolist()
        new = [place for place, number in enumerate(numbers) if number not in self._rows]
        if (len(self._rows) + len(new)) * self._bytes_each > MAX_BYTES:
            return self._encoded(batch, there, slice(None))
        if new:
            with torch.inference_mode(False), torch.no_grad():  # a training may use what an evaluation has computed
                self._keep([numbers[place] for place in new], self._encoded(batch, there, new))
        rows = torch.tensor([self._rows[number] for number in numbers], device=batch["index"].device)
        return {stream: values[rows] for stream, values in self._maps.items()}

    def _encoded(self, batch: Batch, there: Present | None, places: Any) -> dict[str, Tensor]:
        inputs = {name: values[places] for name, values in batch["inputs"].items()}
        some = None if there is None else {stream: known[places] for stream, known in there.items()}
        maps: dict[str, Tensor] = self.encoders(inputs, some)
        return maps

    def _keep(self, numbers: list[int], maps: dict[str, Tensor]) -> None:
        first, count = len(self._rows), len(self._rows) + len(numbers)
        self._rows.update({number: first + row for row, number in enumerate(numbers)})
        for stream, new in maps.items():
            if first == 0 or len(self._maps[stream]) < count:
                larger = new.new_empty(2 * count, *new.shape[1:])
                if first:
                    larger[:first] = self._maps[stream][:first]
                self._maps[stream] = larger
            self._maps[stream][first:count] = new
