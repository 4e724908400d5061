"""All methods on one dataset against Cosmo and against the recommended recipe, paired by seed and test subjects."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.look import HEX
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.columns import subjects
from cosmo_pl.study.rendering.statistics import MIN_RUNS, Difference, Pairs, difference_of, numbers
from cosmo_pl.study.rendering.view import OURS, PLUS, Rendered, View, unique

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALL = "all"
LETTERS = 30  # in a line of the name of a method
STEP = 0.07  # inches between the intervals of a row
COLOURS = tuple(HEX[name] for name in ("vermilion", "blue", "green", "purple", "orange"))  # of the folds
HEADER = ("compared with", "recipe", "method", "test subjects", "difference", "low 95 %", "high 95 %", "n")
NOTE = (
    "A dot is the mean difference in accuracy, method minus reference, over the n seeds that both have, and"
    " the whiskers are its 95 % t interval. Coloured dots are single folds; the black diamond is the mean over all"
    f" subjects, where each fold has {MIN_RUNS} common seeds. Fewer common seeds are not shown."
)

Fold = tuple[int, ...]
Key = tuple[str, str]  # recipe and title of a method


@dataclass(frozen=True)
class Compared:
    """A method under a recipe.

    Args:
        recipe: "plus" or "the paper's".
        name: Its name.
        title: Its title.
        runs: Its runs by test subjects.
    """

    recipe: str
    name: str
    title: str
    runs: Mapping[Fold, Pairs]

    def against(self, other: Compared, every: Collection[Fold]) -> dict[str, Difference]:
        """Differences to another method on each fold with `MIN_RUNS` common seeds, and on all folds if they all have.

        Args:
            other: The other method.
            every: All folds.
        """
        folds = [fold for fold in self.runs if fold in other.runs]
        found = {fold: difference_of(self.runs[fold], other.runs[fold]) for fold in folds}
        enough = {fold: difference for fold, difference in found.items() if difference.n >= MIN_RUNS}
        by_fold = {subjects(fold): difference for fold, difference in enough.items()}
        if len(every) < 2 or not set(every) <= set(enough):
            return by_fold
        whole = difference_of(self.over(list(every)), other.over(list(every)))
        return by_fold | ({ALL: whole} if whole.n >= MIN_RUNS else {})

    def over(self, folds: Sequence[Fold]) -> Pairs:
        """The runs on some folds of each seed that has all of them."""
        seeds = set.intersection(*({job.seed for job, _ in self.runs[fold]} for fold in folds)) if folds else set()
        return [pair for fold in folds for pair in self.runs[fold] if pair[0].seed in seeds]


def against(views: Sequence[View], dataset: str) -> Rendered:
    """Renders a dataset: one panel against Cosmo with the paper's recipe, one against the recommended recipe.

    Args:
        views: The studies whose runs are compared. Their preset with most runs of Cosmo on the dataset is taken.
        dataset: The dataset, without a recipe.
    """
    preset = _preset(views, dataset)
    methods = list(_methods(views, dataset, preset))
    folds = unique(fold for each in methods for fold in each.runs)
    references = {f"{each.title}, {_recipe(each.recipe)}": each for each in methods if each.name == OURS}
    found = {
        name: {(each.recipe, each.title): each.against(its, folds) for each in methods if each is not its}
        for name, its in references.items()
    }
    rows = [
        [
            name,
            recipe,
            title,
            tested,
            *numbers(fmean(difference.values), *(difference.interval or ())),
            str(difference.n),
        ]
        for name, its in found.items()
        for (recipe, title), differences in its.items()
        for tested, difference in differences.items()
    ]
    shown = {name: {key: each for key, each in its.items() if each} for name, its in found.items()}
    figure = _figure(views[0].title(dataset), {name: its for name, its in shown.items() if its})
    return Rendered(HEADER, rows, figure, [NOTE, f"The methods with the paper's recipe have the preset {preset}."])


def _preset(views: Sequence[View], dataset: str) -> str:
    presets = unique([views[0].preset, *(preset for view in views for preset in view.others)])
    return str(max(presets, key=lambda preset: _most_seeds(_runs(_under(views, preset), dataset, OURS))))


def _most_seeds(pairs: Pairs) -> int:
    """Largest number of runs on one fold: comparisons are paired by seed."""
    return max(Counter(tuple(record.result["test_subjects"]) for _, record in pairs).values(), default=0)


def _under(views: Sequence[View], preset: str) -> list[View]:
    """Those of some studies that have results under a preset, under it."""
    found = [view for view in views if preset in (view.preset, *view.others)]
    return [view if view.preset == preset else view.under(preset) for view in found]


def _methods(views: Sequence[View], dataset: str, preset: str) -> Iterator[Compared]:
    """The methods with the recipe plus, which no preset changes, then those with the paper's recipe under a preset."""
    titles = {name: style.title(view.methods, name) for view in views for name in view.methods}
    for recipe, name, its in (("plus", dataset + PLUS, views), ("the paper's", dataset, _under(views, preset))):
        for method, title in titles.items():
            pairs = _runs(its, name, method)
            tested = unique(tuple(record.result["test_subjects"]) for _, record in pairs)
            runs = {fold: [p for p in pairs if tuple(p[1].result["test_subjects"]) == fold] for fold in tested}
            if runs:
                yield Compared(recipe, method, title, runs)


def _runs(views: Sequence[View], dataset: str, method: str) -> Pairs:
    """Runs of a method with the usual number of labels, each once."""
    found: dict[str, tuple[Job, Record]] = {}
    for view in views:
        for job, record in view.records(
            lambda job: (job.dataset, job.method, job.kind) == (dataset, method, "finetune")
        ):
            if view.is_usual(job):
                found.setdefault(job.key, (job, record))
    return list(found.values())


def _recipe(name: str) -> str:
    return "recipe plus" if name == "plus" else "the paper's recipe"


@dataclass(frozen=True)
class Row:
    """A row of the figure: a method, or the name of a recipe above its methods.

    Args:
        label: What stands beside it, in lines of `LETTERS`.
        at: Its middle, in inches from the top.
        key: The method; None for the name of a recipe.
    """

    label: str
    at: float
    key: Key | None


def _rows(keys: Sequence[Key], count: Callable[[Key], int]) -> tuple[list[Row], float]:
    """The rows, and their height in inches; `count` gives the largest number of intervals of a method in a panel."""
    rows: list[Row] = []
    end = 0.0
    for recipe in unique(recipe for recipe, _ in keys):
        for key in (None, *(key for key in keys if key[0] == recipe)):
            lines = [_recipe(recipe)] if key is None else textwrap.wrap(key[1], LETTERS, break_on_hyphens=False)
            height = 0.06 + max(0.16 * len(lines), STEP * (0 if key is None else count(key)))
            rows.append(Row("\n".join(lines), end + height / 2, key))
            end += height
    return rows, end


def _figure(name: str, found: Mapping[str, Mapping[Key, Mapping[str, Difference]]]) -> Figure:
    keys = _ordered(found)
    folds = unique(tested for its in found.values() for each in its.values() for tested in each if tested != ALL)
    rows, end = _rows(keys, lambda key: max(len(its.get(key, {})) for its in found.values()))
    figure, panels = style.new_figure(max(1, len(found)), height=1.9 + end)
    for axes, (reference, its) in zip(panels[0], found.items(), strict=False):
        axes.set_title(f"{name}, against\n{reference}", fontsize=10.5)
        axes.axvline(0, color=HEX["black"], linewidth=1.0)
        for row in rows:
            _draw(axes, row.at, its.get(row.key, {}) if row.key else {}, folds)
        _name_rows(axes, rows)
        axes.set_ylim(end, 0)
        axes.set_xlabel("difference in accuracy")
        if axes is not panels[0][0]:
            axes.tick_params(labelleft=False)
    if not found:
        style.empty(panels[0][0], "no method shares three seeds with Cosmo or the recipe")
    style.legend(figure, columns=6)
    return figure


def _name_rows(axes: Axes, rows: Sequence[Row]) -> None:
    axes.set_yticks([row.at for row in rows], [row.label for row in rows], fontsize=9.5, linespacing=0.95)
    for row, label, tick in zip(rows, axes.get_yticklabels(), axes.yaxis.get_major_ticks(), strict=True):
        if row.key is None:
            label.set_fontweight("bold")
            tick.tick1line.set_visible(False)
            tick.gridline.set_visible(False)


def _ordered(found: Mapping[str, Mapping[Key, Mapping[str, Difference]]]) -> list[Key]:
    """The rows: methods with the recipe plus first, in each recipe the most accurate against the first reference."""
    first: dict[Key, float] = {}
    for its in found.values():
        for key, differences in its.items():
            first.setdefault(key, fmean(list(differences.values())[-1].values))
    return sorted(first, key=lambda key: (key[0] != "plus", -first[key]))


def _draw(axes: Axes, middle: float, its: Mapping[str, Difference], folds: Sequence[str]) -> None:
    """The intervals of a method below each other, around the middle of its row."""
    for number, (tested, difference) in enumerate(its.items()):
        whole = tested == ALL
        colour = HEX["black"] if whole else COLOURS[folds.index(tested) % len(COLOURS)]
        at = middle + STEP * (number - (len(its) - 1) / 2)
        assert difference.interval is not None
        axes.plot(difference.interval, [at, at], color=colour, linewidth=1.8 if whole else 1.2)
        label = "all subjects" if whole else f"subjects {tested}"
        marker, size = ("D", 4.5) if whole else ("o", 3.8)
        axes.plot(
            fmean(difference.values), at, marker=marker, markersize=size, color=colour, linestyle="none", label=label
        )
