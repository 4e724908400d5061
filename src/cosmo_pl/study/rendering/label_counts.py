"""Accuracy by number of labels, over the subjects of all folds: one row for each recipe, method and number."""

from __future__ import annotations

from collections import defaultdict

from cosmo_pl.study.rendering.statistics import MARK, Pairs, by_seed, dirty, mean_text, paired, subject_range
from cosmo_pl.study.rendering.style import title
from cosmo_pl.study.rendering.view import Rendered, View, unique

LABELS, FOLD = "labels", "fold"  # factors of the grids; a grid without the factor "labels" has all labels
HEADER = (
    *("dataset", "method", "labels per class", "accuracy", "n", "folds", "subjects, lowest to highest"),
    "minus Cosmo, paired by seed",
)
REFERENCE = "cosmo"  # the first method of a recipe
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
        folds = _folds(view, dataset)
        accuracies: dict[tuple[str, str], dict[int, float]] = {}
        for method in view.methods:
            own = [(job, record) for job, record in found if (job.dataset, job.method) == (dataset, method)]
            for labels in unique(str(job.factors.get(LABELS, "all")) for job, _ in own):
                here = [(job, record) for job, record in own if str(job.factors.get(LABELS, "all")) == labels]
                whole = _whole(here, folds)
                ours = accuracies[method, labels] = by_seed(whole)
                theirs = {} if method == REFERENCE else accuracies.get((REFERENCE, labels), {})
                difference = paired(ours, theirs).describe() if ours and theirs else "-"
                covered = f"{len({job.factors.get(FOLD) for job, _ in here})} of {folds}"
                rows.append([name, title(view.methods, method), labels, *_cells(whole, covered), difference])
    return Rendered(HEADER, rows, notes=[NOTE])


def _folds(view: View, dataset: str) -> int:
    """Number of folds that the study runs on a dataset."""
    return len({outcome.job.factors.get(FOLD) for outcome in view.outcomes if outcome.job.dataset == dataset})


def _whole(pairs: Pairs, folds: int) -> Pairs:
    """The runs of the seeds that have all folds."""
    done: defaultdict[int, set[object]] = defaultdict(set)
    for job, _ in pairs:
        done[job.seed].add(job.factors.get(FOLD))
    return [(job, record) for job, record in pairs if len(done[job.seed]) == folds]


def _cells(whole: Pairs, covered: str) -> list[str]:
    """Accuracy, seeds, folds with a run, and range over the subjects."""
    if not whole:
        return ["-", "0", covered, "-"]
    records = [record for _, record in whole]
    values = list(by_seed(whole).values())
    return [
        mean_text(values),
        f"{len(values)}{MARK if any(map(dirty, records)) else ''}",
        covered,
        subject_range(records),
    ]
