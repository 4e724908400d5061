"""The layout of own synchronised recordings: a manifest, and one array file per clip and modality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.channels import groups_of
from cosmo_pl.data.recordings import Recording
from cosmo_pl.errors import RecordingError
from cosmo_pl.fields import NAME, Field
from cosmo_pl.io import file_status, read_json

MANIFEST = "manifest.json"
FORMAT = 1
LARGEST = 1e18  # seconds, or frames per second
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
    given = Field(read_json(path, lambda problem: RecordingError(path, problem, REMEDY)))
    try:
        return _manifest(path, given)
    except ValueError as error:
        raise RecordingError(path, f"cannot be used: {error}", REMEDY) from error


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


def _manifest(path: Path, given: Field) -> Manifest:
    given["format"].require(given["format"].whole() == FORMAT, str(FORMAT))
    activities = tuple(each.text() for each in given["activities"].each())
    given["activities"].require(1 < len(activities) == len(set(activities)), "two or more different names")
    sensors = {}
    for name, each in given["modalities"].fields().items():
        Field(name, "name of a modality").text(NAME, "letters, digits, - and _")
        sensors[name] = _sensor(each)
    given["modalities"].require(bool(sensors), "at least one modality")
    entries = given["clips"].each()
    given["clips"].require(bool(entries), "at least one clip")
    clips = tuple(_clip(path.parent, each, activities, sensors) for each in entries)
    durations = [each["duration"].number(0, LARGEST) for each in entries]
    for each, duration in zip(entries, durations, strict=True):
        each["duration"].require(0 < duration == durations[0], "a positive length that all clips have")
    for what, values in (
        ("clips have the same name", [clip.name for clip in clips]),
        ("entries name the same file", [file for clip in clips for file in clip.files.values()]),
    ):
        double = next((value for value, count in Counter(values).items() if count > 1), None)
        if double is not None:
            raise ValueError(f"two {what}, {double}")
    return Manifest(path, activities, sensors, durations[0], clips)


def _sensor(given: Field) -> Sensor:
    kind, dtype = given["kind"].text(), given["dtype"].text()
    given["kind"].require(kind in DTYPES, f"one of {sorted(DTYPES)}")
    given["dtype"].require(dtype in DTYPES[kind], " or ".join(DTYPES[kind]))
    rate, shape = given["rate"].number(0, LARGEST), tuple(each.whole(1, 10**6) for each in given["shape"].each())
    given["rate"].require(rate > 0, "above 0")
    axes = {"depth": 2, "radar": 4}.get(kind, max(1, len(shape)))
    given["shape"].require(len(shape) == axes, f"{axes} positive sizes")
    unit, channels = given["unit"], {"depth": 1, "radar": shape[0]}.get(kind, shape[-1])
    units = unit.value if isinstance(unit.value, list) else [unit.value] * channels
    right = len(units) == channels and all(isinstance(one, str) and one for one in units)
    unit.require(right, f"one for each of {channels} channels")
    unit.require(kind != "depth" or units == ["mm"], '"mm"')
    return Sensor(kind, rate, shape, dtype, tuple(units))


def _clip(folder: Path, given: Field, activities: Sequence[str], sensors: Collection[str]) -> Recording:
    given["activity"].require(given["activity"].value in activities, f"one of the activities {list(activities)}")
    given["start"].number(0, LARGEST)
    files = given["files"].fields()
    given["files"].require(bool(files) and set(files) <= set(sensors), f"files of the modalities {sorted(sensors)}")
    for each in files.values():
        file = Path(each.text())
        each.require(not file.is_absolute() and ".." not in file.parts, "a file inside of the dataset's folder")
    return Recording(
        given["name"].text(),
        activities.index(given["activity"].value),
        given["subject"].whole(1 - 10**18, 10**18 - 1),
        {name: folder / each.value for name, each in files.items()},
    )
