"""Which samples to label: the most typical unlabelled ones, by the features of stage 1.

G. Hacohen, A. Dekel and D. Weinshall, "Active learning on a budget: opposite strategies suit high and low budgets",
ICML 2022 (TypiClust).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.selection import Indices
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import aligned
from cosmo_pl.modules.base import Streams, availability, load_encoders, unit_features

NEIGHBORS = 20  # whose mean distance is the inverse of typicality, as in the paper
DISTANCES = 2**25  # that are held at once, 256 MB


@dataclass(frozen=True)
class Suggestion:
    """A sample to label.

    Args:
        index: Its index in the whole dataset.
        recording: Its recording.
        subject: Its subject.
        start: Its start in the recording, as `Samples.start`.
        typicality: Inverse of the mean distance to its nearest neighbours in its cluster; 0 for a cluster of one.
        represents: Number of samples in its cluster.
    """

    index: int
    recording: str
    subject: int
    start: int
    typicality: float
    represents: int


def suggest(
    data: MultimodalDataModule,
    bundle: str | Path,
    labels: int,
    seed: int = 0,
    bundle_modalities: Mapping[str, str] | None = None,
) -> list[Suggestion]:
    """Suggests samples to label: k-means gives as many clusters as labels, and the most typical of each is suggested.

    Candidates are the training samples of unknown activity; if all activities are known, all training samples. Neither
    labels nor samples of test subjects are used.

    Args:
        data: The data after their setup.
        bundle: Folder of a bundle, or of runs whose newest bundle is used.
        labels: Number of samples to suggest.
        seed: Seed of k-means.
        bundle_modalities: Modality of the data to the modality of the bundle whose encoder it uses, as {acc: thigh}.

    Returns:
        The suggestions, those of the largest clusters first.

    Raises:
        ConfigurationError: There are fewer candidates than labels, or `bundle_modalities` names a modality that the
            data do not have.
        BundleError: The bundle is missing, damaged, or not for these data.
    """
    rows = candidates(data)
    if not 1 <= labels <= len(rows):
        problem = f"is {labels}, and there are {len(rows)} training samples to choose from"
        raise ConfigurationError("labels", problem, f"Use 1 to {len(rows)}")
    encoders, loaded = load_encoders(data.modality_shapes, None, str(bundle), bundle_modalities)
    assert loaded is not None, "a bundle is given"
    loaded.check_data(data)
    chosen, typicality, size = most_typical(centred_features(encoders, data, rows), labels, seed)
    samples = data.samples
    return [
        Suggestion(row, str(samples.recording[row]), int(samples.subject[row]), int(samples.start[row]), *facts)
        for row, *facts in zip(rows[chosen].tolist(), typicality.tolist(), size.tolist(), strict=True)
    ]


def candidates(data: MultimodalDataModule) -> Indices:
    """Training samples of unknown activity; if all activities are known, all training samples.

    Samples of test subjects that `person_unlabeled` adds are left out.
    """
    rows = data.split.unknown if len(data.split.unknown) else data.split.pretraining(include_labeled=True)
    return rows[~np.isin(data.samples.subject[rows], data.subjects.test)]


def centred_features(encoders: Streams, data: MultimodalDataModule, rows: Indices) -> Tensor:
    """Unit features (N, D) of samples: each stream of unit norm, less the mean of these samples."""
    encoders.eval()
    with torch.no_grad():
        parts = [
            unit_features(encoders(batch["inputs"], availability(encoders, batch["inputs"], batch.get("present"))))
            for batch in data.plain_loader(rows)
        ]
    joined = torch.cat(parts).cpu()
    return F.normalize(joined - joined.mean(dim=0), dim=1)


def most_typical(features: Tensor, count: int, seed: int) -> tuple[Indices, NDArray[np.float64], Indices]:
    """The most typical row of each cluster.

    Args:
        features: Features (N, D).
        count: Number of clusters, at most N.
        seed: Seed of k-means.

    Returns:
        Rows (n,), their typicality and the sizes of their clusters, largest cluster first. Duplicates among the
        features can leave fewer than `count` clusters; then the next most typical rows follow.
    """
    from sklearn.cluster import KMeans

    cluster = KMeans(count, n_init=10, random_state=seed).fit_predict(features.numpy())
    size = np.bincount(cluster, minlength=count)[cluster]
    typical = np.zeros(len(features))
    first = np.zeros(len(features), dtype=bool)  # the most typical of its cluster
    for each in np.unique(cluster):
        members = np.flatnonzero(cluster == each)
        typical[members] = typicality(features[members])
        first[members[typical[members].argmax()]] = True
    order = np.lexsort((-typical, -size, ~first))[:count]
    return order, typical[order], size[order]


def typicality(features: Tensor) -> NDArray[np.float64]:
    """Inverse of the mean distance to the `NEIGHBORS` nearest other rows, or to all if there are fewer.

    Args:
        features: Features (N, D).

    Returns:
        Typicality (N,); 0 for a single row.
    """
    if len(features) == 1:
        return np.zeros(1)
    points, count = features.double(), min(NEIGHBORS, len(features) - 1)
    means = []
    size = max(1, DISTANCES // len(points))
    for start in range(0, len(points), size):
        distances = torch.cdist(points[start : start + size], points)
        distances.diagonal(start).fill_(torch.inf)  # of each point to itself
        means.append(distances.topk(count, largest=False).values.mean(dim=1))
    found: NDArray[np.float64] = (1 / torch.cat(means).clamp_min(1e-12)).numpy()
    return found


def table(suggestions: Sequence[Suggestion]) -> str:
    """The suggestions as lines of text, one each, below a line of column names."""
    header = ("rank", "recording", "subject", "start", "typicality", "represents")
    rows = [
        (str(rank), each.recording, str(each.subject), str(each.start), f"{each.typicality:.3f}", str(each.represents))
        for rank, each in enumerate(suggestions, start=1)
    ]
    return aligned([header, *rows])
