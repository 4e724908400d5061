"""What `cosmo-pl view` shows: recordings with what was really done, and what a trained model takes it for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from cosmo_pl.checkpoints import checkpoint_in
from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.identity import is_simulated
from cosmo_pl.data.reading_checks import checked_recordings
from cosmo_pl.data.recorded import Recorded
from cosmo_pl.data.recordings import Recording
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.suitability import check_suitable, unsuitable
from cosmo_pl.edge.finding import chosen, dataset_at, dataset_named, find_recordings, for_model, is_imported
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.exported import is_exported
from cosmo_pl.io import read_yaml, user_path
from cosmo_pl.plots.viewer import PAUSE, Viewer
from cosmo_pl.plots.viewer.destination import wait_for_interrupt
from cosmo_pl.recogniser import AnyRecogniser, Recogniser
from cosmo_pl.run_folder import CONFIG, has_checkpoint, run_of, versions
from cosmo_pl.run_loading import make_data
from cosmo_pl.sensors import SensorDescription
from cosmo_pl.stream_names import is_complete
from cosmo_pl.trust import check_config


@dataclass(frozen=True)
class Window:
    """The prediction of a window.

    Args:
        start: Seconds after the start of the recording.
        end: Seconds after the start of the recording.
        activity: Name of the predicted activity.
        probability: Activity to its probability.
        weights: Modality to its attention weight; empty where the method has no attention.
        right: Whether it is what was really done; None where that is unknown, or no activity of the model.
    """

    start: float
    end: float
    activity: str
    probability: Mapping[str, float]
    weights: Mapping[str, float]
    right: bool | None


@dataclass(frozen=True)
class Showing:
    """Recordings, one after another on a time line.

    Args:
        title: What they are of.
        class_names: Names of the activities, in the order of the labels.
        sensors: Modality to what it measures.
        parts: Each recording with the predictions of its windows, which are empty without a model.
    """

    title: str
    class_names: tuple[str, ...]
    sensors: Mapping[str, SensorDescription]
    parts: Sequence[tuple[Recorded, Sequence[Window]]]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Modality to the shape of one of its frames."""
        return {name: each.values.shape[1:] for recorded, _ in self.parts for name, each in recorded.signals.items()}

    @property
    def duration(self) -> float:
        """Seconds of the time line."""
        return sum(recorded.duration + PAUSE for recorded, _ in self.parts) - PAUSE

    @property
    def notes(self) -> str:
        """What is shown, in Markdown."""
        first, windows = self.parts[0][0], [window for _, windows in self.parts for window in windows]
        names = first.name + (f" and {len(self.parts) - 1} more" if len(self.parts) > 1 else "")
        activity = f": {first.truth[0].activity}" if len(self.parts) == len(first.truth) == 1 else ""
        known = [window.right for window in windows if window.right is not None]
        score = f", {sum(known)} of {len(known)} windows recognised" if known else ""
        return f"**{names}**{activity}; {self.title}, subject {first.subject}{score}"

    def show(self, save: Path | None = None, serve: bool = False) -> None:
        """Opens a window, serves browsers until it is interrupted, or writes a file.

        Args:
            save: The file.
            serve: Whether browsers show it.
        """
        sensors = {name: sensor for name, sensor in self.sensors.items() if name in self.shapes}
        with Viewer(sensors, self.shapes, self.class_names, self.notes, save, serve, self.duration) as viewer:
            self.send(viewer)
            viewer.finish()
            if serve:
                wait_for_interrupt()

    def send(self, viewer: Viewer) -> None:
        """Sends everything to a viewer."""
        for recorded, windows in self.parts:
            viewer.begin()
            for name, (time, values) in recorded.signals.items():
                viewer.samples(name, time, values)
            for span in recorded.truth:
                viewer.truth(*span)
            for each in windows:
                viewer.window(each.start, each.end, each.activity, each.probability, each.weights)


def showing(
    target: str,
    recording: str | None = None,
    subject: int | None = None,
    dataset: str | None = None,
    root: str | None = None,
) -> Showing:
    """What a target stands for.

    Args:
        target: Name or path of recordings, see `find_recordings`; a run, a folder of runs, a checkpoint or the folder
            of an exported model.
        recording: Name of one of several recordings, or of those that a model is tested on; the first by default.
        subject: Number of a subject, all of whose recordings are shown, one after another.
        dataset: Dataset of the recording, see `dataset_named`; an exported model needs it or `recording`.
        root: Folder that holds the datasets' folders.

    Raises:
        CosmoError: There is no such recording, or it or the model cannot be used.
    """
    path = user_path(target)
    if is_exported(path):
        return _of_exported(path, recording, subject, dataset, root)
    if _is_model(path):
        if dataset is not None:
            problem = "a run knows the dataset of its recordings"
            raise ConfigurationError("dataset", problem, "Leave it out, or export the run")
        return _of_run(path, recording, subject, root)
    data, recordings = find_recordings(target, dataset, root)
    parts = [(data.recorded(each), ()) for each in chosen(recordings, recording, subject)]
    return Showing(_title(data), data.class_names, data.sensors, parts)


def _is_model(path: Path) -> bool:
    """Whether a path is meant as a run or a checkpoint, and not as recordings."""
    if path.suffix == ".ckpt" or has_checkpoint(path) or versions(path):
        return True
    return path.is_dir() and not is_imported(path) and dataset_at(path) is None


def _of_run(path: Path, recording: str | None, subject: int | None, root: str | None) -> Showing:
    """Tested recordings of a run."""
    recogniser = Recogniser.of_run(path)
    config = run_of(checkpoint_in(path)) / CONFIG
    if not config.is_file():
        problem = f"'{path}' has no {CONFIG}, which names its recordings"
        raise ConfigurationError("target", problem, "Give the folder of its run")
    check_config(read_yaml(config), f"run '{config.parent}'", ["data"])
    data = make_data([config], {} if root is None else {"root": root})
    data.adopt(recogniser.trained)
    samples = data.load()
    tested = set(samples.recording[data.predicted(samples, data.split_samples(samples))].tolist())
    if not tested:
        problem = f"'{path}' has no tested recordings"
        raise ConfigurationError("target", problem, "Give the folder of its export, and a recording with --recording")
    recordings = [each for each in checked_recordings(data) if each.name in tested]
    return _recognised(recogniser, data, samples, chosen(recordings, recording, subject))


def _of_exported(
    path: Path, recording: str | None, subject: int | None, dataset: str | None, root: str | None
) -> Showing:
    """Recordings of a dataset as an exported model takes them."""
    recogniser = Recogniser.load(path)
    if dataset is None and recording is None:
        raise ConfigurationError("dataset", "an exported model has no recordings", "Give --dataset or --recording")
    if dataset is None:
        named, found = find_recordings(str(recording), None, root, "recording")
        recording = found[0].name  # it may be given by its file
    else:
        named = dataset_named(dataset, root)
    absent = sorted(set(recogniser.modality_shapes) - set(named.channel_groups))
    if absent:
        problem = f"{named.title} has no sensor {absent}, which the model takes"
        raise ConfigurationError("dataset", problem, "Give the dataset that it was trained on")
    data = for_model(named, recogniser, dataset, "dataset")
    if not recogniser.modality_shapes.items() <= data.modality_shapes.items():
        problem = f"has samples of {data.modality_shapes}, the model takes {recogniser.modality_shapes}"
        raise ConfigurationError("dataset", problem, "Give a YAML file with the data of its training")
    check_suitable(data.title, unsuitable(recogniser.sensors, None, data.sensors, None))
    samples = data.load()
    return _recognised(recogniser, data, samples, chosen(checked_recordings(data), recording, subject))


def _recognised(
    recogniser: AnyRecogniser,
    data: MultimodalDataModule,
    samples: Samples,
    recordings: Sequence[Recording],
) -> Showing:
    whole = [data.recorded(each) for each in recordings]
    parts = [(each, windows_of(recogniser, data, samples, each)) for each in whole]
    return Showing(_title(data), recogniser.class_names, data.sensors, parts)


def windows_of(
    recogniser: AnyRecogniser, data: MultimodalDataModule, samples: Samples, recorded: Recorded
) -> list[Window]:
    """What a model takes the windows of a recording for; a clip that is one sample is one window.

    Args:
        recogniser: The model.
        data: The dataset of the recording.
        samples: Its samples.
        recorded: The recording.
    """
    rows = np.flatnonzero(samples.recording == recorded.name)
    rows = rows[np.argsort(samples.start[rows], kind="stable")]
    seconds = recorded.duration if data.window_seconds is None else data.window_seconds
    starts = samples.start[rows] * (data.step_seconds or 0.0)
    start = dict(zip(rows.tolist(), starts.tolist(), strict=True))
    has = {name: samples.has(name) for name in recogniser.modality_shapes}
    activities = {row: data.class_names[samples.label[row]] if samples.label[row] >= 0 else None for row in start}
    found = []
    for names, group in groupby(rows.tolist(), lambda row: tuple(name for name in has if has[name][row])):
        some = list(group)
        predicted = recogniser.predict({name: samples.inputs[name][some] for name in names})
        for n, row in enumerate(some):
            right = predicted.name[n] == activities[row] if activities[row] in recogniser.class_names else None
            probability = dict(zip(recogniser.class_names, predicted.probability[n].tolist(), strict=True))
            used = {stream: each for stream, each in predicted.weights.items() if is_complete(stream, names)}
            weights = {stream: float(each[n]) for stream, each in used.items()}
            found.append(Window(start[row], start[row] + seconds, predicted.name[n], probability, weights, right))
    return found


def _title(data: MultimodalDataModule) -> str:
    return f"{data.title} (simulated)" if is_simulated(data.folder) else data.title
