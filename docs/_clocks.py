"""Makes images/clocks.png: the correlation of each sensor of MEx with the accelerometer at the thigh, over the lag.

python docs/_clocks.py data
"""

from __future__ import annotations

import sys
from pathlib import Path

from cosmo_pl.data import MExDataModule
from cosmo_pl.data.clocks.estimation import estimate_clock
from cosmo_pl.data.streams.clock_pieces import clock_pieces
from cosmo_pl.plots.clocks import picture

HERE = Path(__file__).parent
REFERENCE, REFERENCE_NAME = "act", "the thigh accelerometer"
NAMES = {"acw": "wrist accelerometer", "dc": "depth camera", "pm": "pressure mat"}


def clocks(root: str, path: Path) -> Path:
    """Estimates the clock of each sensor as recorded, and draws the estimates."""
    store = MExDataModule(root=root, rates={"dc": 15.0, "pm": 15.0}).open_store(root, None)
    found = {name: estimate_clock(clock_pieces(store, REFERENCE, sensor)) for sensor, name in NAMES.items()}
    return picture(found, REFERENCE_NAME, path)


if __name__ == "__main__":
    clocks(sys.argv[1], HERE / "images" / "clocks.png")
