"""Whether a claim of the paper was reproduced, by the rule that stands in ``experiments/paper.yaml``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.statistics import Summary, by_seed, summarize, t_interval, told, wilson
from cosmo_pl.study.rendering.view import Verdict

REPRODUCED, NOT_REPRODUCED, NOT_COMPARABLE = "reproduced", "not reproduced", "not comparable"

Pairs = Sequence[tuple[Job, Record]]


def not_comparable(claim: str, reason: str) -> Verdict:
    """The verdict on what cannot be judged."""
    return Verdict(claim, NOT_COMPARABLE, reason)


def value_verdict(claim: str, ours: Summary | None, paper: float | None, simulated: bool) -> Verdict:
    """Whether a stated accuracy lies in our 95 % interval.

    Args:
        claim: The claim, with the place in the paper.
        ours: Our accuracies, None without a run.
        paper: The stated accuracy, None where there is none.
        simulated: Whether our recordings are.
    """
    if ours is None or simulated or paper is None:
        missing = "no such run" if ours is None else "the paper states no figure"
        return not_comparable(claim, "simulated recordings" if simulated else missing)
    low, high = ours.interval
    place = "within" if low <= paper <= high else "ours is higher" if paper < low else "ours is lower"
    evidence = f"{told(ours)}, 95 % interval {low:.3f} to {high:.3f}; paper {paper:.4f}: {place}"
    return Verdict(claim, REPRODUCED if place == "within" else NOT_REPRODUCED, evidence)


def count_verdict(claim: str, ours: int, paper: int, simulated: bool) -> Verdict:
    """Whether a stated number of things is ours.

    Args:
        claim: The claim, with the place in the paper.
        ours: Our number.
        paper: The stated one.
        simulated: Whether our recordings are.
    """
    if simulated:
        return not_comparable(claim, "simulated recordings")
    return Verdict(claim, REPRODUCED if ours == paper else NOT_REPRODUCED, f"{ours:,} against {paper:,}")


def order_verdict(claim: str, above: Pairs, below: Pairs, simulated: bool) -> Verdict:
    """Whether accuracies are above others, paired by seed.

    Args:
        claim: The claim, with the place in the paper.
        above: Runs that should be more accurate; only seeds that both have are compared.
        below: Runs that should be less accurate.
        simulated: Whether our recordings are.
    """
    reason = "simulated recordings" if simulated else "no such run" if not above or not below else None
    ours, theirs = by_seed(above), by_seed(below)
    seeds = [seed for seed in ours if seed in theirs]
    if reason is None and not seeds:
        reason = "no seed that both were run with"
    if reason is not None:
        return not_comparable(claim, reason)
    held, evidence = _one_seed(above, below, seeds[0]) if len(seeds) == 1 else _paired(ours, theirs, seeds)
    return Verdict(claim, REPRODUCED if held else NOT_REPRODUCED, evidence)


def trend_verdict(claim: str, rising: Sequence[Pairs], simulated: bool) -> Verdict:
    """Whether accuracies rise: every later group is above every earlier one.

    Args:
        claim: The claim, with the place in the paper.
        rising: Groups of runs, at least two, in the order in which the accuracy should rise.
        simulated: Whether our recordings are.
    """
    steps = [order_verdict(claim, above, below, simulated) for below, above in combinations(rising, 2)]
    for verdict in (NOT_COMPARABLE, NOT_REPRODUCED):
        failed = [step for step in steps if step.verdict == verdict]
        if failed:
            return Verdict(claim, verdict, f"{len(failed)} of {len(steps)} pairs: {failed[0].evidence}")
    return Verdict(claim, REPRODUCED, " < ".join(told(summarize([record for _, record in group])) for group in rising))


def means_verdict(claim: str, above: Sequence[float], below: Sequence[float], simulated: bool) -> Verdict:
    """Whether the mean of a figure that is no accuracy is above another.

    Args:
        claim: The claim, with the place in the paper.
        above: Values, a seed each, that should have the larger mean.
        below: Values that should have the smaller one.
        simulated: Whether our recordings are.
    """
    if simulated or not above or not below:
        return not_comparable(claim, "simulated recordings" if simulated else "no such run")
    high, low = fmean(above), fmean(below)
    evidence = f"mean {high:.4g} (n={len(above)}) against {low:.4g} (n={len(below)})"
    return Verdict(claim, REPRODUCED if high > low else NOT_REPRODUCED, evidence)


def _paired(ours: dict[int, float], theirs: dict[int, float], seeds: Sequence[int]) -> tuple[bool, str]:
    differences = [ours[seed] - theirs[seed] for seed in seeds]
    low, high = t_interval(differences)
    means = f"{fmean(ours[seed] for seed in seeds):.3f} against {fmean(theirs[seed] for seed in seeds):.3f}"
    difference = f"difference {fmean(differences):+.3f}, 95 % interval {low:+.3f} to {high:+.3f} (n={len(seeds)})"
    return low > 0, f"{means}; {difference}"


def _one_seed(above: Pairs, below: Pairs, seed: int) -> tuple[bool, str]:
    intervals, parts = [], []
    for pairs in (above, below):
        summary = summarize([record for job, record in pairs if job.seed == seed])
        assert summary is not None
        low, high = wilson(summary.correct, summary.total)
        intervals.append((low, high))
        parts.append(f"{summary.mean:.3f} ({low:.3f} to {high:.3f})")
    return intervals[0][0] > intervals[1][1], f"{parts[0]} against {parts[1]} (n=1)"
