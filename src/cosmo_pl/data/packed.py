"""All samples of a dataset in one file, for machines without the recordings."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cosmo_pl.data.identity import is_simulated
from cosmo_pl.data.samples import MappedRows, Samples, samples_in, write_samples
from cosmo_pl.errors import ConfigurationError, RecordingError
from cosmo_pl.storage import SIMULATION

PACKED = "packed-{}.npz"


def is_packed(folder: Path) -> bool:
    """Whether a dataset's folder holds packed samples instead of recordings."""
    return any(folder.glob(PACKED.format("*")))


def unused_path(folder: Path, arguments: Mapping[str, object]) -> Path:
    """The file that `write_packed` may write.

    Args:
        folder: The dataset's folder that receives it.
        arguments: Dataset, modalities and arguments of the reader, which name the file.

    Raises:
        ConfigurationError: The file exists, or the folder holds anything but packed samples.
    """
    path = _path(folder, arguments)
    others = [each for each in folder.glob("*") if not each.match(PACKED.format("*")) and each.name != SIMULATION]
    if path.exists() or others:
        problem = "exists already" if path.exists() else f"would lie beside {others[0].name}, and hide it"
        raise ConfigurationError("out", f"'{path}' {problem}", "Name another folder")
    return path


def write_packed(
    path: Path, samples: Samples, fingerprint: str, arguments: Mapping[str, object], plausible: object, source: Path
) -> None:
    """Writes samples for `unpacked`. The file is not compressed; an archive of it is much smaller, as windows overlap.

    Args:
        path: The file.
        samples: All samples of the dataset, neither split nor standardised.
        fingerprint: Fingerprint of the recordings.
        arguments: Dataset, modalities and arguments of the reader.
        plausible: The ranges that the samples are in, as given; None for the usual ones.
        source: Folder of the recordings; if they are simulated, the packed samples are marked as simulated too.

    Raises:
        ConfigurationError: Some samples lack a modality, or a modality is too large for memory.
    """
    too_large = [name for name, values in samples.inputs.items() if isinstance(values, MappedRows)]
    if too_large or samples.present:
        names = too_large or sorted(samples.present)
        raise ConfigurationError("modalities", f"{names} are too large, or not in all recordings", "Leave them out")
    write_samples(path, samples, facts=np.array([fingerprint, _as_json(arguments), _as_json(plausible)]))
    if is_simulated(source):
        shutil.copyfile(source / SIMULATION, path.parent / SIMULATION)


def unpacked(folder: Path, arguments: Mapping[str, object], plausible: object = None) -> tuple[Samples, str]:
    """Reads what `write_packed` wrote.

    Args:
        folder: The dataset's folder.
        arguments: Dataset, modalities and arguments of the reader.
        plausible: The argument of that name. Ranges that samples were packed with cannot be replaced by others.

    Returns:
        The samples, and the fingerprint of their recordings.

    Raises:
        RecordingError: No samples with these arguments were packed, those of other ranges were, or the file is damaged.
    """
    path = _path(folder, arguments)
    if not path.is_file():
        raise RecordingError(
            path, f"does not exist: nothing was packed with {_as_json(arguments)}", "Pack it with these"
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            fingerprint, _, *ranges = map(str, file["facts"])
            samples = samples_in(file)
    except Exception as error:  # numpy and zipfile raise half a dozen kinds for a damaged file
        raise RecordingError(path, f"cannot be read ({error})", "Pack the dataset again") from error
    if ranges and ranges[0] not in (_as_json(None), _as_json(plausible)):
        raise RecordingError(path, f"was packed with `plausible` {ranges[0]}", "Give these ranges, or pack it again")
    return samples, fingerprint


def _path(folder: Path, arguments: Mapping[str, object]) -> Path:
    return folder / PACKED.format(hashlib.sha256(_as_json(arguments).encode()).hexdigest()[:12])


def _as_json(content: object) -> str:
    return json.dumps(content, sort_keys=True, default=str)
