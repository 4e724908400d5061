"""Whether a claim of the paper was reproduced, by the rule in ``experiments/paper.yaml``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import inf
from statistics import fmean

from cosmo_pl.intervals import t_interval
from cosmo_pl.study.rendering.effect import Effect
from cosmo_pl.study.rendering.statistics import (
    MIN_RUNS,
    Difference,
    Pairs,
    Summary,
    all_counted,
    by_seed,
    difference_of,
    mean_and_std,
    paired,
    summarize,
)
from cosmo_pl.study.rendering.view import Verdict, View

REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
UNDECIDED = "undecided"
TOO_FEW, NOT_COMPARABLE = "too few runs", "not comparable"
NO_RUN = "no such run"
SIMULATED, PRESET, INPUTS = "simulated recordings", "preset ", "other inputs: "  # what an `obstacle` begins with
WITHOUT = {  # an obstacle to the results that would not have it
    SIMULATED: "the paper's recordings",
    PRESET: "runs with the paper's protocol",
    INPUTS: "runs with the paper's inputs",
}
NO_RUNS = f"{MIN_RUNS} seeds"


def obstacle(view: View, dataset: str, methods: Sequence[str] = (), inputs: bool = True) -> str | None:
    """The reason why runs do not test the paper's claims about a dataset, None where they do.

    Args:
        view: The study; its ``paper`` names the preset with the paper's protocol, and the inputs that differ.
        dataset: The dataset.
        methods: Methods that are compared; differing inputs matter unless none of the methods uses them.
        inputs: Whether inputs matter: they do for accuracies, and do not for training times.
    """
    if view.simulated(dataset):
        return SIMULATED
    protocol = view.stated("protocol").get("preset", view.preset)
    if view.preset != protocol:
        return f"{PRESET}{view.preset}, not the paper's protocol"
    ours = view.stated("inputs").get(dataset, {})
    named = [view.methods[method].paper for method in methods]
    alike = bool(named) and set(named) <= set(ours.get("same_for", []))
    return f"{INPUTS}{ours['differ']}" if inputs and "differ" in ours and not alike else None


def not_comparable(claim: str, reason: str, change: str | None = None) -> Verdict:
    """The verdict on a claim that cannot be judged.

    Args:
        claim: The claim, with its location in the paper.
        reason: Why it cannot be judged.
        change: The results by which it could be; None for those without the `obstacle` that the reason is.
    """
    return Verdict(claim, NOT_COMPARABLE, reason, change=change or _without(reason))


def no_run(claim: str) -> Verdict:
    """The verdict on a claim without any run."""
    return Verdict(claim, TOO_FEW, NO_RUN, change=NO_RUNS)


def value_verdict(claim: str, ours: Summary | None, paper: float, reason: str | None) -> Verdict:
    """Whether a stated accuracy lies in our 95 % interval; undecided if that reaches more than `WIDE` from it.

    Args:
        claim: The claim, with its location in the paper.
        ours: Our accuracies, None without a run.
        paper: The stated accuracy.
        reason: Why our runs cannot be compared; None where they can.
    """
    values = () if ours is None else ours.values
    effect = Effect.of_value(values, paper)
    return _inside(claim, effect, paper, reason, mean_and_std(ours), None if ours is None else ours.interval)


def weight_verdict(claim: str, ours: Sequence[float], paper: float, reason: str | None) -> Verdict:
    """Whether a stated attention weight lies in the 95 % interval of ours.

    Args:
        claim: The claim, with its location in the paper.
        ours: Our weight by seed.
        paper: The stated weight.
        reason: Why our runs cannot be compared; None where they can.
    """
    interval = t_interval(ours) if len(ours) > 1 else None
    mean = f"{fmean(ours):.3f} (n={len(ours)})" if ours else "-"
    return _inside(claim, Effect.of_value(ours, paper), paper, reason, mean, interval)


def count_verdict(claim: str, ours: int, paper: int, simulated: bool) -> Verdict:
    """Whether a stated count equals ours.

    Args:
        claim: The claim, with its location in the paper.
        ours: Our count.
        paper: The stated count.
        simulated: Whether our recordings are simulated.
    """
    if simulated:
        return not_comparable(claim, SIMULATED)
    found, evidence = REPRODUCED if ours == paper else NOT_REPRODUCED, f"{ours:,} against {paper:,}"
    effect = Effect.of_value([ours], paper, digits=0)
    return Verdict(claim, found, evidence, effect=effect, change="another count of the recordings")


def order_verdict(claim: str, above: Pairs, below: Pairs, reason: str | None, least: float = 0.0) -> Verdict:
    """Whether some accuracies are above others, paired by seed.

    Args:
        claim: The claim, with its location in the paper.
        above: Runs that should be more accurate; only seeds that both have are compared.
        below: Runs that should be less accurate.
        reason: Why our runs cannot be compared; None where they can.
        least: Smallest difference that they should have.
    """
    counted = all_counted(above, below)
    return means_verdict(claim, by_seed(above, counted), by_seed(below, counted), reason, least)


def means_verdict(
    claim: str,
    above: Mapping[int, float],
    below: Mapping[int, float],
    reason: str | None,
    least: float = 0.0,
    digits: int = 3,
) -> Verdict:
    """Whether a number is above another, paired by seed, by the 95 % interval of the differences.

    It is if the interval is above `least`, is not if it is below, and is undecided if it contains `least`.

    Args:
        claim: The claim, with its location in the paper.
        above: Seed to the number that should be larger.
        below: Seed to the number that should be smaller.
        reason: Why our runs cannot be compared; None where they can.
        least: Smallest difference that they should have.
        digits: Decimals of the evidence.
    """
    differences, means = paired(above, below), _means(above, below, digits)
    effect = Effect.of_order(differences.values, least, digits)
    return _positive(claim, effect, reason, f"{means}; {differences.describe('difference', digits)}")


def positive_verdict(claim: str, values: Difference, what: str, reason: str | None) -> Verdict:
    """Whether the 95 % interval of values by seed is above 0, or undecided if it contains 0.

    Args:
        claim: The claim, with its location in the paper.
        values: The values.
        what: Their name.
        reason: Why they cannot be compared; None where they can.
    """
    return _positive(claim, Effect.of_order(values.values), reason, values.describe(what))


def _positive(claim: str, effect: Effect, reason: str | None, evidence: str) -> Verdict:
    if reason is not None or effect.interval is None:
        return _not_judged(claim, reason, evidence if effect.values else NO_RUN, effect)
    low, high = effect.interval
    verdict = REPRODUCED if low > 0 else NOT_REPRODUCED if high < 0 else UNDECIDED
    return Verdict(claim, verdict, evidence, effect=effect, change=effect.change())


def gap_verdict(claim: str, above: Pairs, below: Pairs, gap: float, reason: str | None) -> Verdict:
    """Whether a stated gap lies in the 95 % interval of the differences, paired by seed.

    Args:
        claim: The claim, with its location in the paper.
        above: Runs that should be more accurate.
        below: Runs that should be less accurate.
        gap: The stated difference of their accuracies.
        reason: Why our runs cannot be compared; None where they can.
    """
    differences = difference_of(above, below)
    effect = Effect.of_value(differences.values, gap)
    return _inside(claim, effect, gap, reason, differences.describe("difference"), differences.interval, sign="+")


def trend_verdict(claim: str, rising: Mapping[str, Pairs], reason: str | None) -> Verdict:
    """Whether accuracies rise: each later group is above each earlier one.

    Args:
        claim: The claim, with its location in the paper.
        rising: Groups of runs by name, at least two, in the order in which the accuracy should rise.
        reason: Why our runs cannot be compared; None where they can.
    """
    steps = {
        f"{more} above {less}": order_verdict("", rising[more], rising[less], reason)
        for less, more in combinations(rising, 2)
    }
    found = every(claim, steps)
    means = (f"{name}: {mean_and_std(summarize([record for _, record in group]))}" for name, group in rising.items())
    return replace(found, evidence=" < ".join(means)) if found.verdict == REPRODUCED else found


def every(claim: str, steps: Mapping[str, Verdict]) -> Verdict:
    """The verdict on a claim that consists of several parts, all of which have to hold.

    Args:
        claim: The whole claim.
        steps: Name of a part to its verdict.
    """
    if not steps:
        return no_run(claim)
    for verdict in (NOT_COMPARABLE, NOT_REPRODUCED, TOO_FEW, UNDECIDED):
        failed = {about: step for about, step in steps.items() if step.verdict == verdict}
        if failed:
            about, first = next(iter(failed.items()))
            count = f"{len(failed)} of {len(steps)}"
            before = {
                NOT_COMPARABLE: "",
                NOT_REPRODUCED: f"{count} do not hold: {', '.join(failed)}; ",
                TOO_FEW: f"{count} have too few runs; ",
                UNDECIDED: f"{count} are undecided: {', '.join(failed)}; ",
            }[verdict]
            return _of_part(claim, about, first, f"{before}{about}: {first.evidence}")
    evidence = "; ".join(f"{about}: {step.evidence}" for about, step in steps.items())
    weakest = min(steps, key=lambda about: _margin(steps[about]))
    return _of_part(claim, weakest, steps[weakest], evidence)


def _margin(part: Verdict) -> float:
    return inf if part.effect is None else part.effect.margin


def _of_part(claim: str, about: str, part: Verdict, evidence: str) -> Verdict:
    """A verdict on a claim of several parts that one of them decides."""
    return replace(part, claim=claim, evidence=evidence, change=f"{about}: {part.change}")


def _inside(
    claim: str,
    effect: Effect,
    stated: float,
    reason: str | None,
    ours: str,
    interval: tuple[float, float] | None,
    sign: str = "",
) -> Verdict:
    if reason == SIMULATED:  # figures of recordings that are not the paper's stand beside none of the paper's
        return not_comparable(claim, reason)
    if reason is not None or interval is None or len(effect.values) < MIN_RUNS:
        return _not_judged(claim, reason, f"{ours}; paper {stated:{sign}.4f}" if effect.values else NO_RUN, effect)
    low, high = interval
    where = "within" if low <= stated <= high else "ours is higher" if stated < low else "ours is lower"
    bounds = "" if "interval" in ours else f", 95 % interval {low:.3f} to {high:.3f}"
    evidence = f"{ours}{bounds}; paper {stated:{sign}.4f}: {where}"
    verdict = NOT_REPRODUCED if where != "within" else UNDECIDED if effect.is_wide else REPRODUCED
    return Verdict(claim, verdict, evidence, effect=effect, change=effect.change())


def _not_judged(claim: str, reason: str | None, evidence: str, effect: Effect) -> Verdict:
    """Not comparable for a reason, or too few runs; with the available numbers as evidence."""
    if reason is None:
        return Verdict(claim, TOO_FEW, evidence, effect=effect, change=effect.change())
    return replace(not_comparable(claim, reason if evidence == NO_RUN else f"{reason}; {evidence}"), effect=effect)


def _without(reason: str) -> str:
    """The results that would not have an `obstacle`."""
    return next((change for start, change in WITHOUT.items() if reason.startswith(start)), "-")


def _means(above: Mapping[int, float], below: Mapping[int, float], digits: int) -> str:
    """Means over the common seeds: "0.630 against 0.600"."""
    seeds = [seed for seed in above if seed in below]
    means = [fmean(side[seed] for seed in seeds) for side in (above, below)] if seeds else []
    return " against ".join(f"{mean:.{digits}f}" for mean in means)
