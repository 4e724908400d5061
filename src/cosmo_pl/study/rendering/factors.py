"""Figures 4, 11, 12, 13 and 16, and the recommended recipe by labels: accuracy by the value of a factor.

A study has one panel for each of its grids and datasets, and a panel one line for each method.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.look import HEX
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.statistics import RANGES, SUMMARY, Pairs, Summary, numbers, ranges, summarize
from cosmo_pl.study.rendering.verdict import (
    every,
    gap_verdict,
    not_comparable,
    obstacle,
    order_verdict,
    trend_verdict,
    value_verdict,
)
from cosmo_pl.study.rendering.view import OURS, Rendered, Verdict, View, unique

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABELS = "label rate, number of labels"
PARAMETERS = {
    "weight_range": "weight range",
    "iterative_epochs": "T_iter, epochs",
    "pretrain_batch_size": "batch size of stage 1",
}
HEADER = ("dataset", "factor", "value", "labels", "method", *SUMMARY, *RANGES, "paper")


@dataclass(frozen=True)
class Panel:
    """A grid of a study on one dataset, with the one factor that the grid varies.

    Args:
        view: The study.
        grid: Index of the grid.
        dataset: One of the grid's datasets.
        axis: Label of the horizontal axis.
        tick: Gives the label of a tick from a value and the runs at it.
        stated: Method, value, and the accuracy that the paper states for them.
        level: Label and height of a dashed line, for what the factor does not change.
    """

    view: View
    grid: int
    dataset: str
    axis: str
    tick: Callable[[Any, Pairs], str]
    stated: Sequence[tuple[str, Any, float]] = ()
    level: tuple[str, float] | None = None
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
        """Values of the factor, from left to right."""
        return self.view.study.runs[self.grid].vary[self.factor].values

    @property
    def simulated(self) -> bool:
        """Whether any of its recordings are simulated."""
        return any(record.simulated for _, record in self.pairs)

    @property
    def name(self) -> str:
        """Title of the dataset."""
        return self.view.title(self.dataset)

    @property
    def in_paper(self) -> str:
        """Name of the dataset in ``paper.yaml``."""
        return self.view.in_paper(self.dataset)

    def obstacle(self, *methods: str) -> str | None:
        """Why its runs of these methods are no test of the paper's claims, see `obstacle`."""
        return obstacle(self.view, self.dataset, methods)

    @property
    def methods(self) -> list[str]:
        """Methods that have a run, in the order of the study."""
        run = {job.method for job, _ in self.pairs}
        return [method for method in self.view.study.runs[self.grid].methods if method in run]

    @property
    def without_run(self) -> list[str]:
        """Methods that the preset runs on the dataset, but that have no run yet."""
        planned = {o.job.method for o in self.view.outcomes if o.job.dataset == self.dataset and self._has(o.job)}
        return [name for name in self.view.study.runs[self.grid].methods if name in planned - set(self.methods)]

    def _has(self, job: Job) -> bool:
        return any(grid == self.grid for grid, _ in job.cells)

    def at(self, method: str, value: Any) -> Pairs:
        """Runs of a method at a value."""
        return [(j, r) for j, r in self.pairs if j.method == method and j.factors[self.factor] == value]

    def summary(self, method: str, value: Any) -> Summary | None:
        """Accuracies of a method at a value."""
        return summarize([record for _, record in self.at(method, value)])

    def paper(self, method: str, value: Any) -> float | None:
        """Accuracy that the paper states of a method at a value."""
        return next((accuracy for name, at, accuracy in self.stated if (name, at) == (method, value)), None)

    def plot(self, axes: Axes) -> None:
        """Plots one line for each method, or writes why there is no run."""
        axes.set_title(style.heading(self.name, [record for _, record in self.pairs]))
        if not self.pairs:
            style.empty(axes, self.view.why_empty(self.dataset))
            return
        for method in self.methods:
            points = [(x, s) for x, value in enumerate(self.values) if (s := self.summary(method, value))]
            means, stds = [summary.mean for _, summary in points], [summary.std for _, summary in points]
            label = style.title(self.view.methods, method)
            style.method_band(axes, self.view.look(method), label, [x for x, _ in points], means, stds)
        if self.level is not None:
            label, height = self.level
            axes.axhline(height, color=HEX["blue"], linestyle="--", linewidth=1.6, label=label)
        for method, value, accuracy in self.stated:
            if method in self.methods and value in self.values and not self.simulated:
                style.stated_point(axes, self.values.index(value), accuracy, self.view.look(method).hex)
        ticks = [self.tick(value, [p for m in self.methods for p in self.at(m, value)]) for value in self.values]
        axes.set_xticks(range(len(ticks)), ticks)
        axes.set_xlim(-0.3, len(ticks) - 0.7)
        for x, value in enumerate(self.values):
            if not any(self.at(method, value) for method in self.methods):
                style.not_run(axes, x)
        without = [style.title(self.view.methods, method) for method in self.without_run]
        missing = textwrap.wrap(f"{style.NOT_RUN}: {'; '.join(without)}", 28) if without else []
        axes.set_xlabel("\n".join([self.axis, *missing]))

    def rows(self) -> Iterator[list[str]]:
        """The numbers of the panel."""
        for value in self.values:
            for method in self.methods:
                summary = self.summary(method, value)
                if summary is None:
                    continue
                records = [record for _, record in self.at(method, value)]
                labels = "/".join(map(str, unique(record.result["labels"] for record in records)))
                title = style.title(self.view.methods, method)
                cells = [
                    *summary.cells,
                    *ranges(summary, records),
                    *numbers(None if self.simulated else self.paper(method, value)),
                ]
                yield [self.dataset, self.factor, str(value), labels, title, *cells]


def render(panels: Sequence[Panel], verdicts: Callable[[Panel], Iterable[Verdict]]) -> Rendered:
    """All panels side by side, on one scale of accuracy."""
    figure, axes = style.new_figure(columns=len(panels), height=4.6)
    style.share_heights(axes[0])
    for panel, its_axes in zip(panels, axes[0], strict=True):
        panel.plot(its_axes)
    axes[0][0].set_ylabel("accuracy on test subjects")
    style.legend(figure, columns=3)
    rows = [row for panel in panels for row in panel.rows()]
    judged = [verdict for panel in panels for verdict in verdicts(panel)]
    return Rendered(HEADER, rows, style.unless_empty(figure), run_counts(panels), judged)


def run_counts(panels: Sequence[Panel]) -> list[str]:
    """For each dataset with runs, a sentence on the number of runs at each point and on simulated recordings."""
    sentences = []
    for dataset in unique(panel.dataset for panel in panels if panel.pairs):
        those = [panel for panel in panels if panel.dataset == dataset]
        found = [len(panel.at(m, value)) for panel in those for m in panel.methods for value in panel.values]
        count = f"{min(found)}" if min(found) == max(found) else f"{min(found)} to {max(found)}"
        simulated = ", simulated recordings" if any(panel.simulated for panel in those) else ""
        bands = "; the bands are one standard deviation over seeds" if max(found) > 1 else ""
        sentences.append(f"{those[0].name}: n = {count} at each point{simulated}{bands}.")
    return sentences


def _grids(view: View) -> list[tuple[int, str]]:
    """Index of each grid of a study with each of its datasets."""
    return [(grid, dataset) for grid, runs in enumerate(view.study.runs) for dataset in runs.datasets]


def _label_tick(rate: float, pairs: Pairs) -> str:
    """The label rate, "5 %", and below it the number of labels if it has runs."""
    counts = unique(record.result["labels"] for _, record in pairs)
    return f"{100 * rate:g} %" + ("\n" + "/".join(map(str, counts)) if counts else "")


def by_labels(view: View) -> Rendered:
    """Accuracy by number of labels, without claims of the paper."""
    return render([Panel(view, grid, dataset, LABELS, _label_tick) for grid, dataset in _grids(view)], lambda panel: ())


def fig4(view: View) -> Rendered:
    """Figure 4: supervised networks of all sensors and of one sensor by number of labels."""
    paper = view.stated("fig4")
    few = paper.get("few", {})
    stated = [(method, few["rate"], accuracy) for method, accuracy in few.get("accuracy", {}).items()]

    def panel(grid: int, dataset: str) -> Panel:
        of_paper = view.in_paper(dataset) == paper.get("dataset")
        return Panel(view, grid, dataset, LABELS, _label_tick, stated if of_paper else ())

    return render([panel(*each) for each in _grids(view)], partial(_fig4_verdicts, view))


def _fig4_verdicts(view: View, panel: Panel) -> Iterator[Verdict]:
    paper, name = view.stated("fig4"), view.title(panel.in_paper)
    for method, rate, accuracy in panel.stated:
        what = f"{view.named(method)} has {accuracy} with {paper['few']['labels']} labels of {name}"
        ours = panel.summary(method, rate)
        yield value_verdict(f"{paper['location']}: {what}", ours, accuracy, panel.obstacle(method))
    for order in paper["orders"] if panel.stated else ():
        above, below, rate = order["above"], order["below"], order["rate"]
        titles = [view.named(method) for method in (above, below)]
        claim = f"{paper['location']}: with {order['labels']:,} labels {titles[0]} is above {titles[1]} on {name}"
        yield order_verdict(claim, panel.at(above, rate), panel.at(below, rate), panel.obstacle(above, below))


def fig11(view: View) -> Rendered:
    """Figure 11: all methods by number of labels. The accuracies of the paper are those of its Table 2."""

    def panel(grid: int, dataset: str) -> Panel:
        table = view.stated("table2").get(view.in_paper(dataset), {})
        stated = [
            (method, table["label_rate"], table["accuracy"][name])
            for method in view.study.runs[grid].methods
            if (name := view.methods[method].paper) in table.get("accuracy", {})
        ]
        return Panel(view, grid, dataset, LABELS, _label_tick, stated)

    return render([panel(*each) for each in _grids(view)], partial(_fig11_verdicts, view))


def _fig11_verdicts(view: View, panel: Panel) -> Iterator[Verdict]:
    paper, dataset = view.stated("fig11"), panel.in_paper
    if dataset not in paper.get("datasets", []):
        return
    location, name = paper["location"], view.title(dataset)
    methods = view.study.runs[panel.grid].methods
    baselines = [method for method in methods if method != OURS and view.methods[method].paper is not None]
    steps = {
        f"{view.named(method)} at {100 * rate:g} %": order_verdict(
            "", panel.at(OURS, rate), panel.at(method, rate), panel.obstacle(OURS, method)
        )
        for rate in panel.values
        for method in baselines
    }
    yield every(f"{location}: Cosmo is above the baselines at all label rates on {name}", steps)
    for rate, points in paper["cosmo_minus_cpc_points"].get(dataset, {}).items():
        claim = f"{location}: Cosmo is {points} points above CPC on {name} with {100 * rate:g} % of the labels"
        yield gap_verdict(claim, panel.at(OURS, rate), panel.at("cpc", rate), points / 100, panel.obstacle(OURS, "cpc"))
    if dataset in paper["rate_matching_attnsense_with_all_labels"]:
        rate = paper["rate_matching_attnsense_with_all_labels"][dataset]
        claim = f"{location}: Cosmo with {100 * rate:g} % of the labels is as accurate as AttnSense with all, on {name}"
        yield not_comparable(claim, "no run has all labels", "runs with all labels")


def fig12(view: View) -> Rendered:
    """Figure 12: methods with a stage 1 by the number of its unlabelled samples."""
    pretrained = {job.key: record for job, record in view.records(lambda job: job.kind == "pretrain")}

    def tick(value: Any, pairs: Pairs) -> str:
        parents = [pretrained[parent.key] for job, _ in pairs for parent in job.parents if parent.key in pretrained]
        counts = unique(parent.result["unlabeled"] for parent in parents)
        clips = f"\n{'/'.join(map(str, counts))} clips" if counts else ""
        return _unlabelled(value) + clips

    axis = "unlabelled clips per labelled clip"
    panels = [Panel(view, grid, dataset, axis, tick) for grid, dataset in _grids(view)]
    return render(panels, partial(_fig12_verdicts, view))


def _unlabelled(value: float | None) -> str:
    return "all" if value is None else f"{value:g}"


def _fig12_verdicts(view: View, panel: Panel) -> Iterator[Verdict]:
    paper = view.stated("fig12")
    if panel.in_paper in paper.get("datasets", []):
        claim = f"{paper['location']}: Cosmo's {paper['claim']}, on {view.title(panel.in_paper)}"
        rising = {_unlabelled(value): panel.at(OURS, value) for value in panel.values}
        yield trend_verdict(claim, rising, panel.obstacle(OURS))


def fig13(view: View) -> Rendered:
    """Figure 13: methods by the share of their labels that comes from the test subjects."""
    axis = "share of labels from the test subjects"
    panels = [Panel(view, grid, name, axis, lambda value, pairs: f"{100 * value:g} %") for grid, name in _grids(view)]
    return render(panels, partial(_fig13_verdicts, view))


def _fig13_verdicts(view: View, panel: Panel) -> Iterator[Verdict]:
    paper, dataset = view.stated("fig13"), panel.in_paper
    if dataset not in paper.get("datasets", []):
        return
    location, name = paper["location"], view.title(dataset)
    for method in view.study.runs[panel.grid].methods:
        claim = f"{location}: {paper['claim']} of {view.named(method)} on {name}"
        yield order_verdict(claim, panel.at(method, 1.0), panel.at(method, 0.0), panel.obstacle(method))
    if dataset in paper["with_target"]:
        stated = paper["with_target"][dataset]
        what = f"Cosmo has {stated['accuracy']} with {stated['labels']} labels of the test subjects on {name}"
        yield value_verdict(f"{location}: {what}", panel.summary(OURS, 1.0), stated["accuracy"], panel.obstacle(OURS))


def fig16(view: View) -> Rendered:
    """Figure 16: Cosmo by the range of the fusion weights, by T_iter, and by the batch size of stage 1."""

    def panel(grid: int, dataset: str) -> Panel:
        (factor,) = view.study.runs[grid].vary
        axis = f"({'abcdefgh'[grid]}) {PARAMETERS.get(factor, factor)}"
        ranges = view.stated_of("fig16", dataset).get("a", {}) if factor == "weight_range" else {}
        stated = [(OURS, [float(end) for end in name.split("-")], value) for name, value in ranges.items()]
        return Panel(view, grid, dataset, axis, lambda value, pairs: _parameter_tick(value), stated)

    return render([panel(*each) for each in _grids(view)], partial(_fig16_verdicts, view))


def _parameter_tick(value: Any) -> str:
    return "{}\nto {}".format(*value) if isinstance(value, list) else f"{value}"


def _fig16_verdicts(view: View, panel: Panel) -> Iterator[Verdict]:
    paper: Mapping[str, Any] = view.stated_of("fig16", panel.dataset)
    if not paper:
        return
    location, reason, name = paper["location"], panel.obstacle(OURS), view.title(panel.in_paper)
    if panel.factor == "weight_range":
        for method, (low, high), accuracy in panel.stated:
            claim = f"{location}: Cosmo has {accuracy} on {name} with weights from {low} to {high}"
            yield value_verdict(claim, panel.summary(method, [low, high]), accuracy, reason)
        (_, wide, _), (_, narrow, _) = panel.stated
        claim = f"{location}: the range {wide[0]} to {wide[1]} is above {narrow[0]} to {narrow[1]}"
        yield order_verdict(claim, panel.at(OURS, wide), panel.at(OURS, narrow), reason)
    elif panel.factor == "iterative_epochs":
        best = paper["b"]["best_t_iter"]
        yield _above(panel, f"{location}: T_iter = {best} is the best", [best], lambda value: value != best)
    elif panel.factor == "pretrain_batch_size":
        good = paper["c"]["good_batches"]
        yield _above(panel, f"{location}: {paper['c']['claim']}", good, lambda value: value > max(good))


def _above(panel: Panel, claim: str, better: list[Any], others: Callable[[Any], bool]) -> Verdict:
    """Whether the runs at some values are above those at all other values that `others` accepts."""
    reason = panel.obstacle(OURS)
    steps = {
        f"{value} above {other}": order_verdict("", panel.at(OURS, value), panel.at(OURS, other), reason)
        for other in filter(others, panel.values)
        for value in better
    }
    return every(claim, steps)
