"""The recommended recipe: beside the paper's in accuracy and training time, and by one change at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.definition import Runs
from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.columns import Column, subjects
from cosmo_pl.study.rendering.provenance import training_seconds
from cosmo_pl.study.rendering.statistics import (
    RANGES,
    SUMMARY,
    Pairs,
    Summary,
    difference_of,
    fold_of,
    numbers,
    paired,
    ranges,
    summarize,
)
from cosmo_pl.study.rendering.view import OURS, PLUS, Rendered, View, unique

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The methods in the picture. Variants of the recipe and single sensors, whose points would cover each other, are in the
# table alone.
DRAWN = (
    *("cosmo", "cmc", "cmc_plus", "cpc", "cpc_plus", "attnsense", "deepsense"),
    *("dtw", "nearest_neighbor", "random_forest", "random_forest_self"),
)
ALIKE = ("cmc_plus", "random_forest_self")  # with the same second stage, and self-trained on the same windows
RECIPES = {"filled: recipe plus": None, "hollow: the paper's recipe": "white"}
"""Entry of the legend to the inner colour of a point; None for that of its method."""
RECIPE = ("dataset", "recipe", "method", "test subjects", "labels")
SECONDS = ("seconds of stage 1", "seconds of stage 2")
HEADER = (*RECIPE, *SUMMARY, *RANGES, "mean over the subjects of all folds", *SECONDS)


@dataclass(frozen=True)
class Point:
    """A method under a recipe on a dataset, tested on some subjects.

    Args:
        dataset: The dataset, without the recipe.
        recipe: "paper" or "plus".
        method: The method.
        runs: Its runs.
        seconds: Mean seconds of stage 1 and of stage 2; None for a stage that is not timed or does not exist.
    """

    dataset: str
    recipe: str
    method: str
    runs: Pairs
    seconds: tuple[float | None, float | None]

    @property
    def summary(self) -> Summary:
        """Its accuracies."""
        found = summarize([record for _, record in self.runs])
        assert found is not None
        return found

    @property
    def column(self) -> str:
        """Name of its configs."""
        return self.dataset + (PLUS if self.recipe == "plus" else "")

    @property
    def total_seconds(self) -> float | None:
        """Seconds of both stages, at least one for the logarithmic axis; None where a stage is not timed."""
        first, second = self.seconds
        if second is None or (first is None and any(job.parents for job, _ in self.runs)):
            return None
        return max(1.0, (first or 0.0) + second)


def accuracy_and_time(view: View) -> Rendered:
    """Accuracy against training time, one panel per dataset: recipe plus filled, the paper's recipe hollow."""
    datasets = unique(dataset.removesuffix(PLUS) for dataset in view.datasets())
    figure, axes = style.new_figure(columns=len(datasets), height=5.6)
    style.share_heights(axes[0])
    rows: list[list[str]] = []
    for panel, dataset in zip(axes[0], datasets, strict=True):
        found = points(view, dataset)
        _plot(panel, view, dataset, [point for point in found if _is_headline(view, point)])
        rows += [_row(view, point) for point in found]
    axes[0][0].set_ylabel("accuracy on test subjects")
    style.legend(figure, columns=3)
    notes = [
        "Filled: recipe plus; hollow: the paper's recipe. Bars are one standard deviation over seeds.",
        "Variants of the recipe and methods of one sensor are in the table only.",
        "Methods without seconds were trained while other work shared the machine, and are in the table only.",
    ]
    return Rendered(HEADER, rows, style.unless_empty(figure), notes, comparisons=list(_comparisons(view, datasets)))


def points(view: View, dataset: str) -> list[Point]:
    """All methods of a dataset under both recipes, on each group of test subjects."""
    found = []
    for recipe, name in (("plus", dataset + PLUS), ("paper", dataset)):
        pairs = view.records(lambda job, name=name: job.dataset == name and job.kind == "finetune")  # type: ignore[misc]
        for method in [method for method in view.methods if any(job.method == method for job, _ in pairs)]:
            own = [(job, record) for job, record in pairs if job.method == method]
            for tested in unique(record.result["test_subjects"] for _, record in own):
                runs = [(j, r) for j, r in own if r.result["test_subjects"] == tested]
                found.append(Point(dataset, recipe, method, runs, _seconds(view, runs)))
    return found


def _seconds(view: View, runs: Pairs) -> tuple[float | None, float | None]:
    needed = {parent.key for job, _ in runs for parent in job.parents}
    stages = (view.records(lambda job: job.key in needed), runs)
    first, second = (training_seconds(record for _, record in stage) for stage in stages)
    return fmean(first) if first else None, fmean(second) if second else None


def _is_headline(view: View, point: Point) -> bool:
    folds = Column(view, point.column).folds
    return not folds or any(fold_of(job) in (None, folds[0]) for job, _ in point.runs)


def _plot(axes: Axes, view: View, dataset: str, found: list[Point]) -> None:
    axes.set_title(style.heading(view.title(dataset), [record for point in found for _, record in point.runs]))
    if not found:
        style.empty(axes, view.why_empty(dataset))
        return
    point_of: dict[str, Any] = {"markersize": 8, "linestyle": "none"}
    for label, face in RECIPES.items():
        axes.plot([], [], color=style.PAPER, marker="s", markerfacecolor=face or style.PAPER, label=label, **point_of)
    for point in found:
        if point.total_seconds is None or point.method not in DRAWN:
            continue
        its, summary = view.look(point.method), point.summary
        look: dict[str, Any] = {"color": its.hex, "marker": its.marker, **point_of}
        face = its.hex if point.recipe == "plus" else "white"
        error = summary.std or 0.0
        axes.errorbar(point.total_seconds, summary.mean, yerr=error, capsize=3, markerfacecolor=face, **look)
        axes.plot([], [], label=style.title(view.methods, point.method), **look)
    style.log_scale(axes)
    axes.set_xlabel("seconds of both stages")


def _row(view: View, point: Point) -> list[str]:
    summary, first = point.summary, point.runs[0][1].result
    name = [view.title(point.dataset), point.recipe, style.title(view.methods, point.method)]
    cells = [*summary.cells, *ranges(summary, [record for _, record in point.runs])]
    folds = Column(view, point.column).over_subjects(point.method) if _is_headline(view, point) else ""
    seconds = ["" if seconds is None else f"{seconds:.1f}" for seconds in point.seconds]
    return [*name, subjects(first["test_subjects"]), str(first["labels"]), *cells, folds, *seconds]


def _comparisons(view: View, datasets: list[str]) -> Iterator[list[str]]:
    """The recipe against methods of its kind, on each fold and over the subjects of all folds."""
    for dataset in datasets:
        column = Column(view, dataset + PLUS)
        for other in ALIKE:
            if other not in column.methods:
                continue
            tested = [(subjects(fold), column.runs(OURS, fold), column.runs(other, fold)) for fold in column.folds]
            if column.folds:
                tested.append(("all folds", column.all_folds(OURS), column.all_folds(other)))
            for where, ours, theirs in tested:
                titles = [style.title(view.methods, method) for method in (OURS, other)]
                yield [column.name, where, *titles, difference_of(ours, theirs).describe()]


# One change at a time

METHOD = "method"  # as a factor of a grid
ABLATION_HEADER = ("changed", "to", *SUMMARY, "minus the recipe, paired by seed", "by seed")
REPEATED = "* is the recipe that is changed: one set of runs, which several rows repeat."
SEEDS = "Rows with different n have different seeds; only the differences are over common seeds."
NAMES = {
    "transforms": "coordinates of the skeleton",
    "velocities": "velocities of the skeleton",
    "augmentations": "augmentations",
    "num_augmentations": "augmented views, V",
    "num_fused": "fused views, P",
    "temperature": "temperature of stage 1",
    "positives": "nearest-neighbour positives",
    "epochs": "epochs of stage 1",
    "val_subjects": "validation subjects",
    "encoders": "encoders",
    "context": "context of self-training, steps",
    "rounds": "rounds of self-training",
    METHOD: "second stage",
}


@dataclass(frozen=True)
class Option:
    """A value of a factor.

    Args:
        factor: The factor, or "method".
        value: The value.
        label: Its name.
        default: The recipe's value.
        known: Whether the recipe has a value; it may be null.
    """

    factor: str
    value: Any
    label: str
    default: Any
    known: bool = True

    @property
    def name(self) -> str:
        """Name of the factor in tables."""
        return NAMES.get(self.factor, self.factor)

    @property
    def is_default(self) -> bool:
        """Whether it is the recipe's value, or the recipe has none."""
        return not self.known or bool(self.value == self.default)

    def of(self, job: Job) -> bool:
        """Whether a run has it."""
        return bool((job.method if self.factor == METHOD else job.factors[self.factor]) == self.value)


@dataclass(frozen=True)
class Variant:
    """The recipe with one change.

    Args:
        changed: What is changed.
        to: What it is changed to; * marks the recipe itself.
        records: Its runs of stage 2.
        base: The recipe's runs at the same values of the grid's other factors.
    """

    changed: str
    to: str
    records: list[Record]
    base: list[Record]


def variants(view: View) -> Iterator[Variant]:
    """A variant for each value of a grid's last factor, at each combination of the others; methods are a factor."""
    for grid, runs in enumerate(view.study.runs):
        pairs = [(job, record) for job, record in view.grid(grid) if job.kind == "finetune"]
        for chosen in itertools.product(*_options(view, runs)):
            *fixed, varied = chosen
            changed = varied.name + "".join(f"; {option.name} {option.label}" for option in fixed)
            mark = " *" if all(option.is_default for option in chosen) else ""
            found = [record for job, record in pairs if all(option.of(job) for option in chosen)]
            recipe = (*fixed, replace(varied, value=varied.default))
            base = [record for job, record in pairs if all(option.of(job) for option in recipe)]
            yield Variant(changed, varied.label + mark, found, base)


def _options(view: View, runs: Runs) -> list[list[Option]]:
    """For each factor of a grid its options; methods are the last factor, where there are several."""
    factors = [
        [
            Option(name, value, label, factor.default, factor.default is not None or None in factor.values)
            for value, label in factor.named
        ]
        for name, factor in runs.vary.items()
    ]
    recipe, *others = runs.methods
    titles = {recipe: "the recipe's", **{method: style.title(view.methods, method) for method in others}}
    methods = [Option(METHOD, method, title, recipe) for method, title in titles.items()]
    return [*factors, methods] if others else factors


def ablation(view: View) -> Rendered:
    """One row per variant: accuracy on the test subjects."""
    rows = [_ablation_row(variant) for variant in variants(view)]
    return Rendered(ABLATION_HEADER, rows, notes=(REPEATED, SEEDS))


def _ablation_row(variant: Variant) -> list[str]:
    summary = summarize(variant.records)
    if summary is None:
        return [variant.changed, variant.to, "-", "", "0", "", "", "", ""]
    ours, recipe = ({record.seed: record.result["accuracy"] for record in of} for of in (variant.records, variant.base))
    difference = "" if variant.to.endswith("*") else paired(ours, recipe).describe()
    return [variant.changed, variant.to, *summary.cells, difference, " ".join(numbers(*summary.values))]
