"""A picture of the augmentations of one sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from cosmo_pl.data.augmentations.base import Augmentation
from cosmo_pl.plots.colours import AXES
from cosmo_pl.plots.saving import saved
from cosmo_pl.skeleton import PARENT_INDEX as PARENT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REPEATS = 3  # random changes per augmentation
MOMENTS = 5  # poses of a skeleton, side by side


def picture(
    sample: Mapping[str, Tensor], augmentations: Mapping[str, Sequence[Augmentation]], title: str, path: Path
) -> Path:
    """Plots a sample beside random changes by each augmentation and by all together, one row each.

    Args:
        sample: Modality to a sample (T, *shape) in the sensor's units.
        augmentations: Modality to its augmentations.
        title: Name of the sample.
        path: PNG to write.

    Returns:
        The path.
    """
    from matplotlib.figure import Figure

    rows: list[tuple[str, str, Sequence[Augmentation]]] = []
    for modality, steps in augmentations.items():
        rows += [(modality, type(step).__name__, [step]) for step in steps]
        rows.append((modality, "all", steps))
    figure = Figure(figsize=(3.1 * (REPEATS + 1), 1.6 * len(rows) + 0.5), dpi=90, layout="constrained")
    axes = figure.subplots(len(rows), REPEATS + 1, squeeze=False, sharey="row")
    figure.suptitle(title)
    for line, (modality, name, steps) in zip(axes, rows, strict=True):
        x = sample[modality].unsqueeze(0)
        plot = _skeleton if x.shape[2:] == (len(PARENT) + 1, 3) else (_series if x.ndim == 3 else _image)
        line[0].set_ylabel(f"{modality}\n{name}", fontsize=9)
        plot(line[0], x[0])
        for panel in line[1:]:
            changed = x
            for step in steps:
                changed = step(changed)
            plot(panel, changed[0])
    for panel, column in zip(axes[0], ["as recorded", *(f"change {i + 1}" for i in range(REPEATS))], strict=True):
        panel.set_title(column, fontsize=10)
    return saved(figure, path)


def _series(axes: Axes, x: Tensor) -> None:
    """Up to three channels (T, ...) over time: a sensor's axes."""
    for channel, colour in zip(x.flatten(1)[:, :3].T, AXES, strict=False):
        axes.plot(channel.tolist(), color=colour, linewidth=1)
    axes.set_xticks([])
    axes.tick_params(labelsize=7)


def _image(axes: Axes, x: Tensor) -> None:
    """The middle frame of a depth clip (T, height, width), or of the intensity of a radar from above."""
    frame = x[len(x) // 2]
    axes.imshow((frame if frame.ndim == 2 else frame[0].amax(dim=-1)).numpy(), cmap="viridis", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])


def _skeleton(axes: Axes, x: Tensor) -> None:
    """Poses (T, 20, 3) from the front at a few moments, side by side."""
    width = 1.4 * float((x[..., 0].amax() - x[..., 0].amin()).clamp_min(0.1))
    look: dict[str, Any] = {"color": AXES[2], "linewidth": 1.2}
    for column, moment in enumerate(torch.linspace(0, len(x) - 1, MOMENTS).round().long().tolist()):
        for joint, parent in PARENT.items():
            ends = x[moment, [joint, parent]]
            axes.plot((ends[:, 0] + column * width).tolist(), ends[:, 1].tolist(), **look)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
