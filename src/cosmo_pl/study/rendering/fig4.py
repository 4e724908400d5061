"""Figure 4: what supervised methods need in labels."""

from __future__ import annotations

from collections.abc import Iterator

from cosmo_pl.study.rendering.curves import LABELS, Panel, render, share_of_labels
from cosmo_pl.study.rendering.verdict import order_verdict, value_verdict
from cosmo_pl.study.rendering.view import Rendered, Verdict, View


def by_labels(view: View) -> Rendered:
    """Networks of all sensors and of one alone by labelled amount."""
    panels = [_panel(view, grid, dataset) for grid, runs in enumerate(view.study.runs) for dataset in runs.datasets]
    return render(panels, [verdict for panel in panels for verdict in _verdicts(view, panel)])


def _panel(view: View, grid: int, dataset: str) -> Panel:
    paper = view.stated("fig4")
    of_paper = view.in_paper(dataset) == paper.get("dataset")
    stated = [(m, paper["few"]["rate"], value) for m, value in paper["few"]["accuracy"].items()] if of_paper else []
    return Panel(view, grid, dataset, LABELS, share_of_labels, stated)


def _verdicts(view: View, panel: Panel) -> Iterator[Verdict]:
    paper, name = view.stated("fig4"), view.title(view.in_paper(panel.dataset))
    for method, rate, accuracy in panel.stated:
        what = f"{view.named(method)} has {accuracy} with {paper['few']['labels']} labels of {name}"
        yield value_verdict(
            f"{paper['place']}: {what}", panel.summary(method, rate), accuracy, panel.obstacle(method)
        )  # fmt: skip
    for order in paper["orders"] if panel.stated else ():
        above, below, rate = order["above"], order["below"], order["rate"]
        titles = [view.named(method) for method in (above, below)]
        claim = f"{paper['place']}: with {order['labels']:,} labels {titles[0]} is above {titles[1]} on {name}"
        sides = panel.at(above, rate), panel.at(below, rate)
        yield order_verdict(claim, *sides, panel.obstacle(above, below))
