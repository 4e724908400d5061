"""How the recommended recipe was chosen: accuracy on validation subjects, one change at a time."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean, stdev

from cosmo_pl.study.rendering.curves import numbers
from cosmo_pl.study.rendering.plus_ablation import Variant, variants
from cosmo_pl.study.rendering.statistics import MARK, dirty
from cosmo_pl.study.rendering.sweep import last
from cosmo_pl.study.rendering.view import Rendered, View, unique

HEADER = ("varied", "to", "validation accuracy", "std", "n", "by seed", "best")


def selection(view: View) -> Rendered:
    """A row a variant; the best mean of what is varied is marked, among those with the draws of the first.

    One draw decides nothing: it is shown and not marked.
    """
    found = [(variant, _accuracies(variant)) for variant in variants(view)]
    rows, notes = [], ["* is what the changes are made to: one set of runs, which several rows repeat."]
    for changed in unique(variant.changed for variant, _ in found):
        those = [(variant, values) for variant, values in found if variant.changed == changed]
        draws = those[0][1].keys()
        whole = [(variant, values) for variant, values in those if values.keys() == draws and len(draws) > 1]
        best = max(whole, key=lambda pair: fmean(pair[1].values()))[0] if len(whole) > 1 else None
        rows += [_row(variant, values, variant is best) for variant, values in those]
        if best is not None and best is not those[0][0]:
            notes.append(f"{changed}: '{best.to}' is ahead of '{those[0][0].to}' on these subjects.")
    return Rendered(HEADER, rows, notes=notes)


def _accuracies(variant: Variant) -> dict[int, float]:
    """Seed to accuracy."""
    return {record.seed: accuracy for record in variant.records if (accuracy := last(record)) is not None}


def _row(variant: Variant, by_seed: Mapping[int, float], best: bool) -> list[str]:
    values = list(by_seed.values())
    n = f"{len(values)}{MARK if any(map(dirty, variant.records)) else ''}"
    mean = fmean(values) if values else None
    std = stdev(values) if len(values) > 1 else None
    told = [*numbers(mean, std), n, " ".join(numbers(*values))]
    return [variant.changed, variant.to, *told, "best" if best else ""]
