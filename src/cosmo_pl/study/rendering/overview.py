"""All methods on one dataset: accuracy with its 95 % interval, as dots and whiskers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cosmo_pl.study.look import HEX, Look
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.columns import Column, subjects
from cosmo_pl.study.rendering.provenance import MARK
from cosmo_pl.study.rendering.statistics import Summary, interval_text, mean_and_std, summarize
from cosmo_pl.study.rendering.view import PLUS, Rendered, View, unique

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SINGLE = "#A8A8A8"  # fewer than three runs, which have no interval
HEADER = ("recipe", "preset", "method", "accuracy", "95 % interval of the mean")
NOTE = (
    "A dot is a mean over n seeds, and its whiskers are the 95 % t interval of this mean. A hollow grey dot is of"
    " one or two runs: their spread over seeds says too little, so it has no whiskers and is compared with nothing."
)


@dataclass(frozen=True)
class Entry:
    """A method under a recipe.

    Args:
        recipe: "plus" or "the paper's".
        preset: Preset of its runs.
        method: Its name.
        title: Its title.
        look: Its look.
        records: Its runs on the headline's test subjects, at least one.
    """

    recipe: str
    preset: str
    method: str
    title: str
    look: Look
    records: Sequence[Record]

    @property
    def summary(self) -> Summary:
        """Its accuracies."""
        found = summarize(self.records)
        assert found is not None
        return found

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the mean over seeds; None for fewer than three runs."""
        return self.summary.interval if self.summary.n > 1 else None

    @property
    def group(self) -> str:
        """What stands above it and the methods beside it."""
        return (
            f"recipe plus, preset {self.preset}" if self.recipe == "plus" else f"paper's recipe, preset {self.preset}"
        )


def accuracy(views: Sequence[View], dataset: str) -> Rendered:
    """Renders a dataset: both recipes, the most accurate method first, those of fewer than three runs last.

    Args:
        views: The studies whose runs are shown, under one preset each. A method that has no run under it is shown
            under the first of the study's other presets that has some.
        dataset: The dataset, without a recipe.
    """
    found = list(_entries(views, dataset))
    entries = [entry for group in unique(each.group for each in found) for entry in _ordered(found, group)]
    rows = [
        [each.recipe, each.preset, each.title, mean_and_std(each.summary), interval_text(each.interval)]
        for each in entries
    ]
    return Rendered(HEADER, rows, _figure(views[0].title(dataset), entries), [NOTE, *_conditions(entries)])


def _entries(views: Sequence[View], dataset: str) -> Iterator[Entry]:
    presets = [*views, *(view.under(preset) for view in views for preset in view.others)]
    for recipe, name in (("plus", dataset + PLUS), ("the paper's", dataset)):
        seen: set[str] = set()
        for view in [each for each in presets if name in each.datasets()]:
            runs = {method: Column(view, name).runs(method) for method in view.methods if method not in seen}
            for method, pairs in runs.items():
                if pairs:
                    seen.add(method)
                    title = style.title(view.methods, method)
                    yield Entry(recipe, view.preset, method, title, view.look(method), [record for _, record in pairs])


def _ordered(entries: Sequence[Entry], group: str) -> list[Entry]:
    own = [entry for entry in entries if entry.group == group]
    return sorted(own, key=lambda entry: (entry.interval is None, -entry.summary.mean if entry.interval else 0.0))


def _conditions(entries: Sequence[Entry]) -> list[str]:
    results = [record.result for entry in entries for record in entry.records]
    if not results:
        return []
    tested = "; ".join(subjects(each) for each in unique(result["test_subjects"] for result in results))
    labels = ", ".join(map(str, unique(result["labels"] for result in results)))
    simulated = " The recordings are simulated." if any(r.simulated for e in entries for r in e.records) else ""
    marked = (
        f" {MARK} marks runs of uncommitted code, or of a training that was repeated since with another result."
        if any(entry.summary.dirty for entry in entries)
        else ""
    )
    return [f"{labels} labels, test subjects {tested}, chance {results[0]['chance']:.3f}.{simulated}{marked}"]


def _figure(name: str, entries: Sequence[Entry]) -> Figure:
    groups = unique(entry.group for entry in entries)
    figure, ((axes,),) = style.new_figure(width=7.0, height=1.3 + 0.27 * (len(entries) + len(groups)))
    axes.set_title(style.heading(name, [record for entry in entries for record in entry.records]))
    ticks: list[str] = []
    for group in groups:
        ticks.append(group)
        for entry in [each for each in entries if each.group == group]:
            _draw(axes, len(ticks), entry)
            ticks.append(f"{entry.title}, n={entry.summary.runs}")
    if entries:
        chance = float(entries[0].records[0].result["chance"])
        axes.axvline(chance, color=HEX["black"], linestyle=":", linewidth=1.2, label=f"chance {chance:.3f}")
    _name_rows(axes, ticks, groups)
    style.legend(figure)
    return figure


def _draw(axes: Axes, height: int, entry: Entry) -> None:
    mean, interval = entry.summary.mean, entry.interval
    its = entry.look
    if interval is None:
        axes.plot(
            mean, height, marker=its.marker, markersize=6, markerfacecolor="white", color=SINGLE, linestyle="none"
        )
        return
    low, high = interval
    axes.plot([low, high], [height, height], color=its.hex, linewidth=1.6, marker="|", markersize=6)
    axes.plot(mean, height, marker=its.marker, markersize=6.5, color=its.hex, linestyle="none")


def _name_rows(axes: Axes, ticks: Sequence[str], groups: Sequence[str]) -> None:
    axes.set_yticks(range(len(ticks)), ticks)
    axes.set_ylim(len(ticks) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("accuracy on test subjects")
    for label, tick in zip(axes.get_yticklabels(), ticks, strict=True):
        if tick in groups:
            label.set_fontweight("bold")
