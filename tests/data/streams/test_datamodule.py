"""Imported recordings as a dataset."""

from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cosmo_pl.data import StreamsDataModule
from cosmo_pl.data.samples import MappedWindows
from cosmo_pl.data.streams.store import LabelInterval, Segment, StreamRecording, StreamSensor, StreamStore, read_store
from cosmo_pl.data.trained import TrainedOn
from cosmo_pl.data.transforms import ScaleByTorso
from cosmo_pl.errors import ConfigurationError, DatasetNotFoundError, RecordingError

from .written import write_streams


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_streams(tmp_path / "kitchen", unlabeled=2).folder


def ready(folder: Path, **arguments: object) -> StreamsDataModule:
    given = {"test_subjects": (5,), "labels_per_class": 2, "pretrain_batch_size": 8, **arguments}
    data = StreamsDataModule(root=str(folder), **given)  # type: ignore[arg-type]
    data.setup()
    return data


def test_a_sample_is_the_window_of_its_stream(folder: Path) -> None:
    data, store = ready(folder), read_store(folder)
    samples = data.load()
    assert data.modality_shapes == {"wrist": (40, 3), "mat": (10, 4, 2)}
    streams = {each.name: each for each in store.recordings}
    for row in (0, 17, len(samples) - 1):
        segments = streams[str(samples.recording[row])].segments
        for name, rate in (("wrist", 20), ("mat", 5)):
            first = segments[name][0].row + samples.start[row] * rate // 1000
            expected = np.load(folder / f"{name}.npy")[first : first + 2 * rate]
            assert np.array_equal(samples.inputs[name][row], expected)


NAMES = {"emil": 1, "ben": 2, "anna": 3, "dora": 4, "5": 5}


@pytest.fixture
def named(folder: Path) -> Path:
    replace(read_store(folder), subjects=NAMES).write()
    return folder


def test_subjects_are_given_by_names_or_numbers(named: Path) -> None:
    lists = {"train_subjects": ["anna", 4], "val_subjects": ["ben"], "test_subjects": ["emil", "5"]}
    data = ready(named, **lists)
    subject = data.samples.subject
    assert set(subject[data.split.labeled]) <= {3, 4} and set(subject[data.split.unlabeled]) == {3, 4}
    assert set(subject[data.split.val]) == {2} and set(subject[data.split.test]) == {1, 5}
    folds = ready(named, folds=[["anna", "ben"], ["emil", 4]], fold=1, test_subjects=None)
    assert set(subject[folds.split.test]) == {1, 4}


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("train_subjects", ["ana"]),
        ("val_subjects", [2, "ana"]),
        ("test_subjects", ["ana"]),
        ("folds", [[1], [2, "ana"]]),
    ],
)
def test_a_name_that_no_subject_has_is_refused(named: Path, argument: str, value: list[object]) -> None:
    fold = {"fold": 0, "test_subjects": None} if argument == "folds" else {}
    with pytest.raises(ConfigurationError, match=f"^{argument}: .* no subject 'ana'. Choose from emil, ben,"):
        ready(named, **fold, **{argument: value})


def test_unlabelled_windows_are_pretrained_on_and_nothing_else(folder: Path) -> None:
    data = ready(folder)
    label = data.samples.label
    unknown = np.flatnonzero(label < 0)
    assert len(unknown) == 5 * 2 * 11
    train = unknown[np.isin(data.samples.subject[unknown], (1, 2, 3, 4))]
    assert set(train.tolist()) <= set(data.split.unlabeled.tolist())
    assert np.array_equal(data.split.unknown, train)
    for part in (data.split.labeled, data.split.test, data.split.val, *data.split.probe.values()):
        assert (label[part] >= 0).all()
    assert len(data.split.labeled) == 6 and len(data.split.test) == 3 * 11
    assert set(data.split.labeled) & set(data.split.unlabeled) == set()


def test_a_model_keeps_the_gaps_and_ranges_of_its_training(folder: Path) -> None:
    store = read_store(folder)
    replace(store, sensors={name: replace(each, max_gap=1.5) for name, each in store.sensors.items()}).write()
    trained = ready(folder, plausible={"g": [-50, 50]}).trained_on
    for kept in (trained, TrainedOn.read(json.loads(json.dumps(trained.described())))):
        assert [each.max_gap for each in kept.sensors.values()] == [1.5, 1.5]
        assert [each.plausible for each in kept.sensors.values()] == [{"g": (-50, 50)}] * 2
    older = trained.described()
    for sensor in older["sensors"].values():
        del sensor["max_gap"], sensor["plausible"]
    assert [each.max_gap for each in TrainedOn.read(older).sensors.values()] == [None, None]
    damaged = {**trained.described(), "sensors": {"wrist": {**older["sensors"]["wrist"], "plausible": {"g": [1]}}}}
    with pytest.raises(ConfigurationError, match="its description of the training data is damaged"):
        TrainedOn.read(damaged)


def test_the_labels_of_the_others_do_not_depend_on_unlabelled_recordings(tmp_path: Path) -> None:
    """All labelled windows of one training subject are the same samples with and without unlabelled ones."""
    splits = []
    for unlabeled in (0, 2):
        data = ready(write_streams(tmp_path / str(unlabeled), unlabeled=unlabeled).folder)
        named = data.samples.recording[data.split.labeled], data.samples.start[data.split.labeled]
        splits.append(sorted(zip(*named, strict=True)))
    assert splits[0] == splits[1]


def test_recordings_without_any_label_can_be_pretrained_on(tmp_path: Path) -> None:
    folder = write_streams(tmp_path, labels=(), unlabeled=3).folder
    data = ready(folder, phase="pretrain")
    assert len(data.split.labeled) == len(data.split.test) == 0 and data.val_dataloader() == []
    assert len(next(iter(data.train_dataloader()))["label"]) == 8
    data = ready(folder, phase="finetune")
    with pytest.raises(ConfigurationError, match="no recording of the training subjects is labelled"):
        data.train_dataloader()


def test_windows_in_memory_and_on_disk_are_the_same_batches(folder: Path) -> None:
    batches = []
    for arguments in ({"in_memory": True}, {"in_memory": False}, {"in_memory": False, "num_workers": 1}):
        torch.manual_seed(0)
        batches.append(next(iter(ready(folder, **arguments).train_dataloader())))
    for other in batches[1:]:
        assert all(torch.equal(batches[0]["inputs"][name], other["inputs"][name]) for name in ("wrist", "mat"))


def test_a_sensor_that_stops_early_is_missing_in_test_windows_on_request(folder: Path) -> None:
    store = read_store(folder)
    short = {"mat": (Segment(0, 20, store.recordings[-3].segments["mat"][0].row),)}
    changed = replace(store.recordings[-3], segments={**store.recordings[-3].segments, **short})
    replace(store, recordings=(*store.recordings[:-3], changed, *store.recordings[-2:])).write()
    assert changed.subject == 5 and changed.labels
    data = ready(folder)
    assert len(data.split.test) == 3 * 11 - 8
    assert any("end after it stops" in line and "8 windows" in line for line in data.faults.lines)
    kept = ready(folder, keep_incomplete=True)
    assert len(kept.split.test) == 3 * 11
    absent = ~kept.samples.present["mat"]
    assert absent.sum() == 8 and not kept.samples.inputs["mat"][np.flatnonzero(absent)].any()


def test_mapped_windows_survive_pickling_and_selection(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(20, dtype=np.float32).reshape(10, 2))
    windows = MappedWindows(np.load(tmp_path / "a.npy", mmap_mode="r"), np.array([0, 3, -1, 7]), 3)
    assert windows.shape == (4, 3, 2) and windows[1].tolist() == [[6, 7], [8, 9], [10, 11]]
    assert not windows[np.array([2])].any()
    again = pickle.loads(pickle.dumps(windows.some(np.array([3, 0]))))
    assert np.array_equal(again[:], windows[np.array([3, 0])]) and again.shape == (2, 3, 2)


def test_bad_input_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"streams\.json"):
        StreamsDataModule(root=str(tmp_path / "nothing"))
    with pytest.raises(ConfigurationError, match="two frames of 'mat' at 5 Hz"):
        StreamsDataModule(root=str(folder), window=0.25)
    with pytest.raises(ConfigurationError, match=r"12\.5 s without a gap"):
        ready(folder, window=12.5)
    with pytest.raises(ConfigurationError, match="camera"):
        ready(folder, modalities=["camera"])
    np.save(folder / "mat.npy", np.zeros((3, 4, 2), dtype=np.float32))
    with pytest.raises(RecordingError, match=r"mat\.npy"):
        ready(folder)


def test_packing_is_refused_as_the_folder_can_be_copied(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^pack: Kitchen has no packed form. Copy the folder of its recordings"
    ):
        ready(folder).pack(tmp_path / "packed")
    assert not (tmp_path / "packed").exists()
    copied = shutil.copytree(folder, tmp_path / "copy")
    assert ready(copied).data_fingerprint == ready(folder).data_fingerprint


def test_imported_skeletons_without_a_torso_are_left_out(tmp_path: Path) -> None:
    """Their windows stay on disk."""
    folder, frames = tmp_path / "home", 60
    sensor = StreamSensor("skeleton", 10.0, (20, 3), ("joints",), ("cm",))
    values = (25 * np.random.default_rng(0).normal(size=(8 * frames, 20, 3))).astype(np.float32)
    values[3 * frames : 4 * frames] /= 100
    recordings = [
        StreamRecording(
            *(f"r{number}", number // 2, "2024-05-01T10:00:00", 6.0),
            (LabelInterval(0.0, 6.0, "walk" if number % 2 else "sit"),),
            {"body": (Segment(0, frames, number * frames),)},
        )
        for number in range(8)
    ]
    known = {str(number): number for number in range(4)}
    hashes = {"body": "ab" * 32}
    folder.mkdir()
    store = StreamStore(folder, "Home", {"body": sensor}, ("walk", "sit"), known, tuple(recordings), hashes)
    np.save(store.path("body"), values)
    store.write()
    arguments = {"test_subjects": [3], "transforms": {"body": [ScaleByTorso()]}}
    with pytest.warns(UserWarning, match="torso beyond 0.1 to 1 m in 'body'"):
        samples = StreamsDataModule(root=str(folder), **arguments).load()  # type: ignore[arg-type]
    assert set(samples.recording.tolist()) == {f"r{number}" for number in range(8)} - {"r3"}


def without(folder: Path, lacking: dict[str, set[str]]) -> Path:
    """Takes sensors off recordings."""
    store = read_store(folder)
    recordings = [
        replace(each, segments={k: v for k, v in each.segments.items() if k not in lacking.get(each.name, ())})
        for each in store.recordings
    ]
    replace(store, recordings=tuple(recordings)).write()
    return folder


def test_incomplete_recordings_are_kept_where_a_model_recognises_all_people(folder: Path, tmp_path: Path) -> None:
    other = without(write_streams(tmp_path / "other", (1, 2), seconds=9.0).folder, {"s2_1": {"mat"}})
    names = {}
    for tested in (None, (1, 2)):
        data = StreamsDataModule(root=str(other), test_subjects=tested, keep_incomplete=True)
        data.adopt(ready(folder).trained_on)
        with pytest.warns(UserWarning, match=r"1 test clips lack a modality and are kept \(s2_1 without mat\)"):
            data.setup()
        names[tested] = set(data.samples.recording[data.split.test].tolist())
    assert names[None] == names[1, 2] and "s2_1" in names[None]


def test_recordings_without_any_of_the_chosen_sensors_are_reported(folder: Path) -> None:
    without(folder, {"s1_0": {"mat"}, "s5_1": {"mat"}})
    for keep in (False, True):
        with pytest.warns(UserWarning, match=r"2 clips lack a modality and are left out \(s1_0 .*, s5_1 without mat\)"):
            data = ready(folder, modalities=["mat"], keep_incomplete=keep)
        assert not {"s1_0", "s5_1"} & set(data.samples.recording.tolist())
    with pytest.raises(RecordingError, match="2 clips lack a modality"):
        ready(folder, modalities=["mat"], strict=True)
