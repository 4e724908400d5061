"""Table 2 of the paper: accuracy of all methods with few labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.statistics import Summary, machine, rank_correlation, summarize, told
from cosmo_pl.study.rendering.style import DATASETS, title
from cosmo_pl.study.rendering.verdict import Pairs, not_comparable, order_verdict, value_verdict
from cosmo_pl.study.rendering.view import Rendered, Verdict, View, unique

OURS = "cosmo"  # the method that the paper's claims are about
FOLDS = "test_subjects"  # the factor of the study that leaves other subjects out
HEADER = [
    "dataset", "method", "accuracy", "correct", "95 % interval", "mean of all folds", "macro-F1", "paper", "verdict",
    "training, s", "best epoch on test: not a result",
]  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One dataset of the table.

    Args:
        view: The study and its results.
        dataset: The dataset.
    """

    view: View
    dataset: str

    @property
    def name(self) -> str:
        """The dataset as a reader knows it."""
        return DATASETS.get(self.dataset, self.dataset)

    @property
    def stated(self) -> Mapping[str, Any]:
        """What the paper states of the dataset."""
        stated: Mapping[str, Any] = self.view.paper.get("table2", {}).get(self.dataset, {})
        return stated

    @property
    def folds(self) -> list[list[int]]:
        """Test subjects of every fold, the first of them those of the headline; empty without folds."""
        for runs in self.view.study.runs:
            if self.dataset in runs.datasets and FOLDS in runs.vary:
                factor = runs.vary[FOLDS]
                folds: list[Any] = factor.values
                return sorted(folds, key=lambda subjects: subjects != factor.default)
        return []

    @property
    def methods(self) -> list[str]:
        """Methods that the study runs on the dataset; of one without runs, those that the paper has a figure of."""
        run = {o.job.method for o in self.view.outcomes if o.job.dataset == self.dataset}
        return [name for name in self.view.methods if name in run or (not run and self.paper(name) is not None)]

    @property
    def simulated(self) -> bool:
        """Whether any of the recordings are."""
        found = self.view.records(lambda job: job.dataset == self.dataset)
        return any(record.simulated for _, record in found)

    def paper(self, method: str) -> float | None:
        """The accuracy that the paper states of a method."""
        value: float | None = self.stated.get("accuracy", {}).get(self.view.methods[method].paper)
        return value

    def place(self, method: str) -> str:
        """Where the paper states it."""
        elsewhere = self.stated.get("elsewhere", {})
        return str(elsewhere.get(self.view.methods[method].paper, self.view.paper["table2"]["place"]))

    def runs(self, method: str, fold: Sequence[int] | None = None) -> list[tuple[Job, Record]]:
        """Stage-2 runs of a method on a fold, None for the headline's."""
        headline = self.folds[0] if self.folds else None

        def wanted(job: Job) -> bool:
            same = job.dataset == self.dataset and job.method == method and job.kind == "finetune"
            return same and job.factors.get(FOLDS, headline) == (fold or headline)

        return self.view.records(wanted)

    def all_folds(self, method: str) -> list[tuple[Job, Record]]:
        """Runs of a method on all folds, of the seeds that have every one of them."""
        by_fold = [self.runs(method, fold) for fold in self.folds]
        whole = set.intersection(*({job.seed for job, _ in runs} for runs in by_fold)) if by_fold else set()
        return [(job, record) for runs in by_fold for job, record in runs if job.seed in whole]

    def summary(self, method: str) -> Summary | None:
        """Accuracies of a method on the headline's test subjects."""
        return summarize([record for _, record in self.runs(method)])


def accuracy(view: View) -> Rendered:
    """Renders the table: a row a dataset and method, in the order of ``methods.yaml``."""
    columns = [Column(view, dataset) for dataset in view.datasets()]
    rows = [_row(column, method) for column in columns for method in column.methods]
    notes = [note for column in columns for note in (*_notes(column), *_agreement(column))]
    verdicts = [verdict for column in columns for verdict in [*_values(column), *_orders(column)]]
    remarks = view.paper.get("table2", {}).get("remarks", [])
    return Rendered(HEADER, rows, notes=[*notes, *_cost(view), *remarks], verdicts=verdicts)


def subjects(numbers: Iterable[int]) -> str:
    """Numbers as text, "11-14" for a run of them."""
    found = sorted(numbers)
    if len(found) > 1 and found == list(range(found[0], found[-1] + 1)):
        return f"{found[0]}-{found[-1]}"
    return ", ".join(map(str, found))


def _row(column: Column, method: str) -> list[str]:
    runs, summary, paper = column.runs(method), column.summary(method), column.paper(method)
    cells = [column.name, title(column.view.methods, method), told(summary)]
    if summary is None:
        cells += ["-", "-", _fold_mean(column, method), "-"]
    else:
        low, high = summary.interval
        correct = f"{summary.correct}/{summary.total}"
        f1 = fmean(record.result["f1_macro"] for _, record in runs)
        cells += [correct, f"{low:.3f} to {high:.3f}", _fold_mean(column, method), f"{f1:.3f}"]
    stated = ["-", "-"] if paper is None else [f"{paper:.4f}", _value(column, method).verdict]
    return [*cells, *stated, _seconds(column, method), _best_epoch(runs)]


def _fold_mean(column: Column, method: str) -> str:
    """Mean over folds of the mean of each, with the number of runs in each; or the folds that are missing."""
    if not column.folds:
        return "-"
    found = [summarize([record for _, record in column.runs(method, fold)]) for fold in column.folds]
    there = [summary for summary in found if summary is not None]
    if len(there) == len(found):
        return f"{fmean(s.mean for s in there):.3f} (n={'+'.join(str(s.n) for s in there)})"
    missing = [subjects(fold) for fold, summary in zip(column.folds, found, strict=True) if summary is None]
    return f"missing {', '.join(missing)}" if there else "-"


def _seconds(column: Column, method: str) -> str:
    """Mean seconds of training, stage 1 and stage 2."""
    runs = column.runs(method)
    needed = {parent.key for job, _ in runs for parent in job.parents}
    first = [record.result["fit_seconds"] for _, record in column.view.records(lambda job: job.key in needed)]
    second = [record.result["training"]["fit_seconds"] for _, record in runs]
    means = [fmean(seconds) for seconds in (first, second) if seconds]
    return " + ".join("< 1" if mean < 1 else f"{mean:.0f}" for mean in means) or "-"


def _best_epoch(runs: Pairs) -> str:
    best = [record.result["test_acc_best_epoch"] for _, record in runs]
    found = [each["accuracy"] for each in best if each is not None]
    return f"{fmean(found):.3f}" if found else "-"


def _notes(column: Column) -> list[str]:
    means = {method: s.mean for method in column.methods if (s := column.summary(method)) is not None}
    if not means:
        return []
    first = [column.runs(method)[0][1].result for method in means]
    tested = "; ".join(subjects(s) for s in unique(result["test_subjects"] for result in first))
    labels, chance = ", ".join(str(n) for n in unique(r["labels"] for r in first)), first[0]["chance"]
    best = max(means, key=means.__getitem__)
    notes = [
        f"{column.name}: {labels} labels, test subjects {tested}, chance {chance:.3f}; the most accurate is "
        f"{title(column.view.methods, best)}, {means[best]:.3f}."
    ]
    if OURS in means:
        above = [f"{title(column.view.methods, m)} ({v:.3f})" for m, v in means.items() if v > means[OURS]]
        notes.append(f"{column.name}: above Cosmo's mean of {means[OURS]:.3f}: {', '.join(above) or 'none'}.")
    if column.simulated:
        notes.append(f"{column.name}: simulated recordings; not comparable with the paper.")
    return notes


def _cost(view: View) -> list[str]:
    done = [o.record for o in view.outcomes if o.record is not None]
    notes = [f"{len(done)} of {len(view.outcomes)} runs are done."]
    if done:
        told_of = sorted({machine(record.environment) for record in done})
        hours = sum(record.seconds for record in done) / 3600
        notes[0] += f" Together they took {hours:.2f} h, every stage 1 counted once, on {'; '.join(told_of)}."
    return notes


def _agreement(column: Column) -> list[str]:
    """How far the methods have the same order under other presets: rank correlation of the mean accuracies."""
    notes = []
    for preset in column.view.others:
        other = Column(column.view.under(preset), column.dataset)
        trained = [method for method in column.methods if column.view.methods[method].trained]
        both = [(ours, theirs) for m in trained if (ours := column.summary(m)) and (theirs := other.summary(m))]
        if len(both) > 2:
            rho = rank_correlation([ours.mean for ours, _ in both], [theirs.mean for _, theirs in both])
            notes.append(
                f"{column.name}: the {len(both)} methods that are trained under the preset {preset} as well have a "
                f"rank correlation (Spearman) of {rho:.2f} with it."
            )
    return notes


def _value(column: Column, method: str) -> Verdict:
    stated, name = column.paper(method), title(column.view.methods, method)
    claim = f"{column.place(method)}: {name} has {stated:.4f} on {column.name}"
    if column.dataset in column.view.skipped:
        return not_comparable(claim, f"no such run: {column.view.skipped[column.dataset]}")
    return value_verdict(claim, column.summary(method), stated, column.simulated)


def _values(column: Column) -> list[Verdict]:
    return [_value(column, method) for method in column.methods if column.paper(method) is not None]


def _orders(column: Column) -> list[Verdict]:
    """Cosmo above every other method; those that the paper has no figure of are our own question."""
    if column.dataset in column.view.skipped or OURS not in column.methods:
        return []
    verdicts = []
    for method in column.methods:
        if method.startswith(OURS):  # itself, and its own variants
            continue
        of_paper = column.paper(method) is not None
        source = column.place(method) if of_paper else "Our question, no claim of the paper"
        claim = f"{source}: Cosmo above {title(column.view.methods, method)} on {column.name}"
        tested = f", subjects {subjects(column.folds[0])}" if column.folds else ""
        given = [(tested, column.runs(OURS), column.runs(method))]
        if column.folds:
            given.append((", all folds", column.all_folds(OURS), column.all_folds(method)))
        found = [order_verdict(claim + on, above, below, column.simulated) for on, above, below in given]
        verdicts += [replace(verdict, of_paper=of_paper) for verdict in found]
    return verdicts
