"""What a sensor cannot have measured: found by its unit, reported by recording, and left out.

A value beyond the range of its unit leaves out its sample: a clip, or of a long recording the windows that contain it.
A recording is left out where a sensor never changes, where it is a copy of another one (both, where they are said to
be of different people or activities), or where its skeleton has no torso. Nothing of what is left out reaches the
statistics, the training or the test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from cosmo_pl.data.extremes import ROUNDING, Extremes
from cosmo_pl.data.faults import report
from cosmo_pl.data.recordings import Recording
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.transforms import ScaleByTorso, torso_length
from cosmo_pl.errors import ConfigurationError

if TYPE_CHECKING:
    from cosmo_pl.data.base import MultimodalDataModule

LIMITS = {
    "g": 40.0, "m/s2": 400.0, "m/s^2": 400.0, "m/s²": 400.0,
    "deg/s": 5000.0, "°/s": 5000.0, "dps": 5000.0, "rad/s": 90.0,
    "uT": 10_000.0, "µT": 10_000.0, "μT": 10_000.0, "mT": 10.0,
    "m": 20.0, "cm": 2000.0, "mm": 20_000.0, "m/s": 100.0,
}  # fmt: skip
"""Unit to the largest absolute value that is plausible: twice and more of what sensors worn by people can measure
(16 g, 2,000 degrees/s) or cameras see (8 m), and three times and more of what USC-HAD and UTD-MHAD hold (8 g, 1,001
degrees/s, 4.06 m)."""
TORSO = (0.1, 1.0)
"""Plausible length from hip to shoulder centre in metres, averaged over a clip; 0.27 to 0.49 in UTD-MHAD."""
METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}


def ranges_of(units: Sequence[str], given: Mapping[str, Sequence[float]] | None) -> list[tuple[float, float] | None]:
    """Plausible range of each group of channels; None for a unit of which nothing is known.

    Args:
        units: Unit of each group.
        given: Unit to a range that holds instead of the usual one.
    """
    own = {unit: (float(low), float(high)) for unit, (low, high) in (given or {}).items()}
    usual = {unit: (-limit, limit) for unit, limit in LIMITS.items()}
    return [{**usual, **own}.get(unit) for unit in units]


def depth_bounds(given: Mapping[str, Sequence[float]] | None) -> tuple[float, float]:
    """Smallest and largest distance in millimetres; what a depth camera gives beyond is no reading."""
    low, high = ranges_of(["mm"], given)[0] or (0.0, np.inf)
    return max(0.0, low), high


def check_ranges(data: MultimodalDataModule) -> None:
    """Checks `data.plausible`.

    Raises:
        ConfigurationError: No sensor of the dataset has the unit.
    """
    known = sorted({unit for name in data.modalities for unit in data.units.get(name, ())})
    for unit in data.plausible or {}:
        if unit not in known:
            raise ConfigurationError("plausible", f"no modality has the unit '{unit}'", f"Units there: {known}")


def plausible_samples(
    data: MultimodalDataModule, samples: Samples, recordings: Sequence[Recording], known: Mapping[str, Extremes]
) -> NDArray[np.int64]:
    """Numbers of the samples that can be used; the others are reported.

    Where nothing is known of a unit, a sensor may well hold one value all the time (a door's contact): reported, kept.

    Args:
        data: The datamodule.
        samples: All of its samples.
        recordings: Its recordings.
        known: Extremes of the modalities that are not looked at again.

    Raises:
        RecordingError: `data.strict` is set, and a sample is not plausible.
        ConfigurationError: No sample is.
    """
    files = {recording.name: recording.files for recording in recordings}
    usable, before = np.ones(len(samples), dtype=bool), len(data.faults)
    for name in (name for name in data.modalities if name in data.units):
        found = known.get(name) or Extremes.of(samples.inputs[name], data.channel_groups[name], _axis(data, name))
        for fault in _faults(data, name, samples, found):
            own = {str(recording): files[str(recording)] for recording in samples.recording[fault.rows]}
            paths = [own_files.get(name) or next(iter(own_files.values())) for own_files in own.values()]
            names = [path.relative_to(data.folder).as_posix() for path in paths]
            windows = f" in {len(fault.rows)} windows" if samples.start.any() else ""
            fate = "left out" if fault.left_out else "kept"
            report(data, f"recordings {fault.problem}{windows} are {fate}", names, fault.remedy)
            usable[fault.rows] &= not fault.left_out
    if not usable.any():
        raise ConfigurationError(
            "modalities", f"no sample of {data.dataset} is plausible: {'; '.join(data.faults[before:])}",
            "Check these sensors and the units of their files, or choose other modalities",
        )  # fmt: skip
    return np.flatnonzero(usable)


@dataclass(frozen=True)
class _Fault:
    problem: str
    rows: NDArray[np.int64]
    left_out: bool
    remedy: str = "Record or write them again"


def _faults(data: MultimodalDataModule, name: str, samples: Samples, found: Extremes) -> Iterator[_Fault]:
    units = data.units[name]
    ranges = ranges_of(units, data.plausible)
    there = samples.present.get(name, np.ones(len(samples), dtype=bool))
    for group, (unit, bounds) in enumerate(zip(units, ranges, strict=True)):
        if bounds is not None:
            low, high = bounds
            beyond = (found.low[:, group] < low) | (found.high[:, group] > high)
            yield _Fault(
                f"with '{name}' beyond {low:g} to {high:g} {unit}", np.flatnonzero(beyond & there), True,
                f"Correct their values or unit, or give the range as plausible: {{{unit}: [lowest, highest]}}",
            )  # fmt: skip
    _, recording = np.unique(samples.recording, return_inverse=True)
    still = np.stack([_still(found, group, recording) for group in range(len(units))], axis=1)
    for group, (unit, bounds) in enumerate(zip(units, ranges, strict=True)):
        rows = np.flatnonzero(still[:, group] & there)
        yield _Fault(f"in which '{name}' ({unit}) never changes", rows, bounds is not None)
    left_out = any(bounds is not None for bounds in ranges)
    again, disputed = _copies(samples, samples.inputs[name], found.checksum, there & ~still.all(axis=1))
    yield _Fault(f"with a copy of another one's '{name}'", again, left_out)
    yield _Fault(f"with one '{name}' for several subjects or activities", disputed, left_out)
    if name in data.skeletons or any(isinstance(step, ScaleByTorso) for step in data.transforms.get(name, ())):
        torso = torso_length(torch.from_numpy(samples.inputs[name])).numpy() * METRES.get(units[0], np.nan)
        short = (torso < TORSO[0]) | (torso > TORSO[1])
        yield _Fault(
            f"with a torso beyond {TORSO[0]:g} to {TORSO[1]:g} m in '{name}'", np.flatnonzero(short & there), True
        )


def _axis(data: MultimodalDataModule, name: str) -> int | None:
    return data.channel_axis.get(name, -1)


def _still(found: Extremes, group: int, recording: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a group of channels never changes in all of the recording that a sample is of (N,)."""
    still = found.still[:, group]
    if not still.any():
        return still
    moves = np.zeros(recording.max() + 1, dtype=bool)
    np.logical_or.at(moves, recording, ~still)
    first = np.unique(recording, return_index=True)[1][recording]  # steps of one group may differ, so compare all
    for values in (found.low[:, group], found.high[:, group]):
        np.logical_or.at(moves, recording, ~np.isclose(values, values[first], rtol=ROUNDING, atol=0))
    return ~moves[recording]


def _copies(
    samples: Samples, values: Any, checksum: NDArray[np.int64], judged: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Samples of recordings that repeat an earlier one, and of those that are one for several people or activities."""
    rows_of: dict[str, list[int]] = {}
    for row in np.flatnonzero(judged):
        rows_of.setdefault(str(samples.recording[row]), []).append(int(row))
    alike: dict[bytes, list[list[int]]] = {}
    for rows in rows_of.values():
        alike.setdefault(checksum[rows].tobytes(), []).append(rows)
    again: list[int] = []
    disputed: list[int] = []
    for first, *others in alike.values():
        same = [rows for rows in others if np.array_equal(values[np.array(rows)], values[np.array(first)])]
        everybody = [first, *same]
        if len({(samples.label[rows[0]], samples.subject[rows[0]]) for rows in everybody}) > 1:
            disputed += [row for rows in everybody for row in rows]
        else:
            again += [row for rows in same for row in rows]
    return np.array(again, dtype=np.int64), np.array(disputed, dtype=np.int64)
