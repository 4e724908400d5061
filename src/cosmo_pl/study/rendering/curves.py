"""Accuracy against what a grid of a study varies: one panel a grid and dataset, one line a method."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.statistics import Summary, people, summarize
from cosmo_pl.study.rendering.verdict import obstacle
from cosmo_pl.study.rendering.view import Rendered, Verdict, View, unique

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Pairs = list[tuple[Job, Record]]
LABELS = "labelled share, labels"
HEADER = (
    "dataset", "factor", "value", "labels", "method", "accuracy", "std", "n", "correct", "total", "low 95 %",
    "high 95 %", "people, lowest to highest", "paper",
)  # fmt: skip


@dataclass(frozen=True)
class Panel:
    """A grid of a study on one dataset, with the one factor that it varies.

    Args:
        view: The study.
        grid: Number of the grid.
        dataset: One of its datasets.
        axis: What the factor is called below the panel.
        tick: Value and runs of it to what stands at its place.
        stated: Method and value to the accuracy that the paper states there.
    """

    view: View
    grid: int
    dataset: str
    axis: str
    tick: Callable[[Any, Pairs], str]
    stated: Sequence[tuple[str, Any, float]] = ()
    pairs: Pairs = field(init=False, repr=False)

    def __post_init__(self) -> None:
        found = [(job, record) for job, record in self.view.grid(self.grid) if job.dataset == self.dataset]
        object.__setattr__(self, "pairs", found)

    @property
    def factor(self) -> str:
        """Name of the factor."""
        (name,) = self.view.study.runs[self.grid].vary
        return name

    @property
    def values(self) -> list[Any]:
        """What it takes in turn, from left to right."""
        return self.view.study.runs[self.grid].vary[self.factor].values

    @property
    def simulated(self) -> bool:
        """Whether any of its recordings are."""
        return any(record.simulated for _, record in self.pairs)

    @property
    def name(self) -> str:
        """The dataset as a person writes it."""
        return self.view.title(self.dataset)

    def obstacle(self, *methods: str) -> str | None:
        """Why its runs of these methods are no test of the paper's claims, see `obstacle`."""
        return obstacle(self.view, self.dataset, methods)

    @property
    def methods(self) -> list[str]:
        """Methods that have a run, in the order of the study."""
        there = {job.method for job, _ in self.pairs}
        return [method for method in self.view.study.runs[self.grid].methods if method in there]

    def at(self, method: str, value: Any) -> Pairs:
        """Runs of a method at a value."""
        return [(j, r) for j, r in self.pairs if j.method == method and j.factors[self.factor] == value]

    def summary(self, method: str, value: Any) -> Summary | None:
        """Accuracies of a method at a value."""
        return summarize([record for _, record in self.at(method, value)])

    def paper(self, method: str, value: Any) -> float | None:
        """Accuracy that the paper states of a method at a value."""
        return next((accuracy for name, at, accuracy in self.stated if (name, at) == (method, value)), None)

    def draw(self, axes: Axes) -> None:
        """Draws a line a method; without any run, the reason why there is none."""
        axes.set_title(style.heading(self.name, [record for _, record in self.pairs]))
        if not self.pairs:
            style.empty(axes, self.view.why_empty(self.dataset))
            return
        for method in self.methods:
            points = [(x, s) for x, value in enumerate(self.values) if (s := self.summary(method, value))]
            style.method_band(
                axes, method, style.title(self.view.methods, method), [x for x, _ in points],
                [summary.mean for _, summary in points], [summary.std for _, summary in points],
            )  # fmt: skip
        for method, value, accuracy in self.stated:
            if method in self.methods and not self.simulated:
                style.stated_point(axes, self.values.index(value), accuracy, style.colour(method))
        ticks = [self.tick(value, [p for m in self.methods for p in self.at(m, value)]) for value in self.values]
        axes.set_xticks(range(len(ticks)), ticks)
        axes.set_xlim(-0.3, len(ticks) - 0.7)
        axes.set_xlabel(self.axis)

    def rows(self) -> Iterator[list[str]]:
        """The numbers behind the panel."""
        for value in self.values:
            for method in self.methods:
                summary = self.summary(method, value)
                if summary is None:
                    continue
                low, high = summary.interval or (None, None)
                records = [record for _, record in self.at(method, value)]
                labels = unique(record.result["labels"] for record in records)
                yield [
                    self.dataset, self.factor, str(value), "/".join(map(str, labels)),
                    style.title(self.view.methods, method), *numbers(summary.mean, summary.std), summary.runs,
                    str(summary.correct), str(summary.total), *numbers(low, high), people(records),
                    *numbers(self.paper(method, value)),
                ]  # fmt: skip


def share_of_labels(rate: float, pairs: Pairs) -> str:
    """A tick of labelled amount: "5 %", and the number of labels where there are runs."""
    counts = unique(record.result["labels"] for _, record in pairs)
    return f"{100 * rate:g} %" + ("\n" + "/".join(map(str, counts)) if counts else "")


def numbers(*values: float | None) -> list[str]:
    """Accuracies as cells of a CSV; empty where there is none."""
    return ["" if value is None else f"{value:.4f}" for value in values]


def render(panels: Sequence[Panel], verdicts: Sequence[Verdict], notes: Sequence[str] = ()) -> Rendered:
    """All panels beside each other, on one scale of accuracy."""
    figure, axes = style.new_figure(columns=len(panels), height=4.6)
    style.share_heights(axes[0])
    for panel, place in zip(panels, axes[0], strict=True):
        panel.draw(place)
    axes[0][0].set_ylabel("accuracy on test subjects")
    style.legend(figure, columns=3)
    rows = [row for panel in panels for row in panel.rows()]
    return Rendered(HEADER, rows, figure, [*runs_text(panels), *notes], verdicts)


def runs_text(panels: Sequence[Panel]) -> list[str]:
    """How many runs there are at each place, and what is simulated, a sentence a dataset that has any."""
    told = []
    for dataset in unique(panel.dataset for panel in panels if panel.pairs):
        those = [panel for panel in panels if panel.dataset == dataset]
        found = [len(panel.at(m, value)) for panel in those for m in panel.methods for value in panel.values]
        name = those[0].name
        count = f"{min(found)}" if min(found) == max(found) else f"{min(found)} to {max(found)}"
        simulated = ", simulated recordings" if any(panel.simulated for panel in those) else ""
        bands = "; the bands are one standard deviation over seeds" if max(found) > 1 else ""
        told.append(f"{name}: n = {count} at each point{simulated}{bands}.")
    return told
