"""Figure 15 of the paper: what each component of Cosmo adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.curves import numbers
from cosmo_pl.study.rendering.statistics import Difference, Pairs, mean_and_std, rank_correlation, summarize
from cosmo_pl.study.rendering.verdict import (
    every,
    not_comparable,
    obstacle,
    order_verdict,
    positive_verdict,
    weight_verdict,
)
from cosmo_pl.study.rendering.view import Rendered, Verdict, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COMPONENTS = {
    "attnsense": "none: AttnSense", "cosmo_c2": "C2", "cosmo_finetune": "C1", "cosmo_c1_c2": "C1 + C2",
    "cosmo_c1_c3": "C1 + C3", "cosmo": "C1 + C2 + C3: Cosmo",
}  # fmt: skip
BASE, OURS = "attnsense", "cosmo"
WITH_FUSION = ("cosmo_finetune", "cosmo_c1_c2", "cosmo_c1_c3", "cosmo")
STEPS = (  # less, more: one component apart
    ("attnsense", "cosmo_finetune"), ("cosmo_finetune", "cosmo_c1_c2"), ("cosmo_finetune", "cosmo_c1_c3"),
    ("cosmo_c1_c2", "cosmo"), ("cosmo_c1_c3", "cosmo"),
)  # fmt: skip
STAGE1 = {"cosmo": "Cosmo", "cmc": "CMC"}
DISTANCE = "val/cosine_distance"
HEADER = ("part", "method", "at", "mean", "std", "n", "paper")


def components(view: View) -> Rendered:
    """Renders the ablation, the distance of the modalities over stage 1, and the attention by activity."""
    figure, axes = style.new_figure(rows=3, height=13.0)
    parts = ((_draw_ablation, _ablation_rows), (_draw_distance, _distance_rows), (_draw_attention, _attention_rows))
    rows = []
    for (draw, tell), place in zip(parts, axes[:, 0], strict=True):
        told_rows = tell(view)
        rows += told_rows
        if told_rows:
            draw(place, view)
        else:
            style.empty(place, view.why_empty(view.datasets()[0]))
    dataset = view.datasets()[0]
    figure.suptitle(style.heading(view.title(dataset), [record for _, record in view.records(lambda job: True)]))
    return Rendered(HEADER, rows, figure, _notes(view), _verdicts(view))


def runs(view: View, method: str, kind: str = "finetune") -> list[tuple[Job, Record]]:
    """Runs of a method, by seed."""
    return sorted(view.records(lambda job: job.kind == kind and job.method == method), key=lambda pair: pair[0].seed)


def distances(view: View, method: str) -> dict[int, list[float]]:
    """Cosine distance of the modalities' projected features by epoch of stage 1, a seed each."""
    found: dict[int, list[float]] = {}
    for _, record in runs(view, method, "pretrain"):
        epochs, values = record.curves.get("epoch", []), record.curves.get(DISTANCE, [])
        for epoch, value in zip(epochs, values, strict=False):
            if epoch is not None and value is not None:
                found.setdefault(int(epoch) + 1, []).append(value)
    return dict(sorted(found.items()))


def weights(view: View) -> dict[str, list[float]]:
    """Cosmo's attention weight of one modality by activity, a seed each."""
    found: dict[str, list[float]] = {}
    for _, record in runs(view, OURS):
        for activity, by_modality in (record.result["attention_by_class"] or {}).items():
            found.setdefault(activity, []).append(by_modality[weighted(view)])
    return found


def weighted(view: View) -> str:
    """The modality whose weight is shown: the paper's, or the last one of another dataset."""
    rows = [row for _, r in runs(view, OURS) for row in (r.result["attention_by_class"] or {}).values()]
    names = [name for row in rows for name in row]
    return str(_paper(view).get("c", {}).get("modality", names[-1] if names else ""))


def correlations(pairs: Pairs, better: Pairs, worse: Pairs, modality: str) -> dict[int, float]:
    """Rank correlation, over activities, of a modality's weight and of how much more accurate it is alone; by seed.

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
            given = [by_class[name][modality] for name in named]
            if len(set(advantage)) > 1 and len(set(given)) > 1:
                found[job.seed] = rank_correlation(given, advantage)
    return found


def _paper(view: View) -> Mapping[str, Any]:
    """What the paper states; empty for another dataset than its own."""
    paper = view.stated("fig15")
    return paper if view.in_paper(view.datasets()[0]) == paper.get("dataset") else {}


def _spread(values: Sequence[float]) -> float | None:
    return stdev(values) if len(values) > 1 else None


def _draw_ablation(axes: Axes, view: View) -> None:
    for y, (method, label) in enumerate(COMPONENTS.items()):
        summary = summarize([record for _, record in runs(view, method)])
        if summary is not None:
            colour = style.colour(BASE if method == BASE else OURS)
            alpha = 1.0 if method in (BASE, OURS) else 0.3 + 0.2 * label.count("C")
            axes.barh(y, summary.mean, 0.65, color=colour, alpha=alpha)
            axes.errorbar(summary.mean, y, xerr=summary.std or 0.0, color=style.BLACK, capsize=4)
            axes.text(summary.mean + (summary.std or 0.0) + 0.015, y, mean_and_std(summary), va="center")
    axes.set_yticks(range(len(COMPONENTS)), list(COMPONENTS.values()))
    axes.set_ylim(len(COMPONENTS) - 0.5, -0.5)
    axes.set_xlim(0, 1.05)
    axes.set_xlabel("accuracy on unseen subjects")
    axes.set_title("(a) contrastive fusion C1, iteration C2, guided attention C3")


def _draw_distance(axes: Axes, view: View) -> None:
    for method in STAGE1:
        found = distances(view, method)
        means, spread = [fmean(values) for values in found.values()], [_spread(values) for values in found.values()]
        if found:
            style.method_band(axes, method, f"{STAGE1[method]}, stage 1", list(found), means, spread, markers=False)
    stated = _paper(view).get("b", {}).get("mean_distance", {})
    for (name, value), line in zip(stated.items(), ("--", ":"), strict=False):
        label = f"paper: {name}, {value}"
        axes.axhline(value, color=style.PAPER, linestyle=line, linewidth=1.2, label=label)
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.16), ncols=4, frameon=False, columnspacing=1.0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("epoch of stage 1")
    axes.set_ylabel("mean cosine distance")
    axes.set_title("(b) distance of the sensors' projected features, unlabelled clips")


def _draw_attention(axes: Axes, view: View) -> None:
    found, paper = weights(view), _paper(view).get("c", {})
    for x, values in enumerate(found.values()):
        axes.errorbar(x, fmean(values), yerr=_spread(values) or 0.0, color=style.colour(OURS), marker="o", capsize=3)
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
        ["distance", method, f"epoch {epoch}", *numbers(fmean(values), _spread(values)), str(len(values)),
         str(stated.get(method, ""))]
        for method in STAGE1
        for epoch, values in distances(view, method).items()
    ]  # fmt: skip


def _attention_rows(view: View) -> list[list[str]]:
    paper = _paper(view).get("c", {})
    stated = {paper["activity"]: paper["weight"]} if paper else {}
    rows = [
        [f"{weighted(view)} weight", OURS, activity, *numbers(fmean(values), _spread(values)), str(len(values)),
         str(stated.get(activity, ""))]
        for activity, values in weights(view).items()
    ]  # fmt: skip
    found = list(_correlations(view).values())
    cells = [*numbers(fmean(found), _spread(found)), str(len(found)), ""] if found else []
    return rows + ([["correlation of weight and accuracy", OURS, "over activities", *cells]] if found else [])


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
        *(["Simulated recordings: not comparable with the paper."] if view.simulated(view.datasets()[0]) else []),
        "C3 takes the quality that stage 1 measures, so there is no run of it without C1.",
        "The encoders' features of skeleton and inertial sensor differ in size, so they have no cosine distance; the "
        "projections that are of one size exist in stage 1 only.",
    ]


def _verdicts(view: View) -> list[Verdict]:
    stated, dataset = _paper(view), view.datasets()[0]
    if not stated:
        return []
    place, least, distance = stated["place"], stated["a"]["gain_over_attnsense_points_min"] / 100, stated["b"]
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
        every(f"{place}: each variant with C1 at least {100 * least:.0f} points above AttnSense", gains),
        every(f"{place}: every component raises the accuracy", steps),
        not_comparable(
            f"{place}: features of both sensors are {cosmo} apart in Cosmo and {single} in single-modal networks",
            "the features differ in size, and the paper does not say how it compares them",
        ),
        not_comparable(
            f"{place}: the distance of the features is {distance['stage2_distance']} in stage 2",
            "the features differ in size, and the projections that make them comparable exist in stage 1 alone",
        ),
        _weight(view, reason),
        follows(view, dataset, _correlations(view)),
    ]


def _weight(view: View, reason: str | None) -> Verdict:
    stated = _paper(view)
    weight, modality, activity = (stated["c"][key] for key in ("weight", "modality", "activity"))
    claim = f"{stated['place']}: weight {weight} of the {modality} on {activity}"
    return weight_verdict(claim, weights(view).get(activity, []), weight, reason)


def follows(view: View, dataset: str, found: Mapping[int, float]) -> Verdict:
    """Whether attention follows how accurate a modality is alone, activity by activity.

    Args:
        view: The study.
        dataset: The dataset.
        found: `correlations` of its runs.
    """
    stated = view.stated("fig15")
    claim = f"{stated['place']}: {stated['c']['claim']}"
    reason = obstacle(view, dataset, [OURS, stated["c"]["alone"], stated["c"]["other_alone"]])
    return positive_verdict(claim, Difference(tuple(found.values())), "mean rank correlation", reason)
