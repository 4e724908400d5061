"""Error of the correction of a sensor's clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pytorch_lightning import LightningModule

from cosmo_pl.data import MultimodalDataModule, UTDDataModule
from cosmo_pl.data.clocks.clips import clock_shifts
from cosmo_pl.data.clocks.estimation import ClockEstimate
from cosmo_pl.data.utd_clocks import motions

ERRORS = 10  # of each kind
LARGEST = 0.6  # seconds
LARGEST_DRIFT = 80.0  # ppm, which are half a second from a subject's first clip to the last


def clock_error(runs: Sequence[tuple[LightningModule | None, MultimodalDataModule]]) -> dict[str, Any]:
    """Puts random errors into the clock of the inertial sensor, and corrects them.

    The error of a correction is the mean distance over a subject's clips from what is left without any error put in,
    in ms.

    Args:
        runs: One datamodule after its setup, without a model.

    Returns:
        ``subjects``, ``clips`` and ``reliable``, the number of reliable estimates; ``as_recorded``, the estimates of
        each subject without an error: ``offset`` in seconds, ``drift`` in ppm, ``deviation`` in seconds,
        ``confidence``; ``constant`` and ``drifting``, a list for each error put in of its ``offset``, ``drift`` and the
        ``remaining_ms`` of each subject.
    """
    ((_, data),) = runs
    assert isinstance(data, UTDDataModule)
    recordings = [each for each in data.find_recordings(data.folder) if not each.lacks]
    subjects = np.array([each.subject for each in recordings], dtype=np.int64)
    clips = motions(data.pairs_of(recordings))
    numbers = np.unique(subjects).tolist()
    recorded = clock_shifts(clips, subjects, correct=True)
    random = np.random.default_rng(0)
    found: dict[str, list[dict[str, Any]]] = {"constant": [], "drifting": []}
    reliable = 0
    for kind, cases in found.items():
        for _ in range(ERRORS):
            offset = float(random.uniform(-LARGEST, LARGEST))
            drift = float(random.uniform(-1, 1)) * LARGEST_DRIFT if kind == "drifting" else 0.0
            offset *= 1.0 if kind == "constant" else 1 / 6  # so that the sum stays within what clips can show
            left = clock_shifts(clips, subjects, (offset, drift), correct=True)
            apart = 1000 * np.abs(left.shift - recorded.shift)
            remaining = [round(float(apart[subjects == number].mean()), 1) for number in numbers]
            cases.append({"offset": round(offset, 3), "drift": round(drift, 1), "remaining_ms": remaining})
            reliable += sum(each.reliable for each in left.estimates.values())
    return {
        "subjects": numbers,
        "clips": len(recordings),
        "reliable": reliable,
        "as_recorded": [_described(recorded.estimates[number]) for number in numbers],
        **found,
    }


def _described(estimate: ClockEstimate) -> dict[str, float]:
    values = {name: getattr(estimate, name) for name in ("offset", "drift", "deviation", "confidence")}
    return {name: round(value, 3) for name, value in values.items()}
