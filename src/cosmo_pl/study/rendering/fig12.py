"""Figure 12: what more unlabelled data give."""

from __future__ import annotations

from typing import Any

from cosmo_pl.study.rendering.curves import Pairs, Panel, render
from cosmo_pl.study.rendering.verdict import trend_verdict
from cosmo_pl.study.rendering.view import Rendered, View, unique

DATASETS = ("utd", "self_collected")  # a panel each; the claim is judged on the first


def by_unlabelled(view: View) -> Rendered:
    """Methods with a stage 1 by the number of unlabelled clips that it sees."""
    pretrained = {job.key: record for job, record in view.records(lambda job: job.kind == "pretrain")}

    def tick(value: Any, pairs: Pairs) -> str:
        parents = [pretrained[parent.key] for job, _ in pairs for parent in job.parents if parent.key in pretrained]
        counts = unique(parent.result["unlabeled"] for parent in parents)
        clips = f"\n{'/'.join(map(str, counts))} clips" if counts else ""
        return ("all" if value is None else f"{value:g}") + clips

    panels = [Panel(view, i, name, "unlabelled clips a labelled one", tick) for i, name in enumerate(DATASETS)]
    panel = panels[0]
    paper = view.paper["fig12"]
    claim = f"Fig. 12, {paper['place']}: Cosmo's {paper['claim']}"
    rising = [panel.at("cosmo", value) for value in panel.values]
    return render(panels, [trend_verdict(claim, rising, panel.simulated)])
