"""Figure 17 of the paper: inference time against accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.curves import numbers
from cosmo_pl.study.rendering.statistics import Summary, summarize
from cosmo_pl.study.rendering.verdict import not_comparable, obstacle, value_verdict
from cosmo_pl.study.rendering.view import Rendered, Verdict, View, unique

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cosmo_pl.study.records import Record

OURS = "cosmo"
HEADER = (
    "dataset", "method", "seconds a sample, one at a time", "seconds a sample, in batches of 64", "device", "threads",
    "accuracy", "std", "n",
)  # fmt: skip


def time_and_accuracy(view: View) -> Rendered:
    """Renders time and accuracy of all methods, a panel for each dataset that has configs."""
    datasets = [d for d in view.datasets() if any(o.job.dataset == d for o in view.outcomes)]
    figure, axes = style.new_figure(columns=max(1, len(datasets)), height=4.8)
    for place, dataset in zip(axes[0], datasets, strict=False):
        _draw(place, view, dataset)
    axes[0][0].set_ylabel("accuracy on unseen subjects")
    style.legend(figure, columns=3)
    rows = [row for dataset in datasets for method in _methods(view) if (row := _row(view, dataset, method))]
    return Rendered(HEADER, rows, figure, _notes(view), _verdicts(view))


def _methods(view: View) -> list[str]:
    return unique(method for runs in view.study.runs for method in runs.methods)


def _latency(view: View, dataset: str, method: str) -> Record | None:
    """What was measured of a method, of its first seed."""
    pairs = view.records(lambda job: (job.measure, job.dataset, job.method) == ("latency", dataset, method))
    return min(pairs, key=lambda pair: pair[0].seed)[1] if pairs else None


def _accuracy(view: View, dataset: str, method: str) -> Summary | None:
    pairs = view.records(lambda job: (job.kind, job.dataset, job.method) == ("finetune", dataset, method))
    return summarize([record for _, record in pairs])


def _draw(axes: Axes, view: View, dataset: str) -> None:
    axes.set_title(
        style.heading(view.title(dataset), [record for _, record in view.records(lambda job: job.dataset == dataset)])
    )
    drawn = False
    for method in _methods(view):
        measured, summary = _latency(view, dataset, method), _accuracy(view, dataset, method)
        if measured is None or summary is None:
            continue
        drawn, its, seconds = True, style.look(method), measured.result["seconds"]
        look: dict[str, Any] = {
            "yerr": summary.std or 0.0, "color": its.colour, "marker": its.marker, "markersize": 8, "capsize": 3,
        }  # fmt: skip
        axes.errorbar(1000 * seconds["1"], summary.mean, label=style.title(view.methods, method), **look)
        axes.errorbar(1000 * seconds["64"], summary.mean, markerfacecolor="white", **look)
    if not drawn:
        style.empty(axes, view.why_empty(dataset))
        return
    limit = view.stated("fig17").get("inference_s_max")
    if limit is not None:
        label = f"paper: at most {limit} s"
        axes.axvline(1000 * limit, color=style.PAPER, linestyle="--", linewidth=1.2, label=label)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("inference time (ms a sample)")


def _row(view: View, dataset: str, method: str) -> list[str] | None:
    measured, summary = _latency(view, dataset, method), _accuracy(view, dataset, method)
    if measured is None and summary is None:
        return None
    its = measured.result if measured is not None else {"seconds": {}}
    times = [f"{its['seconds'][size]:.3g}" if measured is not None else "" for size in ("1", "64")]
    machine = [str(its.get(key, "")) for key in ("device", "threads")]
    accuracy = ["", "", ""] if summary is None else [*numbers(summary.mean, summary.std), summary.runs]
    return [view.title(dataset), style.title(view.methods, method), *times, *machine, *accuracy]


def _notes(view: View) -> list[str]:
    measured = [record.result for _, record in view.records(lambda job: job.measure == "latency")]
    machines = unique(f"{r['device']}, {r['threads']} of {r['cores']} cores" for r in measured)
    return [
        "Filled: one sample at a time; hollow: in batches of 64. Bars are one standard deviation over seeds.",
        f"Times measured on: {'; '.join(machines) or 'nothing yet'}.",
        *view.remarks("fig17"),
    ]


def _verdicts(view: View) -> list[Verdict]:
    stated = view.stated("fig17")
    if not view.states("fig17"):
        return []
    place, dataset, limit = stated["place"], stated["dataset"], stated["inference_s_max"]
    slowest = [record.result["seconds"]["1"] for _, record in view.records(lambda job: job.measure == "latency")]
    ours = f"; our slowest takes {max(slowest):.3g} s" if slowest else ""
    verdicts = [not_comparable(f"{place}: inference takes at most {limit} s", f"another machine and other data{ours}")]
    for method, accuracy in stated["accuracy"].items():
        claim = f"{place}: {view.named(method)} has {accuracy:.4f} on {view.title(dataset)}"
        reason = obstacle(view, dataset, [method])
        verdicts.append(value_verdict(claim, _accuracy(view, dataset, method), accuracy, reason))
    return verdicts
