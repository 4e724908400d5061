"""Embedding of points in a plane, for figures."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def plane(points: ArrayLike) -> list[list[float]]:
    """t-SNE of the points' first 50 principal components (L. van der Maaten and G. Hinton, JMLR 9, 2008).

    Args:
        points: Points (N, D), at least three.

    Returns:
        N pairs of coordinates, rounded to two decimals.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    x = np.asarray(points, dtype=np.float64)
    reduced = PCA(n_components=min(50, *x.shape), random_state=0).fit_transform(x)
    perplexity = min(30.0, (len(x) - 1) / 3)
    embedded = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(reduced)
    return [[round(float(a), 2), round(float(b), 2)] for a, b in embedded]
