"""The rule of ``experiments/paper.yaml``, case by case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from scipy import stats

from cosmo_pl.study.rendering.statistics import Difference, Pairs, Summary
from cosmo_pl.study.rendering.verdict import (
    count_verdict,
    every,
    gap_verdict,
    means_verdict,
    obstacle,
    order_verdict,
    positive_verdict,
    trend_verdict,
    value_verdict,
    weight_verdict,
)
from cosmo_pl.study.rendering.view import Verdict, View

from .factory import job, jobs, paper, record, records, view

FIVE = Summary((0.60, 0.62, 0.64, 0.66, 0.68), 640, 1000)  # 95 % interval 0.601 to 0.679
TWO = Summary((0.61, 0.61), 262, 430)
WIDE = Summary((0.55, 0.60, 0.65), 360, 600)  # 95 % interval 0.476 to 0.724
ONE = Summary((149 / 215,), 149, 215, tuple((n % 2, 1) for n in range(215)))
WHY = "other inputs"


def runs(method: str, values: Sequence[float], first_seed: int = 0, total: int = 200) -> Pairs:
    made = [job(method, seed) for seed in range(first_seed, first_seed + len(values))]
    return [(each, record(each, value, total=total)) for each, value in zip(made, values, strict=True)]


def test_rule_is_written_down_for_each_kind() -> None:
    kinds = {
        "not comparable", "too few runs", "value", "count", "order", "gap", "least gain", "weight", "convergence",
    }  # fmt: skip
    assert kinds == set(paper()["rule"])


@pytest.mark.parametrize(
    ("ours", "stated", "verdict", "evidence"),
    [
        (FIVE, 0.602, "reproduced", "within"),
        (FIVE, 0.678, "reproduced", "within"),
        (FIVE, 0.600, "not reproduced", "ours is higher"),
        (FIVE, 0.680, "not reproduced", "ours is lower"),
        (WIDE, 0.600, "undecided", "within"),
        (WIDE, 0.475, "not reproduced", "ours is higher"),
        (TWO, 0.610, "too few runs", "0.610 ± 0.000 (n=2); paper 0.6100"),
        (ONE, 0.500, "too few runs", "0.693 (n=1); paper 0.5000"),
        (None, 0.6, "too few runs", "no such run"),
    ],
)
def test_value(ours: Summary | None, stated: float, verdict: str, evidence: str) -> None:
    found = value_verdict("claim", ours, stated, None)
    assert (found.claim, found.verdict) == ("claim", verdict)
    assert evidence in found.evidence


def test_value_tells_its_figures() -> None:
    found = value_verdict("claim", FIVE, 0.6093, None)
    assert found.evidence == "0.640 ± 0.032 (n=5), 95 % interval 0.601 to 0.679; paper 0.6093: within"
    assert value_verdict("claim", FIVE, 0.64, WHY).evidence == f"{WHY}; 0.640 ± 0.032 (n=5); paper 0.6400"


def test_what_has_an_obstacle_is_never_compared() -> None:
    good, bad = runs("a", [0.9, 0.91, 0.92]), runs("b", [0.1, 0.12, 0.11])
    high, low = {0: 2.0, 1: 2.1, 2: 2.2}, {0: 1.0, 1: 1.1, 2: 1.1}
    found = [
        value_verdict("claim", FIVE, 0.64, WHY),
        weight_verdict("claim", [0.7, 0.71, 0.72], 0.71, WHY),
        order_verdict("claim", good, bad, WHY),
        gap_verdict("claim", good, bad, 0.8, WHY),
        trend_verdict("claim", {"bad": bad, "good": good}, WHY),
        means_verdict("claim", high, low, WHY),
        positive_verdict("claim", Difference((1.0, 1.1, 1.2)), "rise", WHY),
        value_verdict("claim", None, 0.64, WHY),
    ]
    assert {verdict.verdict for verdict in found} == {"not comparable"}
    assert all(WHY in verdict.evidence for verdict in found)
    assert count_verdict("claim", 864, 864, simulated=True).verdict == "not comparable"


def test_order_pairs_by_seed() -> None:
    """Seeds differ by far more than methods: only the pairs show that one is above the other."""
    found = order_verdict("claim", runs("a", [0.52, 0.63, 0.74]), runs("b", [0.50, 0.60, 0.70]), None)
    # Differences .02, .03, .04: .03 ± 4.303 × .01 / √3 = .0052 to .0548.
    assert found.verdict == "reproduced"
    assert found.evidence == "0.630 against 0.600; difference +0.030, 95 % interval +0.005 to +0.055 (n=3)"


@pytest.mark.parametrize(
    ("above", "below", "verdict"),
    [
        ([0.50, 0.60, 0.80], [0.49, 0.55, 0.60], "undecided"),  # right sign, but the interval contains 0
        ([0.49, 0.55, 0.60], [0.50, 0.60, 0.80], "undecided"),  # the other sign, and it contains 0
        ([0.50, 0.60, 0.70], [0.52, 0.63, 0.74], "not reproduced"),  # the other sign, clearly
        ([0.50, 0.60, 0.70], [0.50, 0.60, 0.70], "undecided"),  # the same
    ],
)
def test_order_that_does_not_hold(above: list[float], below: list[float], verdict: str) -> None:
    found = order_verdict("claim", runs("a", above), runs("b", below), None)
    assert found.verdict == verdict
    interval = stats.ttest_rel(above, below).confidence_interval(0.95)
    assert above == below or (interval.low <= 0 and bool(interval.high >= 0) is (verdict == "undecided"))


def test_order_compares_seeds_that_both_have() -> None:
    above, below = runs("a", [0.1, 0.52, 0.63, 0.74]), runs("b", [0.50, 0.60, 0.70, 0.9], first_seed=1)
    found = order_verdict("claim", above, below, None)
    assert found.verdict == "reproduced"
    assert "(n=3)" in found.evidence


@pytest.mark.parametrize(
    ("above", "below", "evidence"),
    [
        ([], runs("b", [0.5]), "no such run"),
        (runs("a", [0.9, 0.9, 0.9]), [], "no such run"),
        (runs("a", [0.9, 0.9, 0.9]), runs("b", [0.1, 0.1, 0.1], first_seed=3), "no such run"),
        (runs("a", [0.9]), runs("b", [0.1]), "0.900 against 0.100; too few common seeds (n=1)"),
        (runs("a", [0.9, 0.9, 0.9]), runs("b", [0.1, 0.1]), "0.900 against 0.100; too few common seeds (n=2)"),
    ],
)
def test_fewer_than_three_pairs_decide_nothing(above: Pairs, below: Pairs, evidence: str) -> None:
    found = order_verdict("claim", above, below, None)
    assert (found.verdict, found.evidence) == ("too few runs", evidence)


def test_a_least_gain_has_to_be_below_the_interval() -> None:
    """Gains of 0.24, 0.25 and 0.26: mean 0.25, t(2) s/√3 = 4.3027 · 0.01 / √3 = 0.02484."""
    ours, base = runs("a", [0.54, 0.75, 0.36]), runs("b", [0.3, 0.5, 0.1])
    assert order_verdict("claim", ours, base, None, least=0.2251).verdict == "reproduced"
    assert order_verdict("claim", ours, base, None, least=0.2252).verdict == "undecided"
    assert order_verdict("claim", ours, base, None, least=0.2748).verdict == "undecided"
    assert order_verdict("claim", ours, base, None, least=0.2749).verdict == "not reproduced"


@pytest.mark.parametrize(
    ("gap", "verdict", "where"),
    [
        (0.2252, "reproduced", "within"), (0.2748, "reproduced", "within"),
        (0.2251, "not reproduced", "ours is higher"), (0.2749, "not reproduced", "ours is lower"),
    ],
)  # fmt: skip
def test_a_gap_has_to_be_in_the_interval(gap: float, verdict: str, where: str) -> None:
    """Not only of the right sign: a gap of 74 points to 26 is not one of 52 to 48."""
    ours, base = runs("a", [0.54, 0.75, 0.36]), runs("b", [0.3, 0.5, 0.1])
    found = gap_verdict("claim", ours, base, gap, None)
    assert found.verdict == verdict
    assert found.evidence.endswith(f"paper {gap:+.4f}: {where}")
    assert found.evidence.startswith("difference +0.250, 95 % interval +0.225 to +0.275 (n=3); paper")
    assert gap_verdict("claim", ours, base[:2], gap, None).verdict == "too few runs"


@pytest.mark.parametrize(
    ("weights", "stated", "verdict"),
    [
        ([0.50, 0.52, 0.54], 0.53, "reproduced"),
        ([0.50, 0.52, 0.54], 0.74, "not reproduced"),
        ([0.73, 0.75], 0.74, "too few runs"),
        ([], 0.74, "too few runs"),
    ],
)
def test_a_weight_is_judged_like_an_accuracy(weights: list[float], stated: float, verdict: str) -> None:
    found = weight_verdict("claim", weights, stated, None)
    assert found.verdict == verdict
    if len(weights) > 2:
        low, high = stats.t.interval(0.95, 2, loc=0.52, scale=stats.sem(weights))
        assert f"interval {low:.3f} to {high:.3f}" in found.evidence


def test_trend_needs_every_pair() -> None:
    low, middle = runs("a", [0.30, 0.32, 0.31]), runs("b", [0.50, 0.51, 0.53])
    high = runs("c", [0.70, 0.71, 0.73])
    rising = trend_verdict("claim", {"3": low, "6": middle, "all": high}, None)
    assert rising.verdict == "reproduced"
    assert rising.evidence.startswith("3: 0.310 ± 0.010 (n=3) < 6: 0.513 ")
    broken = trend_verdict("claim", {"3": low, "6": high, "all": middle}, None)
    assert broken.verdict == "not reproduced"
    assert broken.evidence.startswith("1 of 3 do not hold: all above 6; all above 6: 0.513 against 0.713")
    assert trend_verdict("claim", {"3": low, "6": [], "all": high}, None).verdict == "too few runs"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("reproduced", "reproduced"), "reproduced"),
        (("reproduced", "not reproduced"), "not reproduced"),
        (("not reproduced", "too few runs"), "not reproduced"),  # one part that fails is enough
        (("reproduced", "too few runs"), "too few runs"),
        (("reproduced", "undecided"), "undecided"),
        (("undecided", "too few runs"), "too few runs"),  # which may yet be another
        (("undecided", "not reproduced"), "not reproduced"),
        (("not reproduced", "not comparable"), "not comparable"),
        ((), "too few runs"),
    ],
)
def test_a_claim_of_parts_needs_all_of_them(parts: tuple[str, ...], expected: str) -> None:
    steps = {f"part {number}": Verdict("", part, f"evidence {number}") for number, part in enumerate(parts)}
    whole = every("whole", steps)
    assert (whole.claim, whole.verdict) == ("whole", expected)
    if len(set(parts)) == 2:
        decides = parts.index(expected)
        assert f"evidence {decides}" in whole.evidence and f"evidence {1 - decides}" not in whole.evidence


def test_counts() -> None:
    assert count_verdict("claim", 861, 864, simulated=False).verdict == "not reproduced"
    found = count_verdict("claim", 38312, 38312, simulated=False)
    assert (found.verdict, found.evidence) == ("reproduced", "38,312 against 38,312")


def test_orders_of_other_figures_are_paired_too() -> None:
    """The means have the stated order; the differences do not exclude 0."""
    found = means_verdict("claim", {0: 0.9, 1: 0.7, 2: 0.75}, {0: 0.75, 1: 0.74, 2: 0.7}, None)
    assert found.verdict == "undecided" and found.evidence.startswith("0.783 against 0.730; difference +0.053")
    times = means_verdict("claim", {0: 300.0, 1: 320.0, 2: 310.0}, {0: 200.0, 1: 210.0, 2: 205.0}, None, digits=0)
    assert times.verdict == "reproduced"
    assert times.evidence == "310 against 205; difference +105, 95 % interval +93 to +117 (n=3)"


def test_values_above_zero() -> None:
    found = positive_verdict("claim", Difference((0.4, 0.5, 0.6)), "mean rank correlation", None)
    low, high = stats.t.interval(0.95, 2, loc=0.5, scale=stats.sem([0.4, 0.5, 0.6]))
    assert found.evidence == f"mean rank correlation +0.500, 95 % interval {low:+.3f} to {high:+.3f} (n=3)"
    assert found.verdict == "reproduced"
    assert positive_verdict("claim", Difference((-0.4, 0.5, 0.6)), "", None).verdict == "undecided"
    assert positive_verdict("claim", Difference((-0.4, -0.5, -0.6)), "", None).verdict == "not reproduced"


def of(study: str, preset: str = "paper", **given: bool) -> View:
    return view(study, preset, records(jobs(study, preset), **given))


def test_obstacles_come_from_the_results_and_the_file_of_the_paper() -> None:
    ours = of("table2")
    assert obstacle(ours, "usc", ["cosmo"]) is None
    assert "canonical coordinates" in str(obstacle(ours, "utd", ["cosmo", "inertial"]))
    assert obstacle(ours, "utd", ["inertial"]) is None, "which has no skeleton"
    assert obstacle(ours, "utd", inputs=False) is None, "a time does not depend on coordinates"
    assert "never published" in str(obstacle(ours, "self_collected", ["cosmo"]))
    assert obstacle(of("table2", "quick"), "usc") == "preset quick, not the paper's protocol"
    assert obstacle(of("table2", simulated=True), "usc", inputs=False) == "simulated recordings"
    assert obstacle(of("released"), "utd_released", ["cosmo"]) is None
    assert obstacle(replace(ours, paper={}), "utd", ["cosmo"]) is None, "nothing is stated, nothing differs"


def test_no_figure_of_the_paper_stands_beside_simulated_recordings() -> None:
    found = value_verdict("claim", FIVE, 0.6543, "simulated recordings")
    assert found.verdict == "not comparable" and "0.6543" not in found.evidence
    assert "0.6543" in value_verdict("claim", FIVE, 0.6543, "other inputs: skeletons").evidence


def test_an_order_takes_the_same_kind_of_mean_of_both_sides() -> None:
    """The same accuracies; of one method the persons' counts are unknown, and its folds have one and two persons."""

    def side(counted: bool) -> Pairs:
        found = []
        for seed in range(3):
            for accuracy, counts in ((0.6, {"1": [24, 30], "2": [0, 10]}), (0.9, {"3": [9, 10]})):
                result = {"by_subject": counts if counted else {}, "test_subjects": [int(each) for each in counts]}
                found.append((job(seed=seed), record(job(seed=seed), accuracy, result=result)))
        return found

    for above, below in ((True, False), (False, True)):
        found = order_verdict("claim", side(above), side(below), None)
        assert found.effect is not None and found.effect.values == pytest.approx((0.0, 0.0, 0.0))


def test_the_weakest_part_says_what_would_change_a_claim_of_parts() -> None:
    below = dict.fromkeys(range(3), 0.5)
    above = {"strong": {0: 0.90, 1: 0.91, 2: 0.92}, "weak": {0: 0.56, 1: 0.57, 2: 0.58}}
    for names in (("strong", "weak"), ("weak", "strong")):
        whole = every("whole", {name: means_verdict("", above[name], below, None) for name in names})
        assert whole.verdict == "reproduced" and whole.change.startswith("weak: ")
        assert whole.effect.cells[0] == "+0.070"
