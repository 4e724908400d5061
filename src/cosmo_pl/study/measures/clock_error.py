"""Error of the correction of a sensor's clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pytorch_lightning import LightningModule

from cosmo_pl.data import MultimodalDataModule, UTDDataModule
from cosmo_pl.data.clocks.clips import clock_shifts
from cosmo_pl.data.clocks.estimation import ClockEstimate
from cosmo_pl.data.streams.clock_errors import remaining_errors
from cosmo_pl.data.streams.clock_pieces import ages
from cosmo_pl.data.streams.datamodule import StreamsDataModule
from cosmo_pl.data.utd_clocks import motions

KINDS = ("constant", "drifting")
ERRORS = 10  # of each kind
OF_CLIPS = (0.6, 0.1, 80.0)  # largest constant offset and drifting offset, in seconds, and largest drift, in ppm
"""A drift of 80 ppm is half a second from a subject's first clip to the last, and clips show 1 s at most."""
OF_STREAMS = (1.5, 0.5, 200.0)


def clock_error(runs: Sequence[tuple[LightningModule | None, MultimodalDataModule]]) -> dict[str, Any]:
    """Puts random errors into the clock of the inertial sensor of UTD-MHAD, or of all but the first, and corrects them.

    The error of a correction is the mean distance over clips or recordings from what is left without any error put in,
    in ms. On UTD-MHAD each subject has an estimate, on imported streams each sensor but the first has one. Sensors
    whose estimate as recorded is not reliable have no error.

    Args:
        runs: One datamodule after its setup, without a model.

    Returns:
        ``subjects`` or ``sensors``, their names; ``clips``, the number of clips or recordings; ``reliable``, the number
        of reliable estimates; ``as_recorded``, the estimates of each without an error: ``offset`` in seconds, ``drift``
        in ppm, ``deviation`` in seconds, ``confidence``; ``constant`` and ``drifting``, a list for each error put in of
        its ``offset``, ``drift`` and the ``remaining_ms`` of each.
    """
    ((_, data),) = runs
    if isinstance(data, UTDDataModule):
        return _of_clips(data)
    assert isinstance(data, StreamsDataModule)
    return _of_streams(data)


def _of_clips(data: UTDDataModule) -> dict[str, Any]:
    recordings = [each for each in data.find_recordings(data.folder) if not each.lacks]
    subjects = np.array([each.subject for each in recordings], dtype=np.int64)
    clips = motions(data.pairs_of(recordings))
    numbers = np.unique(subjects).tolist()
    recorded = clock_shifts(clips, subjects, correct=True)
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    reliable = 0
    for kind, offset, drift in _random_errors(*OF_CLIPS):
        left = clock_shifts(clips, subjects, (offset, drift), correct=True)
        apart = np.abs(left.shift - recorded.shift)
        found[kind].append(_case(offset, drift, [float(apart[subjects == number].mean()) for number in numbers]))
        reliable += sum(each.reliable for each in left.estimates.values())
    return {
        "subjects": numbers,
        "clips": len(recordings),
        "reliable": reliable,
        "as_recorded": [_described(recorded.estimates[number]) for number in numbers],
        **found,
    }


def _of_streams(data: StreamsDataModule) -> dict[str, Any]:
    recordings, (_, *sensors) = data.store.recordings, data.modalities
    age = np.array(list(ages(recordings).values()))
    recorded, estimates = remaining_errors(data.store, data.modalities, {}, recordings)
    compared = [name for name in sensors if estimates[name].reliable]
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    reliable = 0
    for kind, offset, drift in _random_errors(*OF_STREAMS):
        put_in = dict.fromkeys(compared, (offset, drift))
        left, after = remaining_errors(data.store, data.modalities, put_in, recordings)
        apart = [np.abs(left[name].seconds(age) - recorded[name].seconds(age)).mean() for name in compared]
        found[kind].append(_case(offset, drift, [float(each) for each in apart]))
        reliable += sum(after[name].reliable for name in compared)
    return {
        "sensors": sensors,
        "clips": len(recordings),
        "reliable": reliable,
        "as_recorded": [_described(estimates[name]) for name in sensors],
        **found,
    }


def _random_errors(largest: float, with_drift: float, largest_drift: float) -> Iterator[tuple[str, float, float]]:
    """Kind, offset in seconds and drift in ppm."""
    random = np.random.default_rng(0)
    for kind in KINDS:
        for _ in range(ERRORS):
            offset = float(random.uniform(-largest, largest))
            if kind == "constant":
                yield kind, offset, 0.0
            else:
                yield kind, offset * with_drift / largest, float(random.uniform(-1, 1)) * largest_drift


def _case(offset: float, drift: float, remaining: Sequence[float]) -> dict[str, Any]:
    left = [round(1000 * seconds, 1) for seconds in remaining]
    return {"offset": round(offset, 3), "drift": round(drift, 1), "remaining_ms": left}


def _described(estimate: ClockEstimate) -> dict[str, float]:
    values = {name: getattr(estimate, name) for name in ("offset", "drift", "deviation", "confidence")}
    return {name: round(value, 3) for name, value in values.items()}
