"""Encoders of one dataset on another: accuracy by stage 1 and by standardisation, against training on labels alone."""

from __future__ import annotations

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.rendering.statistics import SUMMARY, Pairs, difference_of, grouped, summarize
from cosmo_pl.study.rendering.style import title
from cosmo_pl.study.rendering.view import Rendered, View

HEADER = ("dataset", "encoders", "standardised by", *SUMMARY, "minus labels alone, paired by seed")
SCRATCH = "motion_scratch"
STATISTICS = {"data": "the data", "bundle": "the bundle", "adapt": "each subject"}
NOTES = [
    "Standardised by the data: with statistics of the training subjects. By the bundle: with those of its stage 1. By "
    "each subject: with its own, for test subjects too, from their unlabelled samples. This is another protocol.",
    "The difference is to labels alone under the same protocol.",
]


def table(view: View) -> Rendered:
    """One row for each dataset, method and standardisation that has runs."""
    pairs = view.records(lambda job: job.kind == "finetune")
    rows = []
    for dataset, method in grouped(pairs):
        for kind, name in STATISTICS.items():
            own = _runs(pairs, dataset, method, kind)
            if (summary := summarize([record for _, record in own])) is not None:
                alone = _runs(pairs, dataset, SCRATCH, "adapt" if kind == "adapt" else "data")
                difference = "" if method == SCRATCH else difference_of(own, alone).describe()
                rows.append([view.title(dataset), title(view.methods, method), name, *summary.cells, difference])
    return Rendered(HEADER, rows, notes=NOTES)


def _runs(pairs: Pairs, dataset: str, method: str, kind: str) -> Pairs:
    def wanted(job: Job) -> bool:
        return (job.dataset, job.method, job.factors["normalization"]) == (dataset, method, kind)

    return [(job, record) for job, record in pairs if wanted(job)]
