"""Figure 9: loss and accuracy over stage 2, with alternating parts and with both together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from statistics import fmean

from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering import style
from cosmo_pl.study.rendering.curves import Pairs, Panel, runs_text
from cosmo_pl.study.rendering.epochs import curve_rows, epoch_curve, logged
from cosmo_pl.study.rendering.verdict import means_verdict, obstacle, order_verdict
from cosmo_pl.study.rendering.view import Rendered, Verdict, View

METHOD, JOINT = "cosmo", 0
LOSS, PHASE = "train/loss", "phase"
SHOWN = {LOSS: "training loss", "test/loss": "loss on test subjects", "test/acc": "accuracy on test subjects"}


def by_epoch(view: View) -> Rendered:
    """Training loss, test loss and test accuracy by epoch, a panel each."""
    (dataset,) = view.datasets()
    panel = Panel(view, 0, dataset, "epoch", lambda value, pairs: str(value))
    curves = {
        (name, value): curve
        for name in SHOWN
        for value in panel.values
        if (curve := epoch_curve([record for _, record in panel.at(METHOD, value)], name))
    }
    figure, axes = style.new_figure(rows=len(SHOWN), height=8.0)
    for place in axes[:-1, 0]:
        place.sharex(axes[-1, 0])
    for place, (name, title) in zip(axes[:, 0], SHOWN.items(), strict=True):
        place.set_ylabel(title)
        for value in panel.values:
            if curve := curves.get((name, value)):
                style.band(place, curve.epochs, curve.means, curve.stds, **_line(value))
        if not any(shown == name for shown, _ in curves):
            style.empty(place, view.why_empty(dataset))
    axes[-1, 0].set_xlabel("epoch of stage 2")
    axes[0, 0].set_title(style.heading(panel.name, [record for _, record in panel.pairs]))
    style.legend(figure)
    header = ("T_iter", "curve", "epoch", "mean", "std", "n")
    rows = [[str(value), name, *row] for (name, value), curve in sorted(curves.items()) for row in curve_rows(curve)]
    return Rendered(header, rows, figure, runs_text([panel]), list(_verdicts(view, panel)))


def _line(value: int) -> dict[str, object]:
    if value == JOINT:
        return {"color": style.BLACK, "label": "together (T_iter = 0)", "linewidth": 1.6, "linestyle": "--"}
    return {"color": style.VERMILION, "label": f"alternating every {value} epochs", "linewidth": 1.6}


def _verdicts(view: View, panel: Panel) -> Iterator[Verdict]:
    paper, alternating = view.stated("fig9"), next(value for value in panel.values if value != JOINT)
    if not view.states("fig9"):
        return
    yield square_wave(view, panel.dataset, panel.at(METHOD, alternating))
    claim = f"{paper['place']}: with iteration the test accuracy ends above that of joint training"
    sides = panel.at(METHOD, alternating), panel.at(METHOD, JOINT)
    yield order_verdict(claim, *sides, panel.obstacle(METHOD))


def square_wave(view: View, dataset: str, pairs: Pairs) -> Verdict:
    """Whether the training loss jumps where the part that is trained changes, by more than from epoch to epoch.

    Args:
        view: The study.
        dataset: The dataset.
        pairs: Stage-2 runs that alternate.
    """
    found = {job.seed: steps for job, record in pairs if (steps := _steps(record))}
    claim = f"{view.stated('fig9')['place']}: the training loss moves in steps as the parts alternate"
    jumps, within = ({seed: steps[i] for seed, steps in found.items()} for i in (0, 1))
    return means_verdict(claim, jumps, within, obstacle(view, dataset, inputs=False))


def _steps(record: Record) -> tuple[float, float] | None:
    """Mean change of the training loss between epochs of which different parts were trained, and of the same part."""
    loss, phase = logged(record, LOSS), logged(record, PHASE)
    epochs = [epoch for epoch in loss if epoch in phase]
    changes = [(abs(loss[b] - loss[a]), phase[a] != phase[b]) for a, b in pairwise(epochs) if b == a + 1]
    jumps, within = ([change for change, switch in changes if switch is wanted] for wanted in (True, False))
    return (fmean(jumps), fmean(within)) if jumps and within else None
