"""Figure 16: how much three parameters of Cosmo matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cosmo_pl.study.rendering.curves import Panel, render
from cosmo_pl.study.rendering.verdict import every, order_verdict, value_verdict
from cosmo_pl.study.rendering.view import Rendered, Verdict, View

METHOD = "cosmo"
AXES = {
    "weight_range": "weight range", "iterative_epochs": "T_iter, epochs",
    "pretrain_batch_size": "batch size of stage 1",
}  # fmt: skip


def by_parameter(view: View) -> Rendered:
    """Cosmo by the range of the fusion weights, by T_iter and by the batch size of stage 1, a panel each."""
    panels = [_panel(view, grid, dataset) for grid, runs in enumerate(view.study.runs) for dataset in runs.datasets]
    return render(panels, [verdict for panel in panels for verdict in _verdicts(view, panel)])


def _panel(view: View, grid: int, dataset: str) -> Panel:
    (factor,) = view.study.runs[grid].vary
    axis = f"({'abcdefgh'[grid]}) {AXES.get(factor, factor)}"
    stated = _ranges(_paper(view, dataset)) if factor == "weight_range" else []
    return Panel(view, grid, dataset, axis, lambda value, pairs: _tick(value), stated)


def _tick(value: Any) -> str:
    return "{}\nto {}".format(*value) if isinstance(value, list) else f"{value}"


def _paper(view: View, dataset: str) -> Mapping[str, Any]:
    """What the paper states; empty for another dataset than its own."""
    paper = view.stated("fig16")
    return paper if view.in_paper(dataset) == paper.get("dataset") else {}


def _ranges(paper: Mapping[str, Any]) -> list[tuple[str, list[float], float]]:
    return [(METHOD, [float(end) for end in name.split("-")], value) for name, value in paper.get("a", {}).items()]


def _verdicts(view: View, panel: Panel) -> Iterator[Verdict]:
    paper = _paper(view, panel.dataset)
    if not paper:
        return
    place, reason, name = paper["place"], panel.obstacle(METHOD), view.title(view.in_paper(panel.dataset))
    if panel.factor == "weight_range":
        for method, (low, high), accuracy in panel.stated:
            claim = f"{place}: Cosmo has {accuracy} on {name} with weights from {low} to {high}"
            yield value_verdict(claim, panel.summary(method, [low, high]), accuracy, reason)
        (_, wide, _), (_, narrow, _) = panel.stated
        claim = f"{place}: the range {wide[0]} to {wide[1]} is above {narrow[0]} to {narrow[1]}"
        yield order_verdict(claim, panel.at(METHOD, wide), panel.at(METHOD, narrow), reason)
    elif panel.factor == "iterative_epochs":
        best = paper["b"]["best_t_iter"]
        yield _above(panel, f"{place}: T_iter = {best} is the best", [best], lambda value: value != best)
    elif panel.factor == "pretrain_batch_size":
        good = paper["c"]["good_batches"]
        yield _above(panel, f"{place}: {paper['c']['claim']}", good, lambda value: value > max(good))


def _above(panel: Panel, claim: str, better: list[Any], others: Any) -> Verdict:
    """Whether the runs at some values are above those at all others that are chosen."""
    reason = panel.obstacle(METHOD)
    steps = {
        f"{value} above {other}": order_verdict("", panel.at(METHOD, value), panel.at(METHOD, other), reason)
        for other in filter(others, panel.values)
        for value in better
    }
    return every(claim, steps)
