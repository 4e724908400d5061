"""Effect sizes of claims, and what would change their verdicts."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest
from scipy import stats

from cosmo_pl.study.rendering.effect import Effect
from cosmo_pl.study.rendering.verdict import every, order_verdict, value_verdict
from cosmo_pl.study.rendering.view import Verdict

from .test_verdict import FIVE, TWO, runs

UP = (0.02, 0.03, 0.04)  # mean 0.03, interval 0.03 ± 4.303 · 0.01 / √3 = 0.0052 to 0.0548


def test_an_order_is_measured_by_the_differences() -> None:
    effect = Effect.of_order(UP)
    assert effect.cells == ("+0.030", "+0.005 to +0.055")
    assert effect.interval == pytest.approx(stats.t.interval(0.95, 2, loc=0.03, scale=stats.sem(UP)))
    assert Effect.of_order(UP, least=0.01).cells == ("+0.020", "-0.005 to +0.045")


def test_a_value_is_measured_by_the_distance_to_it() -> None:
    assert Effect.of_value(FIVE.values, 0.602).cells == ("+0.038", "-0.001 to +0.077")
    assert Effect.of_value([861], 864, digits=0).cells == ("-3", "-")
    assert Effect.of_value([], 0.5).cells == ("-", "-")


@pytest.mark.parametrize("values", [UP, (-0.02, 0.03, 0.05), (-0.3, -0.2, -0.1)])
@pytest.mark.parametrize("around", [False, True])
def test_moved_by_its_margin_the_verdict_changes(values: tuple[float, ...], around: bool) -> None:
    """Towards the paper's value or away from it, or down; a little less is not enough."""
    effect = Effect(values, around)
    direction = 1 if around and fmean(values) > 0 else -1

    def holds(distance: float) -> bool:
        low, high = replace(effect, values=tuple(v + direction * distance for v in values)).interval or (0, 0)
        return low <= 0 <= high if around else low > 0

    assert holds(0.0) is (effect.margin > 0)
    assert holds(effect.margin + 1e-9) is not holds(effect.margin - 1e-9)


def test_an_interval_that_reaches_far_from_a_value_decides_nothing() -> None:
    narrow, wide = Effect.of_value((0.5, 0.52, 0.54), 0.475), Effect.of_value((0.5, 0.54, 0.58), 0.5)
    assert narrow.interval is not None and narrow.interval[1] == pytest.approx(0.0947, abs=1e-4)
    assert not narrow.is_wide and wide.is_wide
    both = Effect.of_value((0.48, 0.51, 0.54), 0.5)
    assert both.interval == pytest.approx((-0.0645, 0.0845), abs=1e-4), "wider than 0.1, and nowhere further away"
    assert not both.is_wide
    assert wide.change() == (
        "an interval that reaches at most 0.100 from the paper's (reproduced), or one without it (not reproduced)"
    )
    assert narrow.change().startswith("a mean that is further from the paper's by")


def test_more_seeds_of_the_same_spread_would_do() -> None:
    effect = Effect.of_order((-0.02, 0.03, 0.05))
    seeds = effect.seeds_needed()
    assert seeds is not None

    def low(n: int) -> float:
        return float(
            stats.t.interval(0.95, n - 1, loc=fmean(effect.values), scale=stats.tstd(effect.values) / n**0.5)[0]
        )

    assert low(seeds) > 0 >= low(seeds - 1)
    assert effect.change().endswith(f", or the same one over {seeds} seeds")
    assert Effect.of_order((-0.02, -0.03, 0.01)).seeds_needed() is None


@pytest.mark.parametrize(
    ("verdict", "change"),
    [
        (order_verdict("c", runs("a", [0.52, 0.63, 0.74]), runs("b", [0.50, 0.60, 0.70]), None), "smaller by 0.005"),
        (
            order_verdict("c", runs("a", [0.48, 0.63, 0.75]), runs("b", [0.50, 0.60, 0.70]), None),
            "larger by 0.070 (reproduced) or smaller by 0.110 (not reproduced), or the same one over 15 seeds",
        ),
        (
            order_verdict("c", runs("a", [0.50, 0.60, 0.70]), runs("b", [0.52, 0.63, 0.74]), None),
            "a difference that is larger by 0.055 (reproduced) or by 0.005 (undecided)",
        ),
        (value_verdict("c", FIVE, 0.602, None), "a mean that is further from the paper's by 0.001"),
        (value_verdict("c", FIVE, 0.680, None), "a mean that is nearer to the paper's by 0.001"),
        (value_verdict("c", TWO, 0.61, None), "1 more seed"),
        (value_verdict("c", None, 0.61, None), "3 more seeds"),
        (value_verdict("c", FIVE, 0.6, "simulated recordings"), "the paper's recordings"),
        (value_verdict("c", FIVE, 0.6, "other inputs: x"), "runs with the paper's inputs"),
        (value_verdict("c", FIVE, 0.6, "preset quick, not the paper's protocol"), "runs with the paper's protocol"),
    ],
)  # fmt: skip
def test_what_would_change_a_verdict(verdict: Verdict, change: str) -> None:
    assert verdict.change.endswith(change)


def test_the_weakest_part_decides_a_claim_of_several() -> None:
    strong = order_verdict("", runs("a", [0.9, 0.91, 0.92]), runs("b", [0.1, 0.11, 0.12]), None)
    weak = order_verdict("", runs("a", [0.52, 0.63, 0.74]), runs("b", [0.50, 0.60, 0.70]), None)
    whole = every("whole", {"strong": strong, "weak": weak})
    assert whole.effect == weak.effect
    assert whole.change == f"weak: {weak.change}"
