"""Loss and accuracy of several runs over their epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.plots.saving import saved

Curves = Mapping[str, Mapping[int, float]]
PANELS = {"loss": ("train/loss", "val/loss", "test/loss"), "accuracy": ("train/acc", "val/acc", "test/acc")}
LINES = ("-", "--", ":")


def plot_curves(runs: Mapping[str, Curves], path: Path) -> Path:
    """Draws a panel of losses and one of accuracies: a colour for each run, a line style for each part of the data.

    Args:
        runs: Name of a run to its metrics by epoch, as `cosmo_pl.run_folder.logged_curves` reads them.
        path: PNG to write.

    Returns:
        Path of the picture.

    Raises:
        ConfigurationError: No run has logged a loss or an accuracy.
    """
    from matplotlib.figure import Figure

    shown = [
        title for title, names in PANELS.items() if any(name in curves for curves in runs.values() for name in names)
    ]
    if not shown:
        raise ConfigurationError("out", "no run has logged a loss or an accuracy", "Compare others, or leave it out")
    figure = Figure(figsize=(6.0 * len(shown), 4.0), dpi=120, layout="constrained")
    for column, title in enumerate(shown):
        axes = figure.add_subplot(1, len(shown), column + 1)
        for number, (run, curves) in enumerate(runs.items()):
            _draw(axes, f"C{number % 10}", run, curves, PANELS[title])
        axes.set_xlabel("epoch")
        axes.set_ylabel(title)
        axes.legend(fontsize=7)
    return saved(figure, path)


def _draw(axes: object, colour: str, run: str, curves: Curves, names: Sequence[str]) -> None:
    for name, line in zip(names, LINES, strict=True):
        if name in curves:
            epochs = sorted(curves[name])
            values = [curves[name][epoch] for epoch in epochs]
            label = f"{run} ({name.partition('/')[0]})"
            axes.plot([e + 1 for e in epochs], values, line, color=colour, label=label)  # type: ignore[attr-defined]
