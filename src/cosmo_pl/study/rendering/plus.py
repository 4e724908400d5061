"""Two recipes, the paper's and the recommended one: accuracy against the time of training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.columns import FOLDS, Column, subjects
from cosmo_pl.study.rendering.curves import numbers
from cosmo_pl.study.rendering.statistics import Summary, by_seed, paired, people, summarize, training_seconds
from cosmo_pl.study.rendering.view import Rendered, View, unique

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLUS = "_plus"
OURS = "cosmo"
ALIKE = ("cmc_plus", "random_forest_self")  # with the same second stage, and self-trained on the same windows
HEADER = (
    "dataset", "recipe", "method", "test subjects", "labels", "accuracy", "std", "n", "correct", "total", "low 95 %",
    "high 95 %", "people, lowest to highest", "mean over the people of all folds", "seconds of stage 1",
    "seconds of stage 2",
)  # fmt: skip


@dataclass(frozen=True)
class Point:
    """A method under a recipe on a dataset, tested on some subjects.

    Args:
        dataset: The dataset, without the recipe.
        recipe: "paper" or "plus".
        method: The method.
        runs: Its runs.
        seconds: Mean seconds of stage 1 and of stage 2; None of what is not timed, or is not there.
    """

    dataset: str
    recipe: str
    method: str
    runs: list[tuple[Job, Record]]
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
        """Seconds of both stages, at least one, so that a logarithm has a place for it; None where one is not timed."""
        first, second = self.seconds
        if second is None or (first is None and any(job.parents for job, _ in self.runs)):
            return None
        return max(1.0, (first or 0.0) + second)


def accuracy_and_time(view: View) -> Rendered:
    """Renders accuracy against training time, a panel a dataset: plus filled, paper hollow."""
    datasets = unique(dataset.removesuffix(PLUS) for dataset in view.datasets())
    figure, axes = style.new_figure(columns=len(datasets), height=5.6)
    style.share_heights(axes[0])
    rows: list[list[str]] = []
    for place, dataset in zip(axes[0], datasets, strict=True):
        headline = [point for point in points(view, dataset) if _is_headline(view, point)]
        _draw(place, view, dataset, headline)
        rows += [_row(view, point) for point in points(view, dataset)]
    axes[0][0].set_ylabel("accuracy on unseen subjects")
    style.legend(figure, columns=3)
    told = (
        "Filled: recipe plus; hollow: the paper's recipe. Bars are one standard deviation over seeds. Methods that were"
        " only trained beside other work have no seconds, and are in the table alone."
    )
    return Rendered(HEADER, rows, figure, [told], comparisons=list(_comparisons(view, datasets)))


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


def _seconds(view: View, runs: list[tuple[Job, Record]]) -> tuple[float | None, float | None]:
    needed = {parent.key for job, _ in runs for parent in job.parents}
    stages = (view.records(lambda job: job.key in needed), runs)
    first, second = (training_seconds(record for _, record in stage) for stage in stages)
    return fmean(first) if first else None, fmean(second) if second else None


def _is_headline(view: View, point: Point) -> bool:
    folds = Column(view, point.column).folds
    return not folds or any(job.factors.get(FOLDS, folds[0]) == folds[0] for job, _ in point.runs)


def _draw(axes: Axes, view: View, dataset: str, found: list[Point]) -> None:
    axes.set_title(style.heading(view.title(dataset), [record for point in found for _, record in point.runs]))
    if not found:
        style.empty(axes, view.why_empty(dataset))
        return
    for point in found:
        if point.total_seconds is None:
            continue
        its, summary = style.look(point.method), point.summary
        face = its.colour if point.recipe == "plus" else "white"
        axes.errorbar(
            point.total_seconds, summary.mean, yerr=summary.std or 0.0, color=its.colour, marker=its.marker,
            markersize=8, capsize=3, linestyle="none", markerfacecolor=face,
            label=style.title(view.methods, point.method),
        )  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("seconds of training, both stages")


def _row(view: View, point: Point) -> list[str]:
    summary, first = point.summary, point.runs[0][1].result
    column = Column(view, point.column)
    return [
        view.title(point.dataset), point.recipe, style.title(view.methods, point.method),
        subjects(first["test_subjects"]), str(first["labels"]), *numbers(summary.mean, summary.std), summary.runs,
        str(summary.correct), str(summary.total), *numbers(*(summary.interval or (None, None))),
        people([record for _, record in point.runs]),
        column.over_people(point.method) if _is_headline(view, point) else "",
        *("" if seconds is None else f"{seconds:.1f}" for seconds in point.seconds),
    ]  # fmt: skip


def _comparisons(view: View, datasets: list[str]) -> Iterator[list[str]]:
    """The recipe against methods of its kind, on every fold and over the people of all folds."""
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
                yield [column.name, where, *titles, paired(by_seed(ours), by_seed(theirs)).describe()]
