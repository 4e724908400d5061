"""What half precision costs: accuracies in bfloat16 and float32 with the same seeds, side by side."""

from __future__ import annotations

from cosmo_pl.study.rendering.statistics import Pairs, by_seed, mean_and_std, paired, summarize
from cosmo_pl.study.rendering.style import title
from cosmo_pl.study.rendering.view import Rendered, View, unique

FLOAT32, BFLOAT16 = "32-true", "bf16-mixed"
HEADER = ("dataset", "method", "float32", "bfloat16", "bfloat16 less float32, paired by seed", "device")


def table(view: View) -> Rendered:
    """A row for each dataset and method that has runs."""
    pairs = [pair for grid, _ in enumerate(view.study.runs) for pair in view.grid(grid)]
    cells = unique((job.dataset, job.method) for job, _ in pairs)
    rows = [
        [view.title(dataset), title(view.methods, method), *_cells(of_cell)]
        for dataset, method in cells
        if (of_cell := [(job, record) for job, record in pairs if (job.dataset, job.method) == (dataset, method)])
    ]
    return Rendered(HEADER, rows)


def _cells(pairs: Pairs) -> list[str]:
    full, half = ([pair for pair in pairs if pair[0].factors["precision"] == each] for each in (FLOAT32, BFLOAT16))
    devices = sorted({str(record.environment.get("device", "?")) for _, record in pairs})
    accuracies = [mean_and_std(summarize([record for _, record in runs])) for runs in (full, half)]
    difference = paired(by_seed(half), by_seed(full)).describe()
    return [*accuracies, difference, ", ".join(devices)]
