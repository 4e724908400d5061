"""Figure 15 of the paper: the contribution of each component of Cosmo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.look import HEX
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.epochs import logged
from cosmo_pl.study.rendering.statistics import (
    Difference,
    Pairs,
    mean_and_std,
    numbers,
    rank_correlation,
    spread,
    summarize,
)
from cosmo_pl.study.rendering.verdict import (
    every,
    not_comparable,
    obstacle,
    order_verdict,
    positive_verdict,
    weight_verdict,
)
from cosmo_pl.study.rendering.view import OURS, Rendered, Verdict, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COMPONENTS = {
    "attnsense": "none: AttnSense",
    "cosmo_c2": "C2",
    "cosmo_finetune": "C1",
    "cosmo_c1_c2": "C1 + C2",
    "cosmo_c1_c3": "C1 + C3",
    "cosmo": "C1 + C2 + C3: Cosmo",
}
BASE = "attnsense"
WITH_FUSION = ("cosmo_finetune", "cosmo_c1_c2", "cosmo_c1_c3", "cosmo")
STEPS = (  # pairs that differ in one component
    ("attnsense", "cosmo_finetune"),
    ("cosmo_finetune", "cosmo_c1_c2"),
    ("cosmo_finetune", "cosmo_c1_c3"),
    ("cosmo_c1_c2", "cosmo"),
    ("cosmo_c1_c3", "cosmo"),
)
STAGE1 = {"cosmo": "Cosmo", "cmc": "CMC"}
DISTANCE = "val/cosine_distance"
HEADER = ("part", "method", "at", "mean", "std", "n", "paper")


def components(view: View) -> Rendered:
    """The ablation, the distance of the modalities over stage 1, and the attention by activity."""
    figure, axes = style.new_figure(rows=3, height=13.0)
    parts = ((_plot_ablation, _ablation_rows), (_plot_distance, _distance_rows), (_plot_attention, _attention_rows))
    dataset, rows = view.datasets()[0], []
    for (plot, part_rows), panel in zip(parts, axes[:, 0], strict=True):
        found = part_rows(view)
        rows += found
        if found:
            plot(panel, view)
        else:
            style.empty(panel, view.why_empty(dataset))
    figure.suptitle(style.heading(view.title(dataset), [record for _, record in view.records()]))
    return Rendered(HEADER, rows, style.unless_empty(figure), _notes(view), _verdicts(view))


def runs(view: View, method: str, kind: str = "finetune") -> Pairs:
    """Runs of a method, by seed."""
    return sorted(view.records(lambda job: job.kind == kind and job.method == method), key=lambda pair: pair[0].seed)


def distances(view: View, method: str) -> dict[int, list[float]]:
    """Epoch of stage 1 to cosine distances of the modalities' projected features, one per seed."""
    found: dict[int, list[float]] = {}
    for _, record in runs(view, method, "pretrain"):
        for epoch, value in logged(record, DISTANCE).items():
            found.setdefault(epoch, []).append(value)
    return dict(sorted(found.items()))


def weights(view: View) -> dict[str, list[float]]:
    """Activity to Cosmo's attention weights of one modality, one per seed."""
    found: dict[str, list[float]] = {}
    for _, record in runs(view, OURS):
        for activity, by_modality in (record.result["attention_by_class"] or {}).items():
            found.setdefault(activity, []).append(by_modality[weighted(view)])
    return found


def weighted(view: View) -> str:
    """The modality whose weight is shown: the paper's, or the last modality of another dataset."""
    rows = [row for _, r in runs(view, OURS) for row in (r.result["attention_by_class"] or {}).values()]
    names = [name for row in rows for name in row]
    return str(_paper(view).get("c", {}).get("modality", names[-1] if names else ""))


def correlations(pairs: Pairs, better: Pairs, worse: Pairs, modality: str) -> dict[int, float]:
    """Seed to the rank correlation, over activities, of a modality's weight and its advantage in accuracy when alone.

    Args:
        pairs: Runs with attention.
        better: Runs of the modality alone.
        worse: Runs of the other modality alone.
        modality: The modality.
    """
    alone = [{job.seed: record.result["per_class_accuracy"] for job, record in side} for side in (better, worse)]
    found = {}
    for job, record in pairs:
        if all(job.seed in side for side in alone):
            mine, other = (side[job.seed] for side in alone)
            by_class = record.result["attention_by_class"] or {}
            named = [n for n in by_class if mine.get(n) is not None and other.get(n) is not None]
            advantage = [mine[name] - other[name] for name in named]
            weight = [by_class[name][modality] for name in named]
            if len(set(advantage)) > 1 and len(set(weight)) > 1:
                found[job.seed] = rank_correlation(weight, advantage)
    return found


def _paper(view: View) -> Mapping[str, Any]:
    return view.stated_of("fig15", view.datasets()[0])


def _plot_ablation(axes: Axes, view: View) -> None:
    for y, (method, label) in enumerate(COMPONENTS.items()):
        summary = summarize([record for _, record in runs(view, method)])
        if summary is not None:
            colour = view.look(BASE if method == BASE else OURS).hex
            alpha = 1.0 if method in (BASE, OURS) else 0.3 + 0.2 * label.count("C")
            axes.barh(y, summary.mean, 0.65, color=colour, alpha=alpha)
            axes.errorbar(summary.mean, y, xerr=summary.std or 0.0, color=HEX["black"], capsize=4)
            axes.text(summary.mean + (summary.std or 0.0) + 0.015, y, mean_and_std(summary), va="center")
        else:
            style.not_run(axes, 0.015, y, rotation=0, ha="left", transform=axes.transData)
    axes.set_yticks(range(len(COMPONENTS)), list(COMPONENTS.values()))
    axes.set_ylim(len(COMPONENTS) - 0.5, -0.5)
    axes.set_xlim(0, 1.05)
    axes.set_xlabel("accuracy on test subjects")
    axes.set_title("(a) contrastive fusion C1, iteration C2, guided attention C3")


def _plot_distance(axes: Axes, view: View) -> None:
    for method in STAGE1:
        found = distances(view, method)
        means, stds = [fmean(values) for values in found.values()], [spread(values) for values in found.values()]
        if found:
            style.method_band(
                axes, view.look(method), f"{STAGE1[method]}, stage 1", list(found), means, stds, markers=False
            )
    stated = _paper(view).get("b", {}).get("mean_distance", {})
    for (name, value), line in zip(stated.items(), ("--", ":"), strict=False):
        label = f"paper: {name}, {value}"
        axes.axhline(value, color=style.PAPER, linestyle=line, linewidth=1.2, label=label)
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.16), ncols=4, frameon=False, columnspacing=1.0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("epoch of stage 1")
    axes.set_ylabel("mean cosine distance")
    axes.set_title("(b) distance of the sensors' projected features, unlabelled clips")


def _plot_attention(axes: Axes, view: View) -> None:
    found, paper = weights(view), _paper(view).get("c", {})
    for x, values in enumerate(found.values()):
        axes.errorbar(x, fmean(values), yerr=spread(values) or 0.0, color=view.look(OURS).hex, marker="o", capsize=3)
    if paper.get("activity") in found:
        style.stated_point(axes, list(found).index(paper["activity"]), paper["weight"])
    axes.set_xticks(range(len(found)), list(found), rotation=90)
    axes.set_ylabel(f"weight of {weighted(view)}")
    axes.set_title("(c) attention of Cosmo by activity (diamond: paper)")


def _ablation_rows(view: View) -> list[list[str]]:
    rows = []
    for method, label in COMPONENTS.items():
        summary = summarize([record for _, record in runs(view, method)])
        if summary is not None:
            rows.append(["accuracy", label, "", *numbers(summary.mean, summary.std), summary.runs, ""])
    return rows


def _distance_rows(view: View) -> list[list[str]]:
    stated = _paper(view).get("b", {}).get("mean_distance", {})
    return [
        ["distance", method, f"epoch {epoch}", *_mean_cells(values), str(stated.get(method, ""))]
        for method in STAGE1
        for epoch, values in distances(view, method).items()
    ]


def _attention_rows(view: View) -> list[list[str]]:
    paper = _paper(view).get("c", {})
    stated = {paper["activity"]: paper["weight"]} if paper else {}
    rows = [
        [f"{weighted(view)} weight", OURS, activity, *_mean_cells(values), str(stated.get(activity, ""))]
        for activity, values in weights(view).items()
    ]
    if found := list(_correlations(view).values()):
        rows.append(["correlation of weight and accuracy", OURS, "over activities", *_mean_cells(found), ""])
    return rows


def _mean_cells(values: Sequence[float]) -> list[str]:
    return [*numbers(fmean(values), spread(values)), str(len(values))]


def _correlations(view: View) -> dict[int, float]:
    paper = _paper(view).get("c")
    if not paper:
        return {}
    alone, other = runs(view, paper["alone"]), runs(view, paper["other_alone"])
    return correlations(runs(view, OURS), alone, other, paper["modality"])


def _notes(view: View) -> list[str]:
    counts = ", ".join(f"{label} {len(runs(view, method))}" for method, label in COMPONENTS.items())
    return [
        f"Seeds: {counts}; bars and bands are one standard deviation over them.",
        *view.not_comparable(view.datasets()[0]),
        "C3 uses the quality that stage 1 measures, so there is no run of C3 without C1.",
        "The encoders' features of skeleton and inertial sensor differ in size, so they have no cosine distance. Their "
        "projections have one size, and exist in stage 1 only.",
    ]


def _verdicts(view: View) -> list[Verdict]:
    stated, dataset = _paper(view), view.datasets()[0]
    if not stated:
        return []
    location, least, distance = stated["location"], stated["a"]["gain_over_attnsense_points_min"] / 100, stated["b"]
    reason = obstacle(view, dataset, list(COMPONENTS))
    gains = {
        COMPONENTS[method]: order_verdict("", runs(view, method), runs(view, BASE), reason, least)
        for method in WITH_FUSION
    }
    steps = {
        f"{COMPONENTS[more]} above {COMPONENTS[less]}": order_verdict("", runs(view, more), runs(view, less), reason)
        for less, more in STEPS
    }
    single, cosmo = distance["mean_distance"]["single"], distance["mean_distance"]["cosmo"]
    return [
        every(f"{location}: each variant with C1 at least {100 * least:.0f} points above AttnSense", gains),
        every(f"{location}: every component raises the accuracy", steps),
        not_comparable(
            f"{location}: features of both sensors are {cosmo} apart in Cosmo and {single} in single-modal networks",
            "the features differ in size, and the paper does not say how it compares them",
            "a statement of the paper how it compares them",
        ),
        not_comparable(
            f"{location}: the distance of the features is {distance['stage2_distance']} in stage 2",
            "the features differ in size, and the projections that make them comparable exist in stage 1 only",
            "a statement of the paper how it compares them",
        ),
        _weight(view, reason),
        follows(view, dataset, _correlations(view)),
    ]


def _weight(view: View, reason: str | None) -> Verdict:
    stated = _paper(view)
    weight, modality, activity = (stated["c"][key] for key in ("weight", "modality", "activity"))
    claim = f"{stated['location']}: weight {weight} of the {modality} on {activity}"
    return weight_verdict(claim, weights(view).get(activity, []), weight, reason)


def follows(view: View, dataset: str, found: Mapping[int, float]) -> Verdict:
    """Whether the attention of an activity follows the accuracy of each modality alone.

    Args:
        view: The study.
        dataset: The dataset.
        found: `correlations` of its runs.
    """
    stated = view.stated("fig15")
    claim = f"{stated['location']}: {stated['c']['claim']}"
    reason = obstacle(view, dataset, [OURS, stated["c"]["alone"], stated["c"]["other_alone"]])
    return positive_verdict(claim, Difference(tuple(found.values())), "mean rank correlation", reason)
