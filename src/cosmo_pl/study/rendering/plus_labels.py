"""The recommended recipe by labelled amount."""

from __future__ import annotations

from cosmo_pl.study.rendering.curves import LABELS, Panel, render, share_of_labels
from cosmo_pl.study.rendering.view import Rendered, View


def by_labels(view: View) -> Rendered:
    """Accuracy by labelled amount."""
    grids = enumerate(view.study.runs)
    return render([Panel(view, i, name, LABELS, share_of_labels) for i, runs in grids for name in runs.datasets], [])
