"""UTD-MHAD: wearable inertial sensor, Kinect skeleton and depth, 27 actions, 8 subjects.

C. Chen, R. Jafari and N. Kehtarnavaz, "UTD-MHAD: a multimodal dataset for human action recognition utilizing a depth
camera and a wearable inertial sensor", ICIP 2015, https://personal.utdallas.edu/~kehtar/UTD-MHAD.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.constraints import (
    AtLeastTwo,
    Frames,
    NonNegativeInt,
    Number,
    PositiveFloat,
    PositiveInt,
    Share,
    Size,
    whole,
)
from cosmo_pl.data.base import MultimodalDataModule
from cosmo_pl.data.download import Archive
from cosmo_pl.data.faults import one_of_each
from cosmo_pl.data.identity import dataset_folder
from cosmo_pl.data.limits import depth_bounds
from cosmo_pl.data.recorded import Recorded, at_rate_of, of_clip
from cosmo_pl.data.recordings import Recording, at_rate, central, clip_columns, in_order, read_mat, resample
from cosmo_pl.data.reduction import check_size, reduce_depth
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.stored import StoredModality
from cosmo_pl.data.utd_clocks import GYRO, RECORDED_RATE, seconds_of, with_clocks
from cosmo_pl.errors import ConfigurationError, RecordingError

FILE_NAME = re.compile(r"a(\d+)_s(\d+)_t(\d+)_(\w+)\.mat", re.IGNORECASE | re.ASCII)
MISSING = {"a8_s1_t4", "a23_s6_t4", "a27_s8_t4"}  # never published
OFFICIAL = {f"a{a}_s{s}_t{t}" for a in range(1, 28) for s in range(1, 9) for t in range(1, 5)} - MISSING
MIN_STEPS = 10  # a clip of fewer steps has no action: the shortest clip of the archive has 41
CAMERA_RATE = 19.0  # frames per second of skeletons and depth, on average and not the nominal 30, see docs/clocks.md
ClipSteps = Annotated[int, whole(MIN_STEPS, 10_000)]


@dataclass(frozen=True)
class ModalityFiles:
    """How the archive stores a modality; `time_axis` becomes the first axis when it is read, of `columns` only."""

    folder: str
    variable: str
    shape: tuple[int | None, ...]
    time_axis: int
    columns: tuple[int, int | None] = (0, None)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Shape of a frame of the modality."""
        stored = [size for size in self.shape if size is not None]
        return (*stored[:-1], len(range(stored[-1])[slice(*self.columns)]))


MODALITY_FILES = {
    "inertial": ModalityFiles("Inertial", "d_iner", (None, 6), 0),
    "acc": ModalityFiles("Inertial", "d_iner", (None, 6), 0, (0, 3)),
    "gyro": ModalityFiles("Inertial", "d_iner", (None, 6), 0, GYRO),
    "skeleton": ModalityFiles("Skeleton", "d_skel", (20, 3, None), 2),
    "depth": ModalityFiles("Depth", "d_depth", (240, 320, None), 2),
}
WORN = ("inertial", "acc", "gyro")  # modalities of the inertial sensor
COMPARED = ("inertial", "skeleton")  # whose clocks can be compared
VIEWED = ("inertial", "skeleton", "depth")


def _archive(sensor: str, unpacked: int, sha256: str | None = None, default: bool = True) -> Archive:
    url = f"http://www.utdallas.edu/~kehtar/UTD-MAD/{sensor}.zip"
    pattern = rf"a\d+_s\d+_t\d+_{sensor.lower()}\.mat"
    return Archive(f"{sensor}.zip", url, f"UTD-MHAD/{sensor}", len(OFFICIAL), pattern, sha256, default, unpacked)


# The hash was recorded by a third party and has not been checked against the official server by this project; the other
# archives have none on record.
INERTIAL = _archive("Inertial", 5_191_564, "1900de05775c04626dee30b34638b79dd739d481786f0a788f2fbb00663abea4")


class UTDDataModule(MultimodalDataModule):
    """Clips of UTD-MHAD, resampled in time.

    `inertial` (inertial_steps, 6) is acceleration x, y, z in g and angular rate x, y, z in degrees/s at 50 Hz; `acc`
    and `gyro` (inertial_steps, 3) are its two halves, for the encoders of other datasets' accelerometers and
    gyroscopes; `skeleton` (skeleton_frames, 20, 3) is x, y, z of the joints in metres in the camera's frame at about
    19 Hz (nominally 30); `depth` (depth_frames, *depth_size) is the distance in millimetres at the same rate, 0 in the
    background. Depth is stored on disk at that size, in the cache. Skeletons are in camera coordinates; `transforms`
    can change that, as in ``configs/data/utd.yaml``.

    The defaults are the paper's preset: training subjects 1-6, test subjects 7-8, 20 training clips per class (540), of
    which 5 % (27, one per class) are labelled, and 215 test clips.

    Args:
        inertial_steps: Number of steps to which an inertial recording is resampled.
        skeleton_frames: Number of frames to which a skeleton recording is resampled.
        depth_frames: Number of frames that are taken from a depth recording, evenly spaced.
        depth_size: Height and width to which depth is averaged, at most 240 and 320.
        modalities: Modalities to use, of ``inertial``, ``acc``, ``gyro``, ``skeleton`` and ``depth``.
        pretrain_batch_size: Unlabelled clips per batch.
        test_subjects: Test subjects; None takes 7 and 8, or those of `folds`.
        label_rate: Labelled share of the training clips.
        label_split_file: File of lists of labelled clips.
        max_train_per_class: Largest number of training clips per class.
        inertial_rate: Steps per second of the inertial sensor's samples, which are then the central `inertial_steps`
            steps of a clip; a shorter clip is padded by repeating its first and last step, and counted. None stretches
            every clip to `inertial_steps`, whatever its duration.
        clock_error: Error that is put into the inertial sensor's clock, to see its effect: seconds by which it is
            ahead in the first clip of each subject, and its drift in ppm, as if a clip were recorded per minute, in
            random order. Both sensors are then cut to the time that they share. None puts in none.
        correct_clocks: Whether each subject's error of that clock is estimated from the clips, without labels, and
            corrected where the estimate is reliable. None is false.
        **shared: See `MultimodalDataModule`.
    """

    numerics = "1.0"
    dataset = "UTD-MHAD"
    key = "utd"
    title = "UTD-MHAD"
    archives = {
        **dict.fromkeys(WORN, INERTIAL),
        "skeleton": _archive("Skeleton", 14_766_903),
        "depth": _archive("Depth", 152_352_000, default=False),  # 124,040,844 bytes are 701 of the 861 files
    }
    simulator = "cosmo_pl.simulation.simulate_utd"
    class_names = (
        "swipe left",
        "swipe right",
        "wave",
        "clap",
        "throw",
        "arm cross",
        "basketball shoot",
        "draw x",
        "draw circle clockwise",
        "draw circle counter-clockwise",
        "draw triangle",
        "bowling",
        "boxing",
        "baseball swing",
        "tennis swing",
        "arm curl",
        "tennis serve",
        "push",
        "knock",
        "catch",
        "pick up and throw",
        "jog",
        "walk",
        "sit to stand",
        "stand to sit",
        "lunge",
        "squat",
    )
    channel_groups = {
        "inertial": ((0, 1, 2), (3, 4, 5)),
        "acc": ((0, 1, 2),),
        "gyro": ((0, 1, 2),),
        "skeleton": ((0,), (1,), (2,)),
        "depth": ((0,),),
    }
    channel_axis = {"depth": None}
    units = {
        "inertial": ("g", "deg/s"),
        "acc": ("g",),
        "gyro": ("deg/s",),
        "skeleton": ("m", "m", "m"),
        "depth": ("mm",),
    }
    kinds = {"depth": "depth"}
    skeletons = ("skeleton",)
    official = OFFICIAL
    default_test_subjects = (7, 8)

    def __init__(
        self,
        inertial_steps: ClipSteps = 120,
        skeleton_frames: ClipSteps = 40,
        depth_frames: Frames = 16,
        depth_size: tuple[Size, Size] = (30, 40),
        modalities: Sequence[str] = ("inertial", "skeleton"),
        pretrain_batch_size: AtLeastTwo = 32,
        test_subjects: Sequence[NonNegativeInt] | None = None,
        label_rate: Share = 0.05,
        label_split_file: str = "released_label_splits.json",
        max_train_per_class: PositiveInt | None = 20,
        inertial_rate: PositiveFloat | None = None,
        clock_error: tuple[Number, Number] | None = None,
        correct_clocks: bool | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(
            modalities=modalities,
            pretrain_batch_size=pretrain_batch_size,
            test_subjects=test_subjects,
            label_rate=label_rate,
            label_split_file=label_split_file,
            max_train_per_class=max_train_per_class,
            **shared,
        )
        self.steps = {**dict.fromkeys(WORN, inertial_steps), "skeleton": skeleton_frames}
        self.inertial_rate = None if inertial_rate is None else float(inertial_rate)
        self.rates = dict.fromkeys(WORN, self.inertial_rate)
        check_size("depth_size", depth_size, MODALITY_FILES["depth"].frame_shape)
        self.depth_frames, self.depth_size = depth_frames, depth_size
        self.clock_error, self.correct_clocks = clock_error, correct_clocks
        if self._has_clocks and (set(self.modalities) != set(COMPARED) or inertial_rate is not None):
            argument = "clock_error" if clock_error else "correct_clocks"
            problem = f"compares stretched clips of {' and '.join(COMPARED)}, not {list(self.modalities)}"
            remedy = "Leave it out, or use exactly these two modalities without inertial_rate"
            raise ConfigurationError(argument, problem, remedy)

    @classmethod
    def for_viewing(cls, root: str | None = None, cache_dir: str | None = None) -> UTDDataModule:
        """Datamodule of inertial sensor, skeleton and depth, without those whose folders do not exist."""
        folder = dataset_folder(root, cls.dataset)
        found = [name for name in VIEWED if (folder / MODALITY_FILES[name].folder).is_dir()]
        return cls(root=root, cache_dir=cache_dir, modalities=found or COMPARED)

    @property
    def _has_clocks(self) -> bool:
        return bool(self.clock_error or self.correct_clocks)

    @property
    def stored(self) -> dict[str, StoredModality]:
        """Depth at its reduced size."""
        bounds = depth_bounds(self.plausible)
        read = partial(_read_depth, frames=self.depth_frames, size=self.depth_size, bounds=bounds)
        shape = (self.depth_frames, *self.depth_size)
        return {"depth": StoredModality("utd-depth", read, shape, "uint16", {"bounds": bounds})}

    @property
    def modality_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes as in the description of the class."""
        shapes = {name: (steps, *MODALITY_FILES[name].frame_shape) for name, steps in self.steps.items()}
        return {name: shapes[name] if name in shapes else self.stored[name].shape for name in self.modalities}

    def reader_arguments(self) -> dict[str, object]:
        """Steps of each modality in memory, the rate of an inertial sensor in real time, and changes of the clocks."""
        given: dict[str, object] = {name: self.steps[name] for name in self.modalities if name in self.steps}
        if self.inertial_rate is not None and not given.keys().isdisjoint(WORN):
            given["inertial_rate"] = self.inertial_rate
        clocks = {"clock_error": self.clock_error, "correct_clocks": self.correct_clocks} if self._has_clocks else {}
        return {**given, **clocks}

    def find_recordings(self, folder: Path) -> list[Recording]:
        """Lists the clips ``a{a}_s{s}_t{t}`` of any modality."""
        files = {name: self._files_of(folder, name) for name in self.modalities}
        for name, found in files.items():
            if not found:
                below = MODALITY_FILES[name].folder
                raise self.not_found(folder, f"{below}/a{{a}}_s{{s}}_t{{t}}_{below.lower()}.mat")
        clips = set[str]().union(*files.values())
        return in_order(self._recording(clip, files) for clip in clips)

    def _files_of(self, folder: Path, modality: str) -> dict[str, Path]:
        below = MODALITY_FILES[modality].folder
        names = ((FILE_NAME.fullmatch(path.name), path) for path in (folder / below).glob("[Aa]*"))
        clips = (
            ("a{}_s{}_t{}".format(*map(int, match.groups()[:3])), path)
            for match, path in names
            if match and match[4].lower() == below.lower()
        )
        found = [(clip, f"{below}/{clip}_{below.lower()}.mat", path) for clip, path in clips]
        return one_of_each(found, self.faults)

    def _recording(self, clip: str, files: Mapping[str, Mapping[str, Path]]) -> Recording:
        paths = {name: found[clip] for name, found in files.items() if clip in found}
        action, subject = (int(number) for number in re.findall(r"\d+", clip)[:2])
        if not 1 <= action <= self.num_classes:
            raise RecordingError(next(iter(paths.values())), f"action {action} is not one of {self.num_classes}")
        return Recording(clip, action - 1, subject, paths, frozenset(files) - frozenset(paths))

    def load(self) -> Samples:
        """Reads all clips, and reports those that are padded."""
        samples = super().load()
        padded = set(samples.recording[samples.start < 0].tolist())
        lasts = f"{self.steps['inertial']} steps at {self.inertial_rate or RECORDED_RATE:g} Hz"
        problem = f"clips are shorter than {lasts} and are padded"
        self.faults.report(problem, padded, "Use fewer inertial_steps", mended=True)
        return samples

    def read(self, recordings: Sequence[Recording]) -> Samples:
        """Reads and resamples all clips, without depth."""
        if self._has_clocks:
            return self._read_with_clocks(recordings)
        read = {
            name: [self._clip(each.files.get(name), name) for each in recordings]
            for name in self.steps
            if name in self.modalities
        }
        columns: dict[str, Any] = clip_columns(recordings)
        starts = [[start for _, start in clips] for name, clips in read.items() if name in WORN]
        if starts:
            columns["start"] = np.array(starts[0], dtype=np.int64)
        return Samples(inputs={name: np.stack([clip for clip, _ in clips]) for name, clips in read.items()}, **columns)

    def _read_with_clocks(self, recordings: Sequence[Recording]) -> Samples:
        """The clips after an error of a clock and its correction; see the arguments of the class."""
        columns = clip_columns(recordings)
        clips = self.pairs_of(recordings)
        inputs, estimates = with_clocks(
            clips,
            columns["subject"],
            {name: self.steps[name] for name in COMPARED},
            self.clock_error or (0.0, 0.0),
            bool(self.correct_clocks),
        )
        unchanged = [f"subject {subject} ({each.doubt})" for subject, each in estimates.items() if not each.reliable]
        problem = "subjects keep the clock of their inertial sensor, as its error is uncertain"
        self.faults.report(problem, unchanged, "Nothing has to be done if the clocks are right", mended=True)
        return Samples(inputs=inputs, **columns)

    def pairs_of(self, recordings: Sequence[Recording]) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Inertial data (T, 6) and skeletons (F, 20, 3) of each clip as they were recorded.

        Raises:
            RecordingError: A clip lacks one of them.
        """
        for recording in recordings:
            if recording.lacks:
                problem = f"lacks {' and '.join(sorted(recording.lacks))}, and its clocks are to be compared"
                raise RecordingError(next(iter(recording.files.values())), problem, "Set keep_incomplete to false")
        return [
            (frames_of(r.files["inertial"], "inertial"), frames_of(r.files["skeleton"], "skeleton")) for r in recordings
        ]

    def recorded(self, recording: Recording) -> Recorded:
        """A whole clip; depth has all its pixels.

        Frames of the camera are evenly spaced over the time of the inertial data, as the files have no times.
        """
        seconds, signals = self._seconds(recording), {}
        for name, path in recording.files.items():
            frames = frames_of(path, name)
            camera = (len(frames) - 1) / seconds if seconds else CAMERA_RATE
            signals[name] = at_rate_of(frames, RECORDED_RATE if name in WORN else camera)
        return of_clip(recording, signals, self.class_names)

    def _seconds(self, recording: Recording) -> float | None:
        """Seconds until the last step of the inertial data of a clip, chosen or not; None without them."""
        chosen = (recording.files[name] for name in WORN if name in recording.files)
        path = next(chosen, None) or self._files_of(self.folder, "inertial").get(recording.name)
        return None if path is None else seconds_of(frames_of(path, "inertial"))

    def _clip(self, path: Path | None, modality: str) -> tuple[NDArray[np.float32], int]:
        """The samples of a clip and their first step in it; zeros if the clip is missing."""
        steps = self.steps[modality]
        if path is None:
            return np.zeros((steps, *MODALITY_FILES[modality].frame_shape), dtype=np.float32), 0
        frames = frames_of(path, modality)
        if modality not in WORN or self.inertial_rate is None:
            return resample(frames, steps), 0
        return central(at_rate(frames, RECORDED_RATE, self.inertial_rate), steps)


def _read_depth(
    path: Path, frames: int, size: tuple[int, int], bounds: tuple[float, float]
) -> tuple[NDArray[np.uint16], int]:
    return reduce_depth(frames_of(path, "depth"), frames, size, bounds)


def frames_of(path: Path, modality: str) -> NDArray[np.float32]:
    """Frames (T, *shape) of a clip as they were recorded."""
    source = MODALITY_FILES[modality]
    values = np.moveaxis(read_mat(path, source.variable, source.shape), source.time_axis, 0)
    if len(values) < MIN_STEPS:
        raise RecordingError(path, f"has {len(values)} steps, fewer than {MIN_STEPS}")
    return values[..., slice(*source.columns)]
