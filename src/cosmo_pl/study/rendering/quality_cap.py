"""How the quality weights depend on the largest number of clusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.view import Rendered, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADER = ("dataset", "modality", "limit", "best k", "weight", "mark")
LIMIT = "largest number of clusters"
Result = Mapping[str, Any]


def weights(view: View) -> Rendered:
    """The weight and the best number of clusters of each modality by the limit, one column of panels per dataset."""
    found = {job.dataset: record for job, record in view.records(lambda job: job.measure == "quality")}
    datasets = view.datasets()
    figure, axes = style.new_figure(columns=len(datasets), rows=2, height=7.2)
    rows, notes = [], []
    for column, dataset in zip(axes.T, datasets, strict=True):
        if dataset not in found:
            for panel in column:
                style.empty(panel, view.why_empty(dataset))
            continue
        result, simulated = found[dataset].result, " (simulated)" if found[dataset].simulated else ""
        column[0].set_title(result["dataset"] + simulated)
        _plot(column[0], view, result, "weight", "quality weight")
        _plot(column[1], view, result, "num_clusters", "best number of clusters k*")
        column[0].set_ylim(0, 1)
        # The colours of the modalities recur between datasets, so each has a legend of its own.
        column[1].legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False)
        rows += _rows(result)
        notes.append(_note(result) + simulated)
    return Rendered(HEADER, rows, style.unless_empty(figure), notes)


def _plot(axes: Axes, view: View, result: Result, quantity: str, label: str) -> None:
    for name, measured in result["modalities"].items():
        look: dict[str, Any] = {"color": view.look(name).hex, "drawstyle": "steps-post", "linewidth": 1.8}
        axes.plot(result["max_clusters"], measured[quantity], label=name, **look)
    line: dict[str, Any] = {"color": style.PAPER, "linewidth": 1.2}
    axes.axvline(result["num_classes"], linestyle=":", label="C, classes", **line)
    axes.axvline(result["default_max_clusters"], linestyle="--", label="2C, the default limit", **line)
    axes.set_xlabel(LIMIT)
    axes.set_ylabel(label)


def _rows(result: Result) -> list[list[str]]:
    marks = {result["num_classes"]: "C", result["default_max_clusters"]: "2C, the default"}
    return [
        [result["dataset"], name, str(limit), str(best), f"{weight:.4g}", marks.get(limit, "")]
        for name, measured in result["modalities"].items()
        for limit, best, weight in zip(
            result["max_clusters"], measured["num_clusters"], measured["weight"], strict=True
        )
    ]


def _note(result: Result) -> str:
    limits = result["max_clusters"]
    default = limits.index(result["default_max_clusters"])
    parts = []
    for name, measured in result["modalities"].items():
        weights = measured["weight"]
        at_limit = sum(limit == best for limit, best in zip(limits, measured["num_clusters"], strict=True))
        parts.append(
            f"{name} {weights[default]:.2f} at the default ({min(weights):.2f} to {max(weights):.2f} over limits "
            f"{limits[0]} to {limits[-1]}), H {measured['hopkins']:.2f}, k* equal to the limit for {at_limit} of "
            f"{len(limits)} limits"
        )
    return f"{result['dataset']}: weight of {'; of '.join(parts)}."
