"""Figure 7 of the paper: the quality of the modalities, measured without labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from statistics import fmean
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.statistics import mean_and_n, mean_text, spread
from cosmo_pl.study.rendering.verdict import not_comparable
from cosmo_pl.study.rendering.view import Rendered, Verdict, View, unique

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUANTITIES = {"hopkins": "hopkins", "num_clusters": "k_star", "weight": "weight"}  # and their names in paper.yaml
OTHER = "runs with the inertial sensor and depth"
HEADER = ("modality", "seed", "quantity", "k", "value", "paper")
Quality = dict[int, Mapping[str, Mapping[str, Any]]]
"""Seed to modality to the quality that stage 1 measured."""


def quality(view: View) -> Rendered:
    """The silhouettes by number of clusters, the weights, and a t-SNE of each modality."""
    pairs = view.records(lambda job: job.kind == "pretrain")
    found: Quality = {job.seed: record.result["quality"] for job, record in pairs}
    clustered = [record for _, record in view.records(lambda job: job.measure == "quality")]
    embedded = [record for _, record in view.records(lambda job: job.measure == "embedding")]
    modalities = unique(modality for measured in found.values() for modality in measured)
    (dataset,) = view.datasets()
    panels = max(2, len(modalities))
    figure, axes = style.new_figure(columns=panels, rows=2, height=7.6)
    figure.suptitle(style.heading(view.title(dataset), [*embedded, *clustered, *(record for _, record in pairs)]))
    paper = view.stated_of("fig7", dataset)
    if clustered:
        _plot_silhouettes(axes[0, 0], view, clustered[0].result)
    else:
        style.empty(axes[0, 0], view.why_empty(dataset))
    if found:
        _plot_weights(axes[0, 1], view, found, modalities, paper.get("modalities", {}))
    else:
        style.empty(axes[0, 1], view.why_empty(dataset))
    for panel in axes[0, 2:]:
        panel.set_axis_off()
    for panel, modality in zip_longest(axes[1], modalities):
        panel.set_title(f"{modality}: t-SNE of the clips" if modality else "")
        if embedded and modality in embedded[0].result["points"]:
            _plot_points(panel, embedded[0].result, modality)
        else:
            style.empty(panel, view.why_empty(dataset))
    style.legend(figure, columns=3)
    verdicts = _verdicts(view, paper, found) if paper else []
    rows = [*_rows(paper, found), *(row for record in clustered[:1] for row in _silhouettes(record.result))]
    return Rendered(HEADER, rows, style.unless_empty(figure), _notes(view, dataset, paper, found), verdicts)


def values(found: Quality, modality: str, quantity: str) -> list[float]:
    """A quantity of a modality, one value per seed."""
    return [float(measured[modality][quantity]) for measured in found.values() if modality in measured]


def _plot_silhouettes(axes: Axes, view: View, result: Mapping[str, Any]) -> None:
    cap = result["default_max_clusters"]
    at = result["max_clusters"].index(cap)
    for modality, measured in result["modalities"].items():
        curve, colour = {int(k): value for k, value in measured["silhouettes"].items()}, view.look(modality).hex
        axes.plot(list(curve), list(curve.values()), color=colour, label=modality)
        best = measured["num_clusters"][at]
        axes.plot([best], [curve[best]], linestyle="none", marker="v", color=colour, label=f"{modality}: k* up to 2C")
    for k, name in ((result["num_classes"], "C"), (cap, "2C")):
        axes.axvline(k, color=style.PAPER, linestyle=":", linewidth=1.2)
        shift: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "xytext": (4, -4), "va": "top"}
        axes.annotate(f"{name} = {k}", (k, 0.97), textcoords="offset points", color=style.PAPER, **shift)
    axes.set_xlabel("number of clusters k")
    axes.set_ylabel("mean silhouette")
    axes.set_title("silhouettes of k-means")


def _plot_weights(axes: Axes, view: View, found: Quality, modalities: Sequence[str], stated: Mapping[str, Any]) -> None:
    ticks = []
    for x, modality in enumerate(modalities):
        weights = values(found, modality, "weight")
        axes.bar(x, fmean(weights), 0.6, color=view.look(modality).hex)
        whisker: dict[str, Any] = {"ecolor": style.PAPER, "capsize": 4, "path_effects": style.halo()}
        axes.errorbar(x, fmean(weights), yerr=spread(weights) or 0.0, fmt="none", **whisker)
        hopkins, best = values(found, modality, "hopkins"), values(found, modality, "num_clusters")
        ticks.append(f"{modality}\nH {mean_text(hopkins, 2)}\nk* {mean_text(best, 1)}")
    columns = [*modalities, *(modality for modality in stated if modality not in modalities)]
    for modality, its in stated.items():
        style.stated_point(axes, columns.index(modality), its["weight"], on_bar=True)
    for modality in columns[len(modalities) :]:
        its = stated[modality]
        ticks.append(f"{modality} (paper)\nH {its['hopkins']}\nk* {its['k_star']}")
    axes.set_xticks(range(len(ticks)), ticks)
    axes.set_ylim(0, 1)
    axes.set_ylabel("quality weight")
    axes.set_title("weights of the modalities")


def _plot_points(axes: Axes, result: Mapping[str, Any], modality: str) -> None:
    x, y = zip(*result["points"][modality], strict=True)
    axes.scatter(x, y, s=9, c=result["label"][modality], cmap="turbo", linewidths=0)
    axes.set_xlabel(f"{len(set(result['label'][modality]))} colours, one per activity")
    axes.set_xticks([])
    axes.set_yticks([])


def _rows(paper: Mapping[str, Any], found: Quality) -> list[list[str]]:
    rows = []
    for seed, measured in sorted(found.items()):
        for modality, its in measured.items():
            stated = paper.get("modalities", {}).get(modality, {})
            for quantity, name in QUANTITIES.items():
                rows.append([modality, str(seed), quantity, "", f"{its[quantity]:.5g}", str(stated.get(name, ""))])
    return rows


def _silhouettes(result: Mapping[str, Any]) -> list[list[str]]:
    return [
        [modality, "0", "silhouette", k, f"{value:.5g}", ""]
        for modality, measured in result["modalities"].items()
        for k, value in measured["silhouettes"].items()
    ]


def _notes(view: View, dataset: str, paper: Mapping[str, Any], found: Quality) -> list[str]:
    notes = [f"n = {len(found)} seeds for the weights; error bars are one standard deviation over them."]
    notes.append(
        "Silhouettes of seed 0. The weights are from at most 2C clusters; the study `quality_cap` has other limits."
    )
    notes += view.not_comparable(dataset)
    notes.append(
        "H and k* are computed on the principal components of the clips (95 % of the variance, at most 50), and H with "
        "Euclidean distances that are not raised to a power. |k* - C| is at least 0.5 in the weights."
    )
    return [*notes, *paper.get("remarks", [])]


def _verdicts(view: View, paper: Mapping[str, Any], found: Quality) -> list[Verdict]:
    """The paper's weights, which are of other sensors than ours, with our weights as evidence."""
    ours = [
        f"{modality} {mean_and_n(weights, digits=2)}"
        for modality in unique(modality for measured in found.values() for modality in measured)
        if (weights := values(found, modality, "weight"))
    ]
    evidence = f"{paper['other_modalities']}; ours: {', '.join(ours) or 'no such run'}"
    stated = paper["modalities"]
    weights_stated = " and ".join(f"{its['weight']} of the {modality} sensor" for modality, its in stated.items())
    verdicts = [not_comparable(f"{paper['location']}: weights {weights_stated}", evidence, OTHER)]
    for modality, its in stated.items():
        if "hopkins" in its:
            claim = f"{paper['location']}: the {modality} sensor has H = {its['hopkins']} and k* = {its['k_star']}"
            verdicts.append(not_comparable(claim, paper["other_modalities"], OTHER))
    return verdicts
