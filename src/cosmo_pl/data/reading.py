"""From a datamodule's recordings to its samples, and to what batches are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from cosmo_pl.data.extremes import Extremes
from cosmo_pl.data.faults import report, report_missing
from cosmo_pl.data.loading import Inputs, StoredInputs
from cosmo_pl.data.locate import is_simulated
from cosmo_pl.data.normalization import Normalization, samples_at_once
from cosmo_pl.data.packed import is_packed, unpacked
from cosmo_pl.data.plausibility import plausible_samples
from cosmo_pl.data.recordings import Recording, complete_recordings
from cosmo_pl.data.samples import Samples, SomeRows, cached, fingerprint
from cosmo_pl.data.stored import combined, stored_array
from cosmo_pl.data.transforms import Transform
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import cache_folder

if TYPE_CHECKING:
    from cosmo_pl.data.base import MultimodalDataModule


def read_samples(data: MultimodalDataModule) -> tuple[Samples, str]:
    """Finds, checks and reads all recordings, or takes them from the cache or packed; cuts the folds of the subjects.

    Returns:
        All samples that are plausible, neither split nor normalised, and a fingerprint of all recordings.

    Raises:
        CosmoError: There are none, or one cannot be used; the message names the file.
    """
    if is_packed(data.folder):
        samples, content = unpacked(data)
        data.subjects = data.subjects.located(np.unique(samples.subject).tolist(), data.dataset)
        return samples, content
    found = data.find_recordings(data.folder)
    data.subjects = data.subjects.located(sorted({recording.subject for recording in found}), data.dataset)
    if not is_simulated(data.folder):
        report_missing(data, (recording.name for recording in found))
    recordings = complete_recordings(data, found)
    if not recordings:
        raise ConfigurationError(
            "modalities", f"no recording in '{data.folder}' has all of {list(data.modalities)}", "Choose fewer"
        )
    resident = tuple(name for name in data.modalities if name not in data.stored)
    files = ((name, path) for recording in recordings for name, path in recording.files.items())
    content = fingerprint((path for name, path in files if name not in data.stored), data.folder)
    order = [recording.describe(data.folder) for recording in recordings]
    arguments = {"dataset": data.key, "modalities": resident, "recordings": order, **data.reader_arguments()}
    cache = cache_folder(data.cache_dir)
    samples = cached(lambda: data.read(recordings), cache, content, arguments)
    known: dict[str, Extremes] = {}
    for name in (name for name in data.modalities if name in data.stored):
        paths = [recording.files.get(name) for recording in recordings]
        samples.inputs[name], contents, replaced, known[name] = stored_array(data.stored[name], paths, cache)
        content = combined(content, contents)
        _report_replaced(data, name, recordings, replaced)
    lacking = {name: np.array([name in recording.lacks for recording in recordings]) for name in data.modalities}
    samples = replace(samples, present={name: ~lacks for name, lacks in lacking.items() if lacks.any()})
    return samples.some(plausible_samples(data, samples, recordings, known)), content


def _report_replaced(
    data: MultimodalDataModule, name: str, recordings: Sequence[Recording], replaced: np.ndarray
) -> None:
    files = [recording.files[name] for recording, count in zip(recordings, replaced, strict=True) if count]
    named = [file.relative_to(data.folder).as_posix() for file in files]
    report(
        data, f"recordings with {replaced.sum()} values of '{name}' that are no distances count them as no reading",
        named, "Nothing has to be done where the camera writes a code for it, as 65535", mended=True,
    )  # fmt: skip


def prepare_inputs(
    data: MultimodalDataModule, name: str, values: np.ndarray | SomeRows
) -> tuple[Inputs, Normalization]:
    """Fits the statistics of a modality's training samples, or takes those that the data have adopted.

    Args:
        data: The datamodule, split.
        name: The modality.
        values: Its samples (N, *shape), in memory or mapped.

    Returns:
        The samples, transformed and standardised, in memory or as they are read; and the statistics.
    """
    transformed = partial(_transformed, transforms=data.transforms.get(name, ()))
    size, train = samples_at_once(values.shape[1:]), data.split.train
    chunks = (torch.from_numpy(values[train[i : i + size]]) for i in range(0, len(train), size))
    groups, axis = data.channel_groups[name], data.channel_axis.get(name, -1)
    adopted = None if data.adopted is None else data.adopted.normalization[name]
    fitted = adopted or Normalization.fit(map(transformed, chunks), groups, axis)
    stored = StoredInputs(values, partial(_prepared, transformed=transformed, normalization=fitted))
    if isinstance(values, np.memmap | SomeRows) and not data.in_memory:
        return stored, fitted
    rows = torch.split(torch.arange(len(values)), size)
    return torch.cat([stored[some] for some in rows]).to(data.device), fitted


def _transformed(stored: Tensor, transforms: Sequence[Transform]) -> Tensor:
    tensor = stored.float()
    for transform in transforms:
        tensor = transform(tensor)
    return tensor


def _prepared(stored: Tensor, transformed: Callable[[Tensor], Tensor], normalization: Normalization) -> Tensor:
    return normalization.apply(transformed(stored))
