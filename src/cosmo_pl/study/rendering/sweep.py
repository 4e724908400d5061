"""A sweep: validation accuracy against the argument that it varies, and the value that it selects."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.view import Rendered, View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAW = "label_seed"
LABELS = {"quality_lambda": "λ, weight of quality in the attention", "iterative_epochs": "T_iter, epochs of a turn"}


@dataclass(frozen=True)
class Cell:
    """A value of the swept argument.

    Args:
        value: The value.
        accuracies: Seed of the labels to accuracy on validation subjects after the last epoch.
    """

    value: Any
    accuracies: dict[int, float]

    @property
    def mean(self) -> float | None:
        """Mean over draws, None without any."""
        return fmean(self.accuracies.values()) if self.accuracies else None

    @property
    def std(self) -> float | None:
        """Standard deviation over draws with n - 1, None below two."""
        return stdev(self.accuracies.values()) if len(self.accuracies) > 1 else None


def selection(view: View) -> Rendered:
    """Mean and spread over draws of labels at every value; the best mean of those with all draws is marked."""
    (runs,) = view.study.runs
    (name,) = (factor for factor in runs.vary if factor != DRAW)
    draws: list[Any] = runs.vary[DRAW].values
    values: list[Any] = runs.vary[name].values
    found = [(job.factors, last(record)) for job, record in view.records(lambda job: job.kind == "finetune")]
    cells = [
        Cell(value, {f[DRAW]: accuracy for f, accuracy in found if f[name] == value and accuracy is not None})
        for value in values
    ]
    chosen = select(cells, len(draws))
    verb = "selected" if all(len(cell.accuracies) == len(draws) for cell in cells) else "best so far"
    simulated = any(record.simulated for _, record in view.records(lambda job: True))
    rows = [
        [
            str(cell.value), _text(cell.mean), _text(cell.std), str(len(cell.accuracies)),
            *(_text(cell.accuracies.get(draw)) for draw in draws), verb if cell is chosen else "",
        ]
        for cell in cells
    ]  # fmt: skip
    return Rendered(
        header=[name, "mean", "std", "n", *(f"labels {draw}" for draw in draws), "choice"],
        rows=rows,
        figure=_picture(view, name, cells, chosen, verb),
        notes=_notes(name, cells, chosen, verb, len(draws), simulated),
    )


def last(record: Record) -> float | None:
    """Accuracy on validation subjects after the last epoch, None where that epoch was not evaluated."""
    curve = record.curves.get("val/acc")
    return curve[-1] if curve else None


def select(cells: list[Cell], draws: int) -> Cell | None:
    """The first cell with the best mean among those with all draws; None before any has."""
    whole = [cell for cell in cells if len(cell.accuracies) == draws]
    return max(whole, key=lambda cell: cell.mean or 0.0) if whole else None


def _picture(view: View, name: str, cells: list[Cell], chosen: Cell | None, verb: str) -> Figure:
    figure, ((axes,),) = style.new_figure()
    (dataset,) = view.datasets()
    axes.set_title(style.heading(view.title(dataset), [record for _, record in view.records(lambda job: True)]))
    axes.set_xlabel(LABELS.get(name, name))
    axes.set_ylabel("accuracy on validation subjects")
    axes.set_xticks(range(len(cells)), [str(cell.value) for cell in cells])
    axes.set_xlim(-0.4, len(cells) - 0.6)
    there = [(place, cell, cell.mean) for place, cell in enumerate(cells) if cell.mean is not None]
    if not there:
        style.empty(axes, view.why_empty(dataset))
        return figure
    colour = style.colour("cosmo")
    points = [(place, accuracy) for place, cell, _ in there for accuracy in cell.accuracies.values()]
    axes.plot(*zip(*points, strict=True), linestyle="none", marker=".", color=style.PAPER, label="one draw of labels")
    style.band(
        axes, [place for place, _, _ in there], [mean for _, _, mean in there], [cell.std for _, cell, _ in there],
        color=colour, marker="o", linewidth=1.8, label="mean ± std over draws",
    )  # fmt: skip
    for place, cell, mean in there:
        if cell is chosen:
            axes.plot(
                [place], [mean], linestyle="none", marker="o", markersize=14, markerfacecolor="none",
                markeredgecolor=style.BLACK, markeredgewidth=1.6, label=f"{verb}: {cell.value}",
            )  # fmt: skip
    style.legend(figure, columns=3)
    return figure


def _notes(name: str, cells: list[Cell], chosen: Cell | None, verb: str, draws: int, simulated: bool) -> list[str]:
    notes = [f"{sum(len(cell.accuracies) for cell in cells)} of {draws * len(cells)} runs are there."]
    if chosen is not None:
        told = f"{name} = {chosen.value}, {_text(chosen.mean)} on validation subjects (n={draws})"
        notes.append(f"{verb.capitalize()}: {told}.")
        within = [c for c in cells if c is not chosen and c.mean is not None and _close(c, chosen)]
        if within:
            values = ", ".join(str(cell.value) for cell in within)
            notes.append(f"Less than one standard deviation over draws below it: {values}.")
    if simulated:
        notes.append("Simulated recordings.")
    return notes


def _close(cell: Cell, chosen: Cell) -> bool:
    return (chosen.mean or 0.0) - (cell.mean or 0.0) < (chosen.std or 0.0)


def _text(accuracy: float | None) -> str:
    return "" if accuracy is None else f"{accuracy:.4f}"
