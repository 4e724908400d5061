"""Figure 9: loss and accuracy over stage 2, with parts in turns and together."""

from __future__ import annotations

from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.curves import Panel, runs_told
from cosmo_pl.study.rendering.epochs import curve_rows, epoch_curve
from cosmo_pl.study.rendering.verdict import order_verdict
from cosmo_pl.study.rendering.view import Rendered, View

METHOD, TURNS, JOINT = "cosmo", 5, 0
SHOWN = {"train/loss": "training loss", "test/loss": "loss on test subjects", "test/acc": "accuracy on test subjects"}
LOOKS = {
    TURNS: {"color": style.VERMILION, "label": f"in turns of {TURNS} epochs", "linewidth": 1.6},
    JOINT: {"color": style.BLACK, "label": "together (T_iter = 0)", "linewidth": 1.6, "linestyle": "--"},
}


def by_epoch(view: View) -> Rendered:
    """Training loss, test loss and test accuracy by epoch, a panel each."""
    panel = Panel(view, 0, "utd", "epoch", lambda value, pairs: str(value))
    curves = {
        (name, value): curve
        for name in SHOWN
        for value in LOOKS
        if (curve := epoch_curve([record for _, record in panel.at(METHOD, value)], name))
    }
    figure, axes = style.new_figure(rows=len(SHOWN), height=8.0)
    for place in axes[:-1, 0]:
        place.sharex(axes[-1, 0])
    for place, (name, title) in zip(axes[:, 0], SHOWN.items(), strict=True):
        place.set_ylabel(title)
        for value, line in LOOKS.items():
            if curve := curves.get((name, value)):
                style.band(place, curve.epochs, curve.means, curve.stds, **line)
        if not any(shown == name for shown, _ in curves):
            style.empty(place, view, panel.dataset)
    axes[-1, 0].set_xlabel("epoch of stage 2")
    axes[0, 0].set_title(style.DATASETS[panel.dataset] + (" (simulated)" if panel.simulated else ""))
    style.legend(figure)
    paper = view.paper["fig9"]
    claim = f"Fig. 9, {paper['place']}: with iteration the test accuracy ends above that of joint training"
    verdict = order_verdict(claim, panel.at(METHOD, TURNS), panel.at(METHOD, JOINT), panel.simulated)
    header = ("T_iter", "curve", "epoch", "mean", "std", "n")
    rows = [[str(value), name, *row] for (name, value), curve in sorted(curves.items()) for row in curve_rows(curve)]
    return Rendered(header, rows, figure, runs_told([panel]), [verdict])
