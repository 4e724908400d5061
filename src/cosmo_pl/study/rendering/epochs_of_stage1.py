"""Convergence of stage 1 on validation subjects, where the paper states no number of epochs."""

from __future__ import annotations

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.epochs import curve_rows, epoch_curve, first_near_best
from cosmo_pl.study.rendering.view import Rendered, View

MARGIN = 0.01  # within a point of its best counts as reached
CURVES = {"probe/acc": "accuracy of a nearest neighbour\non validation subjects", "train/loss": "training loss"}


def by_epoch(view: View) -> Rendered:
    """Accuracy of the probe and training loss by epoch."""
    figure, axes = style.new_figure(columns=2, height=3.6)
    records = [record for _, record in view.records(lambda job: job.kind == "pretrain")]
    figure.suptitle(style.heading(view.title(view.datasets()[0]), records))
    rows, notes = [], []
    for place, (name, label) in zip(axes[0], CURVES.items(), strict=True):
        place.set_xlabel("epoch of stage 1")
        place.set_ylabel(label)
        curve = epoch_curve(records, name)
        if curve is None:
            style.empty(place, view.why_empty(view.datasets()[0]))
            continue
        style.method_band(place, "cosmo", "Cosmo", curve.epochs, curve.means, curve.stds)
        rows += [[name, *row] for row in curve_rows(curve)]
        if name == "probe/acc":
            values = dict(zip(curve.epochs, curve.means, strict=True))
            best, near = first_near_best(values, 0.0), first_near_best(values, MARGIN)
            notes.append(
                f"n = {curve.n}. Best {max(curve.means):.3f} at epoch {best}, within a point of it from epoch {near} "
                f"on for the first time; {curve.means[-1]:.3f} after epoch {curve.epochs[-1]}."
            )
    return Rendered(("curve", "epoch", "mean", "std", "n"), rows, figure, notes)
