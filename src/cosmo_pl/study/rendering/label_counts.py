"""Accuracy by number of labels, over the subjects of all folds: one row for each recipe, method and number."""

from __future__ import annotations

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.rendering.provenance import marked
from cosmo_pl.study.rendering.statistics import (
    Pairs,
    by_seed,
    difference_of,
    kind_of_mean,
    mean_text,
    number_of_folds,
    subject_range,
    whole_seeds,
)
from cosmo_pl.study.rendering.style import title
from cosmo_pl.study.rendering.view import OURS, Rendered, View, unique

LABELS = "labels"  # factor of the grids; a grid without it has all labels
HEADER = (
    *("dataset", "method", "labels per class", "accuracy", "n", "folds", "subjects, lowest to highest"),
    "minus Cosmo, paired by seed",
)
NOTE = (
    "n is the number of seeds that have all folds; the accuracy of a seed is the mean over the subjects of all folds."
)


def table(view: View) -> Rendered:
    """Mean and standard deviation over the seeds that have all folds of the study."""
    grids = [view.grid(number) for number in range(len(view.study.runs))]
    found = [(job, record) for pairs in grids for job, record in pairs if job.kind == "finetune"]
    rows = []
    for dataset in view.datasets():
        name = view.label(dataset)
        here = [(job, record) for job, record in found if job.dataset == dataset]
        number = view.folds(dataset)
        for method in view.methods:
            for labels in unique(_labels(job) for job, _ in here if job.method == method):
                own = _runs(here, method, labels)
                reference = [] if method == OURS else _runs(here, OURS, labels)
                whole = whole_seeds(own, number), whole_seeds(reference, number)
                cells = (*_cells(own, number), _difference(*whole))
                rows.append([name, title(view.methods, method), labels, *cells])
    return Rendered(HEADER, rows, notes=[NOTE])


def _runs(pairs: Pairs, method: str, labels: str) -> Pairs:
    return [(job, record) for job, record in pairs if (job.method, _labels(job)) == (method, labels)]


def _labels(job: Job) -> str:
    return str(job.factors.get(LABELS, "all"))


def _difference(ours: Pairs, theirs: Pairs) -> str:
    return difference_of(ours, theirs).describe() if ours and theirs else "-"


def _cells(pairs: Pairs, number: int) -> list[str]:
    """Accuracy, seeds, folds with a run, and range over the subjects."""
    covered = f"{number_of_folds(job for job, _ in pairs) if pairs else 0} of {number}"
    whole = whole_seeds(pairs, number)
    if not whole:
        return ["-", "0", covered, "-"]
    records = [record for _, record in whole]
    values = list(by_seed(whole).values())
    return [
        mean_text(values) + kind_of_mean(whole),
        f"{len(values)}{marked(records)}",
        covered,
        subject_range(records),
    ]
