"""Two recipes, the paper's and the recommended one: accuracy against the time of training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.curves import numbers
from cosmo_pl.study.rendering.statistics import Summary, summarize
from cosmo_pl.study.rendering.view import Rendered, View, unique

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLUS = "_plus"
FOLDS = "test_subjects"
HEADER = (
    "dataset", "recipe", "method", "test subjects", "labels", "accuracy", "std", "n", "correct", "total", "low 95 %",
    "high 95 %", "seconds of stage 1", "seconds of stage 2",
)  # fmt: skip


@dataclass(frozen=True)
class Point:
    """A method under a recipe on a dataset, tested on some subjects.

    Args:
        dataset: The dataset, without the recipe.
        recipe: "paper" or "plus".
        method: The method.
        runs: Its runs.
        seconds: Mean seconds of stage 1 and of stage 2; of stage 1 None for a method without.
    """

    dataset: str
    recipe: str
    method: str
    runs: list[tuple[Job, Record]]
    seconds: tuple[float | None, float]

    @property
    def summary(self) -> Summary:
        """Its accuracies."""
        found = summarize([record for _, record in self.runs])
        assert found is not None
        return found

    @property
    def total_seconds(self) -> float:
        """Seconds of both stages, at least one, so that a logarithm has a place for it."""
        return max(1.0, (self.seconds[0] or 0.0) + self.seconds[1])


def accuracy_and_time(view: View) -> Rendered:
    """Renders accuracy against training time, a panel a dataset: plus filled, paper hollow."""
    datasets = unique(dataset.removesuffix(PLUS) for dataset in view.datasets())
    figure, axes = style.new_figure(columns=len(datasets), height=5.6)
    style.share_heights(axes[0])
    rows, notes = [], []
    for place, dataset in zip(axes[0], datasets, strict=True):
        headline = [point for point in points(view, dataset) if _is_headline(view, point)]
        _draw(place, view, dataset, headline)
        rows += [_row(view, point) for point in points(view, dataset)]
        notes += list(_notes(view, dataset))
    axes[0][0].set_ylabel("accuracy on unseen subjects")
    style.legend(figure, columns=3)
    told = "Filled: recipe plus; hollow: the paper's recipe. Bars are one standard deviation over seeds."
    return Rendered(HEADER, rows, figure, [told, *notes])


def points(view: View, dataset: str) -> list[Point]:
    """All methods of a dataset under both recipes, on each group of test subjects."""
    found = []
    for recipe, name in (("plus", dataset + PLUS), ("paper", dataset)):
        pairs = view.records(lambda job, name=name: job.dataset == name and job.kind == "finetune")  # type: ignore[misc]
        for method in [method for method in view.methods if any(job.method == method for job, _ in pairs)]:
            own = [(job, record) for job, record in pairs if job.method == method]
            for subjects in unique(record.result["test_subjects"] for _, record in own):
                runs = [(j, r) for j, r in own if r.result["test_subjects"] == subjects]
                found.append(Point(dataset, recipe, method, runs, _seconds(view, runs)))
    return found


def _seconds(view: View, runs: list[tuple[Job, Record]]) -> tuple[float | None, float]:
    needed = {parent.key for job, _ in runs for parent in job.parents}
    first = [record.result["fit_seconds"] for _, record in view.records(lambda job: job.key in needed)]
    return fmean(first) if first else None, fmean(r.result["training"]["fit_seconds"] for _, r in runs)


def _is_headline(view: View, point: Point) -> bool:
    return any(not job.factors or job.factors.get(FOLDS) == _headline(view) for job, _ in point.runs)


def _headline(view: View) -> Any:
    return next((runs.vary[FOLDS].default for runs in view.study.runs if FOLDS in runs.vary), None)


def _draw(axes: Axes, view: View, dataset: str, found: list[Point]) -> None:
    simulated = any(record.simulated for point in found for _, record in point.runs)
    axes.set_title(style.DATASETS.get(dataset, dataset) + (" (simulated)" if simulated else ""))
    if not found:
        style.empty(axes, view, dataset)
        return
    for point in found:
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
    return [
        style.DATASETS.get(point.dataset, point.dataset), point.recipe, style.title(view.methods, point.method),
        " ".join(map(str, first["test_subjects"])), str(first["labels"]), *numbers(summary.mean, summary.std),
        str(summary.n), str(summary.correct), str(summary.total), *numbers(*summary.interval),
        *("" if seconds is None else f"{seconds:.1f}" for seconds in point.seconds),
    ]  # fmt: skip


def _notes(view: View, dataset: str) -> Iterator[str]:
    """The most accurate of each recipe on every group of test subjects, of those with the most runs there."""
    found, name = points(view, dataset), style.DATASETS.get(dataset, dataset)
    for subjects in unique(point.runs[0][1].result["test_subjects"] for point in found):
        there = [point for point in found if point.runs[0][1].result["test_subjects"] == subjects]
        best = []
        for recipe in unique(point.recipe for point in there):
            own = [point for point in there if point.recipe == recipe]
            runs = max(point.summary.n for point in own)
            top = max((point for point in own if point.summary.n == runs), key=lambda point: point.summary.mean)
            best.append(f"{recipe} {style.title(view.methods, top.method)} {top.summary.mean:.3f} (n={runs})")
        told = "the most accurate of those with the most runs"
        yield f"{name}, subjects {', '.join(map(str, subjects))}; {told}: {'; '.join(best)}."
