"""Choices on validation subjects: sweeps of Cosmo, learning rates of other methods, and the recommended recipe."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.look import HEX
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.plus import REPEATED, Variant, variants
from cosmo_pl.study.rendering.provenance import marked
from cosmo_pl.study.rendering.statistics import numbers, spread
from cosmo_pl.study.rendering.view import OURS, Rendered, View, unique
from cosmo_pl.study.sweeps import LABEL_SEED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AXES = {"quality_lambda": "λ, weight of quality in the attention", "iterative_epochs": "T_iter, epochs of a phase"}
METHODS_HEADER = ("dataset", "method", "value", "validation accuracy", "std", "n", "by seed")
RECIPE_HEADER = ("varied", "to", "validation accuracy", "std", "n", "by seed", "best")


def last(record: Record) -> float | None:
    """Accuracy on validation subjects after the last epoch, None where that epoch was not evaluated."""
    curve = record.curves.get("val/acc")
    return curve[-1] if curve else None


# Sweeps


@dataclass(frozen=True)
class Cell:
    """A value of the swept argument.

    Args:
        value: The value.
        accuracies: Label seed to accuracy on validation subjects after the last epoch.
    """

    value: Any
    accuracies: dict[int, float]

    @property
    def mean(self) -> float | None:
        """Mean over label seeds, None without any."""
        return fmean(self.accuracies.values()) if self.accuracies else None

    @property
    def std(self) -> float | None:
        """Standard deviation over label seeds with n - 1, None for fewer than two."""
        return spread(list(self.accuracies.values()))


def sweep(view: View) -> Rendered:
    """Mean and spread over label seeds at each value; marks the best mean of the values that have all label seeds."""
    (runs,) = view.study.runs
    (name,) = (factor for factor in runs.vary if factor != LABEL_SEED)
    seeds: list[Any] = runs.vary[LABEL_SEED].values
    values: list[Any] = runs.vary[name].values
    found = [(job.factors, last(record)) for job, record in view.records(lambda job: job.kind == "finetune")]
    cells = [
        Cell(value, {f[LABEL_SEED]: accuracy for f, accuracy in found if f[name] == value and accuracy is not None})
        for value in values
    ]
    chosen = select(cells, len(seeds))
    verb = "selected" if all(len(cell.accuracies) == len(seeds) for cell in cells) else "best so far"
    rows = []
    for cell in cells:
        by_seed = numbers(*(cell.accuracies.get(seed) for seed in seeds))
        means = [*numbers(cell.mean, cell.std), str(len(cell.accuracies))]
        rows.append([str(cell.value), *means, *by_seed, verb if cell is chosen else ""])
    return Rendered(
        header=[name, "mean", "std", "n", *(f"label seed {seed}" for seed in seeds), "choice"],
        rows=rows,
        figure=_picture(view, name, cells, chosen, verb),
        notes=_notes(view, name, cells, chosen, verb, len(seeds)),
    )


def select(cells: Sequence[Cell], seeds: int) -> Cell | None:
    """The first cell with the best mean among those with all label seeds; None before any has them."""
    complete = [cell for cell in cells if len(cell.accuracies) == seeds]
    return max(complete, key=lambda cell: cell.mean or 0.0) if complete else None


def _picture(view: View, name: str, cells: Sequence[Cell], chosen: Cell | None, verb: str) -> Figure:
    figure, ((axes,),) = style.new_figure()
    (dataset,) = view.datasets()
    axes.set_title(style.heading(view.title(dataset), [record for _, record in view.records()]))
    axes.set_xlabel(AXES.get(name, name))
    axes.set_ylabel("accuracy on validation subjects")
    axes.set_xticks(range(len(cells)), [str(cell.value) for cell in cells])
    axes.set_xlim(-0.4, len(cells) - 0.6)
    points = [(x, cell, cell.mean) for x, cell in enumerate(cells) if cell.mean is not None]
    if not points:
        style.empty(axes, view.why_empty(dataset))
        return figure
    each = [(x, accuracy) for x, cell, _ in points for accuracy in cell.accuracies.values()]
    axes.plot(*zip(*each, strict=True), linestyle="none", marker=".", color=style.PAPER, label="one label seed")
    look: dict[str, Any] = {"color": view.look(OURS).hex, "marker": "o", "linewidth": 1.8}
    positions, means, stds = zip(*((x, mean, cell.std) for x, cell, mean in points), strict=True)
    style.band(axes, positions, means, stds, label="mean ± std over label seeds", **look)
    ring: dict[str, Any] = {"markersize": 14, "markerfacecolor": "none", "markeredgewidth": 1.6}
    for x, cell, mean in points:
        if cell is chosen:
            ring |= {"linestyle": "none", "marker": "o", "markeredgecolor": HEX["black"]}
            axes.plot([x], [mean], label=f"{verb}: {cell.value}", **ring)
    style.legend(figure, columns=3)
    return figure


def _notes(view: View, name: str, cells: Sequence[Cell], chosen: Cell | None, verb: str, seeds: int) -> list[str]:
    notes = [f"{sum(len(cell.accuracies) for cell in cells)} of {seeds * len(cells)} runs are done."]
    if chosen is not None:
        mean = "".join(numbers(chosen.mean))
        notes.append(f"{verb.capitalize()}: {name} = {chosen.value}, {mean} on validation subjects (n={seeds}).")
        within = [c for c in cells if c is not chosen and c.mean is not None and _close(c, chosen)]
        if within:
            values = ", ".join(str(cell.value) for cell in within)
            notes.append(f"Less than one standard deviation over label seeds below it: {values}.")
    if any(record.simulated for _, record in view.records()):
        notes.append("Simulated recordings.")
    return notes


def _close(cell: Cell, chosen: Cell) -> bool:
    return (chosen.mean or 0.0) - (cell.mean or 0.0) < (chosen.std or 0.0)


# Methods


def methods(view: View) -> Rendered:
    """One row for each dataset, method and value of the factors, over the seeds of labels and of networks."""
    notes = ["Accuracy of the last epoch. Test subjects are not evaluated."]
    return Rendered(METHODS_HEADER, list(_method_rows(view)), notes=notes)


def _method_rows(view: View) -> Iterator[list[str]]:
    for grid, runs in enumerate(view.study.runs):
        if not runs.under(view.preset):
            continue
        pairs = view.grid(grid)
        varied = {name: factor for name, factor in runs.vary.items() if name != LABEL_SEED}
        values = itertools.product(*(factor.named for factor in varied.values()))
        for dataset, chosen, method in itertools.product(runs.datasets, values, runs.methods):
            factors = {name: value for name, (value, _) in zip(varied, chosen, strict=True)}
            own = [r for j, r in pairs if (j.dataset, j.method, _without_seed(j)) == (dataset, method, factors)]
            accuracies = [accuracy for record in own if (accuracy := last(record)) is not None]
            value = ", ".join(f"{name} = {label}" for name, (_, label) in zip(varied, chosen, strict=True))
            yield [view.title(dataset), style.title(view.methods, method), value, *_cells(accuracies, own)]


def _without_seed(job: Job) -> dict[str, Any]:
    return {name: value for name, value in job.factors.items() if name != LABEL_SEED}


# The recommended recipe


def recipe(view: View) -> Rendered:
    """One row per variant; marks the best mean of what is varied, among variants with the seeds of the first.

    A single seed decides nothing: it is shown and not marked.
    """
    found = [(variant, _accuracies(variant)) for variant in variants(view)]
    rows, notes = [], [REPEATED]
    for changed in unique(variant.changed for variant, _ in found):
        those = [(variant, values) for variant, values in found if variant.changed == changed]
        first, seeds = those[0][0], those[0][1].keys()
        complete = [(variant, values) for variant, values in those if values.keys() == seeds and len(seeds) > 1]
        best = max(complete, key=lambda pair: fmean(pair[1].values()))[0] if len(complete) > 1 else None
        for variant, values in those:
            cells = _cells(list(values.values()), variant.records)
            rows.append([variant.changed, variant.to, *cells, "best" if variant is best else ""])
        if best is not None and best is not first:
            notes.append(f"{changed}: '{best.to}' is more accurate than '{first.to}' on these subjects.")
    return Rendered(RECIPE_HEADER, rows, notes=notes)


def _accuracies(variant: Variant) -> Mapping[int, float]:
    """Seed to accuracy."""
    return {record.seed: accuracy for record in variant.records if (accuracy := last(record)) is not None}


def _cells(accuracies: Sequence[float], records: Sequence[Record]) -> list[str]:
    """Mean, standard deviation, number of runs, and the accuracy of each."""
    n = f"{len(accuracies)}{marked(records)}"
    mean = fmean(accuracies) if accuracies else None
    return [*numbers(mean, spread(accuracies)), n, " ".join(numbers(*accuracies))]
