"""Where the spread of an accuracy comes from: label seeds and model seeds, one moved with the other fixed."""

from __future__ import annotations

from cosmo_pl.study.definition import Runs
from cosmo_pl.study.rendering.curves import numbers
from cosmo_pl.study.rendering.statistics import summarize
from cosmo_pl.study.rendering.style import title
from cosmo_pl.study.rendering.view import Rendered, View, unique

HEADER = (
    "dataset", "method", "what moves", "mean", "std", "n", "lowest", "highest", "95 % interval of the std",
)  # fmt: skip
SOURCES = {"label_seed": "labels, on one stage 1", "model_seed": "stage 1 and stage 2, on the same labels"}
BOTH = "labels and both stages: the usual seeds"


def table(view: View) -> Rendered:
    """A row for each source of chance, dataset and method."""
    rows = [
        [view.title(dataset), title(view.methods, method), _source(runs), *_cells(view, grid, dataset, method)]
        for dataset in view.datasets()
        for method in unique(method for runs in view.study.runs for method in runs.methods)
        for grid, runs in enumerate(view.study.runs)
        if dataset in runs.datasets and method in runs.methods
    ]
    return Rendered(HEADER, rows, notes=["Accuracy of the last epoch on test subjects; the std is with n - 1."])


def _source(runs: Runs) -> str:
    return next((SOURCES.get(name, name) for name in runs.vary), BOTH)


def _cells(view: View, grid: int, dataset: str, method: str) -> list[str]:
    pairs = [(j, r) for j, r in view.grid(grid) if (j.dataset, j.method) == (dataset, method)]
    summary = summarize([record for _, record in pairs])
    if summary is None:
        return ["-", "", "0", "", "", ""]
    ends = numbers(min(summary.values), max(summary.values))
    bounds = "" if summary.std is None else " to ".join(numbers(*std_interval(summary.std, summary.n)))
    return [*numbers(summary.mean, summary.std), summary.runs, *ends, bounds]


def std_interval(std: float, n: int) -> tuple[float, float]:
    """95 % interval of a standard deviation of normal values, s √((n-1) / χ²).

    Args:
        std: Standard deviation of the sample, with n - 1.
        n: Number of values, at least two.
    """
    from scipy.stats import chi2

    low, high = (std * ((n - 1) / float(chi2.ppf(level, n - 1))) ** 0.5 for level in (0.975, 0.025))
    return low, high
