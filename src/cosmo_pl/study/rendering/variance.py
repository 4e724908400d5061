"""How much an accuracy varies: with the label seed, with the model seed, and with half precision."""

from __future__ import annotations

from cosmo_pl.intervals import std_interval
from cosmo_pl.study.definition import Runs
from cosmo_pl.study.rendering.statistics import (
    Pairs,
    difference_of,
    grouped,
    mean_and_std,
    numbers,
    summarize,
)
from cosmo_pl.study.rendering.style import title
from cosmo_pl.study.rendering.view import Rendered, View, unique

SEEDS_HEADER = ("dataset", "method", "varied", "mean", "std", "n", "lowest", "highest", "95 % interval of the std")
SOURCES = {"label_seed": "labels, from one stage 1", "model_seed": "stage 1 and stage 2, with the same labels"}
BOTH = "labels and both stages: the usual seeds"
FLOAT32, BFLOAT16 = "32-true", "bf16-mixed"
PRECISION_HEADER = ("dataset", "method", "float32", "bfloat16", "bfloat16 minus float32, paired by seed", "device")


def seeds(view: View) -> Rendered:
    """One row for each source of variance, dataset and method: one seed varies and the other is fixed."""
    rows = [
        [view.title(dataset), title(view.methods, method), _source(runs), *_spread(view, grid, dataset, method)]
        for dataset in view.datasets()
        for method in unique(method for runs in view.study.runs for method in runs.methods)
        for grid, runs in enumerate(view.study.runs)
        if dataset in runs.datasets and method in runs.methods
    ]
    return Rendered(SEEDS_HEADER, rows, notes=["Accuracy of the last epoch on test subjects; the std is with n - 1."])


def _source(runs: Runs) -> str:
    return next((SOURCES.get(name, name) for name in runs.vary), BOTH)


def _spread(view: View, grid: int, dataset: str, method: str) -> list[str]:
    pairs = grouped(view.grid(grid)).get((dataset, method), [])
    summary = summarize([record for _, record in pairs])
    if summary is None:
        return ["-", "", "0", "", "", ""]
    ends = numbers(min(summary.values), max(summary.values))
    bounds = "" if summary.std is None else " to ".join(numbers(*std_interval(summary.std, summary.n)))
    return [*numbers(summary.mean, summary.std), summary.runs, *ends, bounds]


def precision(view: View) -> Rendered:
    """One row for each dataset and method that has runs: accuracy in bfloat16 and float32 with the same seeds."""
    pairs = [pair for grid, _ in enumerate(view.study.runs) for pair in view.grid(grid)]
    rows = [
        [view.title(dataset), title(view.methods, method), *_precisions(own)]
        for (dataset, method), own in grouped(pairs).items()
    ]
    return Rendered(PRECISION_HEADER, rows)


def _precisions(pairs: Pairs) -> list[str]:
    full, half = ([pair for pair in pairs if pair[0].factors["precision"] == each] for each in (FLOAT32, BFLOAT16))
    devices = sorted({str(record.environment.get("device", "?")) for _, record in pairs})
    accuracies = [mean_and_std(summarize([record for _, record in runs])) for runs in (full, half)]
    difference = difference_of(half, full).describe()
    return [*accuracies, difference, ", ".join(devices)]
