"""USC-HAD: accelerometer and gyroscope at the hip, 12 activities, 14 subjects.

M. Zhang and A. A. Sawchuk, "USC-HAD: a daily activity dataset for ubiquitous activity recognition using wearable
sensors", UbiComp 2012, https://sipi.usc.edu/had.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.augmentations import Augmentation
from cosmo_pl.data.base import MultimodalDataModule, Phase
from cosmo_pl.data.recordings import Recording, read_mat, window_starts
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.transforms import Transform
from cosmo_pl.errors import ConfigurationError, DatasetNotFoundError, RecordingError

COLUMNS = {"acc": slice(0, 3), "gyro": slice(3, 6)}
FOLDER_NAME, FILE_NAME = re.compile(r"Subject(\d+)"), re.compile(r"a(\d+)t(\d+)\.mat")


class USCDataModule(MultimodalDataModule):
    """Windows of USC-HAD: `acc` (window_size, 3) in g and `gyro` (window_size, 3) in degrees/s, 100 Hz.

    The defaults are the paper's preset: 2 s windows, subjects 1-10 against 11-14, 20,000 training windows of which
    1 % are labelled, 2,000 test windows. The paper does not state its overlap; a stride of 70 gives 38,240 windows,
    nearest to its 38,312.

    Args:
        root: See `MultimodalDataModule`, as for all others but the next two.
        window_size: Samples in a window.
        stride: Samples from one window's start to the next.
        modalities: Of ``acc`` and ``gyro``.
        phase: "pretrain" or "finetune".
        batch_size: Labelled samples in a batch.
        pretrain_batch_size: Unlabelled samples in a batch.
        train_subjects: Training subjects.
        val_subjects: Validation subjects.
        test_subjects: Test subjects.
        label_rate: Labelled share of the training windows.
        labels_per_class: Labelled windows a class, instead.
        label_split: Name of a list of labelled recordings, instead.
        label_split_file: File of such lists.
        label_seed: Seed of the draw of labels.
        include_labeled: Whether labelled windows also serve in pretraining.
        unlabeled_per_labeled: Unlabelled windows a labelled one.
        target_label_fraction: Share of the labels drawn from the test subjects.
        max_train_samples: At most so many training windows.
        max_train_per_class: At most so many training windows a class.
        max_test_samples: At most so many test windows.
        transforms: Modality to preprocessing steps.
        augmentations: Modality to random changes of training samples.
        num_augmentations: Views of a training sample in a batch.
        track_test: Whether finetuning follows the test subjects' accuracy.
        cache_dir: Folder of the cache.
    """

    dataset = "USC-HAD"
    key = "usc"
    class_names = (
        "walking forward",
        "walking left",
        "walking right",
        "walking upstairs",
        "walking downstairs",
        "running forward",
        "jumping up",
        "sitting",
        "standing",
        "sleeping",
        "elevator up",
        "elevator down",
    )
    channel_groups = {"acc": ((0, 1, 2),), "gyro": ((0, 1, 2),)}

    def __init__(
        self,
        root: str | None = None,
        window_size: int = 200,
        stride: int = 70,
        modalities: Sequence[str] = ("acc", "gyro"),
        phase: Phase | None = None,
        batch_size: int = 16,
        pretrain_batch_size: int = 64,
        train_subjects: Sequence[int] | None = None,
        val_subjects: Sequence[int] = (),
        test_subjects: Sequence[int] = (11, 12, 13, 14),
        label_rate: float = 0.01,
        labels_per_class: int | None = None,
        label_split: str | None = None,
        label_split_file: str = "label_splits.json",
        label_seed: int = 0,
        include_labeled: bool = False,
        unlabeled_per_labeled: float | None = None,
        target_label_fraction: float | None = None,
        max_train_samples: int | None = 20000,
        max_train_per_class: int | None = None,
        max_test_samples: int | None = 2000,
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
        for argument, value in (("window_size", window_size), ("stride", stride)):
            if value < 1:
                raise ConfigurationError(argument, f"is {value}", "Use a positive number of samples")
        self.span = self.window_size = window_size
        self.stride = stride

    @property
    def modality_shapes(self) -> dict[str, tuple[int, ...]]:
        """Each modality is (window_size, 3)."""
        return dict.fromkeys(self.modalities, (self.window_size, 3))

    def reader_arguments(self) -> dict[str, object]:
        """Window and stride."""
        return {"window_size": self.window_size, "stride": self.stride}

    def find_recordings(self, folder: Path) -> list[Recording]:
        """Lists ``Subject{s}/a{m}t{n}.mat``; the fields inside are not believed, several are wrong."""
        recordings = []
        for path in folder.glob("Subject*/a*t*.mat"):
            subject, names = FOLDER_NAME.fullmatch(path.parent.name), FILE_NAME.fullmatch(path.name)
            if subject and names:
                activity, trial = map(int, names.groups())
                if not 1 <= activity <= self.num_classes:
                    raise RecordingError(path, f"activity {activity} is not one of {self.num_classes}")
                name = f"{path.parent.name}/a{activity}t{trial}"
                recordings.append(Recording(name, activity - 1, int(subject[1]), {"readings": path}))
        if not recordings:
            found = [path.name for path in folder.iterdir()] if folder.is_dir() else []
            raise DatasetNotFoundError(self.dataset, folder, "Subject{s}/a{m}t{n}.mat", self.key, found)
        return sorted(recordings, key=lambda recording: (recording.subject, recording.label, recording.name))

    def read(self, recordings: Sequence[Recording]) -> Samples:
        """Cuts all recordings into windows."""
        windows: list[NDArray[np.float32]] = []
        starts: list[NDArray[np.int64]] = []
        for recording in recordings:
            path = recording.files["readings"]
            readings = read_mat(path, "sensor_readings", (None, 6))
            start = window_starts(len(readings), self.window_size, self.stride)
            if not len(start):
                raise RecordingError(
                    path,
                    f"has {len(readings)} samples, fewer than a window of {self.window_size}",
                    "Use a smaller window_size or remove the file",
                )
            windows.append(readings[start[:, None] + np.arange(self.window_size)])
            starts.append(start)
        counts = [len(start) for start in starts]
        stacked = np.concatenate(windows)
        return Samples(
            inputs={name: np.ascontiguousarray(stacked[..., COLUMNS[name]]) for name in self.modalities},
            label=np.repeat(np.array([r.label for r in recordings], dtype=np.int64), counts),
            subject=np.repeat(np.array([r.subject for r in recordings], dtype=np.int64), counts),
            recording=np.repeat(np.array([r.name for r in recordings]), counts),
            start=np.concatenate(starts),
        )
