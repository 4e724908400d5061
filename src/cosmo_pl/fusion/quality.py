"""Quality of a modality, measured on unlabelled data (Ouyang et al., MobiCom 2022, Sec. 5.2.1)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

HOPKINS_DRAWS = 20
SILHOUETTE_SEEDS = 5
MAX_POINTS = 2000
MIN_POINTS = 10
MAX_DOUBLE = 20_000  # features of a sample that are reduced in double precision
LEAST_CLUSTER_DISTANCE = 0.5


@dataclass(frozen=True)
class ModalityQuality:
    """What was measured on one modality.

    Args:
        hopkins: Mean Hopkins statistic H.
        hopkins_std: Its standard deviation over draws.
        num_clusters: k*, the number of clusters with the best silhouette.
        silhouettes: Mean silhouette by number of clusters.
        weight: Quality weight, summing to 1 over the modalities.
    """

    hopkins: float
    hopkins_std: float
    num_clusters: int
    silhouettes: dict[int, float]
    weight: float


def principal_scores(x: ArrayLike, max_components: int = 50, variance: float = 0.95) -> NDArray[np.float64]:
    """Flattened, standardised and reduced data, on which both statistics are computed.

    Args:
        x: Samples (N, ...).
        max_components: At most so many principal components.
        variance: Keep no more components than explain this share of the variance.

    Returns:
        Scores (at most 2,000 evenly spaced distinct samples, components).

    Raises:
        ValueError: There are fewer than 10 distinct samples, or a value is not finite.
    """
    from sklearn.decomposition import PCA

    values = np.asarray(x)
    # Of radar volumes and images, single precision: several copies of them are in memory at a time.
    large = math.prod(values.shape[1:]) > MAX_DOUBLE
    flat = np.asarray(values, dtype=np.float32 if large else np.float64)
    flat = np.unique(flat.reshape(len(flat), -1), axis=0)  # copies would have distance 0 and pull H to 1
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
    """Hopkins statistic H = Σ u^d / (Σ u^d + Σ w^d): 0.5 for uniform points, towards 1 for clustered ones.

    w are distances from m of the points to their nearest neighbours, u from m points drawn uniformly in the bounding
    box to their nearest data points; m is a tenth of the points (B. Hopkins, Annals of Botany 1954).

    Args:
        x: Points (N, D); `principal_scores` reduces raw samples to such.
        num_draws: Draws that are averaged.
        power: d. With d = D, as Cross and Jain have it, H saturates at 1 from about ten dimensions on; 1 keeps it
            readable.
        seed: Seed of the draws.

    Returns:
        Mean and standard deviation over the draws.
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
        max_clusters: Largest number tried; at most a third of the points.
        num_seeds: Runs of k-means whose silhouettes are averaged.
        seed: Seed of the first run.
        advance: Called after each number of clusters, for a progress bar.

    Returns:
        k*, the smallest where several are best, and the mean silhouette by number of clusters from 2 on.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    points = np.asarray(x, dtype=np.float64)
    curve = {}
    for k in range(2, max(2, min(max_clusters, len(points) // 3)) + 1):
        labels = (KMeans(k, n_init=10, random_state=seed + run).fit_predict(points) for run in range(num_seeds))
        curve[k] = float(np.mean([silhouette_score(points, found) for found in labels]))
        advance()
    return max(curve, key=lambda k: (curve[k], -k)), curve


def modality_quality(
    features: Mapping[str, ArrayLike],
    num_classes: int,
    seed: int = 0,
    num_seeds: int = SILHOUETTE_SEEDS,
    advance: Callable[[], object] = lambda: None,
) -> dict[str, ModalityQuality]:
    """Quality weights of all modalities: q_j = H_j / c_j with c_j = |k*_j - C|, scaled to sum to 1.

    c_j is at least 0.5, so that a modality whose k* equals C gets twice the quality of c_j = 1 and not an infinite
    one; every other value is the paper's.

    Args:
        features: Modality to unlabelled samples (N, ...), raw or encoded.
        num_classes: C. Numbers of clusters up to 2C are tried.
        seed: Seed of all draws.
        num_seeds: Runs of k-means whose silhouettes are averaged.
        advance: Called after each number of clusters of each modality, for a progress bar.

    Returns:
        Modality to what was measured.

    Raises:
        ValueError: A modality has too few or non-finite samples.
    """
    measured = {}
    for name, values in features.items():
        scores = principal_scores(values)
        best, curve = optimal_num_clusters(scores, 2 * num_classes, num_seeds, seed, advance)
        measured[name] = (*hopkins_statistic(scores, seed=seed), best, curve)
    quality = {
        name: hopkins / max(abs(best - num_classes), LEAST_CLUSTER_DISTANCE)
        for name, (hopkins, _, best, _) in measured.items()
    }
    total = sum(quality.values())
    return {
        name: ModalityQuality(hopkins, spread, best, curve, quality[name] / total)
        for name, (hopkins, spread, best, curve) in measured.items()
    }
