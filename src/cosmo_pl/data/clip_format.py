"""The layout of own synchronised recordings: a manifest, and one array file per clip and modality."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.channels import groups_of
from cosmo_pl.data.recordings import Recording
from cosmo_pl.errors import RecordingError
from cosmo_pl.io import file_status, read_json

MANIFEST = "manifest.json"
NAME = re.compile(r"[A-Za-z0-9_-]+")  # of a modality, which names files of the cache and parts of networks
FORMAT = 1
REMEDY = "Correct the manifest, docs/own-recordings.md describes it"
DTYPES = {"series": ("float32", "float64"), "depth": ("uint16",), "radar": ("float16", "float32")}
"""Kind of a modality to the allowed types of its arrays."""


@dataclass(frozen=True)
class Sensor:
    """A modality of a manifest.

    Args:
        kind: "series" (T, *shape), "depth" (T, height, width) or "radar" (T, channels, range, azimuth, elevation).
        rate: Frames per second.
        shape: Shape of a frame.
        dtype: Type of the arrays.
        unit: Unit of each channel.
    """

    kind: str
    rate: float
    shape: tuple[int, ...]
    dtype: str
    unit: tuple[str, ...]

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Channels that share normalisation statistics."""
        return groups_of(self.unit)


@dataclass(frozen=True)
class Manifest:
    """A dataset in this layout.

    Args:
        path: File of the manifest.
        activities: Names of the activities.
        sensors: Modality to its sensor.
        duration: Seconds of every clip.
        clips: All clips; `Recording.files` has the modalities of each.
    """

    path: Path
    activities: tuple[str, ...]
    sensors: dict[str, Sensor]
    duration: float
    clips: tuple[Recording, ...]

    def steps(self, modality: str) -> int:
        """Frames of a clip."""
        return round(self.sensors[modality].rate * self.duration)

    def shape(self, modality: str) -> tuple[int, ...]:
        """Shape of a clip."""
        return (self.steps(modality), *self.sensors[modality].shape)


def read_manifest(folder: Path) -> Manifest:
    """Reads and checks a manifest, without opening arrays.

    Raises:
        RecordingError: The manifest is not readable, lacks a field, or a field has an invalid value; the message names
            the field.
    """
    path = folder / MANIFEST
    given = read_json(path, lambda problem: RecordingError(path, problem, REMEDY))
    _expect(path, "format", given, int)
    if given["format"] != FORMAT:
        raise RecordingError(path, f"format is {given['format']}, not {FORMAT}", REMEDY)
    activities = _expect(path, "activities", given, list)
    if not all(isinstance(name, str) for name in activities) or len(set(activities)) < max(2, len(activities)):
        raise RecordingError(path, "activities are not two or more different names", REMEDY)
    sensors = {name: _sensor(path, name, entry) for name, entry in _expect(path, "modalities", given, dict).items()}
    entries = _expect(path, "clips", given, list)
    if not entries or not sensors:
        raise RecordingError(path, "has no modalities or no clips", REMEDY)
    clips = tuple(_clip(path, f"clips[{i}]", entry, activities, sensors) for i, entry in enumerate(entries))
    durations = [_expect(path, f"clips[{i}].duration", entry, float) for i, entry in enumerate(entries)]
    other = next((i for i, duration in enumerate(durations) if duration != durations[0]), None)
    if durations[0] <= 0 or other is not None:
        at = f"clips[{other or 0}].duration is {durations[other or 0]}"
        raise RecordingError(path, f"{at} s, the first clip's {durations[0]} s", "Cut all clips to one positive length")
    for what, values in (
        ("clips have the same name", [clip.name for clip in clips]),
        ("entries name the same file", [file for clip in clips for file in clip.files.values()]),
    ):
        double = next((value for value, count in Counter(values).items() if count > 1), None)
        if double is not None:
            raise RecordingError(path, f"two {what}, {double}", REMEDY)
    return Manifest(path, tuple(activities), sensors, durations[0], clips)


def check_arrays(manifest: Manifest, modalities: Sequence[str], values: bool = False) -> None:
    """Opens every array.

    Args:
        manifest: The manifest.
        modalities: Modalities to check.
        values: Whether arrays that can hold NaN are read as well, with a progress bar.

    Raises:
        RecordingError: An array is missing, half written, or differs from the manifest in type, shape or length.
    """
    from tqdm import tqdm

    for clip in tqdm(manifest.clips, desc="checking values", disable=None if values else True):
        for name in (name for name in modalities if name in clip.files):
            read = finite_values if values and manifest.sensors[name].kind != "depth" else open_array
            read(clip.files[name], manifest.shape(name), manifest.sensors[name])


def finite_values(path: Path, shape: Sequence[int], sensor: Sensor) -> NDArray[np.float32]:
    """Reads an array of floating-point numbers as float32.

    Raises:
        RecordingError: As `open_array`, or a value is NaN, infinite or too large for float32.
    """
    with np.errstate(over="ignore"):
        values: NDArray[np.float32] = np.asarray(open_array(path, shape, sensor), dtype=np.float32)
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise RecordingError(path, f"holds {bad} values that are NaN, infinite or beyond float32", "Write it again")
    return values


def open_array(path: Path, shape: Sequence[int], sensor: Sensor) -> NDArray[Any]:
    """Opens an array, memory-mapped.

    Args:
        path: The file.
        shape: Shape that the manifest gives.
        sensor: The modality.

    Raises:
        RecordingError: The array is missing, half written, or differs from the manifest in type, shape or length.
    """
    remedy = f"Add it, or correct {MANIFEST}, which names it"
    file_status(path, lambda problem: RecordingError(path, problem, remedy))
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy raises half a dozen kinds for a damaged header, tokenize's among them
        raise RecordingError(path, f"is half written or no array ({error})", "Write it again") from error
    if not isinstance(array, np.ndarray):
        raise RecordingError(path, "is an archive of arrays", "Write one array with numpy.save")
    if str(array.dtype) != sensor.dtype:
        raise RecordingError(path, f"holds {array.dtype}, the manifest has dtype {sensor.dtype}", "Convert it")
    if array.ndim != len(shape) or array.shape[1:] != tuple(shape[1:]):
        raise RecordingError(path, f"has shape {array.shape}, the manifest has {tuple(shape)}", "Write it again")
    if len(array) != shape[0]:
        problem = f"has {len(array)} frames, its duration at {sensor.rate:g} Hz is {shape[0]}: not synchronised"
        remedy = "Give every sensor a frame for each tick of the clip; repeat the last one where a frame was lost"
        raise RecordingError(path, problem, remedy)
    return array


def _expect(path: Path, field: str, given: Any, kind: type) -> Any:
    """The value of a field; the last part of its name is the key."""
    key = field.rpartition(".")[2]
    value = given.get(key) if isinstance(given, Mapping) else None
    wanted = (int, float) if kind is float else kind
    fits = isinstance(value, wanted) and not isinstance(value, bool)
    if not fits or (isinstance(value, int | float) and abs(value) >= 10**18):  # infinity among them
        have = "is missing" if value is None else f"is {value!r:.60}"
        raise RecordingError(path, f"{field} {have}, a {kind.__name__} is needed", REMEDY)
    return value


def _sensor(path: Path, name: str, given: Any) -> Sensor:
    at = f"modalities.{name}"
    if not NAME.fullmatch(name):
        raise RecordingError(path, f"{at}: a name has letters, digits, - and _ alone", REMEDY)
    kind, dtype = (_expect(path, f"{at}.{key}", given, str) for key in ("kind", "dtype"))
    rate, shape = _expect(path, f"{at}.rate", given, float), _expect(path, f"{at}.shape", given, list)
    if kind not in DTYPES:
        raise RecordingError(path, f"{at}.kind is '{kind}', one of {sorted(DTYPES)} is needed", REMEDY)
    if dtype not in DTYPES[kind]:
        raise RecordingError(path, f"{at}.dtype is '{dtype}', {kind} is {' or '.join(DTYPES[kind])}", REMEDY)
    axes = {"depth": 2, "radar": 4}.get(kind, max(1, len(shape)))
    if len(shape) != axes or not all(isinstance(size, int) and size > 0 for size in shape) or rate <= 0:
        raise RecordingError(path, f"{at} has shape {shape} and rate {rate}: {axes} positive sizes are needed", REMEDY)
    unit = given.get("unit")
    units = [unit] if isinstance(unit, str) else unit
    channels = {"depth": 1, "radar": shape[0]}.get(kind, shape[-1])
    if isinstance(unit, str) and kind != "depth":
        units = [unit] * channels
    given_units = isinstance(units, list) and all(isinstance(one, str) and one for one in units)
    if not given_units or len(units) != channels or (kind == "depth" and units != ["mm"]):
        wanted = '"mm"' if kind == "depth" else f"one for each of {channels} channels"
        raise RecordingError(path, f"{at}.unit is {unit!r}, {wanted} is needed", REMEDY)
    return Sensor(kind, float(rate), tuple(shape), dtype, tuple(units))


def _clip(path: Path, at: str, given: Any, activities: Sequence[str], sensors: Mapping[str, Sensor]) -> Recording:
    name, activity = (_expect(path, f"{at}.{key}", given, str) for key in ("name", "activity"))
    subject, files = _expect(path, f"{at}.subject", given, int), _expect(path, f"{at}.files", given, dict)
    if activity not in activities:
        raise RecordingError(path, f"{at}.activity '{activity}' is not among the activities", REMEDY)
    unknown = sorted(set(files) - set(sensors))
    if unknown or not files:
        raise RecordingError(path, f"{at}.files has {unknown or 'nothing'}; modalities are {sorted(sensors)}", REMEDY)
    if _expect(path, f"{at}.start", given, float) < 0:
        raise RecordingError(path, f"{at}.start is {given['start']} s, before the clock began", REMEDY)
    for modality in files:
        file = Path(_expect(path, f"{at}.files.{modality}", files, str))
        if file.is_absolute() or ".." in file.parts:
            raise RecordingError(path, f"{at}.files.{modality} is '{file}', outside of the dataset's folder", REMEDY)
    return Recording(
        name, activities.index(activity), subject, {name: path.parent / file for name, file in files.items()}
    )
