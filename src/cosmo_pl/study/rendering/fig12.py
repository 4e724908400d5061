"""Figure 12: what more unlabelled data give."""

from __future__ import annotations

from typing import Any

from cosmo_pl.study.rendering.curves import Pairs, Panel, render
from cosmo_pl.study.rendering.verdict import trend_verdict
from cosmo_pl.study.rendering.view import Rendered, Verdict, View, unique

OURS = "cosmo"


def by_unlabelled(view: View) -> Rendered:
    """Methods with a stage 1 by the number of unlabelled clips that it sees."""
    pretrained = {job.key: record for job, record in view.records(lambda job: job.kind == "pretrain")}

    def tick(value: Any, pairs: Pairs) -> str:
        parents = [pretrained[parent.key] for job, _ in pairs for parent in job.parents if parent.key in pretrained]
        counts = unique(parent.result["unlabeled"] for parent in parents)
        clips = f"\n{'/'.join(map(str, counts))} clips" if counts else ""
        return ("all" if value is None else f"{value:g}") + clips

    axis = "unlabelled clips a labelled one"
    panels = [Panel(view, i, name, axis, tick) for i, runs in enumerate(view.study.runs) for name in runs.datasets]
    return render(panels, [verdict for panel in panels for verdict in _verdicts(view, panel)])


def _verdicts(view: View, panel: Panel) -> list[Verdict]:
    paper, dataset = view.stated("fig12"), view.in_paper(panel.dataset)
    if dataset not in paper.get("datasets", []):
        return []
    claim = f"{paper['place']}: Cosmo's {paper['claim']}, on {view.title(dataset)}"
    rising = {"all" if value is None else f"{value:g}": panel.at(OURS, value) for value in panel.values}
    return [trend_verdict(claim, rising, panel.obstacle(OURS))]
