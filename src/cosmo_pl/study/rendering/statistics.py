"""Statistics over runs: mean, spread, 95 % interval, range over subjects, and paired differences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Any

from cosmo_pl.intervals import bootstrap_interval, t_interval
from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.provenance import MARK, dirty

MIN_RUNS = 3  # seeds that a verdict, a comparison of methods and a ranking require
FOLDS = ("test_subjects", "fold")  # factors with leave-subjects-out folds: their subjects, or their numbers
SUMMARY = ("accuracy", "std", "n", "correct", "total")  # columns of `Summary.cells`
RANGES = ("low 95 %", "high 95 %", "interval over", "subjects, lowest to highest")  # columns of `ranges`

Pairs = Sequence[tuple[Job, Record]]


@dataclass(frozen=True)
class Summary:
    """Accuracies of the runs of one cell.

    Args:
        values: Accuracy of each run, at least one.
        correct: Correct predictions of all runs together.
        total: Predictions of all runs together.
        recordings: Correct and tested samples of each recording; of a single run, where its record has them.
        dirty: Whether a run is marked, see `cosmo_pl.study.rendering.provenance.dirty`.
    """

    values: tuple[float, ...]
    correct: int
    total: int
    recordings: tuple[tuple[int, int], ...] = ()
    dirty: bool = False

    @property
    def n(self) -> int:
        """Number of runs."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Mean accuracy."""
        return fmean(self.values)

    @property
    def std(self) -> float | None:
        """Standard deviation of a sample, with n - 1; None for one run, whose spread is unknown."""
        return spread(self.values)

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the mean (Student's t, clipped to [0, 1]); of one run the interval over its recordings.

        None for two runs, whose spread says too little.
        """
        if self.n == 1:
            return bootstrap_interval(self.recordings)
        if self.n < MIN_RUNS:
            return None
        low, high = t_interval(self.values)
        return max(0.0, low), min(1.0, high)

    @property
    def interval_text(self) -> str:
        """The interval as text: "0.600 to 0.640", of one run "0.600 to 0.640, of recordings", or "-"."""
        return interval_text(self.interval) + (", of recordings" if self.n == 1 and self.interval else "")

    @property
    def runs(self) -> str:
        """Number of runs as a cell, with the mark where one is marked: "5†"."""
        return f"{self.n}{MARK}" if self.dirty else str(self.n)

    @property
    def cells(self) -> list[str]:
        """Mean, standard deviation, number of runs, correct and all predictions as cells."""
        return [*numbers(self.mean, self.std), self.runs, str(self.correct), str(self.total)]


@dataclass(frozen=True)
class Difference:
    """Differences of two methods, paired by seed.

    Args:
        values: First minus second, one for each seed that both have.
        of_folds: Whether they are of the accuracies of whole folds, as those of one method are, see `of_whole_folds`.
            The means of the other method are of other numbers then.
    """

    values: tuple[float, ...]
    of_folds: bool = False

    @property
    def n(self) -> int:
        """Number of common seeds."""
        return len(self.values)

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % t interval of the mean difference; None for fewer than three common seeds."""
        return t_interval(self.values) if self.n >= MIN_RUNS else None

    def describe(self, what: str = "", digits: int = 3) -> str:
        """As text: "+0.030, 95 % interval +0.005 to +0.055 (n=3)" after its name, or that there are too few seeds."""
        if self.interval is None:
            return f"too few common seeds (n={self.n})"
        low, high = self.interval
        mean, low_text, high_text = (f"{value:+.{digits}f}" for value in (fmean(self.values), low, high))
        of = "; accuracies of whole folds" if self.of_folds else ""
        return f"{what} {mean}, 95 % interval {low_text} to {high_text} (n={self.n}{of})".strip()


def paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Difference:
    """Differences of the values of two methods by seed, over the seeds that both have."""
    return Difference(tuple(ours[seed] - theirs[seed] for seed in sorted(ours) if seed in theirs))


def summarize(records: Sequence[Record]) -> Summary | None:
    """Accuracies of stage-2 records; None without any."""
    if not records:
        return None
    results = [record.result for record in records]
    recordings = results[0].get("by_recording", {}) if len(results) == 1 else {}
    return Summary(
        tuple(float(result["accuracy"]) for result in results),
        sum(int(result["correct"]) for result in results),
        sum(int(result["total"]) for result in results),
        tuple((correct, total) for correct, total in recordings.values()),
        any(map(dirty, records)),
    )


def mean_and_std(summary: Summary | None) -> str:
    """Mean and spread as text: "0.693 ± 0.021 (n=5)", "0.693 (n=1)", "†" if one is marked, or "-"."""
    if summary is None:
        return "-"
    return mean_and_n(summary.values, MARK if summary.dirty else "")


def mean_and_n(values: Sequence[float], mark: str = "", digits: int = 3) -> str:
    """Mean, spread and number of values as text: "0.693 ± 0.021 (n=5)" and a mark, or "-" without values."""
    return f"{mean_text(values, digits)} (n={len(values)}){mark}" if values else "-"


def mean_text(values: Sequence[float], digits: int = 3) -> str:
    """Mean and spread as text: "0.693 ± 0.021", or "0.693" for one value."""
    std = "" if len(values) < 2 else f" ± {stdev(values):.{digits}f}"
    return f"{fmean(values):.{digits}f}{std}"


def numbers(*values: float | None) -> list[str]:
    """Accuracies as cells of a CSV; empty where there is none."""
    return ["" if value is None else f"{value:.4f}" for value in values]


def spread(values: Sequence[float]) -> float | None:
    """Standard deviation with n - 1, None for fewer than two values."""
    return stdev(values) if len(values) > 1 else None


def interval_text(interval: tuple[float, float] | None) -> str:
    """An interval as text: "0.600 to 0.640", or "-"."""
    return "-" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def subject_range(records: Sequence[Record]) -> str:
    """Lowest and highest accuracy of a subject, each a mean over the runs: "0.304 to 0.691 (4)"; "-" without counts.

    Where some runs have no counts, the number of those that have: "0.304 to 0.691 (4; n=2)".
    """
    found: defaultdict[str, list[float]] = defaultdict(list)
    counted = [record.result["by_subject"] for record in records if record.result.get("by_subject")]
    for subjects in counted:
        for subject, (correct, total) in subjects.items():
            found[subject].append(correct / total)
    means = [fmean(values) for values in found.values()]
    few = f"; n={len(counted)}" if len(counted) < len(records) else ""
    return f"{min(means):.3f} to {max(means):.3f} ({len(means)}{few})" if means else "-"


def ranges(summary: Summary, records: Sequence[Record]) -> list[str]:
    """Both ends of the 95 % interval, what it is over, and the range over subjects, as cells."""
    over = "" if summary.interval is None else "recordings" if summary.n == 1 else "seeds"
    return [*numbers(*(summary.interval or (None, None))), over, subject_range(records)]


def by_seed(pairs: Pairs, counted: bool | None = None) -> dict[int, float]:
    """Accuracy by seed, in the order of the seeds; of a seed with several folds, the mean over all their subjects.

    Args:
        pairs: Runs of one method.
        counted: Whether the subjects' own counts are used, else the accuracies of their folds; None if all runs have
            counts, so that no mean is of both.
    """
    counted = all_counted(pairs) if counted is None else counted
    found: defaultdict[int, list[Record]] = defaultdict(list)
    for job, record in pairs:
        found[job.seed].append(record)
    return {seed: _over_subjects(found[seed], counted) for seed in sorted(found)}


def all_counted(*methods: Pairs) -> bool:
    """Whether all runs of some methods have counts of each subject; else all need the accuracies of their folds."""
    return all(record.result.get("by_subject") for pairs in methods for _, record in pairs)


def of_whole_folds(pairs: Pairs) -> bool:
    """Whether a method's means over the subjects of folds are of the folds' accuracies, as a run lacks counts."""
    return not all_counted(pairs) and number_of_folds(job for job, _ in pairs) > 1


def kind_of_mean(pairs: Pairs) -> str:
    """What follows a mean over the subjects of all folds: ", of whole folds", or nothing if it is of the subjects."""
    return ", of whole folds" if of_whole_folds(pairs) else ""


def difference_of(ours: Pairs, theirs: Pairs) -> Difference:
    """Differences of the accuracies of two methods, paired by seed, with the same kind of mean over the subjects."""
    counted = all_counted(ours, theirs)
    difference = paired(by_seed(ours, counted), by_seed(theirs, counted))
    return replace(difference, of_folds=of_whole_folds(ours) != of_whole_folds(theirs))


def grouped(pairs: Pairs) -> dict[tuple[str, str], Pairs]:
    """Dataset and method to their runs."""
    found: defaultdict[tuple[str, str], list[tuple[Job, Record]]] = defaultdict(list)
    for job, record in pairs:
        found[job.dataset, job.method].append((job, record))
    return dict(found)


def fold_of(job: Job) -> Any:
    """The fold that a job tests; None without folds."""
    return next((job.factors[name] for name in FOLDS if name in job.factors), None)


def number_of_folds(jobs: Iterable[Job]) -> int:
    """Number of distinct folds that jobs test, 1 without folds; a job without one tests all, or the default."""
    return max(1, len({str(fold) for job in jobs if (fold := fold_of(job)) is not None}))  # no set can hold lists


def whole_seeds(pairs: Pairs, number: int) -> Pairs:
    """The runs of the methods' seeds that have all folds, of which there are `number`."""
    jobs: defaultdict[tuple[str, int], list[Job]] = defaultdict(list)
    for job, _ in pairs:
        jobs[job.method, job.seed].append(job)
    whole = {name for name, own in jobs.items() if number_of_folds(own) == number}
    return [(job, record) for job, record in pairs if (job.method, job.seed) in whole]


def _over_subjects(records: Sequence[Record], with_counts: bool) -> float:
    """Accuracy of one run; of several the mean over subjects, each with its own accuracy or that of its fold."""
    if len(records) == 1:
        return float(records[0].result["accuracy"])
    accuracies: list[float] = []
    for record in records:
        counted = record.result.get("by_subject", {}).values() if with_counts else ()
        fold = [float(record.result["accuracy"])] * len(record.result["test_subjects"])
        accuracies += [correct / total for correct, total in counted] or fold
    return fmean(accuracies)


def common_means(methods: Mapping[str, Mapping[int, float]]) -> tuple[dict[str, float], list[int]]:
    """Means that may be ranked: those of methods with three seeds or more, over the seeds that all of them share.

    Args:
        methods: Method to accuracy by seed.

    Returns:
        Method to mean, and the seeds; both empty where they share fewer than three.
    """
    enough = {method: values for method, values in methods.items() if len(values) >= MIN_RUNS}
    seeds = sorted(set.intersection(*(set(values) for values in enough.values()))) if enough else []
    if len(seeds) < MIN_RUNS:
        return {}, []
    return {method: fmean(values[seed] for seed in seeds) for method, values in enough.items()}, seeds


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's rank correlation of two series."""
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)
