"""A dataset's samples as its reader gives them, in one small file: for machines without the recordings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.samples import Samples, arrays_of, make_folder, samples_in
from cosmo_pl.errors import ConfigurationError, RecordingError
from cosmo_pl.storage import writing

if TYPE_CHECKING:
    from cosmo_pl.data.base import MultimodalDataModule

PACKED = "packed.npz"


def pack(data: MultimodalDataModule, root: Path) -> Path:
    """Writes all samples of a dataset, neither split nor normalised, for `unpacked`.

    Args:
        data: The datamodule.
        root: Folder that gets the dataset's folder.

    Returns:
        The file, compressed.

    Raises:
        CosmoError: The recordings cannot be used, some lack a modality or are kept on disk, or the file is there.
    """
    path = root / data.dataset / PACKED
    if path.parent.exists() and any(path.parent.iterdir()):
        raise ConfigurationError("out", f"'{path.parent}' is not empty", "Name a folder without the dataset")
    samples = data.load()
    on_disk = [name for name in data.modalities if name in data.stored]
    if on_disk or samples.present:
        names = on_disk or sorted(samples.present)
        raise ConfigurationError("modalities", f"{names} are too large, or not in all recordings", "Leave them out")
    make_folder(path.parent)
    facts = np.array(json.dumps([_arguments(data), data.data_fingerprint]))
    part = path.with_suffix(".part")
    with writing(part), part.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, facts=facts, **arrays_of(samples))
    part.replace(path)
    return path


def is_packed(folder: Path) -> bool:
    """Whether a dataset's folder holds packed samples instead of recordings."""
    return (folder / PACKED).is_file()


def unpacked(data: MultimodalDataModule) -> tuple[Samples, str]:
    """The samples that `pack` wrote, and the fingerprint of the recordings that they are of.

    Raises:
        RecordingError: The file is damaged, or was written with other arguments of the reader.
    """
    path = data.folder / PACKED
    try:
        with np.load(path, allow_pickle=False) as file:
            stored: Mapping[str, NDArray[Any]] = dict(file)
        arguments, fingerprint = json.loads(str(stored["facts"]))
        samples = samples_in(stored)
    except Exception as error:  # numpy and zipfile raise half a dozen kinds for a damaged file
        raise RecordingError(path, f"cannot be read ({error})", "Pack the dataset again") from error
    asked = _arguments(data)
    different = sorted(name for name in asked.keys() | arguments.keys() if asked.get(name) != arguments.get(name))
    if different:
        name = different[0]
        problem = f"was packed with {name} = {arguments.get(name)}, not {asked.get(name)}"
        raise RecordingError(path, problem, "Pack the dataset with these arguments")
    return samples, fingerprint


def _arguments(data: MultimodalDataModule) -> dict[str, Any]:
    """What the reader was asked for, as JSON gives it back."""
    asked = {"dataset": data.key, "modalities": data.modalities, **data.reader_arguments()}
    found: dict[str, Any] = json.loads(json.dumps(asked, default=str))
    return found
