"""Whole recordings of USC-HAD and UTD-MHAD, read by their datamodules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data import usc, utd
from cosmo_pl.data.recordings import Recording, at_rate, read_mat
from cosmo_pl.data.reduction import reduce_depth
from cosmo_pl.edge.live.grids import Grid
from cosmo_pl.errors import ConfigurationError

Stretch = tuple[NDArray[np.float64], NDArray[Any]]
Whole = tuple[str, str, float, dict[str, list[Stretch]]]  # name, activity, seconds, sensor to its samples


def trials_of_usc(path: Path, grids: Mapping[str, Grid]) -> Iterator[Whole] | None:
    """Trials of USC-HAD; None for a path that is none.

    Args:
        path: A trial's file, the folder of a subject, or that of all.
        grids: Sensor to its grid. Recordings are resampled to its rate as for training.
    """
    above = (path, path.parent, path.parent.parent)
    top = next((each for each in above if any(each.glob("[Ss]ubject*/a*t*.mat"))), None)
    if top is None or not path.exists():
        return None
    data = usc.USCDataModule(root=str(top), modalities=_known("USC-HAD", usc.COLUMNS, grids))
    found = [each for each in data.find_recordings(top) if path in _paths(each)]
    return (_trial(data, each, grids) for each in found)


def _paths(recording: Recording) -> set[Path]:
    """Its file and the folders that this is in."""
    (file,) = recording.files.values()
    return {file, *file.parents}


def _trial(data: usc.USCDataModule, recording: Recording, grids: Mapping[str, Grid]) -> Whole:
    rate = grids[data.modalities[0]].rate
    recorded = read_mat(recording.files["readings"], "sensor_readings", (None, 6))
    readings = at_rate(recorded, usc.RECORDED_RATE, rate)
    times = np.arange(len(readings)) / rate
    streams = {name: [(times, readings[:, usc.COLUMNS[name]])] for name in data.modalities}
    return recording.name, data.class_names[recording.label], len(readings) / rate, streams


def clips_of_utd(path: Path, grids: Mapping[str, Grid]) -> Iterator[Whole] | None:
    """Clips of UTD-MHAD; None for a path that is none.

    Skeletons and depth are evenly spaced over the time of the inertial data, see `cosmo_pl.data.utd_clocks`.

    Args:
        path: The dataset's folder, or a clip as UTD-MHAD/a1_s7_t1.
        grids: Sensor to its grid.
    """
    top = path if (path / "Inertial").is_dir() else path.parent
    if not (top / "Inertial").is_dir():
        return None
    names = _known("UTD-MHAD", utd.MODALITY_FILES, grids)
    data = utd.UTDDataModule(root=str(top), modalities=[*dict.fromkeys([*names, "inertial"])])
    found = [each for each in data.find_recordings(top) if top == path or each.name == path.name]
    if not found:
        raise ConfigurationError("recording", f"'{top}' has no clip '{path.name}'", "Name one as a1_s7_t1")
    return (_clip(data, each, {name: grids[name] for name in names}) for each in found)


def _clip(data: utd.UTDDataModule, recording: Recording, grids: Mapping[str, Grid]) -> Whole:
    worn = utd.frames_of(recording.files["inertial"], "inertial") if "inertial" in recording.files else None
    streams: dict[str, list[Stretch]] = {}
    for name in [each for each in grids if each in recording.files]:
        frames: NDArray[Any] = utd.frames_of(recording.files[name], name)
        if name == "depth":
            frames = reduce_depth(frames, len(frames), grids[name].shape)[0]
        last = (len(frames) - 1) / utd.CAMERA_RATE if worn is None else (len(worn) - 1) / utd.RECORDED_RATE
        streams[name] = [(np.linspace(0.0, last, len(frames)), frames)]
    seconds = max((times[-1] for ((times, _),) in streams.values()), default=0.0)
    return recording.name, data.class_names[recording.label], float(seconds), streams


def _known(dataset: str, sensors: Mapping[str, Any], grids: Mapping[str, Grid]) -> list[str]:
    """Sensors of the model that the dataset has."""
    found = [name for name in grids if name in sensors]
    if not found:
        problem = f"{dataset} has none of the model's sensors {list(grids)}"
        raise ConfigurationError("recording", problem, f"Its sensors are {list(sensors)}")
    return found
