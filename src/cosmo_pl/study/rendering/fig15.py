"""Figure 15 of the paper: what each component of Cosmo adds."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.curves import every, numbers
from cosmo_pl.study.rendering.statistics import by_seed, summarize, t_interval, told
from cosmo_pl.study.rendering.verdict import NOT_REPRODUCED, REPRODUCED, Pairs, not_comparable, order_verdict
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
SKELETON, PUSH = "skeleton", "push"
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
            style.empty(place, view, view.datasets()[0])
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


def skeleton_weights(view: View) -> dict[str, list[float]]:
    """Cosmo's attention weight of the skeleton by activity, a seed each."""
    found: dict[str, list[float]] = {}
    for _, record in runs(view, OURS):
        for activity, weights in (record.result["attention_by_class"] or {}).items():
            found.setdefault(activity, []).append(weights[SKELETON])
    return found


def _spread(values: Sequence[float]) -> float | None:
    return stdev(values) if len(values) > 1 else None


def _simulated(view: View) -> bool:
    return any(record.simulated for _, record in view.records(lambda job: True))


def _draw_ablation(axes: Axes, view: View) -> None:
    for y, (method, label) in enumerate(COMPONENTS.items()):
        summary = summarize([record for _, record in runs(view, method)])
        if summary is not None:
            colour = style.colour(BASE if method == BASE else OURS)
            alpha = 1.0 if method in (BASE, OURS) else 0.3 + 0.2 * label.count("C")
            axes.barh(y, summary.mean, 0.65, color=colour, alpha=alpha)
            axes.errorbar(summary.mean, y, xerr=summary.std or 0.0, color=style.BLACK, capsize=4)
            axes.text(summary.mean + (summary.std or 0.0) + 0.015, y, told(summary), va="center")
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
    stated = view.paper["fig15"]["b"]["mean_distance"]
    for (name, value), line in zip(stated.items(), ("--", ":"), strict=True):
        label = f"paper: {name}, {value}"
        axes.axhline(value, color=style.PAPER, linestyle=line, linewidth=1.2, label=label)
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.16), ncols=4, frameon=False, columnspacing=1.0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("epoch of stage 1")
    axes.set_ylabel("mean cosine distance")
    axes.set_title("(b) distance of the sensors' projected features, unlabelled clips")


def _draw_attention(axes: Axes, view: View) -> None:
    found = skeleton_weights(view)
    for x, values in enumerate(found.values()):
        axes.errorbar(x, fmean(values), yerr=_spread(values) or 0.0, color=style.colour(OURS), marker="o", capsize=3)
    if PUSH in found:
        style.stated_point(axes, list(found).index(PUSH), view.paper["fig15"]["b"]["skeleton_weight_push"])
    axes.set_xticks(range(len(found)), list(found), rotation=90)
    axes.set_ylabel("weight of the skeleton")
    axes.set_title("(c) attention of Cosmo by activity (diamond: paper)")


def _ablation_rows(view: View) -> list[list[str]]:
    rows = []
    for method, label in COMPONENTS.items():
        summary = summarize([record for _, record in runs(view, method)])
        if summary is not None:
            rows.append(["accuracy", label, "", *numbers(summary.mean, summary.std), str(summary.n), ""])
    return rows


def _distance_rows(view: View) -> list[list[str]]:
    stated = view.paper["fig15"]["b"]["mean_distance"]
    return [
        ["distance", method, f"epoch {epoch}", *numbers(fmean(values), _spread(values)), str(len(values)),
         str(stated.get(method, ""))]
        for method in STAGE1
        for epoch, values in distances(view, method).items()
    ]  # fmt: skip


def _attention_rows(view: View) -> list[list[str]]:
    stated = {PUSH: view.paper["fig15"]["b"]["skeleton_weight_push"]}
    return [
        ["skeleton weight", OURS, activity, *numbers(fmean(values), _spread(values)), str(len(values)),
         str(stated.get(activity, ""))]
        for activity, values in skeleton_weights(view).items()
    ]  # fmt: skip


def _notes(view: View) -> list[str]:
    counts = ", ".join(f"{label} {len(runs(view, method))}" for method, label in COMPONENTS.items())
    return [
        f"Seeds: {counts}; bars and bands are one standard deviation over them.",
        *(["Simulated recordings: not comparable with the paper."] if _simulated(view) else []),
        "C3 takes the quality that stage 1 measures, so there is no run of it without C1.",
        "The encoders' features of skeleton and inertial sensor differ in size, so they have no cosine distance; the "
        "projections that are of one size exist in stage 1 only.",
    ]


def _verdicts(view: View) -> list[Verdict]:
    stated, simulated = view.paper["fig15"], _simulated(view)
    place = stated["place"]
    least = stated["a"]["gain_over_attnsense_points_min"] / 100
    gains = {COMPONENTS[method]: gain_verdict("", runs(view, method), runs(view, BASE), least, simulated)
             for method in WITH_FUSION}  # fmt: skip
    steps = {
        f"{COMPONENTS[more]} above {COMPONENTS[less]}": order_verdict("", runs(view, more), runs(view, less), simulated)
        for less, more in STEPS
    }
    distance = stated["b"]["mean_distance"]
    return [
        every(f"{place}: each variant with C1 at least {100 * least:.0f} points above AttnSense", gains),
        every(f"{place}: every component raises the accuracy", steps),
        not_comparable(
            f"{place}: features of skeleton and inertial sensor are {distance['cosmo']} apart in Cosmo, "
            f"{distance['single']} in single-modal networks",
            "simulated recordings" if simulated else "features of different sizes; how they are compared is not stated",
        ),
        _weight_verdict(view, place, stated["b"]["skeleton_weight_push"], simulated),
    ]  # fmt: skip


def gain_verdict(claim: str, ours: Pairs, base: Pairs, least: float, simulated: bool) -> Verdict:
    """Whether accuracies are above others by more than a stated gain: its 95 % interval, paired by seed, is above it.

    Args:
        claim: The claim, with the place in the paper.
        ours: Runs that should be more accurate.
        base: Runs that should be less accurate; only seeds that both have are compared, at least two.
        least: The stated gain.
        simulated: Whether our recordings are.
    """
    above, below = by_seed(ours), by_seed(base)
    gains = [above[seed] - below[seed] for seed in above if seed in below]
    if simulated or len(gains) < 2:
        return not_comparable(claim, "simulated recordings" if simulated else "fewer than two seeds of both")
    low, high = t_interval(gains)
    evidence = f"gain {fmean(gains):+.3f}, 95 % interval {low:+.3f} to {high:+.3f} (n={len(gains)})"
    return Verdict(claim, REPRODUCED if low > least else NOT_REPRODUCED, evidence)


def _weight_verdict(view: View, place: str, stated: float, simulated: bool) -> Verdict:
    claim, found = f"{place}: weight {stated} of the skeleton on {PUSH}", skeleton_weights(view).get(PUSH, [])
    if simulated or len(found) < 2:
        return not_comparable(claim, "simulated recordings" if simulated else "fewer than two seeds")
    low, high = t_interval(found)
    evidence = f"{fmean(found):.3f}, 95 % interval {low:.3f} to {high:.3f} (n={len(found)})"
    return Verdict(claim, REPRODUCED if low <= stated <= high else NOT_REPRODUCED, evidence)
