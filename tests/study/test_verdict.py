"""The rule of ``experiments/paper.yaml``, case by case."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cosmo_pl.study.jobs import Job
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.statistics import Summary
from cosmo_pl.study.rendering.verdict import (
    count_verdict,
    means_verdict,
    order_verdict,
    trend_verdict,
    value_verdict,
)

from .factory import job, paper, record

FIVE = Summary((0.60, 0.62, 0.64, 0.66, 0.68), 640, 1000)  # 95 % interval 0.601 to 0.679
ONE = Summary((149 / 215,), 149, 215)  # Wilson 0.628 to 0.751


def runs(method: str, values: Sequence[float], first_seed: int = 0, total: int = 200) -> list[tuple[Job, Record]]:
    jobs = [job(method, seed) for seed in range(first_seed, first_seed + len(values))]
    return [(each, record(each, value, total=total)) for each, value in zip(jobs, values, strict=True)]


def test_rule_is_written_down_for_each_kind() -> None:
    kinds = {"not comparable", "value", "count", "order", "order of means", "least gain", "weight", "convergence"}
    assert kinds == set(paper()["rule"])


@pytest.mark.parametrize(
    ("ours", "stated", "verdict", "evidence"),
    [
        (FIVE, 0.602, "reproduced", "within"),
        (FIVE, 0.678, "reproduced", "within"),
        (FIVE, 0.600, "not reproduced", "ours is higher"),
        (FIVE, 0.680, "not reproduced", "ours is lower"),
        (ONE, 0.630, "reproduced", "within"),
        (ONE, 0.609, "not reproduced", "ours is higher"),
        (ONE, 0.760, "not reproduced", "ours is lower"),
        (None, 0.6, "not comparable", "no such run"),
        (FIVE, None, "not comparable", "the paper states no figure"),
    ],
)
def test_value(ours: Summary | None, stated: float | None, verdict: str, evidence: str) -> None:
    found = value_verdict("claim", ours, stated, simulated=False)
    assert (found.claim, found.verdict) == ("claim", verdict)
    assert evidence in found.evidence


def test_value_tells_its_figures() -> None:
    found = value_verdict("claim", FIVE, 0.6093, simulated=False)
    assert found.evidence == "0.640 ± 0.032 (n=5), 95 % interval 0.601 to 0.679; paper 0.6093: within"


def test_simulated_recordings_are_never_compared() -> None:
    good, bad = runs("a", [0.9, 0.91]), runs("b", [0.1, 0.12])
    found = [
        value_verdict("claim", FIVE, 0.64, simulated=True),
        count_verdict("claim", 864, 864, simulated=True),
        order_verdict("claim", good, bad, simulated=True),
        trend_verdict("claim", [bad, good], simulated=True),
        means_verdict("claim", [2.0], [1.0], simulated=True),
    ]
    assert {verdict.verdict for verdict in found} == {"not comparable"}
    assert all("simulated recordings" in verdict.evidence for verdict in found)


def test_order_pairs_by_seed() -> None:
    """Seeds differ by far more than methods: only the pairs show that one is above the other."""
    found = order_verdict("claim", runs("a", [0.52, 0.63, 0.74]), runs("b", [0.50, 0.60, 0.70]), simulated=False)
    # Differences .02, .03, .04: .03 ± 4.303 × .01 / √3 = .0052 to .0548.
    assert found.verdict == "reproduced"
    assert found.evidence == "0.630 against 0.600; difference +0.030, 95 % interval +0.005 to +0.055 (n=3)"


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ([0.50, 0.60, 0.80], [0.49, 0.55, 0.60]),  # right sign, but the interval contains 0
        ([0.50, 0.60, 0.70], [0.52, 0.63, 0.74]),  # the other sign, clearly
        ([0.50, 0.60, 0.70], [0.50, 0.60, 0.70]),  # the same
    ],
)
def test_order_that_does_not_hold(above: list[float], below: list[float]) -> None:
    assert order_verdict("claim", runs("a", above), runs("b", below), simulated=False).verdict == "not reproduced"


def test_order_compares_seeds_that_both_have() -> None:
    above, below = runs("a", [0.1, 0.52, 0.63, 0.74]), runs("b", [0.50, 0.60, 0.70, 0.9], first_seed=1)
    found = order_verdict("claim", above, below, simulated=False)
    assert found.verdict == "reproduced"
    assert "(n=3)" in found.evidence


@pytest.mark.parametrize(
    ("above", "below", "verdict"),
    [(0.60, 0.40, "reproduced"), (0.52, 0.48, "not reproduced"), (0.4, 0.6, "not reproduced")],
)
def test_order_of_one_seed_needs_disjoint_wilson_intervals(above: float, below: float, verdict: str) -> None:
    found = order_verdict("claim", runs("a", [above]), runs("b", [below]), simulated=False)
    assert found.verdict == verdict
    assert "(n=1)" in found.evidence


def test_order_of_one_seed_takes_its_runs_alone() -> None:
    """Seed 0 has no partner; were it counted, the intervals would overlap."""
    found = order_verdict("claim", runs("a", [0.1, 0.6]), runs("b", [0.4], first_seed=1), simulated=False)
    assert found.verdict == "reproduced"


@pytest.mark.parametrize(
    ("above", "below", "reason"),
    [
        ([], runs("b", [0.5]), "no such run"),
        (runs("a", [0.5]), [], "no such run"),
        (runs("a", [0.5]), runs("b", [0.4], first_seed=1), "no seed"),
    ],
)
def test_order_without_pairs(above: list[tuple[Job, Record]], below: list[tuple[Job, Record]], reason: str) -> None:
    found = order_verdict("claim", above, below, simulated=False)
    assert found.verdict == "not comparable"
    assert reason in found.evidence


def test_trend_needs_every_pair() -> None:
    low, middle, high = runs("a", [0.30, 0.31]), runs("b", [0.50, 0.51]), runs("c", [0.70, 0.71])
    assert trend_verdict("claim", [low, middle, high], simulated=False).verdict == "reproduced"
    broken = trend_verdict("claim", [low, high, middle], simulated=False)
    assert broken.verdict == "not reproduced"
    assert broken.evidence.startswith("1 of 3 pairs: 0.505 against 0.705")
    assert trend_verdict("claim", [low, [], high], simulated=False).verdict == "not comparable"


def test_counts() -> None:
    assert count_verdict("claim", 861, 864, simulated=False).verdict == "not reproduced"
    found = count_verdict("claim", 38312, 38312, simulated=False)
    assert (found.verdict, found.evidence) == ("reproduced", "38,312 against 38,312")


def test_means() -> None:
    found = means_verdict("claim", [0.9, 0.7], [0.75], simulated=False)
    assert (found.verdict, found.evidence) == ("reproduced", "mean 0.8 (n=2) against 0.75 (n=1)")
    assert means_verdict("claim", [0.75], [0.9, 0.7], simulated=False).verdict == "not reproduced"
    assert means_verdict("claim", [0.75], [0.75], simulated=False).verdict == "not reproduced"
    assert means_verdict("claim", [], [0.9], simulated=False).verdict == "not comparable"
