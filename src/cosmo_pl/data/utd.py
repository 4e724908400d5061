"""UTD-MHAD: wearable inertial sensor and Kinect skeleton, 27 actions, 8 subjects.

C. Chen, R. Jafari and N. Kehtarnavaz, "UTD-MHAD: a multimodal dataset for human action recognition utilizing a depth
camera and a wearable inertial sensor", ICIP 2015, https://personal.utdallas.edu/~kehtar/UTD-MHAD.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning.utilities import rank_zero_warn

from cosmo_pl.data.augmentations import Augmentation
from cosmo_pl.data.base import MultimodalDataModule, Phase
from cosmo_pl.data.recordings import Recording, read_mat, resample
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.transforms import Transform
from cosmo_pl.errors import ConfigurationError, DatasetNotFoundError, RecordingError

FILE_NAME = re.compile(r"(a(\d+)_s(\d+)_t(\d+))_(\w+)\.mat")
MIN_STEPS = 10  # a clip of fewer steps holds no action: the shortest real one has 41


@dataclass(frozen=True)
class ModalityFiles:
    """Where and how the archive stores a modality: `time_axis` is moved to the front when it is read."""

    folder: str
    variable: str
    shape: tuple[int | None, ...]
    time_axis: int


MODALITY_FILES = {
    "inertial": ModalityFiles("Inertial", "d_iner", (None, 6), 0),
    "skeleton": ModalityFiles("Skeleton", "d_skel", (20, 3, None), 2),
}


class UTDDataModule(MultimodalDataModule):
    """Clips of UTD-MHAD, resampled in time: `inertial` (inertial_steps, 6), `skeleton` (skeleton_frames, 20, 3).

    Inertial channels are acceleration x, y, z in g and angular rate x, y, z in degrees/s at 50 Hz; joints are x, y, z
    in metres in the camera's frame at 30 Hz. The defaults are the paper's preset: subjects 1-6 against 7-8, 20
    training clips a class (540), of which 5 % (27, one a class) are labelled; 215 test clips. Skeletons stay in camera
    coordinates unless `transforms` says otherwise, as ``configs/data/utd.yaml`` does.

    Args:
        root: See `MultimodalDataModule`, as for all others but the next two.
        inertial_steps: Steps that an inertial recording is resampled to.
        skeleton_frames: Frames that a skeleton recording is resampled to.
        modalities: Of ``inertial`` and ``skeleton``.
        phase: "pretrain" or "finetune".
        batch_size: Labelled samples in a batch.
        pretrain_batch_size: Unlabelled samples in a batch.
        train_subjects: Training subjects.
        val_subjects: Validation subjects.
        test_subjects: Test subjects.
        label_rate: Labelled share of the training clips.
        labels_per_class: Labelled clips a class, instead.
        label_split: Name of a list of labelled clips, instead.
        label_split_file: File of such lists.
        label_seed: Seed of the draw of labels.
        include_labeled: Whether labelled clips also serve in pretraining.
        unlabeled_per_labeled: Unlabelled clips a labelled one.
        target_label_fraction: Share of the labels drawn from the test subjects.
        max_train_samples: At most so many training clips.
        max_train_per_class: At most so many training clips a class.
        max_test_samples: At most so many test clips.
        transforms: Modality to preprocessing steps.
        augmentations: Modality to random changes of training samples.
        num_augmentations: Views of a training sample in a batch.
        track_test: Whether finetuning follows the test subjects' accuracy.
        cache_dir: Folder of the cache.
    """

    dataset = "UTD-MHAD"
    key = "utd"
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
    channel_groups = {"inertial": ((0, 1, 2), (3, 4, 5)), "skeleton": ((0,), (1,), (2,))}

    def __init__(
        self,
        root: str | None = None,
        inertial_steps: int = 120,
        skeleton_frames: int = 40,
        modalities: Sequence[str] = ("inertial", "skeleton"),
        phase: Phase | None = None,
        batch_size: int = 16,
        pretrain_batch_size: int = 32,
        train_subjects: Sequence[int] | None = None,
        val_subjects: Sequence[int] = (),
        test_subjects: Sequence[int] = (7, 8),
        label_rate: float = 0.05,
        labels_per_class: int | None = None,
        label_split: str | None = None,
        label_split_file: str = "released_label_splits.json",
        label_seed: int = 0,
        include_labeled: bool = False,
        unlabeled_per_labeled: float | None = None,
        target_label_fraction: float | None = None,
        max_train_samples: int | None = None,
        max_train_per_class: int | None = 20,
        max_test_samples: int | None = None,
        transforms: Mapping[str, Sequence[Transform]] | None = None,
        augmentations: Mapping[str, Sequence[Augmentation]] | None = None,
        num_augmentations: int = 1,
        track_test: bool = True,
        cache_dir: str | None = None,
    ) -> None:
        super().__init__(
            root=root,
            modalities=modalities,
            phase=phase,
            batch_size=batch_size,
            pretrain_batch_size=pretrain_batch_size,
            train_subjects=train_subjects,
            val_subjects=val_subjects,
            test_subjects=test_subjects,
            label_rate=label_rate,
            labels_per_class=labels_per_class,
            label_split=label_split,
            label_split_file=label_split_file,
            label_seed=label_seed,
            include_labeled=include_labeled,
            unlabeled_per_labeled=unlabeled_per_labeled,
            target_label_fraction=target_label_fraction,
            max_train_samples=max_train_samples,
            max_train_per_class=max_train_per_class,
            max_test_samples=max_test_samples,
            transforms=transforms,
            augmentations=augmentations,
            num_augmentations=num_augmentations,
            track_test=track_test,
            cache_dir=cache_dir,
        )
        for argument, value in (("inertial_steps", inertial_steps), ("skeleton_frames", skeleton_frames)):
            if value < MIN_STEPS:
                raise ConfigurationError(argument, f"is {value}", f"Use at least {MIN_STEPS}")
        self.steps = {"inertial": inertial_steps, "skeleton": skeleton_frames}

    @property
    def modality_shapes(self) -> dict[str, tuple[int, ...]]:
        """`inertial` (inertial_steps, 6) and `skeleton` (skeleton_frames, 20, 3)."""
        return {name: (self.steps[name], *_frame_shape(name)) for name in self.modalities}

    def reader_arguments(self) -> dict[str, object]:
        """Steps of each modality."""
        return {name: self.steps[name] for name in self.modalities}

    def find_recordings(self, folder: Path) -> list[Recording]:
        """Lists the clips ``a{a}_s{s}_t{t}`` that every modality has; says how many lack one."""
        files = {name: _files_of(folder, name) for name in self.modalities}
        for name, found in files.items():
            if not found:
                there = [path.name for path in folder.iterdir()] if folder.is_dir() else []
                looked_for = f"{MODALITY_FILES[name].folder}/a{{a}}_s{{s}}_t{{t}}_{name}.mat"
                raise DatasetNotFoundError(self.dataset, folder, looked_for, self.key, there)
        complete = set.intersection(*(set(found) for found in files.values()))
        if not complete:
            raise DatasetNotFoundError(self.dataset, folder, f"clips with all of {list(self.modalities)}", self.key)
        incomplete = set.union(*(set(found) for found in files.values())) - complete
        if incomplete:
            rank_zero_warn(f"{self.dataset}: {len(incomplete)} clips lack a modality and are left out")
        recordings = []
        for clip in complete:
            paths = {name: found[clip] for name, found in files.items()}
            action, subject = (int(number) for number in re.findall(r"\d+", clip)[:2])
            if not 1 <= action <= self.num_classes:
                raise RecordingError(next(iter(paths.values())), f"action {action} is not one of {self.num_classes}")
            recordings.append(Recording(clip, action - 1, subject, paths))
        return sorted(recordings, key=lambda recording: (recording.subject, recording.label, recording.name))

    def read(self, recordings: Sequence[Recording]) -> Samples:
        """Reads and resamples all clips."""
        return Samples(
            inputs={
                name: np.stack([_read_clip(recording.files[name], name, self.steps[name]) for recording in recordings])
                for name in self.modalities
            },
            label=np.array([recording.label for recording in recordings], dtype=np.int64),
            subject=np.array([recording.subject for recording in recordings], dtype=np.int64),
            recording=np.array([recording.name for recording in recordings]),
            start=np.zeros(len(recordings), dtype=np.int64),
        )


def _frame_shape(modality: str) -> tuple[int, ...]:
    return tuple(size for size in MODALITY_FILES[modality].shape if size is not None)


def _files_of(folder: Path, modality: str) -> dict[str, Path]:
    names = (
        (FILE_NAME.fullmatch(path.name), path) for path in (folder / MODALITY_FILES[modality].folder).glob("*.mat")
    )
    return {match[1]: path for match, path in names if match and match[5] == modality}


def _read_clip(path: Path, modality: str, steps: int) -> NDArray[np.float32]:
    source = MODALITY_FILES[modality]
    values = np.moveaxis(read_mat(path, source.variable, source.shape), source.time_axis, 0)
    if len(values) < MIN_STEPS:
        raise RecordingError(path, f"has {len(values)} steps, fewer than {MIN_STEPS}")
    return resample(values, steps)
