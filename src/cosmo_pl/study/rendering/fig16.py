"""Figure 16: how much three parameters of Cosmo matter."""

from __future__ import annotations

from cosmo_pl.study.rendering.curves import Panel, every, render
from cosmo_pl.study.rendering.verdict import order_verdict, value_verdict
from cosmo_pl.study.rendering.view import Rendered, Verdict, View

METHOD = "cosmo"


def by_parameter(view: View) -> Rendered:
    """Cosmo by the range of the fusion weights, by T_iter and by the batch size of stage 1, a panel each."""
    paper = view.paper["fig16"]
    stated = [(METHOD, [float(end) for end in name.split("-")], accuracy) for name, accuracy in paper["a"].items()]
    ranges = Panel(view, 0, "utd", "(a) weight range", lambda value, pairs: "{}\nto {}".format(*value), stated)
    turns = Panel(view, 1, "utd", "(b) T_iter, epochs", lambda value, pairs: f"{value}")
    batches = Panel(view, 2, "utd", "(c) batch size of stage 1", lambda value, pairs: f"{value}")
    place = f"Fig. 16, {paper['place']}"
    verdicts = [*_ranges(ranges, place), _best(turns, paper["b"]["best_t_iter"], place)]
    verdicts.append(_larger(batches, paper["c"]["good_batches"], f"{place}: {paper['c']['claim']}"))
    return render([ranges, turns, batches], verdicts)


def _ranges(panel: Panel, place: str) -> list[Verdict]:
    verdicts = [
        value_verdict(
            f"{place}: Cosmo on UTD-MHAD with weights from {value[0]} to {value[1]}",
            panel.summary(method, value), accuracy, panel.simulated,
        )
        for method, value, accuracy in panel.stated
    ]  # fmt: skip
    (_, wide, _), (_, narrow, _) = panel.stated
    sides = panel.at(METHOD, wide), panel.at(METHOD, narrow)
    claim = f"{place}: the range {wide[0]} to {wide[1]} is above {narrow[0]} to {narrow[1]}"
    return [*verdicts, order_verdict(claim, *sides, panel.simulated)]


def _best(panel: Panel, best: int, place: str) -> Verdict:
    steps = {
        f"above {value}": order_verdict("", panel.at(METHOD, best), panel.at(METHOD, value), panel.simulated)
        for value in panel.values
        if value != best
    }
    return every(f"{place}: T_iter = {best} is the best", steps)


def _larger(panel: Panel, good: list[int], claim: str) -> Verdict:
    steps = {
        f"{small} above {large}": order_verdict("", panel.at(METHOD, small), panel.at(METHOD, large), panel.simulated)
        for large in panel.values
        for small in good
        if large > max(good)
    }
    return every(claim, steps)
