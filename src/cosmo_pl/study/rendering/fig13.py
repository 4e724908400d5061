"""Figure 13: what labels of the subjects that will be recognised give."""

from __future__ import annotations

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.curves import Panel, render
from cosmo_pl.study.rendering.verdict import order_verdict, value_verdict
from cosmo_pl.study.rendering.view import Rendered, View

NONE, ALL = 0.0, 1.0
DATASETS = ("utd", "self_collected")  # a panel each; claims are judged on the first


def by_target_share(view: View) -> Rendered:
    """Methods by the share of their labels that comes from the test subjects."""
    axis = "share of the labels that is from the test subjects"
    panels = [Panel(view, i, name, axis, lambda value, pairs: f"{100 * value:g} %") for i, name in enumerate(DATASETS)]
    panel = panels[0]
    paper = view.paper["fig13"]
    place = f"Fig. 13, {paper['place']}"
    verdicts = [
        order_verdict(
            f"{place}: {paper['claim']} of {style.title(view.methods, method)}",
            panel.at(method, ALL), panel.at(method, NONE), panel.simulated,
        )
        for method in view.study.runs[0].methods
    ]  # fmt: skip
    stated = paper["with_target"]
    claim = f"{place}: Cosmo with {stated['labels']} labels of the {style.DATASETS[stated['dataset']]} dataset"
    verdicts.append(value_verdict(claim, None, stated["accuracy"], panel.simulated))
    return render(panels, verdicts)
