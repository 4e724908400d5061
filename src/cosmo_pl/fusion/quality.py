"""Quality of a modality, measured on unlabelled data (Ouyang et al., MobiCom 2022, Sec. 5.2.1).

The paper leaves open two choices that determine the values. Here the number of clusters is searched up to twice the
number of classes (`modality_quality`), and the Hopkins statistic uses plain distances (`hopkins_statistic`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

HOPKINS_DRAWS = 20
SILHOUETTE_SEEDS = 5
MAX_POINTS = 2000
MIN_POINTS = 10
MAX_DOUBLE = 20_000  # largest number of values per sample that is reduced in double precision
LEAST_CLUSTER_DISTANCE = 0.5
EDGE = 0.9  # a silhouette that still rises at the limit is flat and noisy, so that k* may lie a little below it


@dataclass(frozen=True)
class ModalityQuality:
    """Measured quality of one modality.

    Args:
        hopkins: Mean Hopkins statistic H.
        hopkins_std: Standard deviation of H over repetitions.
        num_clusters: k*, the number of clusters with the best silhouette.
        silhouettes: Mean silhouette by number of clusters.
        weight: Quality weight, summing to 1 over the modalities.
    """

    hopkins: float
    hopkins_std: float
    num_clusters: int
    silhouettes: dict[int, float]
    weight: float

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> ModalityQuality:
        """The quality of its fields as JSON, whose keys are strings."""
        silhouettes = {int(k): value for k, value in stored["silhouettes"].items()}
        return cls(**{**stored, "silhouettes": silhouettes})

    @property
    def at_edge(self) -> bool:
        """Whether k* is among the largest tenth of the numbers tried, so that the limit of the search determines it."""
        return self.num_clusters >= EDGE * max(self.silhouettes)


def default_max_clusters(num_classes: int) -> int:
    """Largest number of clusters tried for C classes: 2C. The paper states none."""
    return 2 * num_classes


def principal_scores(x: ArrayLike, max_components: int = 50, variance: float = 0.95) -> NDArray[np.float64]:
    """Flattened, standardised and reduced data, for both statistics.

    Args:
        x: Samples (N, ...).
        max_components: Largest number of principal components.
        variance: Fraction of the variance that the kept components explain.

    Returns:
        Scores (at most 2,000 evenly spaced distinct samples, components).

    Raises:
        ValueError: There are fewer than 10 distinct samples, or a value is not finite.
    """
    from sklearn.decomposition import PCA

    values = np.asarray(x)
    # Single precision for radar volumes and images, of which several copies are in memory.
    large = math.prod(values.shape[1:]) > MAX_DOUBLE
    flat = np.asarray(values, dtype=np.float32 if large else np.float64)
    flat = np.unique(flat.reshape(len(flat), -1), axis=0)  # copies have distance 0 and would raise H to 1
    if len(flat) < MIN_POINTS:
        raise ValueError(f"needs at least {MIN_POINTS} distinct samples, has {len(flat)}")
    if not np.isfinite(flat).all():
        raise ValueError("holds NaN or infinite values")
    flat = flat[np.linspace(0, len(flat) - 1, min(len(flat), MAX_POINTS)).round().astype(int)]
    spread = flat.std(axis=0)
    flat = (flat - flat.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    pca = PCA(n_components=min(max_components, *flat.shape), random_state=0)
    scores: NDArray[np.float64] = pca.fit_transform(flat)
    enough = int(np.searchsorted(np.cumsum(pca.explained_variance_ratio_), variance)) + 1
    return scores[:, :enough]


def hopkins_statistic(
    x: ArrayLike, num_draws: int = HOPKINS_DRAWS, power: float = 1.0, seed: int = 0
) -> tuple[float, float]:
    """Hopkins statistic H = Σ u^d / (Σ u^d + Σ w^d): 0.5 for uniform points, close to 1 for clustered ones.

    w are distances from m of the points to their nearest neighbours. u are distances from m uniformly sampled points of
    the bounding box to their nearest data points. m is a tenth of the points (B. Hopkins, Annals of Botany 1954).

    By default d = 1. H then also exceeds 0.5 if points are only denser in the middle of their bounding box: a single
    Gaussian gives 0.61 to 0.74.

    Args:
        x: Points (N, D), as `principal_scores` makes them from raw samples.
        num_draws: Number of repetitions that are averaged.
        power: d. With d = D, as in Cross and Jain, few distances decide from about ten dimensions upwards.
        seed: Seed of the repetitions.

    Returns:
        Mean and standard deviation over the repetitions.

    Examples:
        >>> import numpy as np
        >>> random = np.random.default_rng(0)
        >>> uniform = random.random((500, 2))
        >>> clusters = random.choice([0.0, 1.0], (500, 2)) + 0.01 * random.standard_normal((500, 2))
        >>> 0.4 < hopkins_statistic(uniform)[0] < 0.6
        True
        >>> hopkins_statistic(clusters)[0] > 0.9
        True
    """
    from sklearn.neighbors import NearestNeighbors

    points = np.asarray(x, dtype=np.float64)
    count = min(max(10, -(-len(points) // 10)), len(points) // 2)
    generator = np.random.default_rng(seed)
    neighbours = NearestNeighbors(n_neighbors=2).fit(points)
    within = neighbours.kneighbors(points)[0][:, 1]
    low, high = points.min(axis=0), points.max(axis=0)
    values = []
    for _ in range(num_draws):
        w = within[generator.choice(len(points), count, replace=False)]
        uniform = generator.uniform(low, high, size=(count, points.shape[1]))
        u = neighbours.kneighbors(uniform, n_neighbors=1)[0][:, 0]
        _, exponent = np.frexp(max(u.max(), w.max()))
        u, w = np.ldexp(u, -exponent), np.ldexp(w, -exponent)  # at most 1, so that no power overflows
        values.append((u**power).sum() / ((u**power).sum() + (w**power).sum()))
    return float(np.mean(values)), float(np.std(values))


def optimal_num_clusters(
    x: ArrayLike,
    max_clusters: int,
    num_seeds: int = SILHOUETTE_SEEDS,
    seed: int = 0,
    advance: Callable[[], object] = lambda: None,
) -> tuple[int, dict[int, float]]:
    """Number of k-means clusters with the best mean silhouette, k*.

    Args:
        x: Points (N, D).
        max_clusters: Largest number tried. It is limited to a third of the points.
        num_seeds: Number of runs of k-means whose silhouettes are averaged.
        seed: Seed of the first run.
        advance: Called after each number of clusters, for a progress bar.

    Returns:
        k* (see `best_num_clusters`), and the mean silhouette by number of clusters from 2 on.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score
    from threadpoolctl import threadpool_limits

    points = np.asarray(x, dtype=np.float64)
    curve = {}
    with threadpool_limits(1):  # on so few points, threads wait longer than they compute
        for k in range(2, max(2, min(max_clusters, len(points) // 3)) + 1):
            labels = (KMeans(k, n_init=10, random_state=seed + run).fit_predict(points) for run in range(num_seeds))
            curve[k] = float(np.mean([silhouette_score(points, found) for found in labels]))
            advance()
    return best_num_clusters(curve), curve


def best_num_clusters(silhouettes: Mapping[int, float], max_clusters: int | None = None) -> int:
    """k*, the number of clusters with the best silhouette; the smallest of several best.

    Args:
        silhouettes: Mean silhouette by number of clusters, from 2 on.
        max_clusters: Larger numbers are ignored, as if they had not been tried; None ignores none.
    """
    tried = [k for k in silhouettes if max_clusters is None or k <= max(2, max_clusters)]
    return max(tried, key=lambda k: (silhouettes[k], -k))


def quality_weights(
    hopkins: Mapping[str, float], num_clusters: Mapping[str, int], num_classes: int
) -> dict[str, float]:
    """Weights q_j / Σ q with q_j = H_j / c_j and c_j = |k*_j - C|, at least 0.5.

    The bound gives a modality whose k* equals C twice the quality of c_j = 1 instead of an infinite one. All other
    values are those of the paper.

    Args:
        hopkins: Modality to H.
        num_clusters: Modality to k*.
        num_classes: C.
    """
    quality = {
        name: hopkins[name] / max(abs(best - num_classes), LEAST_CLUSTER_DISTANCE)
        for name, best in num_clusters.items()
    }
    total = sum(quality.values())
    return {name: value / total for name, value in quality.items()}


def modality_quality(
    features: Mapping[str, ArrayLike],
    num_classes: int,
    seed: int = 0,
    num_seeds: int = SILHOUETTE_SEEDS,
    advance: Callable[[], object] = lambda: None,
    max_clusters: int | None = None,
) -> dict[str, ModalityQuality]:
    """Quality of all modalities: Hopkins statistic, number of clusters k*, and their `quality_weights`.

    The number of clusters is searched from 2 to `max_clusters`. On real recordings the best silhouette is often at this
    limit, so that the limit determines the weight (`ModalityQuality.at_edge`).

    Args:
        features: Modality to unlabelled samples (N, ...), raw or encoded.
        num_classes: C.
        seed: Seed of all repetitions.
        num_seeds: Number of runs of k-means whose silhouettes are averaged.
        advance: Called after each number of clusters of each modality, for a progress bar.
        max_clusters: Largest number of clusters tried, limited to a third of the samples; None stands for 2C.

    Returns:
        Modality to its measured quality.

    Raises:
        ValueError: A modality has too few or non-finite samples.
    """
    limit = default_max_clusters(num_classes) if max_clusters is None else max_clusters
    hopkins, clusters = {}, {}
    for name, values in features.items():
        scores = principal_scores(values)
        clusters[name] = optimal_num_clusters(scores, limit, num_seeds, seed, advance)
        hopkins[name] = hopkins_statistic(scores, seed=seed)
    weights = quality_weights(
        {name: mean for name, (mean, _) in hopkins.items()},
        {name: best for name, (best, _) in clusters.items()},
        num_classes,
    )
    return {name: ModalityQuality(*hopkins[name], *clusters[name], weights[name]) for name in weights}
