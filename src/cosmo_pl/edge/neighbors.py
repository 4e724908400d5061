"""The distance of samples to the nearest training samples, among the features of the encoders.

Y. Sun, Y. Ming, X. Zhu and Y. Li, "Out-of-distribution detection with deep nearest neighbors", ICML 2022.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.loading import Batch, on_device
from cosmo_pl.data.selection import Indices, evenly_spaced
from cosmo_pl.data.split import Split
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import ClassifierModule
from cosmo_pl.modules.base import Present, availability, joined
from cosmo_pl.stream_names import is_complete

NEIGHBOR = 5
MOST = 1000  # unlabelled samples that are compared; with more, the distances of new people change little


class NeighborDistance(nn.Module):
    """Cosine distance to the `NEIGHBOR`-th nearest of some training samples, of which none has to be labelled.

    The cosine is averaged over the streams, so that all have equal weight. Streams that a sample lacks are left out.

    Args:
        features: Stream to features (R, *) of the training samples, at least `NEIGHBOR`.
        columns: Stream to the columns of its flattened features that are compared; all by default.

    Examples:
        >>> distance = NeighborDistance({"acc": torch.eye(5)})
        >>> distance({"acc": torch.ones(1, 5)})  # 1 - 1 / sqrt(5)
        tensor([0.5528])
    """

    def __init__(self, features: Mapping[str, Tensor], columns: Mapping[str, slice] | None = None) -> None:
        super().__init__()
        self.columns = {stream: slice(None) if columns is None else columns[stream] for stream in features}
        for number, (stream, values) in enumerate(features.items()):
            self.register_buffer(f"reference_{number}", self._unit(stream, values))

    def forward(self, features: Mapping[str, Tensor], available: Present | None = None) -> Tensor:
        """Distances (N,), in [0, 2].

        Args:
            features: Stream to features (N, *); a stream without an entry is missing in all samples.
            available: Stream to its availability in each sample (N,); None if nothing is missing.
        """
        total, count = torch.zeros(()), torch.zeros(())
        for number, stream in enumerate(self.columns):
            if stream in features:
                has = torch.ones(()) if available is None else available[stream].float().unsqueeze(1)
                total = total + has * (self._unit(stream, features[stream]) @ self.get_buffer(f"reference_{number}").T)
                count = count + has
        nearest = (total / count).topk(NEIGHBOR, dim=1).values
        return 1 - nearest[:, -1]

    def _unit(self, stream: str, features: Tensor) -> Tensor:
        return F.normalize(features.flatten(1)[:, self.columns[stream]].float(), dim=1)


def training_neighbors(
    module: ClassifierModule, data: MultimodalDataModule, split: Split | None = None
) -> NeighborDistance | None:
    """The distance to the samples that a module was trained on: the labelled ones, and at most `MOST` others.

    Args:
        module: The module, in eval mode.
        data: The data of its training, after their setup.
        split: The samples; by default those of the data.

    Returns:
        The distance; None for a module whose features have different units, and for fewer samples than `NEIGHBOR`.
    """
    split, samples = data.split if split is None else split, data.samples
    others = split.unlabeled[evenly_spaced(len(split.unlabeled), MOST)]
    rows = samples.complete(np.concatenate([split.labeled, others]))  # others are compared with these
    columns = _columns(module)
    if len(rows) < NEIGHBOR or not columns:
        return None
    parts = [encoded(module, batch)[0] for batch in data.plain_loader(rows)]
    return NeighborDistance({stream: torch.cat([part[stream] for part in parts]) for stream in columns}, columns)


def _columns(module: ClassifierModule) -> Mapping[str, slice]:
    try:
        return module.compared_columns()
    except ConfigurationError:  # a method whose encoders are not apart from its classifier
        return {}


def distances(
    neighbors: NeighborDistance, module: ClassifierModule, data: MultimodalDataModule, rows: Indices
) -> NDArray[np.float32]:
    """Distances (N,) of samples of the whole dataset, by their indices."""
    with torch.inference_mode():
        parts = [neighbors(*encoded(module, batch)) for batch in data.plain_loader(rows)]
    return torch.cat(parts).numpy() if parts else np.zeros(0, dtype=np.float32)


def encoded(module: ClassifierModule, batch: Batch) -> tuple[dict[str, Tensor], Present | None]:
    """Features (N, *) of each stream that is not missing in all samples, and its availability, on the CPU.

    Args:
        module: The module, in eval mode.
        batch: A batch of a datamodule.

    Raises:
        ConfigurationError: Its encoders are not apart from its classifier.
    """
    encoders, batch = module.stream_encoders(), on_device(batch, module.device)
    available = availability(encoders, batch["inputs"], batch.get("present"))
    with torch.inference_mode():
        features = {
            stream: encoder.eval()(joined(batch["inputs"], stream)).cpu()
            for stream, encoder in encoders.items()
            if is_complete(stream, batch["inputs"])
        }
    return features, None if available is None else {stream: has.cpu() for stream, has in available.items()}
