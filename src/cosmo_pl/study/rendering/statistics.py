"""What several runs say together: mean, spread, 95 % interval and pooled counts."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record

LEVEL = 0.95


@dataclass(frozen=True)
class Summary:
    """Accuracies of the runs of one cell.

    Args:
        values: Accuracy of each run, at least one.
        correct: Correct predictions of all runs together.
        total: Predictions of all runs together.
    """

    values: tuple[float, ...]
    correct: int
    total: int

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
        """Standard deviation of a sample, with n - 1; None for one run, whose spread is unknown and not 0."""
        return stdev(self.values) if self.n > 1 else None

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval: of the mean (Student's t, cut to [0, 1]) from two runs on, of k/n (Wilson) for one."""
        if self.n == 1:
            return wilson(self.correct, self.total)
        low, high = t_interval(self.values)
        return max(0.0, low), min(1.0, high)


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % interval of a mean, mean ± t(n-1) s/√n.

    Args:
        values: At least two.
    """
    from scipy.stats import t

    margin = float(t.ppf((1 + LEVEL) / 2, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return fmean(values) - margin, fmean(values) + margin


def wilson(correct: int, total: int) -> tuple[float, float]:
    """95 % Wilson interval of a share; as `cosmo_pl.metrics.wilson_interval`, which would import torch.

    Raises:
        ValueError: There is no prediction.
    """
    from scipy.stats import binomtest

    interval = binomtest(correct, total).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def summarize(records: Sequence[Record]) -> Summary | None:
    """Accuracies of stage-2 records; None without any."""
    if not records:
        return None
    results = [record.result for record in records]
    return Summary(
        tuple(float(result["accuracy"]) for result in results),
        sum(int(result["correct"]) for result in results),
        sum(int(result["total"]) for result in results),
    )


def told(summary: Summary | None) -> str:
    """Mean and spread as text: "0.693 ± 0.021 (n=5)", "0.693 (n=1)" or "-"."""
    if summary is None:
        return "-"
    spread = "" if summary.std is None else f" ± {summary.std:.3f}"
    return f"{summary.mean:.3f}{spread} (n={summary.n})"


def by_seed(pairs: Sequence[tuple[Job, Record]]) -> dict[int, float]:
    """Accuracy by seed, in the order of the seeds; the mean where a seed has several runs, folds for instance."""
    found: defaultdict[int, list[float]] = defaultdict(list)
    for job, record in pairs:
        found[job.seed].append(float(record.result["accuracy"]))
    return {seed: fmean(found[seed]) for seed in sorted(found)}


def machine(environment: Mapping[str, Any]) -> str:
    """The machine of a record as text: "cpu with 2 cores, 1 thread a run, torch 2.13.0"."""
    device, cores, threads, torch = (environment.get(name, "?") for name in ("device", "cores", "threads", "torch"))
    shared = f", shared by {count} processes" if (count := environment.get("processes", 1)) > 1 else ""
    return (
        f"{device} with {cores} cores, {threads} {'thread' if threads == 1 else 'threads'} a run, torch {torch}{shared}"
    )


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's rank correlation of two series."""
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)
