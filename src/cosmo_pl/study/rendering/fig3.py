"""Figure 3: which activities one sensor alone recognises better than the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.curves import Pairs, every, numbers
from cosmo_pl.study.rendering.verdict import not_comparable, order_verdict
from cosmo_pl.study.rendering.view import Rendered, Verdict, View, unique

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SENSORS = {"acc": "accelerometer", "gyro": "gyroscope"}
DATASET = "usc"


def by_activity(view: View) -> Rendered:
    """Accuracy of either sensor by activity, those first that the paper gives to the accelerometer."""
    paper = view.paper["fig3"]
    runs = {sensor: [(j, r) for j, r in view.grid(0) if j.method == sensor] for sensor in SENSORS}
    records = [record for pairs in runs.values() for _, record in pairs]
    known = unique(name for record in records for name in record.result["per_class_accuracy"])
    groups = {"acc": list(paper["acc_better"]), "gyro": [name for name in known if name not in paper["acc_better"]]}
    activities = [name for group in groups.values() for name in group]
    values = {
        (sensor, name): [r.result["accuracy"] for _, r in _of(pairs, name)]
        for sensor, pairs in runs.items()
        for name in activities
    }
    simulated = any(record.simulated for record in records)
    figure, axes = style.new_figure(height=5.0)
    if records:
        _draw(axes[0, 0], activities, values, len(groups["acc"]))
        style.legend(figure)
    else:
        style.empty(axes[0, 0], view, DATASET)
    axes[0, 0].set_title(style.DATASETS[DATASET] + (" (simulated)" if simulated else ""), pad=26)
    counts = " and ".join(f"{len(pairs)} with the {SENSORS[sensor]}" for sensor, pairs in runs.items())
    name = style.DATASETS[DATASET] + (", simulated recordings" if simulated else "")
    notes = [f"{name}: {counts}, a seed each; whiskers are one standard deviation over seeds."] if records else []
    rows = [_row(name, values, groups) for name in activities] if records else []
    header = ("activity", "paper: better", *(f"{s} {what}" for s in SENSORS for what in ("accuracy", "std", "n")))
    verdicts = [_verdict(better, names, runs, simulated, paper["place"]) for better, names in groups.items()]
    return Rendered(header, rows, figure, notes, verdicts)


def _of(pairs: Pairs, activity: str) -> Pairs:
    """The runs with the accuracy of one activity in place of that of all."""
    return [
        (job, replace(record, result=record.result | {"accuracy": accuracy}))
        for job, record in pairs
        if (accuracy := record.result["per_class_accuracy"].get(activity)) is not None
    ]


def _draw(axes: Axes, activities: Sequence[str], values: Mapping[tuple[str, str], list[float]], split: int) -> None:
    width = 0.38
    for shift, (sensor, title) in zip((-width / 2, width / 2), SENSORS.items(), strict=True):
        there = [(x, values[sensor, name]) for x, name in enumerate(activities) if values[sensor, name]]
        axes.bar(
            [x + shift for x, _ in there], [fmean(found) for _, found in there], width, color=style.colour(sensor),
            alpha=0.85, label=f"{title} alone",
        )  # fmt: skip
        spread = [(x, found) for x, found in there if len(found) > 1]
        axes.errorbar(
            [x + shift for x, _ in spread], [fmean(found) for _, found in spread],
            [stdev(found) for _, found in spread], fmt="none", ecolor=style.PAPER, capsize=2,
        )  # fmt: skip
    axes.axvline(split - 0.5, color=style.PAPER, linestyle="--", linewidth=1.2)
    for x, sensor in (((split - 1) / 2, "acc"), ((split + len(activities) - 1) / 2, "gyro")):
        axes.text(
            x, 1.02, f"paper: {SENSORS[sensor]} better", ha="center", color=style.PAPER,
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip
    axes.set_xticks(range(len(activities)), activities, rotation=40, ha="right", rotation_mode="anchor")
    axes.grid(visible=False, axis="x")
    axes.set_ylim(0, 1)
    axes.set_ylabel("accuracy on unseen subjects")


def _row(
    activity: str, values: Mapping[tuple[str, str], list[float]], groups: Mapping[str, Sequence[str]]
) -> list[str]:
    cells = [activity, next(sensor for sensor, names in groups.items() if activity in names)]
    for sensor in SENSORS:
        found = values[sensor, activity]
        cells += numbers(fmean(found) if found else None, stdev(found) if len(found) > 1 else None)
        cells.append(str(len(found)))
    return cells


def _verdict(better: str, activities: Sequence[str], runs: Mapping[str, Pairs], simulated: bool, place: str) -> Verdict:
    worse = next(sensor for sensor in SENSORS if sensor != better)
    where = ", ".join(activities) if better == "acc" else "all other activities"
    claim = f"Fig. 3, {place}: the {SENSORS[better]} alone is above the {SENSORS[worse]} alone on {where}"
    steps = {name: _step(_of(runs[better], name), _of(runs[worse], name), simulated) for name in activities}
    return every(claim, steps) if steps else not_comparable(claim, "no such run")


def _step(above: Pairs, below: Pairs, simulated: bool) -> Verdict:
    """The order on one activity; records do not count its samples, so that one seed has no interval."""
    shared = {job.seed for job, _ in above} & {job.seed for job, _ in below}
    if len(shared) == 1 and not simulated:
        return not_comparable("", "one seed, and records do not count the samples of an activity")
    return order_verdict("", above, below, simulated)
