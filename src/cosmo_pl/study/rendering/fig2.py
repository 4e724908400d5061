"""Figure 2 of the paper: how far apart the features of two sensors are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.curves import numbers
from cosmo_pl.study.rendering.statistics import MARK, dirty
from cosmo_pl.study.rendering.verdict import every, means_verdict, obstacle
from cosmo_pl.study.rendering.view import Rendered, Verdict, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cosmo_pl.study.records import Record

OURS, SINGLE = "cosmo", "acc+gyro"  # a method is measured alone, or the runs of two joined by "+"
ORDERS = ((SINGLE, "attnsense"), ("attnsense", "deepsense"))  # further apart, closer
PANELS = 3  # beside each other
HEADER = ("dataset", "method", "mean cosine distance", "std", "n", "samples", "paper")


def feature_distance(view: View) -> Rendered:
    """Renders the distances of all methods, and a t-SNE of the first seed of each."""
    (dataset,) = view.datasets()
    methods = view.study.runs[0].methods
    found = {method: _measured(view, method) for method in methods}
    stated = {
        SINGLE if name == "single" else name: distance
        for name, distance in _paper(view, dataset).get("mean_cosine_distance", {}).items()
    }
    distances = {method: [*_by_seed(records).values()] for method, records in found.items()}
    figure, axes = style.new_figure(columns=PANELS, rows=-(-(1 + len(methods)) // PANELS), height=6.4)
    places = list(axes.flat)
    _draw_distances(places[0], view, distances, stated)
    for place, method in zip(places[1:], methods, strict=False):
        place.set_title(name(view, method))
        if found[method] and found[method][0].result["points"]:
            _draw_points(place, found[method][0].result["points"])
        else:
            style.empty(place, view.why_empty(dataset))
    for place in places[1 + len(methods) :]:
        place.set_axis_off()
    style.legend(figure)
    rows = [
        [
            view.title(dataset), name(view, method), *numbers(fmean(values), _spread(values)),
            f"{len(values)}{MARK if any(map(dirty, found[method])) else ''}",
            str(found[method][0].result["samples"]), *numbers(stated.get(method)),
        ]
        for method, values in distances.items() if values
    ]  # fmt: skip
    every_record = [record for records in found.values() for record in records]
    figure.suptitle(style.heading(view.title(dataset), every_record))
    return Rendered(HEADER, rows, figure, _notes(view, dataset, distances), _verdicts(view, dataset, found))


def _paper(view: View, dataset: str) -> Mapping[str, Any]:
    """What the paper states; empty for another dataset than its own."""
    paper = view.stated("fig2")
    return paper if view.in_paper(dataset) == paper.get("dataset") else {}


def name(view: View, method: str) -> str:
    """Name of a method in this figure."""
    head, _, variant = style.title(view.methods, method).partition(", ")
    return "single" if method == SINGLE else f"{head} ({variant})" if variant else head


def _measured(view: View, method: str) -> list[Record]:
    pairs = view.records(lambda job: job.measure == "features" and job.method == method)
    return [record for _, record in sorted(pairs, key=lambda pair: pair[0].seed)]


def _by_seed(records: Sequence[Record]) -> dict[int, float]:
    values = {record.seed: record.result["cosine_distance"] for record in records}
    return {seed: value for seed, value in values.items() if value is not None}


def _spread(values: Sequence[float]) -> float | None:
    return stdev(values) if len(values) > 1 else None


def _draw_distances(
    axes: Axes, view: View, distances: Mapping[str, Sequence[float]], stated: Mapping[str, float]
) -> None:
    there = [method for method, values in distances.items() if values]
    if not there:
        style.empty(axes, view.why_empty(view.datasets()[0]))
        return
    for y, method in enumerate(there):
        values, its = distances[method], style.look(method)
        axes.errorbar(
            fmean(values), y, xerr=_spread(values) or 0.0, color=its.colour, marker=its.marker, markersize=8, capsize=4
        )
        if method in stated:
            style.stated_point(axes, stated[method], y)
    axes.set_yticks(range(len(there)), [name(view, method).replace(" (", "\n(") for method in there])
    axes.set_ylim(len(there) - 0.5, -0.5)
    axes.set_xlabel("mean cosine distance")
    axes.set_title("between modalities")


def _draw_points(axes: Axes, by_modality: Mapping[str, Sequence[Sequence[float]]]) -> None:
    for modality, points in by_modality.items():
        x, y = zip(*points, strict=True)
        axes.scatter(x, y, s=12, alpha=0.6, linewidths=0, color=style.colour(modality), label=f"features of {modality}")
    axes.set_xticks([])
    axes.set_yticks([])


def _notes(view: View, dataset: str, distances: Mapping[str, Sequence[float]]) -> list[str]:
    counts = ", ".join(f"{name(view, method)} {len(values)}" for method, values in distances.items())
    notes = [f"Seeds: {counts}; bars are one standard deviation over them. The t-SNE is of the first seed."]
    notes += ["Simulated recordings: not comparable with the paper."] if view.simulated(dataset) else []
    notes.append(
        "Ours are the encoders' flattened outputs z_j (Eq. 1), which follow a ReLU: none is negative, so no distance "
        "exceeds 1."
    )
    return [*notes, *_paper(view, dataset).get("remarks", [])]


def _verdicts(view: View, dataset: str, found: Mapping[str, Sequence[Record]]) -> list[Verdict]:
    distances = {method: _by_seed(records) for method, records in found.items()}
    reason, stated = obstacle(view, dataset), _paper(view, dataset)
    verdicts = [
        means_verdict(
            f"{stated['place']}: features are further apart in {name(view, far)} than in {name(view, near)}",
            distances.get(far, {}), distances.get(near, {}), reason,
        )
        for far, near in ORDERS if stated
    ]  # fmt: skip
    others = [method for method in distances if method != OURS]
    own = "simulated recordings" if view.simulated(dataset) else None
    steps = {name(view, m): means_verdict("", distances[m], distances.get(OURS, {}), own) for m in others}
    ours = every("Our question, no claim of the paper: the features of Cosmo are closest", steps)
    return [*verdicts, replace(ours, of_paper=False)]
