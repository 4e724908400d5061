"""Figure 13: what labels of the subjects that will be recognised give."""

from __future__ import annotations

from collections.abc import Iterator

from cosmo_pl.study.rendering.curves import Panel, render
from cosmo_pl.study.rendering.verdict import order_verdict, value_verdict
from cosmo_pl.study.rendering.view import Rendered, Verdict, View

OURS = "cosmo"
NONE, ALL = 0.0, 1.0


def by_target_share(view: View) -> Rendered:
    """Methods by the share of their labels that comes from the test subjects."""
    axis = "share of the labels that is from the test subjects"
    panels = [
        Panel(view, grid, dataset, axis, lambda value, pairs: f"{100 * value:g} %")
        for grid, runs in enumerate(view.study.runs)
        for dataset in runs.datasets
    ]
    return render(panels, [verdict for panel in panels for verdict in _verdicts(view, panel)])


def _verdicts(view: View, panel: Panel) -> Iterator[Verdict]:
    paper, dataset = view.stated("fig13"), view.in_paper(panel.dataset)
    if dataset not in paper.get("datasets", []):
        return
    place, name = paper["place"], view.title(dataset)
    for method in view.study.runs[panel.grid].methods:
        claim = f"{place}: {paper['claim']} of {view.named(method)} on {name}"
        yield order_verdict(claim, panel.at(method, ALL), panel.at(method, NONE), panel.obstacle(method))
    if dataset in paper["with_target"]:
        stated = paper["with_target"][dataset]
        claim = f"{place}: Cosmo has {stated['accuracy']} with {stated['labels']} labels of the test subjects on {name}"
        yield value_verdict(claim, panel.summary(OURS, ALL), stated["accuracy"], panel.obstacle(OURS))
