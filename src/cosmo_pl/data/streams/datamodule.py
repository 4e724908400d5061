"""Imported recordings: windows of streams of any sensors, some of them labelled."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pytorch_lightning.utilities import rank_zero_warn

from cosmo_pl.constraints import AtLeastTwo, NonNegativeInt, Number, PositiveFloat, Share
from cosmo_pl.data.base import MultimodalDataModule
from cosmo_pl.data.channels import groups_of, units_of_groups
from cosmo_pl.data.extremes import Extremes
from cosmo_pl.data.identity import dataset_folder
from cosmo_pl.data.recorded import Recorded, Signal, Span
from cosmo_pl.data.recordings import Recording
from cosmo_pl.data.samples import MappedWindows, Samples
from cosmo_pl.data.streams.clock_errors import check_errors, remaining_errors
from cosmo_pl.data.streams.clock_pieces import ages
from cosmo_pl.data.streams.contents import content_hashes
from cosmo_pl.data.streams.description import ClockCorrection
from cosmo_pl.data.streams.store import MANIFEST, StreamRecording, StreamSensor, StreamStore, read_store
from cosmo_pl.data.streams.windows import Windows, common_start, cut_windows, joined, steps_of, through_last_frame
from cosmo_pl.data.trained import TrainedOn
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import cache_folder
from cosmo_pl.sensors import SensorDescription

Subject = NonNegativeInt | str  # number, or name as recorded


class StreamsDataModule(MultimodalDataModule):
    """Windows of the recordings that ``cosmo-pl data import`` has imported.

    A sample is a window of `window` seconds: a series is (rate · window, channels), images are (rate · window, height,
    width). A window begins when the last sensor of a recording starts, and others by multiples of `hop` seconds before
    and after it. Windows with a gap in a sensor, or across the border of a label, are left out and counted. Windows in
    unlabelled time are pretrained on; they are neither validated nor tested.

    Args:
        root: Folder that the recordings were imported to.
        window: Seconds of a window.
        hop: Seconds between the starts of two windows.
        modalities: Sensors to use; None takes all.
        test_subjects: Test subjects, unless `folds` are given, by numbers or names, as all subjects. A trained model is
            tested on, and predicts, all subjects of other recordings by default.
        label_rate: Labelled share of the training windows whose activity is known.
        clock_error: Sensor to an error that is put into its clock, to see its effect: seconds by which it is ahead at
            the start of each subject's first recording, and its drift in ppm. None puts in none.
        correct_clocks: Whether the error of each sensor's clock, compared with that of the first of `modalities`, is
            estimated from the training subjects' recordings, without labels, and corrected in all recordings where the
            estimate is reliable. None is false.
        activities: Names of the activities, in the order of their labels, with all those of the import; None takes
            those of the import.
        train_subjects: See `MultimodalDataModule`.
        val_subjects: See `MultimodalDataModule`.
        folds: See `MultimodalDataModule`.
        **shared: See `MultimodalDataModule`.

    Raises:
        DatasetNotFoundError: Nothing was imported to `root`.
        RecordingError: The folder is damaged.
        ConfigurationError: A window is shorter than two frames, `activities` lack one, or a subject has no such name.
    """

    numerics = "1.1"
    packable = False  # windows overlap: a file of them would be larger than the folder that they are cut from
    last_frame = True  # whether a window may end with the last frame of a recording
    dataset = "Streams"
    key = "streams"
    title = "imported recordings"

    def __init__(
        self,
        root: str | None = None,
        window: PositiveFloat = 2.0,
        hop: PositiveFloat = 1.0,
        modalities: Sequence[str] | None = None,
        test_subjects: Sequence[Subject] | None = None,
        label_rate: Share = 1.0,
        clock_error: Mapping[str, tuple[Number, Number]] | None = None,
        correct_clocks: bool | None = None,
        activities: Sequence[str] | None = None,
        train_subjects: Sequence[Subject] | None = None,
        val_subjects: Sequence[Subject] = (),
        folds: AtLeastTwo | list[list[Subject]] | None = None,
        **shared: Any,
    ) -> None:
        self.store = self.open_store(root, shared.get("cache_dir"))
        self.window, self.hop = window, hop
        self.title = self.store.title
        self.class_names = self.store.activities if activities is None else tuple(activities)
        if unknown := sorted(set(self.store.activities) - set(self.class_names)):
            problem = f"lacks {unknown}, which '{self.store.folder}' has"
            raise ConfigurationError("activities", problem, "Add them, or leave the argument out")
        sensors = self.store.sensors
        images = {name for name, sensor in sensors.items() if len(sensor.shape) > 1}
        self.channel_groups = {name: groups_of(sensor.units) for name, sensor in sensors.items()}
        self.channel_axis = {name: None if name in images else -1 for name in sensors}
        self.units = {name: units_of_groups(sensor.units) for name, sensor in sensors.items()}
        super().__init__(
            root=root,
            modalities=tuple(sensors) if modalities is None else modalities,
            train_subjects=self.store.numbered(train_subjects, "train_subjects"),
            val_subjects=self.store.numbered(val_subjects, "val_subjects"),
            test_subjects=self.store.numbered(test_subjects, "test_subjects"),
            folds=self.store.numbered(folds, "folds"),
            label_rate=label_rate,
            **shared,
        )
        self.clock_error, self.correct_clocks = clock_error, correct_clocks
        check_errors(clock_error or {}, bool(correct_clocks), self.modalities)
        self._check_window()

    @classmethod
    def model_arguments(cls, window: float | None, steps: int, rates: Mapping[str, float | None]) -> dict[str, Any]:
        """The window, where it is known; the rates are those of the import."""
        return {} if window is None else {"window": window}

    def open_store(self, root: str | None, cache_dir: str | None) -> StreamStore:
        """The imported recordings. A dataset that is imported when it is first used overrides it.

        Args:
            root: The argument of that name.
            cache_dir: The argument of that name.

        Raises:
            DatasetNotFoundError: There are none.
        """
        folder = dataset_folder(root, self.dataset)
        if not (folder / MANIFEST).is_file():
            raise self.not_found(folder, f"{MANIFEST}, which `cosmo-pl data import` writes")
        return read_store(folder)

    def adopt(self, trained: TrainedOn) -> None:
        """Uses the statistics of a trained model, and its activities if these recordings have some or none of them."""
        if set(self.class_names) <= set(trained.class_names):
            self.class_names = trained.class_names
        super().adopt(trained)

    def _check_window(self) -> None:
        if not self.class_names:
            rank_zero_warn(
                f"'{self.store.folder}' names no activity: a trained model can predict these recordings, but training "
                "needs the number of activities. List them in the description of the import."
            )
        for name in self.modalities:
            if steps_of(self.store.sensors[name], self.window) < 2:
                rate = self.store.sensors[name].rate
                problem = f"{self.window:g} s are less than two frames of '{name}' at {rate:g} Hz"
                raise ConfigurationError("window", problem, f"Use at least {2 / rate:g} s")

    @property
    def modality_shapes(self) -> dict[str, tuple[int, ...]]:
        """Frames of a window by the shape of a frame."""
        sensors = {name: self.store.sensors[name] for name in self.modalities}
        return {name: (steps_of(sensor, self.window), *sensor.shape) for name, sensor in sensors.items()}

    @property
    def sensors(self) -> dict[str, SensorDescription]:
        """The sensors as the import describes them."""
        return {name: self.store.sensors[name].description for name in self.modalities}

    @property
    def span(self) -> int:
        """Milliseconds of a window."""
        return round(1000 * self.window)

    def content_hashes(self) -> Mapping[str, Collection[str]]:
        """Hashes of the streams: the numbers of the subjects are those of this import alone."""
        return content_hashes(self.store, self.modalities)

    @property
    def window_seconds(self) -> float:
        """Seconds of a window."""
        return self.window

    @property
    def step_seconds(self) -> float:
        """A millisecond, also where a window is no whole number of them."""
        return 0.001

    def reader_arguments(self) -> dict[str, object]:
        """Length and distance of the windows, and changes of the clocks."""
        clocks = {"clock_error": self.clock_error, "correct_clocks": self.correct_clocks}
        changed = {name: value for name, value in clocks.items() if value}
        return {"window": self.window, "hop": self.hop, **changed}

    def find_recordings(self, folder: Path) -> list[Recording]:
        """Lists the recordings; their windows have the labels."""
        recordings = []
        for each in self.store.recordings:
            files = {name: self.store.path(name) for name in self.modalities if each.segments.get(name)}
            lacks = frozenset(self.modalities) - frozenset(files)
            recordings.append(Recording(each.name, -1, each.subject, files, lacks))
        return recordings

    def read(self, recordings: Sequence[Recording]) -> Samples:
        """Cuts the recordings into windows, which stay on disk."""
        sensors = {name: self.store.sensors[name] for name in self.modalities}
        cut = self._cut(recordings, sensors)
        counts = [len(windows.start) for windows in cut]
        if not sum(counts):
            problem = f"no recording has {self.window:g} s without a gap in one activity"
            raise ConfigurationError("window", problem, "Use a shorter window or fewer modalities")
        rows = {name: np.concatenate([windows.rows[name] for windows in cut]) for name in sensors}
        return Samples(
            inputs={
                name: MappedWindows(self.store.array(name), rows[name], steps_of(sensor, self.window))
                for name, sensor in sensors.items()
            },
            label=np.concatenate([windows.label for windows in cut]),
            subject=np.repeat(np.array([each.subject for each in recordings], dtype=np.int64), counts),
            recording=np.repeat(np.array([each.name for each in recordings]), counts),
            start=np.rint(1000 * np.concatenate([windows.start for windows in cut])).astype(np.int64),
            present={name: found >= 0 for name, found in rows.items() if (found < 0).any()},
        )

    def _cut(self, recordings: Sequence[Recording], sensors: Mapping[str, StreamSensor]) -> list[Windows]:
        """The windows of each recording; those that are left out are reported."""
        streams = {each.name: each for each in self.store.recordings}
        cut, left_out = [], dict[str, dict[str, int]]()
        errors, age = self._clock_errors(), ages(self.store.recordings)
        for recording in recordings:
            stream = streams[recording.name]
            if self.last_frame:
                stream = through_last_frame(stream, self.store.sensors)
            found = cut_windows(
                stream,
                sensors,
                self.class_names,
                self.window,
                self.hop,
                keep_incomplete=recording.subject in self.incomplete,
                aligned=common_start(stream, self.store.sensors),
                errors={name: error.at(age[stream.name]) for name, error in errors.items()},
            )
            cut.append(found)
            for reason, count in found.left_out.items():
                left_out.setdefault(reason, {})[recording.name] = count
        for reason, names in left_out.items():
            problem = f"recordings have windows that {reason}; these {sum(names.values())} windows are left out"
            self.faults.report(problem, names, "Nothing has to be done where that is expected", mended=True)
        return cut

    def _clock_errors(self) -> dict[str, ClockCorrection]:
        """Errors of the sensors' clocks that are put in and remain."""
        recordings: Sequence[StreamRecording] = ()
        if self.correct_clocks:
            every = self.store.recordings
            train = self.subjects.training({each.subject for each in every})
            # other recordings than those of the training have no training subjects
            recordings = [each for each in every if each.subject in train] or every
        errors, estimates = remaining_errors(self.store, self.modalities, self.clock_error or {}, recordings)
        uncertain = [f"{name} ({found.doubt})" for name, found in estimates.items() if not found.reliable]
        problem = "sensors keep their clock, as its error is uncertain"
        self.faults.report(problem, uncertain, "Nothing has to be done if the clocks are right", mended=True)
        return errors

    def recorded(self, recording: Recording) -> Recorded:
        """A whole recording on the grids of its sensors, with its gaps."""
        stream = next(each for each in self.store.recordings if each.name == recording.name)
        pieces = {}
        for name in recording.files:
            rate, array = self.store.sensors[name].rate, self.store.array(name)
            pieces[name] = [
                Signal(np.arange(first, first + n) / rate, array[row : row + n])
                for first, n, row in stream.segments[name]
            ]
        truth = tuple(Span(*each) for each in joined(stream.labels))
        return Recorded(stream.name, stream.subject, pieces, truth, common_start(stream, self.store.sensors))

    def read_all(self, recordings: Sequence[Recording]) -> tuple[Samples, dict[str, Extremes], str]:
        """Cuts the windows; the fingerprint is that of the store, which has the hashes of all arrays."""
        samples, cache = self.read(recordings), cache_folder(self.cache_dir)
        extremes = {
            name: Extremes.of_windows(values, self.channel_groups[name], self.channel_axis[name], cache)
            for name, values in samples.inputs.items()
        }
        return samples, extremes, self.store.fingerprint
