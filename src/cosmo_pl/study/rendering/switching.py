"""Accuracy, computing time and sensor-on time by the threshold under which a sensor is switched off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.look import Colour, Look
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.provenance import dirty
from cosmo_pl.study.rendering.statistics import SUMMARY, Summary, grouped, spread, whole_seeds
from cosmo_pl.study.rendering.view import Rendered, View, unique

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cosmo_pl.study.records import Record

HEADER = (
    "dataset",
    "method",
    "threshold",
    *SUMMARY,
    "time of a sample, relative",
    "sensors on, mean",
    "sensors on",
    "switched per 100 samples",
)
NOTES = (
    "Time of a sample is that of its prediction and of the predictions that measure what a sensor adds, relative to "
    "threshold 0. Sensors are checked again while they are off, which counts as on.",
    "Of several folds, the accuracy is the mean over the folds.",
)
COLUMNS = ("accuracy", "time of a sample\nrelative to threshold 0", "share of time that\nsensors are on")
COLOURS: Sequence[Colour] = ("vermilion", "blue", "green", "purple", "black")
"""By the order of the methods: all are variants of Cosmo, and shades of its colour are hard to tell apart in a line."""
NAMES = {"cosmo_c1_c2": "Cosmo without guided attention"}
"""Names in the legend of methods whose title is an abbreviation of Figure 15."""
Point = Mapping[str, Any]


def curves(view: View) -> Rendered:
    """One row of panels for each dataset: accuracy, time and sensor-on time by the threshold."""
    pairs = grouped(view.records(lambda job: job.measure == "switching"))
    whole = {its: whole_seeds(own, view.folds(its[0])) for its, own in pairs.items()}
    found = {its: [record for _, record in own] for its, own in whole.items() if own}
    datasets = view.datasets()
    figure, axes = style.new_figure(columns=len(COLUMNS), rows=len(datasets), height=1.4 + 2.2 * len(datasets))
    for column in axes.T:
        style.share_heights(column)
    for row, dataset in zip(axes, datasets, strict=True):
        here = {method: records for (its, method), records in found.items() if its == dataset}
        _plot(view, row, dataset, here)
    for panel, label in zip(axes[0], COLUMNS, strict=True):
        panel.set_title(label)
    for panel in axes[-1]:
        panel.set_xlabel("threshold")
    style.legend(figure, columns=2)
    rows = [row for (dataset, method), records in found.items() for row in _rows(view, dataset, method, records)]
    return Rendered(HEADER, rows, style.unless_empty(figure), [*NOTES, *_notes(view, found)])


def _plot(view: View, row: Sequence[Axes], dataset: str, here: Mapping[str, list[Record]]) -> None:
    name = style.heading(view.title(dataset), [r for records in here.values() for r in records])
    if not here:
        style.empty(row[0], f"{name}: {view.why_empty(dataset)}")
        for panel in row[1:]:
            panel.set_axis_off()
        return
    row[0].set_ylabel(name.replace(" (", "\n("))
    for method, records in here.items():
        thresholds, label = _thresholds(records), NAMES.get(method, style.title(view.methods, method))
        for panel, value in zip(row, (_accuracy, _time, _on), strict=True):
            values = [_by_seed(records, value, at) for at in range(len(thresholds))]
            means, stds = list(map(fmean, values)), list(map(spread, values))
            style.method_band(panel, _look(view, method), label, thresholds, means, stds)
    for panel in row[1:]:
        panel.axhline(1, color=style.PAPER, linestyle=":", linewidth=1.2)


def _look(view: View, method: str) -> Look:
    methods = unique(name for runs in view.study.runs for name in runs.methods)
    return replace(view.look(method), colour=COLOURS[methods.index(method) % len(COLOURS)])


def _rows(view: View, dataset: str, method: str, records: list[Record]) -> list[list[str]]:
    label = view.label(dataset)
    title = style.title(view.methods, method)
    return [[label, title, f"{t:g}", *_cells(records, at)] for at, t in enumerate(_thresholds(records))]


def _cells(records: list[Record], at: int) -> list[str]:
    def mean(value: Callable[[Record, int], float]) -> float:
        return fmean(value(record, at) for record in records)

    points = [_point(record, at) for record in records]
    correct, total = sum(p["correct"] for p in points), sum(record.result["total"] for record in records)
    values = tuple(_by_seed(records, _accuracy, at))
    on = {name: fmean(point["on"][name] for point in points) for name in points[0]["on"]}
    switched = 100 * sum(point["switched"] for point in points) / total
    return [
        *Summary(values, correct, total, dirty=any(map(dirty, records))).cells,
        f"{mean(_time):.3f}",
        f"{mean(_on):.3f}",
        ", ".join(f"{name} {share:.2f}" for name, share in on.items()),
        f"{switched:.1f}",
    ]


def _notes(view: View, found: Mapping[tuple[str, str], list[Record]]) -> list[str]:
    """How much each sensor is worth on training samples, by dataset and method."""
    notes = []
    for (dataset, method), records in found.items():
        names = records[0].result["worth"]
        worth = ", ".join(f"{name} {fmean(r.result['worth'][name] for r in records):.3f}" for name in names)
        kind = "attention weight" if records[0].result["attention"] else "change without it"
        title = style.title(view.methods, method)
        notes.append(f"{view.title(dataset)}, {title}: mean {kind} on training samples: {worth}.")
    return notes


def _thresholds(records: list[Record]) -> list[float]:
    return [point["threshold"] for point in records[0].result["curve"]]


def _point(record: Record, at: int) -> Point:
    point: Point = record.result["curve"][at]
    return point


def _by_seed(records: Sequence[Record], value: Callable[[Record, int], float], at: int) -> list[float]:
    """A value of each seed, the mean over its folds."""
    seeds = unique(record.seed for record in records)
    return [fmean(value(record, at) for record in records if record.seed == seed) for seed in seeds]


def _accuracy(record: Record, at: int) -> float:
    return float(_point(record, at)["correct"] / record.result["total"])


def _time(record: Record, at: int) -> float:
    """Time of a sample relative to that without switching."""
    return float(_point(record, at)["seconds"] / _point(record, 0)["seconds"])


def _on(record: Record, at: int) -> float:
    """Share of the sensors' time in which they are on."""
    return fmean(_point(record, at)["on"].values())
