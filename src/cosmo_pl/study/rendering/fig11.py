"""Figure 11: what Cosmo and its baselines make of few and of many labels."""

from __future__ import annotations

from collections.abc import Iterator

from cosmo_pl.study.rendering.curves import LABELS, Panel, render, share_of_labels
from cosmo_pl.study.rendering.verdict import every, gap_verdict, not_comparable, order_verdict
from cosmo_pl.study.rendering.view import Rendered, Verdict, View

OURS = "cosmo"


def by_labels(view: View) -> Rendered:
    """All methods by labelled amount, a panel a dataset; the paper's figures are those of its Table 2."""
    panels = [_panel(view, grid, dataset) for grid, runs in enumerate(view.study.runs) for dataset in runs.datasets]
    return render(panels, [verdict for panel in panels for verdict in _verdicts(view, panel)])


def _panel(view: View, grid: int, dataset: str) -> Panel:
    table = view.stated("table2").get(view.in_paper(dataset), {})
    stated = [
        (method, table["label_rate"], table["accuracy"][name])
        for method in view.study.runs[grid].methods
        if (name := view.methods[method].paper) in table.get("accuracy", {})
    ]
    return Panel(view, grid, dataset, LABELS, share_of_labels, stated)


def _verdicts(view: View, panel: Panel) -> Iterator[Verdict]:
    paper, dataset = view.stated("fig11"), view.in_paper(panel.dataset)
    if dataset not in paper.get("datasets", []):
        return
    place, name = paper["place"], view.title(dataset)
    methods = view.study.runs[panel.grid].methods
    baselines = [method for method in methods if method != OURS and view.methods[method].paper is not None]
    steps = {
        f"{view.named(method)} at {100 * rate:g} %": order_verdict(
            "", panel.at(OURS, rate), panel.at(method, rate), panel.obstacle(OURS, method)
        )
        for rate in panel.values
        for method in baselines
    }
    yield every(f"{place}: Cosmo is above the baselines at all label rates on {name}", steps)
    for rate, points in paper["cosmo_minus_cpc_points"].get(dataset, {}).items():
        claim = f"{place}: Cosmo is {points} points above CPC on {name} with {100 * rate:g} % of the labels"
        yield gap_verdict(claim, panel.at(OURS, rate), panel.at("cpc", rate), points / 100, panel.obstacle(OURS, "cpc"))
    if dataset in paper["rate_matching_attnsense_with_all_labels"]:
        rate = paper["rate_matching_attnsense_with_all_labels"][dataset]
        claim = f"{place}: Cosmo with {100 * rate:g} % of the labels is as accurate as AttnSense with all, on {name}"
        yield not_comparable(claim, "no run has all labels")
