"""What runs logged by epoch, over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.curves import numbers


@dataclass(frozen=True)
class EpochCurve:
    """A logged value by epoch.

    Args:
        epochs: Epochs, counted from 1, at which every run logged it.
        means: Its mean over the runs.
        stds: Its standard deviation over the runs; None for one run.
        n: Number of runs.
    """

    epochs: list[int]
    means: list[float]
    stds: list[float | None]
    n: int


def epoch_curve(records: Sequence[Record], name: str) -> EpochCurve | None:
    """Mean and spread of a logged value; None where not one epoch of it is common to all runs that logged it.

    Args:
        records: Runs of one cell.
        name: Name of the curve, "test/acc".
    """
    logged = [found for record in records if (found := _logged(record, name))]
    epochs = sorted(set.intersection(*(set(found) for found in logged))) if logged else []
    if not epochs:
        return None
    columns = [[found[epoch] for found in logged] for epoch in epochs]
    stds = [stdev(column) if len(column) > 1 else None for column in columns]
    return EpochCurve([epoch + 1 for epoch in epochs], [fmean(column) for column in columns], stds, len(logged))


def first_near_best(curve: EpochCurve, margin: float) -> int:
    """First epoch, counted from 1, whose mean is within a margin of the best mean."""
    best = max(curve.means)
    return next(epoch for epoch, mean in zip(curve.epochs, curve.means, strict=True) if mean >= best - margin)


def curve_rows(curve: EpochCurve) -> list[list[str]]:
    """Epoch, mean, standard deviation and number of runs as cells."""
    points = zip(curve.epochs, curve.means, curve.stds, strict=True)
    return [[str(epoch), *numbers(mean, std), str(curve.n)] for epoch, mean, std in points]


def _logged(record: Record, name: str) -> dict[int, float]:
    values = record.curves.get(name, [])
    epochs = record.curves.get("epoch", [])
    pairs = zip(epochs, values, strict=False)
    return {int(epoch): value for epoch, value in pairs if epoch is not None and value is not None}
