"""What runs logged by epoch, over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.curves import numbers
from cosmo_pl.study.rendering.statistics import MARK, Pairs, dirty


@dataclass(frozen=True)
class EpochCurve:
    """A logged value by epoch.

    Args:
        epochs: Epochs, counted from 1, at which every run logged it.
        means: Its mean over the runs.
        stds: Its standard deviation over the runs; None for one run.
        n: Number of runs.
        dirty: Whether one of them was made from uncommitted code.
    """

    epochs: list[int]
    means: list[float]
    stds: list[float | None]
    n: int
    dirty: bool = False


def epoch_curve(records: Sequence[Record], name: str) -> EpochCurve | None:
    """Mean and spread of a logged value; None where not one epoch of it is common to all runs that logged it.

    Args:
        records: Runs of one cell.
        name: Name of the curve, "test/acc".
    """
    having = [record for record in records if logged(record, name)]
    found = [logged(record, name) for record in having]
    epochs = sorted(set.intersection(*(set(values) for values in found))) if found else []
    if not epochs:
        return None
    columns = [[values[epoch] for values in found] for epoch in epochs]
    stds = [stdev(column) if len(column) > 1 else None for column in columns]
    return EpochCurve(epochs, [fmean(column) for column in columns], stds, len(found), any(map(dirty, having)))


def first_near_best(values: Mapping[int, float], margin: float) -> int:
    """First epoch whose value is within a margin of the best.

    Args:
        values: Epoch, counted from 1, to value; in the order of the epochs.
        margin: The margin.
    """
    best = max(values.values())
    return next(epoch for epoch, value in values.items() if value >= best - margin)


def epochs_to_best(pairs: Pairs, name: str, margin: float) -> dict[int, float]:
    """First epoch at which a run is within a margin of its own best, by seed."""
    found = {job.seed: logged(record, name) for job, record in pairs}
    return {seed: float(first_near_best(values, margin)) for seed, values in found.items() if values}


def curve_rows(curve: EpochCurve) -> list[list[str]]:
    """Epoch, mean, standard deviation and number of runs as cells."""
    n = f"{curve.n}{MARK}" if curve.dirty else str(curve.n)
    points = zip(curve.epochs, curve.means, curve.stds, strict=True)
    return [[str(epoch), *numbers(mean, std), n] for epoch, mean, std in points]


def logged(record: Record, name: str) -> dict[int, float]:
    """What a run logged under a name: epoch, counted from 1, to value."""
    pairs = zip(record.curves.get("epoch", []), record.curves.get(name, []), strict=False)
    return {int(epoch) + 1: value for epoch, value in pairs if epoch is not None and value is not None}
