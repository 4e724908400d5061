"""Figure 11: what Cosmo and its baselines make of few and of many labels."""

from __future__ import annotations

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.curves import LABELS, Panel, render, share_of_labels
from cosmo_pl.study.rendering.verdict import not_comparable, order_verdict
from cosmo_pl.study.rendering.view import Rendered, Verdict, View


def by_labels(view: View) -> Rendered:
    """All methods by labelled amount, a panel a dataset; the paper's figures are those of its Table 2."""
    panels = [_panel(view, grid, dataset) for grid, runs in enumerate(view.study.runs) for dataset in runs.datasets]
    return render(panels, _verdicts(view, next(panel for panel in panels if panel.dataset == "usc")))


def _panel(view: View, grid: int, dataset: str) -> Panel:
    table = view.paper["table2"].get(dataset)
    accuracies = table["accuracy"] if table else {}
    stated = [
        (method, table["label_rate"], accuracies[name])
        for method in view.study.runs[grid].methods
        if (name := view.methods[method].paper) in accuracies
    ]
    return Panel(view, grid, dataset, LABELS, share_of_labels, stated)


def _verdicts(view: View, usc: Panel) -> list[Verdict]:
    paper = view.paper["fig11"]
    place = f"Fig. 11, {paper['place']}"
    gaps = [
        order_verdict(
            f"{place}: Cosmo is above CPC on USC-HAD with {100 * rate:g} % of the labels; the paper by {points} points",
            usc.at("cosmo", rate), usc.at("cpc", rate), usc.simulated,
        )
        for rate, points in paper["cosmo_minus_cpc_points"].items()
    ]  # fmt: skip
    matches = [
        not_comparable(
            f"{place}: Cosmo with {100 * rate:g} % of the labels is as accurate as AttnSense with all, on "
            f"{style.DATASETS[dataset]}",
            "no run has all labels",
        )
        for dataset, rate in paper["rate_matching_attnsense_with_all_labels"].items()
    ]
    return [*gaps, *matches]
