"""Makes images/overview.png: the sensors of a simulated clip beside the confusion matrix of a real test.

make utd-plus
python docs/_overview.py runs/utd_plus/cosmo-prototypes/version_0/test_0/metrics.json
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from cosmo_pl.cli import main
from cosmo_pl.data import UTDDataModule
from cosmo_pl.plots.recording import IMAGES, SERIES, draw_depth, draw_radar, draw_series, fastest

HERE = Path(__file__).parent
SIZE = (8.4, 5.4)  # inches: the README shows the picture 838 pixels wide, 100 for an inch
TEXT = 8.5  # points, 12 pixels there
CLIP, MOMENT = "s01_a12_t1", 0.375  # a clip, and the share of it that the images show
UNITS = ("m", "intensity", "m/s")


def overview(metrics: Path, folder: Path) -> Figure:
    """The sensors of a clip on the left, the confusion matrix on the right."""
    main(["data", "simulate", "self_collected", "--root", str(folder), "--subjects", "1", "--trials", "1"])
    kinds = ("imu", "depth", "radar")
    clip = {kind: np.load(folder / "SelfCollected" / kind / f"{CLIP}.npy") for kind in kinds}
    figure = Figure(figsize=SIZE, dpi=200, layout="constrained")
    sensors, test = figure.subfigures(1, 2, width_ratios=(1.1, 1))
    _sensors(sensors, clip)
    confusion = np.array(json.loads(metrics.read_text(encoding="utf-8"))["confusion_matrix"])
    _confusion(test.subplots(), confusion)
    return figure


def _sensors(figure: Any, clip: dict[str, NDArray[Any]]) -> None:
    """Every sensor of the IMU over time, and one moment of depth and radar."""
    axes = figure.subplots(len(SERIES), 2)
    for number, panel in enumerate(axes[:, 0]):
        draw_series(panel, clip["imu"], number, None)
    speed = fastest(clip["radar"])
    images = (
        draw_depth(axes[0, 1], clip["depth"], MOMENT),
        draw_radar(axes[1, 1], clip["radar"], MOMENT),
        draw_radar(axes[2, 1], clip["radar"], MOMENT, speed),
    )
    axes[1, 1].set_xlabel("")
    axes[2, 1].set_xlabel("azimuth, °")
    for panel, image, name, unit in zip(axes[:, 1], images, IMAGES, UNITS, strict=True):
        panel.set_title(name, fontsize=TEXT)
        bar = figure.colorbar(image, ax=panel)
        bar.set_label(unit, fontsize=TEXT)
        bar.ax.tick_params(labelsize=TEXT)
    for panel in axes.flat:
        panel.tick_params(labelsize=TEXT)
        panel.xaxis.label.set_fontsize(TEXT)
        panel.yaxis.label.set_fontsize(TEXT)
    figure.suptitle("a simulated clip: shaking hands", fontsize=TEXT + 1.5)


def _confusion(axes: Axes, confusion: NDArray[np.int64]) -> None:
    """The share of each true class that is predicted as each class; the columns have the order of the rows."""
    names = UTDDataModule.class_names
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")  # of the height of the names
    axes.set_yticks(range(len(names)), names, fontsize=TEXT)
    axes.set_xticks([])
    axes.set_xlabel("rows: true activity\ncolumns: predicted, same order", fontsize=TEXT)
    right, total = np.trace(confusion), confusion.sum()
    axes.set_title(f"a test on UTD-MHAD:\n{right} of {total} clips right", fontsize=TEXT + 1.5)


def _saved(figure: Figure, path: Path) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    Image.open(buffer).convert("RGB").save(path, optimize=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        _saved(overview(Path(sys.argv[1]), Path(folder)), HERE / "images" / "overview.png")
