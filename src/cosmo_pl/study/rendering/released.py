"""The paper's claims on UTD-MHAD with the inputs of its released code: coordinates, labels and networks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cosmo_pl.study.rendering.columns import Column
from cosmo_pl.study.rendering.epochs import convergence, square_wave
from cosmo_pl.study.rendering.fig15 import correlations, follows
from cosmo_pl.study.rendering.table2 import accuracy
from cosmo_pl.study.rendering.table3 import faster
from cosmo_pl.study.rendering.view import OURS, Rendered, Verdict, View


def table(view: View) -> Rendered:
    """Table 2, with the verdicts on claims of other figures that follow from the same runs."""
    rendered = accuracy(view)
    columns = [Column(view, dataset) for dataset in view.datasets()]
    return replace(rendered, verdicts=[*rendered.verdicts, *(v for column in columns for v in _verdicts(column))])


def _verdicts(column: Column) -> Iterator[Verdict]:
    view, dataset = column.view, column.dataset
    runs = {method: column.runs(method) for method in column.methods}
    yield from convergence(view, dataset, runs)
    yield from faster(view, dataset)
    if view.states("fig9", dataset):
        yield square_wave(view, dataset, runs.get(OURS, []))
    if view.states("fig15", dataset):
        figure15 = view.stated("fig15")["c"]
        ours, alone, other = (runs.get(name, []) for name in (OURS, figure15["alone"], figure15["other_alone"]))
        yield follows(view, dataset, correlations(ours, alone, other, figure15["modality"]))
