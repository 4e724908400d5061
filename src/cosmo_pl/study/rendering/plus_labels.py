"""The recommended recipe by labelled amount."""

from __future__ import annotations

from cosmo_pl.study.rendering.curves import LABELS, Panel, render, share_of_labels
from cosmo_pl.study.rendering.view import Rendered, View


def by_labels(view: View) -> Rendered:
    """Accuracy by labelled amount."""
    return render([Panel(view, 0, "utd_plus", LABELS, share_of_labels)], [])
