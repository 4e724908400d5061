"""Figure 14: how fast methods converge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.epochs import EpochCurve, curve_rows, epoch_curve, first_near_best
from cosmo_pl.study.rendering.verdict import NOT_REPRODUCED, REPRODUCED, not_comparable
from cosmo_pl.study.rendering.view import Rendered, Verdict, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHOD = "cosmo"
MARGIN = 0.01  # within a point of its best counts as reached
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def by_epoch(view: View) -> Rendered:
    """Accuracy on the test subjects by epoch, a panel a dataset; the paper's range of epochs is shaded."""
    paper = view.paper["fig14"]
    simulated = {record.dataset for _, record in view.records(lambda job: True) if record.simulated}
    datasets = view.datasets()
    figure, axes = style.new_figure(columns=len(datasets), height=5.0)
    rows, notes, verdicts = [], [], []
    style.share_heights(axes[0])
    for place, dataset in zip(axes[0], datasets, strict=True):
        curves = _curves(view, dataset)
        name = style.DATASETS[dataset] + (" (simulated)" if dataset in simulated else "")
        place.set_title(name)
        if curves:
            _draw(place, view, curves, paper["cosmo_epochs_to_best"])
            rows += [[dataset, method, *row] for method, curve in curves.items() for row in curve_rows(curve)]
            few, many = min(curve.n for curve in curves.values()), max(curve.n for curve in curves.values())
            seeds = f"{few}" if few == many else f"{few} to {many}"
            notes.append(f"{name}: n = {seeds} of each method; the bands are one standard deviation over seeds.")
        else:
            style.empty(place, view, dataset)
        verdicts.append(_verdict(paper, style.DATASETS[dataset], curves.get(METHOD), dataset in simulated))
    axes[0][0].set_ylabel("accuracy on test subjects")
    style.legend(figure, columns=3)
    return Rendered(("dataset", "method", "epoch", "accuracy", "std", "n"), rows, figure, notes, verdicts)


def _curves(view: View, dataset: str) -> dict[str, EpochCurve]:
    methods = [method for runs in view.study.runs for method in runs.methods]
    found = {
        method: epoch_curve(
            [r for job, r in view.grid(0) if (job.dataset, job.method) == (dataset, method)], "test/acc"
        )
        for method in methods
    }
    return {method: curve for method, curve in found.items() if curve is not None}


def _draw(axes: Axes, view: View, curves: Mapping[str, EpochCurve], stated: list[int]) -> None:
    for method, curve in curves.items():
        name = style.title(view.methods, method)
        style.method_band(axes, method, name, curve.epochs, curve.means, curve.stds, markers=False)
    axes.axvspan(*stated, color=style.PAPER, alpha=0.25, linewidth=0, label="paper: Cosmo at its best", zorder=0)
    first = min(curve.epochs[0] for curve in curves.values())
    last = max(curve.epochs[-1] for curve in curves.values())
    axes.set_xscale("log")
    axes.set_xlim(first, max(last, stated[-1]))
    ticks = [tick for tick in TICKS if first <= tick <= max(last, stated[-1])]
    axes.set_xticks(ticks, map(str, ticks))
    axes.set_xticks([], minor=True)
    axes.set_xlabel("epoch of training on labels")


def _verdict(paper: Mapping[str, Any], dataset: str, curve: EpochCurve | None, simulated: bool) -> Verdict:
    """Reproduced if the mean curve is within a point of its best by the last of the stated epochs."""
    low, high = paper["cosmo_epochs_to_best"]
    claim = f"Fig. 14, {paper['place']}: Cosmo is at its best within {low} to {high} epochs on {dataset}"
    if simulated or curve is None:
        return not_comparable(claim, "simulated recordings" if simulated else "no such run")
    reached, best = first_near_best(curve, MARGIN), max(curve.means)
    evidence = (
        f"mean over {curve.n} seeds: best {best:.3f} at epoch {first_near_best(curve, 0.0)}, within a point of it from "
        f"epoch {reached} on; by epoch {high} counts as reproduced"
    )
    return Verdict(claim, REPRODUCED if reached <= high else NOT_REPRODUCED, evidence)
