"""From recordings to samples, and from samples to the inputs of batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cosmo_pl.data.extremes import Extremes
from cosmo_pl.data.faults import FaultLog
from cosmo_pl.data.finite import all_finite
from cosmo_pl.data.loading import StoredInputs
from cosmo_pl.data.normalization import Normalization, SubjectStatistics
from cosmo_pl.data.recordings import Recording
from cosmo_pl.data.samples import MappedRows, Samples, cached, fingerprint, samples_at_once
from cosmo_pl.data.selection import Indices
from cosmo_pl.data.stored import StoredModality, combined, stored_array
from cosmo_pl.data.transforms import Transform


def read_recordings(
    recordings: Sequence[Recording],
    modalities: Sequence[str],
    stored: Mapping[str, StoredModality],
    read: Callable[[Sequence[Recording]], Samples],
    arguments: Mapping[str, object],
    cache: Path,
    faults: FaultLog,
) -> tuple[Samples, dict[str, Extremes], str]:
    """Reads recordings, or takes their samples from the cache.

    Args:
        recordings: The recordings, in the order of the samples.
        modalities: Modalities to read.
        stored: Those that stay on disk.
        read: Reads all other modalities.
        arguments: Dataset and arguments of its reader, for the key of the cache.
        cache: Folder of the cache.
        faults: The dataset's folder, and where replaced values are reported.

    Returns:
        All samples; the extremes of each modality on disk; and the fingerprint of the recordings.

    Raises:
        CosmoError: A recording cannot be used; the message names the file.
    """
    resident = tuple(name for name in modalities if name not in stored)
    files = ((name, path) for recording in recordings for name, path in recording.files.items())
    content = fingerprint((path for name, path in files if name not in stored), faults.folder)
    described = [recording.describe(faults.folder) for recording in recordings]
    key = {"modalities": resident, "recordings": described, **arguments}
    samples = cached(lambda: read(recordings), cache, content, key, all_finite)
    extremes: dict[str, Extremes] = {}
    for name in (name for name in modalities if name in stored):
        paths = [recording.files.get(name) for recording in recordings]
        array, contents, replaced, extremes[name] = stored_array(stored[name], paths, cache)
        samples.inputs[name] = MappedRows(array)
        content = combined(content, contents)
        problem = f"recordings with {replaced.sum()} values of '{name}' that are no distances count them as no reading"
        changed = [faults.name_of(path) for path, count in zip(paths, replaced, strict=True) if path and count]
        remedy = "Nothing has to be done where the camera writes a code for it, as 65535"
        faults.report(problem, changed, remedy, mended=True)
    lacking = {name: np.array([name in recording.lacks for recording in recordings]) for name in modalities}
    samples = replace(samples, present={name: ~lacks for name, lacks in lacking.items() if lacks.any()})
    return samples, extremes, content


def standardise(
    values: np.ndarray | MappedRows,
    train: Indices,
    transforms: Sequence[Transform],
    groups: Sequence[Sequence[int]],
    axis: int | None,
    fitted: Normalization | None = None,
    adapted: tuple[Indices, Indices] | None = None,
) -> tuple[StoredInputs, Normalization]:
    """Transforms and standardises the samples of a modality when they are read.

    Args:
        values: All samples (N, *shape), in memory or memory-mapped.
        train: Indices of the training samples.
        transforms: Preprocessing steps, in order.
        groups: Channels that share statistics, see `Normalization.fit`.
        axis: Axis of the channels, counted from the end; None for no channel axis.
        fitted: Statistics to use; None fits those of the training samples.
        adapted: Subject of each sample (N,), and indices of the samples that have the modality, to standardise each
            subject with statistics of its own; None standardises all with the same.

    Returns:
        The samples as they are read, transformed and standardised; and the statistics of the training samples.
    """
    size = samples_at_once(values.shape[1:])

    def read(rows: Indices) -> Iterator[Tensor]:
        chunks = (torch.from_numpy(values[rows[i : i + size]]) for i in range(0, len(rows), size))
        return (_transformed(chunk, transforms) for chunk in chunks)

    normalization = fitted or Normalization.fit(read(train), groups, axis)
    own = None if adapted is None else SubjectStatistics.fit(*adapted, read, groups, axis)
    prepare = partial(_prepared, transforms=transforms, normalization=normalization, own=own)
    return StoredInputs(values, prepare), normalization


def _transformed(stored: Tensor, transforms: Sequence[Transform]) -> Tensor:
    tensor = stored.float()
    for transform in transforms:
        tensor = transform(tensor)
    return tensor


def _prepared(
    stored: Tensor,
    rows: Tensor,
    transforms: Sequence[Transform],
    normalization: Normalization,
    own: SubjectStatistics | None,
) -> Tensor:
    values = _transformed(stored, transforms)
    return normalization.apply(values) if own is None else own.apply(values, rows)
