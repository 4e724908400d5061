"""Values that a sensor cannot have measured: they are found by their unit, reported by recording, and left out.

A value that is not finite, or beyond the range of its unit, excludes its sample: a clip, or those windows of a long
recording that contain it. A whole recording is excluded where a sensor never changes, where its skeleton has no torso,
or where it is a copy of another recording; both are excluded if the two are labelled as different subjects or
activities. Nothing of what is left out reaches the statistics, the training or the test.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cosmo_pl.data.extremes import ROUNDING, Extremes
from cosmo_pl.data.faults import FaultLog
from cosmo_pl.data.finite import NOT_FINITE, is_finite
from cosmo_pl.data.identity import DatasetIdentity
from cosmo_pl.data.limits import ranges_of
from cosmo_pl.data.samples import Samples, samples_at_once
from cosmo_pl.data.transforms import torso_length
from cosmo_pl.data.units import QUANTITIES
from cosmo_pl.errors import ConfigurationError

TORSO = (0.1, 1.0)
"""Plausible length from hip to shoulder centre in metres, averaged over a clip; 0.27 to 0.49 in UTD-MHAD."""


def plausible_samples(
    samples: Samples,
    files: Mapping[str, Mapping[str, Path]],
    known: Mapping[str, Extremes],
    identity: DatasetIdentity,
    skeletons: Collection[str],
    given: Mapping[str, Sequence[float]] | None,
    faults: FaultLog,
) -> NDArray[np.int64]:
    """Indices of the samples that can be used; the others are reported.

    A sensor of an unknown unit may be constant, as a door contact is: it is reported, and its samples are kept.

    Args:
        samples: All samples of the dataset.
        files: Recording to its files, as in `Recording.files`.
        known: Extremes of modalities that were computed before.
        identity: The dataset's name, units and channels.
        skeletons: Modalities whose samples need a torso.
        given: The argument `plausible`.
        faults: Where the others are reported.

    Raises:
        RecordingError: A sample is not plausible, and `faults` is strict.
        ConfigurationError: No sample is plausible.
    """
    usable, before = np.ones(len(samples), dtype=bool), len(faults.lines)
    for name in samples.inputs:
        for fault in _of_modality(name, samples, known.get(name), identity, name in skeletons, given):
            recordings = dict.fromkeys(map(str, samples.recording[fault.rows]))
            paths = [files[recording].get(name) or next(iter(files[recording].values())) for recording in recordings]
            shared = len(set(paths)) < len(paths)  # by all recordings of an import
            windows = f" in {len(fault.rows)} windows" if samples.start.any() else ""
            consequence = "left out" if fault.left_out else "kept"
            problem = f"recordings {fault.problem}{windows} are {consequence}"
            faults.report(problem, recordings if shared else map(faults.name_of, paths), fault.remedy)
            usable[fault.rows] &= not fault.left_out
    if not usable.any():
        problem = f"no sample of {identity.dataset} is plausible: {'; '.join(faults.lines[before:])}"
        remedy = "Check these sensors and the units of their files, or choose other modalities"
        raise ConfigurationError("modalities", problem, remedy)
    return np.flatnonzero(usable)


@dataclass(frozen=True)
class _Fault:
    problem: str
    rows: NDArray[np.int64]
    left_out: bool
    remedy: str = "Record or write them again"


def _of_modality(
    name: str,
    samples: Samples,
    known: Extremes | None,
    identity: DatasetIdentity,
    skeleton: bool,
    given: Mapping[str, Sequence[float]] | None,
) -> Iterator[_Fault]:
    """Every kind of fault of a modality; without a unit, only values that no computation can use are one."""
    left_out = np.zeros(len(samples), dtype=bool)
    if (units := identity.units.get(name)) is not None:
        axis = identity.channel_axis.get(name, -1)
        known = known or Extremes.of(samples.inputs[name], identity.channel_groups[name], axis)
        for fault in _faults(name, samples, known, units, ranges_of(units, given), skeleton):
            left_out[fault.rows] |= fault.left_out
            yield fault
    rows = np.flatnonzero(~is_finite(samples, name, known) & ~left_out)  # those beyond a range are reported as such
    problem = f"with values of '{name}' that are {NOT_FINITE},"
    yield _Fault(problem, rows, True, "Correct their files, or what `read` of the dataset returns for them")


def _faults(
    name: str,
    samples: Samples,
    found: Extremes,
    units: Sequence[str],
    ranges: Sequence[tuple[float, float] | None],
    skeleton: bool,
) -> Iterator[_Fault]:
    """Every kind of fault of a modality with units; `rows` may be empty."""
    present = samples.has(name)
    for group, (unit, bounds) in enumerate(zip(units, ranges, strict=True)):
        if bounds is not None:
            low, high = bounds
            beyond = (found.low[:, group] < low) | (found.high[:, group] > high)
            problem = f"with '{name}' beyond {low:g} to {high:g} {unit}"
            remedy = f"Correct their values or unit, or give the range as plausible: {{{unit}: [lowest, highest]}}"
            yield _Fault(problem, np.flatnonzero(beyond & present), True, remedy)
    _, recording = np.unique(samples.recording, return_inverse=True)
    still = np.stack([_still(found, group, recording) for group in range(len(units))], axis=1)
    for group, (unit, bounds) in enumerate(zip(units, ranges, strict=True)):
        rows = np.flatnonzero(still[:, group] & present)
        yield _Fault(f"in which '{name}' ({unit}) never changes", rows, bounds is not None)
    left_out = any(bounds is not None for bounds in ranges)
    again, disputed = _copies(samples, samples.inputs[name], found.checksum, present & ~still.all(axis=1))
    yield _Fault(f"with a copy of another one's '{name}'", again, left_out)
    yield _Fault(f"with one '{name}' for several subjects or activities", disputed, left_out)
    if skeleton:
        torso = _torso_lengths(samples.inputs[name]) * QUANTITIES["length"].get(units[0], np.nan)
        rows = np.flatnonzero(((torso < TORSO[0]) | (torso > TORSO[1])) & present)
        yield _Fault(f"with a torso beyond {TORSO[0]:g} to {TORSO[1]:g} m in '{name}'", rows, True)


def _torso_lengths(values: Any) -> NDArray[np.float32]:
    """`torso_length` of skeletons in memory or on disk, of which a part is read at a time (N,)."""
    size = samples_at_once(values.shape[1:])
    chunks = (torch.from_numpy(values[i : i + size]) for i in range(0, len(values), size))
    return torch.cat([torso_length(chunk) for chunk in chunks]).numpy()


def _still(found: Extremes, group: int, recording: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a group of channels never changes in the whole recording of a sample (N,)."""
    still = found.still[:, group]
    if not still.any():
        return still
    moves = np.zeros(recording.max() + 1, dtype=bool)
    np.logical_or.at(moves, recording, ~still)
    first = np.unique(recording, return_index=True)[1][
        recording
    ]  # the channels of a group may differ, so all are compared
    for values in (found.low[:, group], found.high[:, group]):
        np.logical_or.at(moves, recording, ~np.isclose(values, values[first], rtol=ROUNDING, atol=0))
    return ~moves[recording]


def _copies(
    samples: Samples, values: Any, checksum: NDArray[np.int64], judged: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Samples of recordings that repeat an earlier one, and of equal recordings of several subjects or activities."""
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
        equal = [first, *same]
        if len({(samples.label[rows[0]], samples.subject[rows[0]]) for rows in equal}) > 1:
            disputed += [row for rows in equal for row in rows]
        else:
            again += [row for rows in same for row in rows]
    return np.array(again, dtype=np.int64), np.array(disputed, dtype=np.int64)
