"""One dataset of a table: the runs of its methods, on the headline's test subjects and on all folds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.rendering.provenance import marked
from cosmo_pl.study.rendering.statistics import (
    FOLDS,
    Pairs,
    Summary,
    by_seed,
    fold_of,
    kind_of_mean,
    mean_and_n,
    mean_and_std,
    subject_range,
    summarize,
)
from cosmo_pl.study.rendering.style import title
from cosmo_pl.study.rendering.view import View

Fold = Sequence[int] | int


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
        """Title of the dataset."""
        return self.view.title(self.dataset)

    @property
    def name_in_paper(self) -> str:
        """Title of the dataset of the paper, whatever recipe ours has."""
        return self.view.title(self.view.in_paper(self.dataset))

    @property
    def stated(self) -> Mapping[str, Any]:
        """What the paper states about the dataset."""
        stated: Mapping[str, Any] = self.view.stated("table2").get(self.view.in_paper(self.dataset), {})
        return stated

    @cached_property
    def folds(self) -> list[Any]:
        """Test subjects or number of each fold, that of the headline first; empty without folds."""
        for runs in self.view.study.runs:
            for name in FOLDS:
                if self.dataset in runs.datasets and name in runs.vary and runs.under(self.view.preset):
                    factor = runs.vary[name]
                    return sorted(factor.values, key=lambda fold: fold != factor.default)
        return []

    @property
    def methods(self) -> list[str]:
        """Methods that the study runs on the dataset; without runs, those that the paper states an accuracy of."""
        run = {o.job.method for o in self.view.outcomes if o.job.dataset == self.dataset and o.job.kind == "finetune"}
        return [name for name in self.view.methods if name in run or (not run and self.paper(name) is not None)]

    def paper(self, method: str) -> float | None:
        """The accuracy that the paper states of a method."""
        value: float | None = self.stated.get("accuracy", {}).get(self.view.methods[method].paper)
        return value

    def location(self, method: str) -> str:
        """The part of the paper that states the accuracy of a method."""
        elsewhere = self.stated.get("elsewhere", {})
        return str(elsewhere.get(self.view.methods[method].paper, self.view.stated("table2")["location"]))

    def runs(self, method: str, fold: Fold | None = None) -> Pairs:
        """Stage-2 runs of a method on a fold, by default on the headline's test subjects; other factors at defaults."""
        return self.view.records(lambda job: self._is(job, method, fold))

    def _is(self, job: Job, method: str, fold: Fold | None) -> bool:
        if (job.dataset, job.method, job.kind) != (self.dataset, method, "finetune"):
            return False
        if not self.view.is_usual(job):
            return False
        headline = self.folds[0] if self.folds else None
        tested, wanted = (headline if each is None else each for each in (fold_of(job), fold))
        return bool(tested == wanted)

    def _planned(self, method: str) -> list[Fold]:
        """The folds that the preset runs a method on."""
        return [fold for fold in self.folds if any(self._is(o.job, method, fold) for o in self.view.outcomes)]

    def all_folds(self, method: str, folds: Sequence[Fold] | None = None) -> Pairs:
        """Runs of a method on some folds, by default on all, of the seeds that have each of these folds."""
        by_fold = [self.runs(method, fold) for fold in (self._planned(method) if folds is None else folds)]
        whole = set.intersection(*({job.seed for job, _ in runs} for runs in by_fold)) if by_fold else set()
        return [(job, record) for runs in by_fold for job, record in runs if job.seed in whole]

    def summary(self, method: str) -> Summary | None:
        """Accuracies of a method on the headline's test subjects."""
        return summarize([record for _, record in self.runs(method)])

    def cells(self, method: str) -> list[str]:
        """Titles of dataset and method, accuracy, its 95 % interval, and its range over subjects."""
        summary, records = self.summary(method), [record for _, record in self.runs(method)]
        ranges = ["-", "-"] if summary is None else [summary.interval_text, subject_range(records)]
        return [self.name, title(self.view.methods, method), mean_and_std(summary), *ranges]

    def over_subjects(self, method: str) -> str:
        """Mean over the subjects of all folds, with its spread over seeds; and the folds without a run."""
        planned = self._planned(method)
        if len(planned) < 2:
            return "-"
        run = [fold for fold in planned if self.runs(method, fold)]
        pairs = self.all_folds(method, run)
        missing = [subjects(fold) for fold in planned if fold not in run]
        if len(run) < 2:
            return f"missing {', '.join(missing)}" if run else "-"
        if not pairs:
            return "too few common seeds (n=0)"
        values = list(by_seed(pairs).values())
        without = f", without {', '.join(missing)}" if missing else ""
        return mean_and_n(values, marked(record for _, record in pairs)) + without + kind_of_mean(pairs)


def subjects(numbers: Iterable[int] | int) -> str:
    """Numbers of subjects as text, "11-14" for consecutive ones; "fold 0" for the number of a fold."""
    if isinstance(numbers, int):
        return f"fold {numbers}"
    found = sorted(numbers)
    if len(found) > 1 and found == list(range(found[0], found[-1] + 1)):
        return f"{found[0]}-{found[-1]}"
    return ", ".join(map(str, found))
