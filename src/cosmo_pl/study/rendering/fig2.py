"""Figure 2 of the paper: how far apart the features of two sensors are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.provenance import marked
from cosmo_pl.study.rendering.statistics import numbers, spread
from cosmo_pl.study.rendering.verdict import every, means_verdict, obstacle
from cosmo_pl.study.rendering.view import OURS, Rendered, Verdict, View, unique

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cosmo_pl.study.records import Record

SINGLE = "acc+gyro"  # "+" joins two methods whose runs are measured together
ORDERS = ((SINGLE, "attnsense"), ("attnsense", "deepsense"))  # features further apart, features closer
PANELS = 3  # in a row
HEADER = ("dataset", "method", "mean cosine distance", "std", "n", "samples", "paper")


def feature_distance(view: View) -> Rendered:
    """The distances of all methods, and a t-SNE of the first seed of each."""
    (dataset,) = view.datasets()
    methods = view.study.runs[0].methods
    found = {method: _measured(view, method) for method in methods}
    stated = {
        SINGLE if name == "single" else name: distance
        for name, distance in view.stated_of("fig2", dataset).get("mean_cosine_distance", {}).items()
    }
    distances = {method: [*_by_seed(records).values()] for method, records in found.items()}
    figure, axes = style.new_figure(columns=PANELS, rows=-(-(1 + len(methods)) // PANELS), height=6.4)
    first, *others = axes.flat
    modalities = unique(modality for records in found.values() for r in records for modality in r.result["points"])
    _plot_distances(first, view, distances, stated, modalities)
    for panel, method in zip(others, methods, strict=False):
        panel.set_title(f"{name(view, method)},\nt-SNE")
        if found[method] and found[method][0].result["points"]:
            _plot_points(panel, view, found[method][0].result["points"])
        else:
            style.empty(panel, view.why_empty(dataset))
    for panel in others[len(methods) :]:
        panel.set_axis_off()
    style.legend(figure)
    rows = []
    for method, values in distances.items():
        if values:
            n = f"{len(values)}{marked(found[method])}"
            cells = [*numbers(fmean(values), spread(values)), n, str(found[method][0].result["samples"])]
            rows.append([view.title(dataset), name(view, method), *cells, *numbers(stated.get(method))])
    every_record = [record for records in found.values() for record in records]
    figure.suptitle(style.heading(view.title(dataset), every_record))
    verdicts = list(_verdicts(view, dataset, found))
    return Rendered(HEADER, rows, style.unless_empty(figure), _notes(view, dataset, distances), verdicts)


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


def _plot_distances(
    axes: Axes,
    view: View,
    distances: Mapping[str, Sequence[float]],
    stated: Mapping[str, float],
    modalities: Sequence[str],
) -> None:
    run = [method for method, values in distances.items() if values]
    if not run:
        style.empty(axes, view.why_empty(view.datasets()[0]))
        return
    for y, method in enumerate(run):
        values, its = distances[method], view.look(method)
        look: dict[str, Any] = {"color": its.hex, "marker": its.marker, "markersize": 8, "capsize": 4}
        axes.errorbar(fmean(values), y, xerr=spread(values) or 0.0, **look)
        if method in stated:
            style.stated_point(axes, stated[method], y)
    axes.set_yticks(range(len(run)), [name(view, method).replace(" (", "\n(") for method in run])
    axes.set_ylim(len(run) - 0.5, -0.5)
    axes.set_xlabel("mean cosine distance")
    axes.set_title(f"distance of the features\nof {' and '.join(modalities)}")


def _plot_points(axes: Axes, view: View, by_modality: Mapping[str, Sequence[Sequence[float]]]) -> None:
    for modality, points in by_modality.items():
        x, y = zip(*points, strict=True)
        axes.scatter(
            x, y, s=12, alpha=0.6, linewidths=0, color=view.look(modality).hex, label=f"features of {modality}"
        )
    axes.set_xticks([])
    axes.set_yticks([])


def _notes(view: View, dataset: str, distances: Mapping[str, Sequence[float]]) -> list[str]:
    counts = ", ".join(f"{name(view, method)} {len(values)}" for method, values in distances.items())
    notes = [f"Seeds: {counts}; bars are one standard deviation over them. The t-SNE is of the first seed."]
    notes += view.not_comparable(dataset)
    notes.append(
        "Our features are the encoders' flattened outputs z_j (Eq. 1) after a ReLU. None is negative, so no distance "
        "exceeds 1."
    )
    return [*notes, *view.stated_of("fig2", dataset).get("remarks", [])]


def _verdicts(view: View, dataset: str, found: Mapping[str, Sequence[Record]]) -> Iterator[Verdict]:
    distances = {method: _by_seed(records) for method, records in found.items()}
    reason, stated = obstacle(view, dataset), view.stated_of("fig2", dataset)
    for far, near in ORDERS if stated else ():
        claim = f"{stated['location']}: features are further apart in {name(view, far)} than in {name(view, near)}"
        yield means_verdict(claim, distances.get(far, {}), distances.get(near, {}), reason)
    others = [method for method in distances if method != OURS]
    own = "simulated recordings" if view.simulated(dataset) else None
    steps = {name(view, m): means_verdict("", distances[m], distances.get(OURS, {}), own) for m in others}
    ours = every("Our question, no claim of the paper: the features of Cosmo are the closest", steps)
    yield replace(ours, of_paper=False)
