"""Figures 9 and 14, and the epochs of stage 1: what runs logged by epoch, mean and spread over seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.look import HEX
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.effect import Effect
from cosmo_pl.study.rendering.factors import Panel, run_counts
from cosmo_pl.study.rendering.provenance import MARK, dirty
from cosmo_pl.study.rendering.statistics import MIN_RUNS, Pairs, numbers
from cosmo_pl.study.rendering.verdict import (
    NOT_REPRODUCED,
    REPRODUCED,
    TOO_FEW,
    every,
    means_verdict,
    no_run,
    not_comparable,
    obstacle,
    order_verdict,
)
from cosmo_pl.study.rendering.view import OURS, Rendered, Verdict, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

JOINT = 0  # the value of T_iter that trains both parts together
LOSS, PHASE, ACCURACY, PROBE = "train/loss", "phase", "test/acc", "probe/acc"
MARGIN = 0.01  # an accuracy within one point of the best counts as reached
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
FIG9 = {LOSS: "training loss", "test/loss": "loss on test subjects", ACCURACY: "accuracy on test subjects"}
STAGE1 = {PROBE: "accuracy of a nearest neighbour\non validation subjects", LOSS: "training loss"}


@dataclass(frozen=True)
class EpochCurve:
    """A logged value by epoch.

    Args:
        epochs: Epochs, counted from 1, at which every run logged it.
        means: Its mean over the runs.
        stds: Its standard deviation over the runs; None for one run.
        n: Number of runs.
        dirty: Whether a run is marked, see `cosmo_pl.study.rendering.provenance.dirty`.
    """

    epochs: list[int]
    means: list[float]
    stds: list[float | None]
    n: int
    dirty: bool = False

    @property
    def by_epoch(self) -> dict[int, float]:
        """Epoch to mean."""
        return dict(zip(self.epochs, self.means, strict=True))

    def rows(self) -> list[list[str]]:
        """Epoch, mean, standard deviation and number of runs as cells."""
        n = f"{self.n}{MARK if self.dirty else ''}"
        points = zip(self.epochs, self.means, self.stds, strict=True)
        return [[str(epoch), *numbers(mean, std), n] for epoch, mean, std in points]


def epoch_curve(records: Sequence[Record], name: str) -> EpochCurve | None:
    """Mean and spread of a logged value; None where no epoch of it is common to all runs that logged it.

    Args:
        records: Runs of one cell.
        name: Name of the curve, "test/acc".
    """
    having = [record for record in records if logged(record, name)]
    found = [logged(record, name) for record in having]
    epochs = sorted(set.intersection(*(set(values) for values in found))) if found else []
    if not epochs:
        return None
    columns = [[values[epoch] for values in found] for epoch in epochs]
    stds = [stdev(column) if len(column) > 1 else None for column in columns]
    return EpochCurve(epochs, [fmean(column) for column in columns], stds, len(found), any(map(dirty, having)))


def logged(record: Record, name: str) -> dict[int, float]:
    """What a run logged under a name: epoch, counted from 1, to value."""
    pairs = zip(record.curves.get("epoch", []), record.curves.get(name, []), strict=False)
    return {int(epoch) + 1: value for epoch, value in pairs if epoch is not None and value is not None}


def first_near_best(values: Mapping[int, float], margin: float) -> int:
    """First epoch whose value is within a margin of the best.

    Args:
        values: Epoch, counted from 1, to value; in the order of the epochs.
        margin: The margin.
    """
    best = max(values.values())
    return next(epoch for epoch, value in values.items() if value >= best - margin)


def epochs_to_best(pairs: Pairs, name: str, margin: float) -> dict[int, float]:
    """Seed to the first epoch at which its run is within a margin of its own best."""
    found = {job.seed: logged(record, name) for job, record in pairs}
    return {seed: float(first_near_best(values, margin)) for seed, values in found.items() if values}


def stage1(view: View) -> Rendered:
    """Convergence of stage 1 on validation subjects: accuracy of the probe and training loss."""
    figure, axes = style.new_figure(columns=len(STAGE1), height=3.6)
    (dataset,) = view.datasets()
    records = [record for _, record in view.records(lambda job: job.kind == "pretrain")]
    figure.suptitle(style.heading(view.title(dataset), records))
    rows, notes = [], []
    for panel, (name, label) in zip(axes[0], STAGE1.items(), strict=True):
        panel.set_xlabel("epoch of stage 1")
        panel.set_ylabel(label)
        curve = epoch_curve(records, name)
        if curve is None:
            style.empty(panel, view.why_empty(dataset))
            continue
        style.method_band(panel, view.look(OURS), "Cosmo", curve.epochs, curve.means, curve.stds)
        rows += [[name, *row] for row in curve.rows()]
        if name == PROBE:
            best, near = first_near_best(curve.by_epoch, 0.0), first_near_best(curve.by_epoch, MARGIN)
            notes.append(
                f"n = {curve.n}. The best accuracy, {max(curve.means):.3f}, is reached at epoch {best}, and an "
                f"accuracy within one point of it at epoch {near}; it is {curve.means[-1]:.3f} after epoch "
                f"{curve.epochs[-1]}."
            )
    return Rendered(("curve", "epoch", "mean", "std", "n"), rows, style.unless_empty(figure), notes)


def fig9(view: View) -> Rendered:
    """Figure 9: loss and accuracy over stage 2, with alternating training and with joint training, one panel each."""
    (dataset,) = view.datasets()
    panel = Panel(view, 0, dataset, "epoch", lambda value, pairs: str(value))
    curves = {
        (name, value): curve
        for name in FIG9
        for value in panel.values
        if (curve := epoch_curve([record for _, record in panel.at(OURS, value)], name))
    }
    figure, axes = style.new_figure(rows=len(FIG9), height=8.0)
    for upper in axes[:-1, 0]:
        upper.sharex(axes[-1, 0])
    for its_axes, (name, title) in zip(axes[:, 0], FIG9.items(), strict=True):
        its_axes.set_ylabel(title)
        for value in panel.values:
            if curve := curves.get((name, value)):
                style.band(its_axes, curve.epochs, curve.means, curve.stds, **_line(value))
        if not any(plotted == name for plotted, _ in curves):
            style.empty(its_axes, view.why_empty(dataset))
    for value in panel.values:
        if not any(run == value for _, run in curves):
            look = _line(value)
            axes[0, 0].plot([], [], **{**look, "label": f"{look['label']}: {style.NOT_RUN}"})
    axes[-1, 0].set_xlabel("epoch of stage 2")
    axes[0, 0].set_title(style.heading(panel.name, [record for _, record in panel.pairs]))
    style.legend(figure)
    header = ("T_iter", "curve", "epoch", "mean", "std", "n")
    rows = [[str(value), name, *row] for (name, value), curve in sorted(curves.items()) for row in curve.rows()]
    verdicts = list(_fig9_verdicts(view, panel))
    return Rendered(header, rows, style.unless_empty(figure), run_counts([panel]), verdicts)


def _line(value: int) -> dict[str, Any]:
    if value == JOINT:
        return {"color": HEX["black"], "label": "joint training (T_iter = 0)", "linewidth": 1.6, "linestyle": "--"}
    return {"color": HEX["vermilion"], "label": f"alternating every {value} epochs", "linewidth": 1.6}


def _fig9_verdicts(view: View, panel: Panel) -> Iterator[Verdict]:
    paper, alternating = view.stated("fig9"), next(value for value in panel.values if value != JOINT)
    if not view.states("fig9"):
        return
    yield square_wave(view, panel.dataset, panel.at(OURS, alternating))
    claim = f"{paper['location']}: with iteration the test accuracy ends above that of joint training"
    yield order_verdict(claim, panel.at(OURS, alternating), panel.at(OURS, JOINT), panel.obstacle(OURS))


def square_wave(view: View, dataset: str, pairs: Pairs) -> Verdict:
    """Whether the training loss changes more where the phase changes than between epochs of one phase.

    Args:
        view: The study.
        dataset: The dataset.
        pairs: Stage-2 runs with alternating training.
    """
    found = {job.seed: steps for job, record in pairs if (steps := _steps(record))}
    claim = f"{view.stated('fig9')['location']}: the training loss moves in steps as the phases alternate"
    jumps, within = ({seed: steps[i] for seed, steps in found.items()} for i in (0, 1))
    return means_verdict(claim, jumps, within, obstacle(view, dataset, inputs=False))


def _steps(record: Record) -> tuple[float, float] | None:
    """Mean change of the training loss between consecutive epochs of different phases, and of the same phase."""
    loss, phase = logged(record, LOSS), logged(record, PHASE)
    epochs = [epoch for epoch in loss if epoch in phase]
    changes = [(abs(loss[b] - loss[a]), phase[a] != phase[b]) for a, b in pairwise(epochs) if b == a + 1]
    jumps, within = ([change for change, switch in changes if switch is wanted] for wanted in (True, False))
    return (fmean(jumps), fmean(within)) if jumps and within else None


def fig14(view: View) -> Rendered:
    """Figure 14: accuracy on test subjects by epoch, one panel per dataset; the paper's range of epochs is shaded."""
    datasets = view.datasets()
    figure, axes = style.new_figure(columns=len(datasets), height=5.0)
    rows, notes = [], []
    verdicts: list[Verdict] = []
    style.share_heights(axes[0])
    for panel, dataset in zip(axes[0], datasets, strict=True):
        runs = _runs(view, dataset)
        curves = {m: curve for m, pairs in runs.items() if (curve := epoch_curve([r for _, r in pairs], ACCURACY))}
        name = style.heading(view.title(dataset), [record for pairs in runs.values() for _, record in pairs])
        panel.set_title(name)
        if curves:
            paper = [] if view.simulated(dataset) else view.stated("fig14").get("cosmo_epochs_to_best", [])
            _plot_convergence(panel, view, curves, paper)
            rows += [[dataset, method, *row] for method, curve in curves.items() for row in curve.rows()]
            few, many = min(curve.n for curve in curves.values()), max(curve.n for curve in curves.values())
            seeds = f"{few}" if few == many else f"{few} to {many}"
            bands = "; the bands are one standard deviation over seeds" if many > 1 else ""
            notes.append(f"{name}: n = {seeds} for each method{bands}.")
        else:
            style.empty(panel, view.why_empty(dataset))
        verdicts += convergence(view, dataset, runs)
    axes[0][0].set_ylabel(FIG9[ACCURACY])
    style.legend(figure, columns=3)
    header = ("dataset", "method", "epoch", "accuracy", "std", "n")
    return Rendered(header, rows, style.unless_empty(figure), notes, verdicts)


def _runs(view: View, dataset: str) -> dict[str, Pairs]:
    """Method to its runs on a dataset."""
    every_run = [(job, record) for grid in range(len(view.study.runs)) for job, record in view.grid(grid)]
    run = {outcome.job.method for outcome in view.outcomes if outcome.job.dataset == dataset}
    methods = [method for runs in view.study.runs for method in runs.methods if method in run]
    return {m: [(j, r) for j, r in every_run if (j.dataset, j.method) == (dataset, m)] for m in methods}


def _plot_convergence(axes: Axes, view: View, curves: Mapping[str, EpochCurve], stated: list[int]) -> None:
    for method, curve in curves.items():
        name = style.title(view.methods, method)
        style.method_band(axes, view.look(method), name, curve.epochs, curve.means, curve.stds, markers=False)
    if stated:
        axes.axvspan(*stated, color=style.PAPER, alpha=0.25, linewidth=0, label="paper: Cosmo at its best", zorder=0)
    first = min(curve.epochs[0] for curve in curves.values())
    last = max(*(curve.epochs[-1] for curve in curves.values()), first + 1, *stated)
    axes.set_xscale("log")
    axes.set_xlim(first, last)
    ticks = [tick for tick in TICKS if first <= tick <= last]
    axes.set_xticks(ticks, map(str, ticks))
    axes.set_xticks([], minor=True)
    axes.set_xlabel("epoch of the training with labels")


def convergence(view: View, dataset: str, runs: Mapping[str, Pairs]) -> Iterator[Verdict]:
    """Claims about how fast Cosmo reaches its best accuracy.

    Args:
        view: The study.
        dataset: One of its datasets.
        runs: Method to its runs.
    """
    paper = view.stated("fig14")
    if view.in_paper(dataset) not in paper.get("datasets", []):
        return
    name = view.title(view.in_paper(dataset))
    yield _within(view, dataset, runs.get(OURS, []))
    ours = epochs_to_best(runs.get(OURS, []), ACCURACY, MARGIN)
    baselines = [method for method in runs if method != OURS and view.methods[method].paper is not None]
    steps = {
        view.named(method): means_verdict(
            "", epochs_to_best(runs[method], ACCURACY, MARGIN), ours, obstacle(view, dataset, [OURS, method]), digits=1
        )
        for method in baselines
    }
    yield every(f"{paper['location']}: Cosmo converges in fewer epochs than the baselines on {name}", steps)


def _within(view: View, dataset: str, pairs: Pairs) -> Verdict:
    """Reproduced if the mean curve is within one point of its best by the last of the stated epochs."""
    paper, curve = view.stated("fig14"), epoch_curve([record for _, record in pairs], ACCURACY)
    low, high = paper["cosmo_epochs_to_best"]
    name = view.title(view.in_paper(dataset))
    claim = f"{paper['location']}: Cosmo is at its best within {low} to {high} epochs on {name}"
    reason = obstacle(view, dataset, [OURS])
    if curve is None:
        return not_comparable(claim, reason) if reason else no_run(claim)
    reached, best = first_near_best(curve.by_epoch, MARGIN), max(curve.means)
    evidence = (
        f"mean curve (n={curve.n}): best {best:.3f} at epoch {first_near_best(curve.by_epoch, 0.0)}, within one point "
        f"of it from epoch {reached} on; by epoch {high} counts as reproduced"
    )
    if reason is not None:
        return not_comparable(claim, f"{reason}; {evidence}")
    if curve.n < MIN_RUNS:
        return Verdict(claim, TOO_FEW, evidence, change=f"{MIN_RUNS} seeds")
    effect = Effect.of_value([reached], high, digits=0)
    change = f"a mean curve that is near its best {'after' if reached <= high else 'by'} epoch {high}"
    return Verdict(claim, REPRODUCED if reached <= high else NOT_REPRODUCED, evidence, effect=effect, change=change)
