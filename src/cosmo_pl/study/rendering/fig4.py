"""Figure 4: what supervised methods need in labels, on USC-HAD."""

from __future__ import annotations

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.curves import LABELS, Panel, render, share_of_labels
from cosmo_pl.study.rendering.verdict import order_verdict, value_verdict
from cosmo_pl.study.rendering.view import Rendered, View

FEW, MANY = 0.01, 0.1  # 200 and 2,000 labels of 20,000 training windows


def by_labels(view: View) -> Rendered:
    """DeepSense, AttnSense and the accelerometer alone by labelled amount."""
    paper = view.paper["fig4"]
    stated = [(method, FEW, accuracy) for method, accuracy in paper["at_200_labels"].items()]
    panel = Panel(view, 0, "usc", LABELS, share_of_labels, stated)
    place = f"Fig. 4, {paper['place']}"
    verdicts = [
        value_verdict(
            f"{place}: {style.title(view.methods, method)} at 200 labels of USC-HAD",
            panel.summary(method, FEW), accuracy, panel.simulated,
        )
        for method, _, accuracy in stated
    ]  # fmt: skip
    for claim, above, below, rate in (
        ("with 200 labels the accelerometer alone is above DeepSense", "acc", "deepsense", FEW),
        (
            f"with {paper['deepsense_above_acc_at_labels']:,} labels DeepSense is above the accelerometer alone",
            "deepsense", "acc", MANY,
        ),
    ):  # fmt: skip
        sides = panel.at(above, rate), panel.at(below, rate)
        verdicts.append(order_verdict(f"{place}: {claim}", *sides, panel.simulated))
    return render([panel], verdicts)
