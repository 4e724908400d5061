"""A dataset's samples as its reader gives them, in one file: for machines without the recordings."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cosmo_pl.data.locate import SIMULATION, is_simulated
from cosmo_pl.data.samples import Samples, arrays_of, make_folder, samples_in
from cosmo_pl.errors import ConfigurationError, RecordingError
from cosmo_pl.storage import writing

if TYPE_CHECKING:
    from cosmo_pl.data.base import MultimodalDataModule

PACKED = "packed-{}.npz"


def pack(data: MultimodalDataModule, root: Path) -> Path:
    """Writes all samples of a dataset, neither split nor normalised, for `unpacked`.

    Args:
        data: The datamodule.
        root: Folder that gets the dataset's folder, with a file for each choice of modalities and reader's arguments.

    Returns:
        The file. It is not compressed: an archive of it is much smaller, since windows overlap.

    Raises:
        CosmoError: The recordings cannot be used, some lack a modality or are kept on disk, the file is there, or there
            are recordings beside it.
    """
    path = _place(data, root / data.dataset)
    others = [each for each in path.parent.glob("*") if not each.match(PACKED.format("*")) and each.name != SIMULATION]
    if path.exists() or others:
        problem = "is there" if path.exists() else f"would lie beside {others[0].name}, and hide it"
        raise ConfigurationError("out", f"'{path}' {problem}", "Name another folder")
    samples = data.load()
    too_large = [name for name in data.modalities if name in data.stored]
    if too_large or samples.present:
        names = too_large or sorted(samples.present)
        raise ConfigurationError("modalities", f"{names} are too large, or not in all recordings", "Leave them out")
    make_folder(path.parent)
    part = path.with_suffix(".part")
    with writing(part), part.open("wb") as file:
        facts = np.array([data.data_fingerprint, _asked(data)])
        np.savez(file, allow_pickle=False, facts=facts, **arrays_of(samples))
    part.replace(path)
    if is_simulated(data.folder):
        shutil.copyfile(data.folder / SIMULATION, path.parent / SIMULATION)
    return path


def is_packed(folder: Path) -> bool:
    """Whether a dataset's folder holds packed samples instead of recordings."""
    return any(folder.glob(PACKED.format("*")))


def unpacked(data: MultimodalDataModule) -> tuple[Samples, str]:
    """The samples that `pack` wrote, and the fingerprint of the recordings that they are of.

    Raises:
        RecordingError: There are none with these arguments of the reader, or the file is damaged.
    """
    path = _place(data, data.folder)
    if not path.is_file():
        raise RecordingError(path, f"is not there: nothing was packed with {_asked(data)}", "Pack it with these")
    try:
        with np.load(path, allow_pickle=False) as file:
            return samples_in(file), str(file["facts"][0])
    except Exception as error:  # numpy and zipfile raise half a dozen kinds for a damaged file
        raise RecordingError(path, f"cannot be read ({error})", "Pack the dataset again") from error


def _place(data: MultimodalDataModule, folder: Path) -> Path:
    return folder / PACKED.format(hashlib.sha256(_asked(data).encode()).hexdigest()[:12])


def _asked(data: MultimodalDataModule) -> str:
    asked = {"dataset": data.key, "modalities": data.modalities, **data.reader_arguments()}
    return json.dumps(asked, sort_keys=True, default=str)
