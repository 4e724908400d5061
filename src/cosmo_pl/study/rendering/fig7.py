"""Figure 7 of the paper: the quality of the modalities, measured without labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.verdict import means_verdict, not_comparable
from cosmo_pl.study.rendering.view import Rendered, Verdict, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INERTIAL, SKELETON = "inertial", "skeleton"
PAPER_ONLY = "depth"  # what the paper compares the inertial sensor with
HEADER = ("modality", "seed", "quantity", "k", "value", "paper")
Curves = Mapping[str, Mapping[str, Any]]
"""Modality to what the measurement of silhouettes has of it."""
Quality = dict[int, Mapping[str, Mapping[str, Any]]]
"""Seed to modality to what stage 1 measured of it."""


def quality(view: View) -> Rendered:
    """Renders the silhouettes by number of clusters, the weights, and a t-SNE of each modality."""
    pairs = view.records(lambda job: job.kind == "pretrain")
    found: Quality = {job.seed: record.result["quality"] for job, record in pairs}
    laid = [record for _, record in view.records(lambda job: job.measure == "embedding")]
    clustered = [record for _, record in view.records(lambda job: job.measure == "quality")]
    curves: Curves = clustered[0].result["modalities"] if clustered else {}
    modalities = [m for m in (INERTIAL, SKELETON) if any(m in measured for measured in found.values())]
    simulated = any(record.simulated for record in [*laid, *clustered, *(record for _, record in pairs)])
    figure, axes = style.new_figure(columns=2, rows=2, height=7.6)
    (dataset,) = view.datasets()
    if curves:
        _draw_silhouettes(axes[0, 0], clustered[0].result)
    else:
        style.empty(axes[0, 0], view, dataset)
    if found:
        _draw_weights(axes[0, 1], found, modalities, view.paper["fig7"])
    else:
        style.empty(axes[0, 1], view, dataset)
    for place, modality in zip(axes[1], (INERTIAL, SKELETON), strict=True):
        place.set_title(f"{modality}: clips by activity")
        if laid and modality in laid[0].result["points"]:
            _draw_points(place, laid[0].result, modality)
        else:
            style.empty(place, view, dataset)
    style.legend(figure)
    return Rendered(
        HEADER, _rows(view, found, curves), figure, _notes(view, found, simulated), _verdicts(view, found, simulated)
    )


def values(found: Quality, modality: str, quantity: str) -> list[float]:
    """A quantity of a modality, a seed each."""
    return [float(measured[modality][quantity]) for measured in found.values() if modality in measured]


def _told(numbers: Sequence[float], digits: int) -> str:
    spread = f" ± {stdev(numbers):.{digits}f}" if len(numbers) > 1 else ""
    return f"{fmean(numbers):.{digits}f}{spread}"


def _draw_silhouettes(axes: Axes, result: Mapping[str, Any]) -> None:
    cap = result["default_max_clusters"]
    at = result["max_clusters"].index(cap)
    for modality, measured in result["modalities"].items():
        curve, colour = {int(k): value for k, value in measured["silhouettes"].items()}, style.colour(modality)
        axes.plot(list(curve), list(curve.values()), color=colour, label=modality)
        best = measured["num_clusters"][at]
        axes.plot([best], [curve[best]], linestyle="none", marker="v", color=colour, label=f"{modality}: k* up to 2C")
    for k, name in ((result["num_classes"], "C"), (cap, "2C")):
        axes.axvline(k, color=style.PAPER, linestyle=":", linewidth=1.2)
        axes.annotate(f"{name} = {k}", (k, 0.97), xycoords=("data", "axes fraction"), xytext=(4, -4),
                      textcoords="offset points", color=style.PAPER, va="top")  # fmt: skip
    axes.set_xlabel("number of clusters k")
    axes.set_ylabel("mean silhouette")
    axes.set_title("silhouettes of k-means")


def _draw_weights(axes: Axes, found: Quality, modalities: Sequence[str], stated: Mapping[str, Any]) -> None:
    ticks = []
    for x, modality in enumerate(modalities):
        weights = values(found, modality, "weight")
        spread = stdev(weights) if len(weights) > 1 else 0.0
        axes.bar(x, fmean(weights), 0.6, yerr=spread, color=style.colour(modality), ecolor=style.PAPER, capsize=4)
        hopkins, best = values(found, modality, "hopkins"), values(found, modality, "num_clusters")
        ticks.append(f"{modality}\nH {_told(hopkins, 2)}\nk* {_told(best, 1)}")
    places = [*modalities, PAPER_ONLY]
    for modality in (INERTIAL, PAPER_ONLY):
        if modality in places:
            style.stated_point(axes, places.index(modality), stated[modality]["weight"])
    depth = stated[PAPER_ONLY]
    ticks.append(f"{PAPER_ONLY} (paper)\nH {depth['hopkins']}\nk* {depth['k_star']}")
    axes.set_xticks(range(len(ticks)), ticks)
    axes.set_ylim(0, 1)
    axes.set_ylabel("quality weight")
    axes.set_title("weights of the modalities")


def _draw_points(axes: Axes, result: Mapping[str, Any], modality: str) -> None:
    x, y = zip(*result["points"][modality], strict=True)
    axes.scatter(x, y, s=9, c=result["label"][modality], cmap="turbo", linewidths=0)
    axes.set_xticks([])
    axes.set_yticks([])


def _rows(view: View, found: Quality, curves: Curves) -> list[list[str]]:
    stated = {INERTIAL: {"weight": view.paper["fig7"][INERTIAL]["weight"]}}
    rows = []
    for seed, measured in sorted(found.items()):
        for modality, its in measured.items():
            for quantity in ("hopkins", "num_clusters", "weight"):
                paper = stated.get(modality, {}).get(quantity, "")
                rows.append([modality, str(seed), quantity, "", f"{its[quantity]:.5g}", str(paper)])
    return rows + [
        [modality, "0", "silhouette", k, f"{value:.5g}", ""]
        for modality, measured in curves.items()
        for k, value in measured["silhouettes"].items()
    ]


def _notes(view: View, found: Quality, simulated: bool) -> list[str]:
    notes = [f"n = {len(found)} seeds of the weights; error bars are one standard deviation over them."]
    notes.append(
        "Silhouettes of seed 0. The weights come of at most 2C clusters; k* rises with this cap (quality_cap)."
    )
    notes += ["Simulated recordings: not comparable with the paper."] if simulated else []
    notes.append(
        "H and k* are computed on the principal components of the clips (95 % of the variance, at most 50), H with "
        "plain distances; |k* - C| counts as at least 0.5."
    )
    return [*notes, *view.paper["fig7"]["remarks"]]


def _verdicts(view: View, found: Quality, simulated: bool) -> list[Verdict]:
    stated = view.paper["fig7"]
    place, depth = stated["place"], stated[PAPER_ONLY]
    weights = f"{stated[INERTIAL]['weight']} to {depth['weight']} of depth; here skeleton"
    return [
        means_verdict(
            f"{place}: the inertial sensor has the smaller weight ({weights})",
            values(found, SKELETON, "weight"), values(found, INERTIAL, "weight"), simulated,
        ),
        not_comparable(
            f"{place}: depth has H = {depth['hopkins']} and k* = {depth['k_star']}", "our runs have no depth camera"
        ),
    ]  # fmt: skip
