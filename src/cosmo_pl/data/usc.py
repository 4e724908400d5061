"""USC-HAD: accelerometer and gyroscope at the hip, 12 activities, 14 subjects.

M. Zhang and A. A. Sawchuk, "USC-HAD: a daily activity dataset for ubiquitous activity recognition using wearable
sensors", UbiComp 2012, https://sipi.usc.edu/had.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.constraints import NonNegativeInt, PositiveFloat, PositiveInt, Share, Size
from cosmo_pl.data.base import MultimodalDataModule
from cosmo_pl.data.download import Archive
from cosmo_pl.data.faults import one_of_each
from cosmo_pl.data.recorded import Recorded, at_rate_of, of_clip
from cosmo_pl.data.recordings import Recording, at_rate, in_order, read_mat, window_starts
from cosmo_pl.data.samples import Samples
from cosmo_pl.errors import RecordingError

RECORDED_RATE = 100.0  # steps per second
COLUMNS = {"acc": slice(0, 3), "gyro": slice(3, 6)}
FILE_NAME = re.compile(r"subject(\d+)/a(\d+)t(\d+)\.mat", re.IGNORECASE | re.ASCII)
OFFICIAL = frozenset(f"Subject{s}/a{a}t{t}" for s in range(1, 15) for a in range(1, 13) for t in range(1, 6))
ARCHIVE = Archive(
    name="USC-HAD.zip",
    url="https://sipi.usc.edu/had/USC-HAD.zip",
    folder="USC-HAD",
    members=len(OFFICIAL),
    pattern=r"Subject\d+/a\d+t\d+\.mat",
    unpacked=44_829_957,
)


class USCDataModule(MultimodalDataModule):
    """Windows of USC-HAD: `acc` (window_size, 3) in g and `gyro` (window_size, 3) in degrees/s, 100 Hz.

    The defaults are the paper's preset: windows of 2 s, training subjects 1-10, test subjects 11-14, 20,000 training
    windows of which 1 % are labelled, and 2,000 test windows. The paper does not state the overlap of its 38,312
    windows; a stride of 70 gives the nearest number, 38,240.

    Args:
        window_size: Steps of a window.
        stride: Steps between the starts of two windows.
        modalities: Modalities to use, of ``acc`` and ``gyro``.
        test_subjects: Test subjects; None takes 11 to 14, or those of `folds`.
        label_rate: Labelled share of the training windows.
        max_train_samples: Largest number of training windows, evenly spaced.
        max_test_samples: Largest number of test windows, evenly spaced.
        strict: Refuse recordings with a fault instead of leaving them out with a warning; None leaves them out.
        rate: Steps per second to which recordings are resampled before they are cut into windows, whose size and stride
            are in these steps; None keeps 100 Hz.
        **shared: See `MultimodalDataModule`.
    """

    numerics = "1.0"
    dataset = "USC-HAD"
    key = "usc"
    title = "USC-HAD"
    archives = {"acc": ARCHIVE, "gyro": ARCHIVE}
    simulator = "cosmo_pl.simulation.simulate_usc"
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
    units = {"acc": ("g",), "gyro": ("deg/s",)}
    official = OFFICIAL
    default_test_subjects = (11, 12, 13, 14)

    def __init__(
        self,
        window_size: Size = 200,
        stride: PositiveInt = 70,
        modalities: Sequence[str] = ("acc", "gyro"),
        test_subjects: Sequence[NonNegativeInt] | None = None,
        label_rate: Share = 0.01,
        max_train_samples: PositiveInt | None = 20000,
        max_test_samples: PositiveInt | None = 2000,
        strict: bool | None = None,
        rate: PositiveFloat | None = None,
        **shared: Any,
    ) -> None:
        # One file holds both sensors, and all windows fit into memory: the last three options have no effect.
        super().__init__(
            modalities=modalities,
            test_subjects=test_subjects,
            label_rate=label_rate,
            max_train_samples=max_train_samples,
            max_test_samples=max_test_samples,
            strict=bool(strict),
            keep_incomplete=False,
            in_memory=True,
            num_workers=0,
            **shared,
        )
        self.window_size = window_size
        self.stride = stride
        self.rate = RECORDED_RATE if rate is None else float(rate)
        self.rates = dict.fromkeys(COLUMNS, self.rate)

    @classmethod
    def model_arguments(cls, window: float | None, steps: int, rates: Mapping[str, float | None]) -> dict[str, Any]:
        """Steps and rate, which are those of both sensors."""
        return {"window_size": steps, "rate": next(iter(rates.values()), None)}

    @property
    def modality_shapes(self) -> dict[str, tuple[int, ...]]:
        """Each modality is (window_size, 3)."""
        return dict.fromkeys(self.modalities, (self.window_size, 3))

    @property
    def span(self) -> int:
        """Steps of a window."""
        return self.window_size

    @property
    def window_seconds(self) -> float:
        """Seconds of a window."""
        return self.window_size / self.rate

    def reader_arguments(self) -> dict[str, object]:
        """Window size and stride, and another rate than the recorded one."""
        resampled = {} if self.rate == RECORDED_RATE else {"rate": self.rate}
        return {"window_size": self.window_size, "stride": self.stride, **resampled}

    def find_recordings(self, folder: Path) -> list[Recording]:
        """Lists ``Subject{s}/a{m}t{n}.mat``. Subject and activity are those of the file name: some fields are wrong."""
        found = []
        for path in folder.glob("[Ss]*/[Aa]*"):
            numbers = FILE_NAME.fullmatch(path.relative_to(folder).as_posix())
            if numbers:
                subject, activity, trial = map(int, numbers.groups())
                name = f"Subject{subject}/a{activity}t{trial}"
                found.append((name, f"{name}.mat", path))
        recordings = []
        for name, path in one_of_each(found, self.faults).items():
            subject, activity, _ = (int(number) for number in re.findall(r"\d+", name))
            if not 1 <= activity <= self.num_classes:
                raise RecordingError(path, f"activity {activity} is not one of {self.num_classes}")
            recordings.append(Recording(name, activity - 1, subject, {"readings": path}))
        if not recordings:
            raise self.not_found(folder, "Subject{s}/a{m}t{n}.mat")
        return in_order(recordings)

    def read(self, recordings: Sequence[Recording]) -> Samples:
        """Cuts all recordings into windows."""
        windows: list[NDArray[np.float32]] = []
        starts: list[NDArray[np.int64]] = []
        for recording in recordings:
            readings = self._readings(recording)
            start = window_starts(len(readings), self.window_size, self.stride)
            if not len(start):
                raise RecordingError(
                    recording.files["readings"],
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

    def _readings(self, recording: Recording) -> NDArray[np.float32]:
        """A whole trial (T, 6) at `rate`."""
        return at_rate(read_mat(recording.files["readings"], "sensor_readings", (None, 6)), RECORDED_RATE, self.rate)

    def recorded(self, recording: Recording) -> Recorded:
        """A whole trial at `rate`."""
        readings = self._readings(recording)
        signals = {name: at_rate_of(readings[:, COLUMNS[name]], self.rate) for name in self.modalities}
        return of_clip(recording, signals, self.class_names)
