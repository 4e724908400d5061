"""Figure 14: how fast methods converge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.curves import Pairs
from cosmo_pl.study.rendering.epochs import EpochCurve, curve_rows, epoch_curve, epochs_to_best, first_near_best
from cosmo_pl.study.rendering.statistics import MIN_RUNS
from cosmo_pl.study.rendering.verdict import (
    NO_RUN,
    NOT_REPRODUCED,
    REPRODUCED,
    TOO_FEW,
    every,
    means_verdict,
    not_comparable,
    obstacle,
)
from cosmo_pl.study.rendering.view import Rendered, Verdict, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHOD, CURVE = "cosmo", "test/acc"
MARGIN = 0.01  # within a point of its best counts as reached
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def by_epoch(view: View) -> Rendered:
    """Accuracy on the test subjects by epoch, a panel a dataset; the paper's range of epochs is shaded."""
    datasets = view.datasets()
    figure, axes = style.new_figure(columns=len(datasets), height=5.0)
    rows, notes = [], []
    verdicts: list[Verdict] = []
    style.share_heights(axes[0])
    for place, dataset in zip(axes[0], datasets, strict=True):
        runs = _runs(view, dataset)
        curves = {m: curve for m, pairs in runs.items() if (curve := epoch_curve([r for _, r in pairs], CURVE))}
        name = style.heading(view.title(dataset), [record for pairs in runs.values() for _, record in pairs])
        place.set_title(name)
        if curves:
            _draw(place, view, curves, view.stated("fig14").get("cosmo_epochs_to_best", []))
            rows += [[dataset, method, *row] for method, curve in curves.items() for row in curve_rows(curve)]
            few, many = min(curve.n for curve in curves.values()), max(curve.n for curve in curves.values())
            seeds = f"{few}" if few == many else f"{few} to {many}"
            notes.append(f"{name}: n = {seeds} of each method; the bands are one standard deviation over seeds.")
        else:
            style.empty(place, view.why_empty(dataset))
        verdicts += convergence(view, dataset, runs)
    axes[0][0].set_ylabel("accuracy on test subjects")
    style.legend(figure, columns=3)
    return Rendered(("dataset", "method", "epoch", "accuracy", "std", "n"), rows, figure, notes, verdicts)


def _runs(view: View, dataset: str) -> dict[str, Pairs]:
    """Runs of each method on a dataset."""
    every_run = [(job, record) for grid in range(len(view.study.runs)) for job, record in view.grid(grid)]
    run = {outcome.job.method for outcome in view.outcomes if outcome.job.dataset == dataset}
    methods = [method for runs in view.study.runs for method in runs.methods if method in run]
    return {m: [(j, r) for j, r in every_run if (j.dataset, j.method) == (dataset, m)] for m in methods}


def _draw(axes: Axes, view: View, curves: Mapping[str, EpochCurve], stated: list[int]) -> None:
    for method, curve in curves.items():
        name = style.title(view.methods, method)
        style.method_band(axes, method, name, curve.epochs, curve.means, curve.stds, markers=False)
    if stated:
        axes.axvspan(*stated, color=style.PAPER, alpha=0.25, linewidth=0, label="paper: Cosmo at its best", zorder=0)
    first = min(curve.epochs[0] for curve in curves.values())
    last = max(*(curve.epochs[-1] for curve in curves.values()), first + 1, *stated)
    axes.set_xscale("log")
    axes.set_xlim(first, last)
    ticks = [tick for tick in TICKS if first <= tick <= last]
    axes.set_xticks(ticks, map(str, ticks))
    axes.set_xticks([], minor=True)
    axes.set_xlabel("epoch of training on labels")


def convergence(view: View, dataset: str, runs: Mapping[str, Pairs]) -> Iterator[Verdict]:
    """Claims about how fast Cosmo reaches its best.

    Args:
        view: The study.
        dataset: One of its datasets.
        runs: Method to its runs.
    """
    paper = view.stated("fig14")
    if view.in_paper(dataset) not in paper.get("datasets", []):
        return
    name = view.title(view.in_paper(dataset))
    yield _within(view, dataset, runs.get(METHOD, []))
    ours = epochs_to_best(runs.get(METHOD, []), CURVE, MARGIN)
    baselines = [method for method in runs if method != METHOD and view.methods[method].paper is not None]
    steps = {
        view.named(method): means_verdict(
            "", epochs_to_best(runs[method], CURVE, MARGIN), ours, obstacle(view, dataset, [METHOD, method]), digits=1
        )
        for method in baselines
    }
    yield every(f"{paper['place']}: Cosmo converges in fewer epochs than the baselines on {name}", steps)


def _within(view: View, dataset: str, pairs: Pairs) -> Verdict:
    """Reproduced if the mean curve is within a point of its best by the last of the stated epochs."""
    paper, curve = view.stated("fig14"), epoch_curve([record for _, record in pairs], CURVE)
    low, high = paper["cosmo_epochs_to_best"]
    name = view.title(view.in_paper(dataset))
    claim = f"{paper['place']}: Cosmo is at its best within {low} to {high} epochs on {name}"
    reason = obstacle(view, dataset, [METHOD])
    if curve is None:
        return not_comparable(claim, reason) if reason else Verdict(claim, TOO_FEW, NO_RUN)
    values = dict(zip(curve.epochs, curve.means, strict=True))
    reached, best = first_near_best(values, MARGIN), max(curve.means)
    evidence = (
        f"mean curve (n={curve.n}): best {best:.3f} at epoch {first_near_best(values, 0.0)}, within a point of it "
        f"from epoch {reached} on; by epoch {high} counts as reproduced"
    )
    if reason is not None:
        return not_comparable(claim, f"{reason}; {evidence}")
    if curve.n < MIN_RUNS:
        return Verdict(claim, TOO_FEW, evidence)
    return Verdict(claim, REPRODUCED if reached <= high else NOT_REPRODUCED, evidence)
