"""The size of an effect that a claim of the paper is judged by, and the results that would change the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

from cosmo_pl.intervals import t_interval
from cosmo_pl.study.rendering.statistics import MIN_RUNS

MOST_SEEDS = 100  # more would not be run
WIDE = 0.1
"""An interval that reaches further from a stated value decides nothing where it contains the value."""


@dataclass(frozen=True)
class Effect:
    """By how much our results exceed what a claim states: a value, or the least difference of two methods.

    Args:
        values: The excess of each seed.
        around: Whether the claim states a value, so that it holds if the 95 % interval of the mean contains 0.
            Otherwise it states an order, and holds if the interval lies above 0.
        digits: Decimals of the text.
    """

    values: tuple[float, ...]
    around: bool = False
    digits: int = 3

    @classmethod
    def of_value(cls, values: Sequence[float], stated: float, digits: int = 3) -> Effect:
        """That of a stated value."""
        return cls(tuple(value - stated for value in values), around=True, digits=digits)

    @classmethod
    def of_order(cls, differences: Sequence[float], least: float = 0.0, digits: int = 3) -> Effect:
        """That of an order, by the differences of two methods of each seed and the least that is stated."""
        return cls(tuple(value - least for value in differences), digits=digits)

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % t interval of the mean; None for fewer than three seeds."""
        return t_interval(self.values) if len(self.values) >= MIN_RUNS else None

    @property
    def margin(self) -> float:
        """How far the mean is from where the verdict changes at this spread; negative if the claim does not hold."""
        assert self.interval is not None
        low, high = self.interval
        return min(-low, high) if self.around else low

    @property
    def is_wide(self) -> bool:
        """Whether the interval of the excess over a value reaches further than `WIDE`."""
        assert self.interval is not None
        low, high = self.interval
        return max(-low, high) > WIDE

    @property
    def cells(self) -> tuple[str, str]:
        """Mean and interval as cells: "+0.031" and "+0.005 to +0.055"."""
        mean = f"{fmean(self.values):+.{self.digits}f}" if self.values else "-"
        return mean, "-" if self.interval is None else " to ".join(f"{end:+.{self.digits}f}" for end in self.interval)

    def change(self) -> str:
        """The results with which the verdict would be another one."""
        missing = MIN_RUNS - len(self.values)
        if missing > 0:
            return f"{missing} more seed{'s' if missing > 1 else ''}"
        if self.around and self.margin >= 0 and self.is_wide:
            narrow = f"an interval that reaches at most {self._size(WIDE)} from the paper's (reproduced)"
            return f"{narrow}, or one without it (not reproduced)"
        if self.around:
            side = "further from" if self.margin >= 0 else "nearer to"
            return f"a mean that is {side} the paper's by {self._size(self.margin)}"
        assert self.interval is not None
        low, high = self.interval
        if low > 0:
            return f"a difference that is smaller by {self._size(low)}"
        larger = f"a difference that is larger by {self._size(low)} (reproduced)"
        if high < 0:
            return f"{larger} or by {self._size(high)} (undecided)"
        seeds = self.seeds_needed()
        smaller = f"smaller by {self._size(high)} (not reproduced)"
        return f"{larger} or {smaller}" + (f", or the same one over {seeds} seeds" if seeds else "")

    def _size(self, distance: float) -> str:
        return f"{abs(distance):.{self.digits}f}"

    def seeds_needed(self) -> int | None:
        """Fewest seeds with which an order would hold at this mean and spread; None if `MOST_SEEDS` do not suffice."""
        from scipy.stats import t

        mean, spread = fmean(self.values), stdev(self.values)
        numbers = range(len(self.values) + 1, MOST_SEEDS + 1)
        return next((n for n in numbers if mean > float(t.ppf(0.975, n - 1)) * spread / sqrt(n)), None)
