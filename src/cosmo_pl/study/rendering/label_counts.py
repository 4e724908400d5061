"""Accuracy by number of labels, over the subjects of all folds: one row for each recipe, method and number."""

from __future__ import annotations

from cosmo_pl.study.rendering.statistics import MARK, Pairs, by_seed, dirty, mean_text, subject_range
from cosmo_pl.study.rendering.style import title
from cosmo_pl.study.rendering.view import Rendered, View, unique

LABELS, FOLD = "labels", "fold"  # factors of the grids; a grid without the factor "labels" has all labels
HEADER = ("dataset", "method", "labels per class", "accuracy", "n", "folds", "subjects, lowest to highest")
NOTE = (
    "n is the number of seeds that have all folds; the accuracy of a seed is the mean over the subjects of all folds."
)


def table(view: View) -> Rendered:
    """Mean and standard deviation over the seeds that have all folds of the study."""
    grids = [view.grid(number) for number in range(len(view.study.runs))]
    found = [(job, record) for pairs in grids for job, record in pairs if job.kind == "finetune"]
    rows = []
    for dataset in view.datasets():
        name = view.title(dataset) + (" (simulated)" if view.simulated(dataset) else "")
        for method in view.methods:
            own = [(job, record) for job, record in found if (job.dataset, job.method) == (dataset, method)]
            for labels in unique(job.factors.get(LABELS, "all") for job, _ in own):
                here = [(job, record) for job, record in own if job.factors.get(LABELS, "all") == labels]
                rows.append([name, title(view.methods, method), str(labels), *_cells(here, _folds(view, dataset))])
    return Rendered(HEADER, rows, notes=[NOTE])


def _folds(view: View, dataset: str) -> int:
    """Number of folds that the study runs on a dataset."""
    return len({outcome.job.factors.get(FOLD) for outcome in view.outcomes if outcome.job.dataset == dataset})


def _cells(pairs: Pairs, folds: int) -> list[str]:
    """Accuracy, seeds, folds with a run, and range over the subjects."""
    done: dict[int, set[object]] = {}
    for job, _ in pairs:
        done.setdefault(job.seed, set()).add(job.factors.get(FOLD))
    whole = [(job, record) for job, record in pairs if len(done[job.seed]) == folds]
    run = f"{len(set.union(*done.values()))} of {folds}"
    if not whole:
        return ["-", "0", run, "-"]
    records = [record for _, record in whole]
    values = list(by_seed(whole).values())
    return [mean_text(values), f"{len(values)}{MARK if any(map(dirty, records)) else ''}", run, subject_range(records)]
