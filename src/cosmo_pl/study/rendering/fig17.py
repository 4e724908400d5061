"""Figure 17 of the paper: inference time against accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.statistics import Summary, numbers, summarize
from cosmo_pl.study.rendering.verdict import not_comparable, obstacle, value_verdict
from cosmo_pl.study.rendering.view import Rendered, Verdict, View, unique

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cosmo_pl.study.records import Record

TIMES = {"1": "seconds per sample, one at a time", "64": "seconds per sample, in batches of 64"}
HEADER = ("dataset", "method", *TIMES.values(), "device", "threads", "accuracy", "std", "n")


def time_and_accuracy(view: View) -> Rendered:
    """Time and accuracy of all methods, one panel for each dataset that has configs."""
    datasets = [d for d in view.datasets() if any(o.job.dataset == d for o in view.outcomes)]
    figure, axes = style.new_figure(columns=max(1, len(datasets)), height=4.8)
    for panel, dataset in zip(axes[0], datasets, strict=False):
        _plot(panel, view, dataset)
    axes[0][0].set_ylabel("accuracy on test subjects")
    style.legend(figure, columns=3)
    rows = [row for dataset in datasets for method in _methods(view) if (row := _row(view, dataset, method))]
    return Rendered(HEADER, rows, style.unless_empty(figure), _notes(view), _verdicts(view))


def _methods(view: View) -> list[str]:
    return unique(method for runs in view.study.runs for method in runs.methods)


def _latency(view: View, dataset: str, method: str) -> Record | None:
    """The measurement of a method, of its first seed."""
    pairs = view.records(lambda job: (job.measure, job.dataset, job.method) == ("latency", dataset, method))
    return min(pairs, key=lambda pair: pair[0].seed)[1] if pairs else None


def _accuracy(view: View, dataset: str, method: str) -> Summary | None:
    """Accuracy of whole trainings; jobs without cells are those that a measurement needs, of one epoch."""
    whole = ("finetune", dataset, method)
    pairs = view.records(lambda job: bool(job.cells) and (job.kind, job.dataset, job.method) == whole)
    return summarize([record for _, record in pairs])


def _plot(axes: Axes, view: View, dataset: str) -> None:
    records = [record for _, record in view.records(lambda job: job.dataset == dataset)]
    axes.set_title(style.heading(view.title(dataset), records))
    plotted = False
    for method in _methods(view):
        measured, summary = _latency(view, dataset, method), _accuracy(view, dataset, method)
        if measured is None or summary is None:
            continue
        plotted, its, seconds = True, view.look(method), measured.result["seconds"]
        look: dict[str, Any] = {"color": its.hex, "marker": its.marker, "markersize": 8, "capsize": 3}
        look["yerr"] = summary.std or 0.0
        axes.errorbar(1000 * seconds["1"], summary.mean, label=style.title(view.methods, method), **look)
        axes.errorbar(1000 * seconds["64"], summary.mean, markerfacecolor="white", **look)
    if not plotted:
        style.empty(axes, view.why_empty(dataset))
        return
    limit = view.stated("fig17").get("inference_s_max")
    if limit is not None:
        label = f"paper: at most {limit} s"
        axes.axvline(1000 * limit, color=style.PAPER, linestyle="--", linewidth=1.2, label=label)
    style.log_scale(axes)
    axes.set_xlabel("time of a sample (ms)")


def _row(view: View, dataset: str, method: str) -> list[str] | None:
    measured, summary = _latency(view, dataset, method), _accuracy(view, dataset, method)
    if measured is None and summary is None:
        return None
    its = measured.result if measured is not None else {"seconds": {}}
    times = [f"{its['seconds'][size]:.3g}" if measured is not None else "" for size in TIMES]
    machine = [str(its.get(key, "")) for key in ("device", "threads")]
    accuracy = ["", "", ""] if summary is None else [*numbers(summary.mean, summary.std), summary.runs]
    return [view.title(dataset), style.title(view.methods, method), *times, *machine, *accuracy]


def _notes(view: View) -> list[str]:
    measured = [record.result for _, record in view.records(lambda job: job.measure == "latency")]
    machines = unique(f"{r['device']}, {r['threads']} of {r['cores']} cores" for r in measured)
    return [
        "Filled: one sample at a time; hollow: batches of 64. Bars are one standard deviation over seeds.",
        f"Times measured on: {'; '.join(machines) or 'no machine yet'}.",
        *view.remarks("fig17"),
    ]


def _verdicts(view: View) -> list[Verdict]:
    stated = view.stated("fig17")
    if not view.states("fig17"):
        return []
    location, dataset, limit = stated["location"], stated["dataset"], stated["inference_s_max"]
    slowest = [record.result["seconds"]["1"] for _, record in view.records(lambda job: job.measure == "latency")]
    slowest_text = f"; our slowest takes {max(slowest):.3g} s" if slowest else ""
    reason = f"the machine and the data are not the paper's{slowest_text}"
    verdicts = [
        not_comparable(f"{location}: inference takes at most {limit} s", reason, "the paper's machine and recordings")
    ]
    for method, accuracy in stated["accuracy"].items():
        claim = f"{location}: {view.named(method)} has {accuracy:.4f} on {view.title(dataset)}"
        ours = _accuracy(view, dataset, method)
        verdicts.append(value_verdict(claim, ours, accuracy, obstacle(view, dataset, [method])))
    return verdicts
