"""How the quality weights depend on the largest number of clusters tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.view import Rendered, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADER = ("dataset", "modality", "cap", "best k", "weight", "mark")
CAP = "largest number of clusters tried"
Result = Mapping[str, Any]


def weights(view: View) -> Rendered:
    """Renders, a column for each dataset, the weight and the best number of clusters of every modality by the cap."""
    found = {job.dataset: record for job, record in view.records(lambda job: job.measure == "quality")}
    datasets = view.datasets()
    figure, axes = style.new_figure(columns=len(datasets), rows=2, height=7.2)
    rows, notes = [], []
    for column, dataset in zip(axes.T, datasets, strict=True):
        if dataset not in found:
            for place in column:
                style.empty(place, view.why_empty(dataset))
            continue
        result, simulated = found[dataset].result, " (simulated)" if found[dataset].simulated else ""
        column[0].set_title(result["dataset"] + simulated)
        _draw(column[0], result, "weight", "quality weight")
        _draw(column[1], result, "num_clusters", "best number of clusters k*")
        column[0].set_ylim(0, 1)
        rows += _rows(result)
        notes.append(_note(result) + simulated)
    style.legend(figure)
    return Rendered(HEADER, rows, figure, notes)


def _draw(axes: Axes, result: Result, quantity: str, label: str) -> None:
    for name, measured in result["modalities"].items():
        axes.plot(
            result["max_clusters"], measured[quantity],
            color=style.colour(name), drawstyle="steps-post", linewidth=1.8, label=name,
        )  # fmt: skip
    axes.axvline(result["num_classes"], color=style.PAPER, linestyle=":", linewidth=1.2, label="C, classes")
    axes.axvline(
        result["default_max_clusters"], color=style.PAPER, linestyle="--", linewidth=1.2, label="2C, the default cap"
    )
    axes.set_xlabel(CAP)
    axes.set_ylabel(label)


def _rows(result: Result) -> list[list[str]]:
    marks = {result["num_classes"]: "C", result["default_max_clusters"]: "2C, the default"}
    return [
        [result["dataset"], name, str(cap), str(best), f"{weight:.4g}", marks.get(cap, "")]
        for name, measured in result["modalities"].items()
        for cap, best, weight in zip(result["max_clusters"], measured["num_clusters"], measured["weight"], strict=True)
    ]


def _note(result: Result) -> str:
    caps = result["max_clusters"]
    default = caps.index(result["default_max_clusters"])
    parts = [
        f"{name} {measured['weight'][default]:.2f} at the default ({min(measured['weight']):.2f} to "
        f"{max(measured['weight']):.2f} over caps {caps[0]} to {caps[-1]}), H {measured['hopkins']:.2f}, k* at its cap "
        f"for {_at_cap(caps, measured['num_clusters'])} of {len(caps)} caps"
        for name, measured in result["modalities"].items()
    ]
    return f"{result['dataset']}: weight of {'; of '.join(parts)}."


def _at_cap(caps: list[int], best: list[int]) -> int:
    return sum(cap == k for cap, k in zip(caps, best, strict=True))
