"""Makes images/overview.png: the sensors of a simulated clip beside the confusion matrix of a real test.

make utd-plus
python docs/_overview.py runs/utd_plus/cosmo-prototypes/version_0/test_0/metrics.json
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from cosmo_pl.cli import main
from cosmo_pl.data import UTDDataModule
from cosmo_pl.plots.confusion import plot_confusion

HERE = Path(__file__).parent
WIDTH = 1600


def overview(metrics: Path, folder: Path) -> Image.Image:
    """Both pictures side by side, at the same height."""
    main(["data", "simulate", "self_collected", "--root", str(folder), "--subjects", "1", "--trials", "1"])
    main(["data", "clip", "s01_a12_t1", "--root", str(folder), "--out", str(folder / "clip.png")])
    confusion = np.array(json.loads(metrics.read_text(encoding="utf-8"))["confusion_matrix"])
    plot_confusion(confusion, UTDDataModule.class_names, folder / "confusion.png")
    pictures = [Image.open(folder / name).convert("RGB") for name in ("clip.png", "confusion.png")]
    height = min(picture.height for picture in pictures)
    pictures = [picture.resize((picture.width * height // picture.height, height)) for picture in pictures]
    whole = Image.new("RGB", (sum(picture.width for picture in pictures), height), "white")
    whole.paste(pictures[0], (0, 0))
    whole.paste(pictures[1], (pictures[0].width, 0))
    return whole.resize((WIDTH, whole.height * WIDTH // whole.width))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        overview(Path(sys.argv[1]), Path(folder)).quantize(128).save(HERE / "images" / "overview.png", optimize=True)
