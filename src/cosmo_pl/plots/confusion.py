"""The confusion matrix of a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.plots.saving import saved


def plot_confusion(confusion: NDArray[np.int64], class_names: Sequence[str], path: Path) -> None:
    """Plots the row-normalised confusion matrix with the counts in its cells."""
    from matplotlib.figure import Figure

    count = len(class_names)
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    side = 3.0 + 0.32 * count
    figure = Figure(figsize=(side + 1, side), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(count), class_names, rotation=90)
    axes.set_yticks(range(count), class_names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(f"accuracy {np.trace(confusion) / confusion.sum():.3f} ({np.trace(confusion)}/{confusion.sum()})")
    for row, column in zip(*np.nonzero(confusion), strict=True):
        colour = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, str(confusion[row, column]), ha="center", va="center", fontsize=7, color=colour)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    saved(figure, path)
