"""Figure 3: the activities that one sensor alone recognises better than another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.statistics import Pairs, numbers, spread
from cosmo_pl.study.rendering.verdict import every, obstacle, order_verdict
from cosmo_pl.study.rendering.view import Rendered, Verdict, View, unique

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Groups = Mapping[str, Sequence[str]]
"""Sensor to the activities on which it is better in the paper, which names those of the first sensor."""
Values = Mapping[tuple[str, str], list[float]]
"""Sensor and activity to accuracies, one per seed."""


def by_activity(view: View) -> Rendered:
    """Accuracy of two methods by activity; the activities on which the first is better in the paper come first."""
    (dataset,) = view.datasets()
    first, second = view.study.runs[0].methods
    paper = view.stated_of("fig3", dataset)
    runs = {sensor: [(j, r) for j, r in view.grid(0) if j.method == sensor] for sensor in (first, second)}
    records = [record for pairs in runs.values() for _, record in pairs]
    # Records of several ages have them in several orders.
    known = sorted({name for record in records for name in record.result["per_class_accuracy"]})
    better = paper.get("better", {}).get(first, [])
    groups = {first: list(better), second: [name for name in known if name not in better]}
    activities = [name for group in groups.values() for name in group]
    values = {(s, name): [r.result["accuracy"] for _, r in _of(runs[s], name)] for s in runs for name in activities}
    figure, axes = style.new_figure(height=5.0)
    if records:
        _plot(axes[0, 0], view, activities, values)
        if better:
            _plot_paper(axes[0, 0], view, groups)
        style.legend(figure)
    else:
        style.empty(axes[0, 0], view.why_empty(dataset))
    name = style.heading(view.title(dataset), records)
    axes[0, 0].set_title(name, pad=26)
    counts = " and ".join(f"{len(pairs)} of {style.title(view.methods, sensor)}" for sensor, pairs in runs.items())
    notes = [f"{name}: {counts}, one run per seed; whiskers are one standard deviation over seeds."] if records else []
    rows = [_row(name, values, groups) for name in activities] if records else []
    header = ("activity", "paper: better", *(f"{s} {what}" for s in runs for what in ("accuracy", "std", "n")))
    reason = obstacle(view, dataset, list(runs))
    verdicts = [_verdict(view, sensor, groups, runs, reason) for sensor in runs] if better else []
    return Rendered(header, rows, style.unless_empty(figure), notes, verdicts)


def _of(pairs: Pairs, activity: str) -> Pairs:
    """The runs with the accuracy on one activity as their accuracy."""
    return [
        (job, replace(record, result=record.result | {"accuracy": accuracy}))
        for job, record in pairs
        if (accuracy := record.result["per_class_accuracy"].get(activity)) is not None
    ]


def _plot(axes: Axes, view: View, activities: Sequence[str], values: Values) -> None:
    width = 0.38
    for shift, sensor in zip((-width / 2, width / 2), unique(sensor for sensor, _ in values), strict=True):
        bars = {x + shift: found for x, name in enumerate(activities) if (found := values[sensor, name])}
        look: dict[str, Any] = {"color": view.look(sensor).hex, "alpha": 0.85}
        axes.bar(list(bars), list(map(fmean, bars.values())), width, label=style.title(view.methods, sensor), **look)
        several = {x: found for x, found in bars.items() if len(found) > 1}
        means, stds = list(map(fmean, several.values())), list(map(stdev, several.values()))
        axes.errorbar(list(several), means, stds, fmt="none", ecolor=style.PAPER, capsize=2)
    axes.set_xticks(range(len(activities)), activities, rotation=40, ha="right", rotation_mode="anchor")
    axes.grid(visible=False, axis="x")
    axes.set_ylim(0, 1)
    axes.set_ylabel("accuracy on test subjects")


def _plot_paper(axes: Axes, view: View, groups: Groups) -> None:
    """Writes above each group which sensor is better in the paper."""
    split, count = len(next(iter(groups.values()))), sum(map(len, groups.values()))
    axes.axvline(split - 0.5, color=style.PAPER, linestyle="--", linewidth=1.2)
    for x, sensor in zip(((split - 1) / 2, (split + count - 1) / 2), groups, strict=True):
        text = f"paper: {style.title(view.methods, sensor)} better"
        axes.text(x, 1.02, text, ha="center", color=style.PAPER, transform=axes.get_xaxis_transform())


def _row(activity: str, values: Values, groups: Groups) -> list[str]:
    stated = any(groups[next(iter(groups))])
    cells = [activity, next(sensor for sensor, names in groups.items() if activity in names) if stated else ""]
    for sensor in groups:
        found = values[sensor, activity]
        cells += numbers(fmean(found) if found else None, spread(found))
        cells.append(str(len(found)))
    return cells


def _verdict(view: View, better: str, groups: Groups, runs: Mapping[str, Pairs], reason: str | None) -> Verdict:
    first, second = groups
    worse = second if better == first else first
    above, below = (view.named(sensor) for sensor in (better, worse))
    where = ", ".join(groups[first]) if better == first else "all other activities"
    steps = {
        name: order_verdict("", _of(runs[better], name), _of(runs[worse], name), reason) for name in groups[better]
    }
    return every(f"{view.stated('fig3')['location']}: {above} is above {below} on {where}", steps)
