"""Own synchronised recordings of any sensors, in the layout of `cosmo_pl.data.clip_format`.

The paper's self-collected set (IMU, depth, mmWave radar) was never published; `cosmo-pl data simulate self_collected`
simulates recordings of the same shapes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.constraints import Frames, NonNegativeInt, PositiveInt, Share, Size
from cosmo_pl.data.base import MultimodalDataModule
from cosmo_pl.data.channels import units_of_groups
from cosmo_pl.data.clip_format import (
    MANIFEST,
    Manifest,
    Sensor,
    check_arrays,
    finite_values,
    open_array,
    read_manifest,
)
from cosmo_pl.data.identity import dataset_folder
from cosmo_pl.data.limits import depth_bounds
from cosmo_pl.data.recorded import Recorded, at_rate_of, of_clip
from cosmo_pl.data.recordings import Recording, clip_columns, in_order
from cosmo_pl.data.reduction import check_size, reduce_depth, reduce_radar
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.stored import StoredModality, combined


class SelfCollectedDataModule(MultimodalDataModule):
    """Clips of a folder with a ``manifest.json``, which has the activities, modalities, rates and units.

    A series is (rate · duration, *shape), such as `imu` (200, 9) in the paper's set; depth is (depth_frames,
    *depth_size) in millimetres, 0 for no reading; radar is (radar_frames, channels, range, azimuth, elevation). Depth
    and radar are reduced once, by all cores, and stored on disk at that size, in the cache.

    The defaults are the paper's preset: training subjects 1-25, test subjects 26-30, 2,800 training clips of which 2 %
    (56, four per class) are labelled, and 560 test clips.

    Args:
        root: Folder that holds ``SelfCollected``, or that folder itself, see `MultimodalDataModule`.
        depth_frames: Number of frames that are taken from a depth clip, evenly spaced.
        depth_size: Height and width to which depth is averaged, at most those recorded.
        radar_frames: Number of time intervals over which a radar clip is averaged, at most its number of frames.
        modalities: Modalities to use, of those in the manifest.
        test_subjects: Test subjects; None takes 26 to 30, or those of `folds`.
        label_rate: Labelled share of the training clips.
        max_train_per_class: Largest number of training clips per class.
        max_test_samples: Largest number of test clips, evenly spaced.
        **shared: See `MultimodalDataModule`.

    Raises:
        DatasetNotFoundError: The manifest does not exist.
        RecordingError: The manifest cannot be used.
    """

    numerics = "1.0"
    packable = False  # the manifest is needed
    dataset = "SelfCollected"
    key = "self_collected"
    title = "self-collected"
    simulator = "cosmo_pl.simulation.simulate_self_collected"
    default_test_subjects = (26, 27, 28, 29, 30)

    def __init__(
        self,
        root: str | None = None,
        depth_frames: Frames = 16,
        depth_size: tuple[Size, Size] = (30, 40),
        radar_frames: Frames = 10,
        modalities: Sequence[str] = ("imu", "depth", "radar"),
        test_subjects: Sequence[NonNegativeInt] | None = None,
        label_rate: Share = 0.02,
        max_train_per_class: PositiveInt | None = 200,
        max_test_samples: PositiveInt | None = 560,
        **shared: Any,
    ) -> None:
        self.manifest = _manifest(root)
        sensors = self.manifest.sensors
        self.class_names = self.manifest.activities
        self.channel_groups = {name: sensor.groups for name, sensor in sensors.items()}
        self.channel_axis = {
            name: {"depth": None, "radar": -4}.get(sensor.kind, -1) for name, sensor in sensors.items()
        }
        self.units = {name: units_of_groups(sensor.unit) for name, sensor in sensors.items()}
        super().__init__(
            root=root,
            modalities=modalities,
            test_subjects=test_subjects,
            label_rate=label_rate,
            max_train_per_class=max_train_per_class,
            max_test_samples=max_test_samples,
            **shared,
        )
        self.reduced = {"depth": (depth_frames, *depth_size), "radar": (radar_frames,)}
        for name in self.modalities:
            if sensors[name].kind == "depth":
                check_size("depth_size", depth_size, sensors[name].shape)
            elif sensors[name].kind == "radar":
                check_size("radar_frames", [radar_frames], [self.manifest.steps(name)])
        self.kinds = {name: each.kind for name, each in sensors.items() if each.kind != "series"}
        frames = {kind: size[0] / self.manifest.duration for kind, size in self.reduced.items()}
        self.rates = {name: frames.get(each.kind, each.rate) for name, each in sensors.items()}

    @property
    def window_seconds(self) -> float:
        """Seconds of a clip."""
        return self.manifest.duration

    @property
    def stored(self) -> dict[str, StoredModality]:
        """Depth and radar at their reduced sizes."""
        bounds = depth_bounds(self.plausible)
        kinds = {name: self.manifest.sensors[name].kind for name in self.modalities}
        return {
            name: _stored(name, self.manifest, self.reduced[kind], bounds)
            for name, kind in kinds.items()
            if kind in self.reduced
        }

    @classmethod
    def for_description(cls, root: str | None = None, cache_dir: str | None = None) -> SelfCollectedDataModule:
        """Datamodule of all modalities, with depth and radar at the default sizes, or the recorded ones if smaller.

        Raises:
            DatasetNotFoundError: The manifest does not exist.
            RecordingError: The manifest, an array or a value cannot be used.
        """
        manifest = _manifest(root)
        check_arrays(manifest, list(manifest.sensors), values=True)
        return cls.for_viewing(root, cache_dir)

    @classmethod
    def for_viewing(cls, root: str | None = None, cache_dir: str | None = None) -> SelfCollectedDataModule:
        """The same without opening the arrays."""
        manifest = _manifest(root)
        sensors = manifest.sensors
        images = [sensor.shape for sensor in sensors.values() if sensor.kind == "depth"]
        height, width = (min(sizes) for sizes in zip((30, 40), *images, strict=True))
        frames = [manifest.steps(name) for name, sensor in sensors.items() if sensor.kind == "radar"]
        sizes: dict[str, Any] = {"depth_size": (height, width), "radar_frames": min([10, *frames])}
        return cls(root=root, cache_dir=cache_dir, modalities=list(sensors), **sizes)

    @property
    def modality_shapes(self) -> dict[str, tuple[int, ...]]:
        """Recorded shapes of series, and reduced shapes of depth and radar."""
        return {
            name: self.stored[name].shape if name in self.stored else self.manifest.shape(name)
            for name in self.modalities
        }

    def reader_arguments(self) -> dict[str, object]:
        """Shapes of the series."""
        return {name: self.manifest.shape(name) for name in self.modalities if name not in self.stored}

    def find_recordings(self, folder: Path) -> list[Recording]:
        """Lists the clips of the manifest, after opening all their arrays."""
        check_arrays(self.manifest, self.modalities)
        return in_order(self._of_modalities(clip) for clip in self.manifest.clips)

    def load(self) -> Samples:
        """Reads all clips; the fingerprint includes the manifest, which has their labels."""
        samples = super().load()
        manifest = hashlib.sha256(self.manifest.path.read_bytes()).hexdigest()
        self.data_fingerprint = combined(self.data_fingerprint, manifest)
        return samples

    def _of_modalities(self, clip: Recording) -> Recording:
        files = {name: clip.files[name] for name in self.modalities if name in clip.files}
        return replace(clip, files=files, lacks=frozenset(self.modalities) - frozenset(files))

    def read(self, recordings: Sequence[Recording]) -> Samples:
        """Reads the series of all clips."""
        inputs = {
            name: np.stack([_series(clip.files.get(name), self.manifest.shape(name), sensor) for clip in recordings])
            for name, sensor in self.manifest.sensors.items()
            if name in self.modalities and name not in self.stored
        }
        return Samples(inputs=inputs, **clip_columns(recordings))

    def recorded(self, recording: Recording) -> Recorded:
        """A whole clip at the recorded rates; depth has all its pixels, and radar all its frames."""
        sensors = self.manifest.sensors
        signals = {
            name: at_rate_of(open_array(path, self.manifest.shape(name), sensors[name]), sensors[name].rate)
            for name, path in recording.files.items()
        }
        return of_clip(recording, signals, self.class_names)


def _manifest(root: str | None) -> Manifest:
    data = SelfCollectedDataModule
    folder = dataset_folder(root, data.dataset)
    if not (folder / MANIFEST).is_file():
        raise data.not_found(folder, MANIFEST)
    return read_manifest(folder)


def _series(path: Path | None, shape: Sequence[int], sensor: Sensor) -> NDArray[np.float32]:
    """A series (T, *shape); zeros if it is missing."""
    if path is None:
        return np.zeros(shape, dtype=np.float32)
    return finite_values(path, shape, sensor)


def _stored(name: str, manifest: Manifest, size: Sequence[int], bounds: tuple[float, float]) -> StoredModality:
    """How a depth or radar modality is reduced to (frames, *size)."""
    sensor, recorded = manifest.sensors[name], manifest.shape(name)
    arguments: dict[str, object] = {"kind": sensor.kind, "recorded": recorded}
    if sensor.kind == "depth":
        read = partial(_depth, recorded=recorded, sensor=sensor, frames=size[0], size=(size[1], size[2]), bounds=bounds)
        return StoredModality(name, read, tuple(size), "uint16", {**arguments, "bounds": bounds})
    shape = (size[0], *sensor.shape)
    reduce = partial(_radar, recorded=recorded, sensor=sensor, frames=size[0])
    return StoredModality(name, reduce, shape, sensor.dtype, arguments, sensor.groups, -4)


def _depth(
    path: Path,
    recorded: Sequence[int],
    sensor: Sensor,
    frames: int,
    size: tuple[int, int],
    bounds: tuple[float, float],
) -> tuple[NDArray[np.uint16], int]:
    return reduce_depth(open_array(path, recorded, sensor), frames, size, bounds)


def _radar(path: Path, recorded: Sequence[int], sensor: Sensor, frames: int) -> tuple[NDArray[Any], int]:
    return reduce_radar(finite_values(path, recorded, sensor), frames).astype(sensor.dtype), 0
