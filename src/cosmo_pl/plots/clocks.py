"""The correlation of two sensors over the lag between their clocks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cosmo_pl.data.clocks import ClockEstimate
from cosmo_pl.plots.saving import saved


def picture(found: Mapping[str, ClockEstimate], reference: str, path: Path) -> Path:
    """Draws one line per sensor, and its offset where it is certain enough.

    Args:
        found: Sensor to the estimated error of its clock.
        reference: Sensor whose clock is right.
        path: The PNG.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 1.2 + 1.7 * len(found)), dpi=120, layout="constrained")
    rows = figure.subplots(len(found), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, each) in zip(rows, found.items(), strict=True):
        axes.plot(each.lags, each.curve, color="tab:blue" if each.reliable else "tab:gray", linewidth=1.2)
        verdict = (
            f"offset {each.offset:+.3f} s, confidence {each.confidence:.2f}"
            if each.reliable
            else f"unchanged: {each.doubt}"
        )
        axes.set_title(f"{name}: {verdict}", fontsize=9, loc="left")
        axes.set_ylabel("sum over the pieces of\nstandardised correlations", fontsize=8)
        axes.grid(alpha=0.3)
        if each.reliable:
            axes.axvline(each.offset, color="tab:red", linewidth=1, linestyle="--")
    rows[-1].set_xlabel(f"seconds by which the sensor's clock is ahead of that of {reference}")
    return saved(figure, path)
