"""USC-HAD from files to windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from cosmo_pl.data import USCDataModule
from cosmo_pl.data.samples import Samples

from .raw import write_usc


def readings(subject: int, activity: int, trial: int) -> np.ndarray:
    """Every value says where it comes from: time on a ramp, then channel, recording and subject."""
    length = 37 + trial
    return np.arange(length)[:, None] * 10 + np.arange(6) + 1000 * trial + 10_000 * activity + 1_000_000 * subject


def module(root: Path, **arguments: object) -> USCDataModule:
    return USCDataModule(**{"root": str(root), "window_size": 10, "stride": 7, "test_subjects": [4], **arguments})


def read(root: Path, **arguments: object) -> Samples:
    data = module(root, **arguments)
    return data.read(data.find_recordings(data.folder))


@pytest.mark.parametrize(("window_size", "stride"), [(10, 7), (10, 10), (10, 20), (38, 1), (1, 1), (5, 3)])
def test_windows_hold_exactly_the_readings_from_their_start(tmp_path: Path, window_size: int, stride: int) -> None:
    write_usc(tmp_path, subjects=(2, 11), content=readings)
    samples = read(tmp_path, window_size=window_size, stride=stride)
    expected = [
        (subject, activity, trial, start)
        for subject in (2, 11)
        for activity in range(1, 13)
        for trial in (1, 2)
        for start in range(0, 37 + trial - window_size + 1, stride)
    ]
    assert len(samples) == len(expected)
    for row, (subject, activity, trial, start) in enumerate(expected):
        assert (samples.subject[row], samples.label[row], samples.start[row]) == (subject, activity - 1, start)
        assert samples.recording[row] == f"Subject{subject}/a{activity}t{trial}"
        whole = readings(subject, activity, trial).astype(np.float32)[start : start + window_size]
        np.testing.assert_array_equal(samples.inputs["acc"][row], whole[:, :3])
        np.testing.assert_array_equal(samples.inputs["gyro"][row], whole[:, 3:])


def test_shapes_follow_the_window(tmp_path: Path) -> None:
    write_usc(tmp_path)
    data = module(tmp_path, window_size=13, modalities=["gyro"], label_rate=0.5)
    data.setup()
    assert data.modality_shapes == {"gyro": (13, 3)}
    assert next(iter(data.test_dataloader()))["inputs"]["gyro"].shape[1:] == (13, 3)


@pytest.mark.parametrize("stride", [5, 9, 10, 11])
def test_quality_takes_every_next_unlabelled_window_that_shares_no_reading(tmp_path: Path, stride: int) -> None:
    write_usc(tmp_path, content=readings)
    anything = {"g": (0, 1e9), "deg/s": (0, 1e9)}
    data = module(tmp_path, stride=stride, labels_per_class=1, plausible=anything)
    data.setup()
    expected, end = [], {}
    for row in data.split.unlabeled:
        recording, start = data.samples.recording[row], data.samples.start[row]
        if start >= end.get(recording, 0):
            expected.append(row)
            end[recording] = start + 10
    torch.testing.assert_close(data.quality_inputs()["acc"], data.inputs["acc"][expected], rtol=0, atol=0)


def test_the_file_name_is_the_truth(tmp_path: Path) -> None:
    folder = write_usc(tmp_path, subjects=(1,), activities=(3,), trials=(2,))
    wrong = {"subject": "9", "activity": "walking-left", "activity_number": "2", "activity_numbr": "5", "trial": "1"}
    savemat(folder / "Subject1" / "a3t2.mat", {**wrong, "sensor_readings": np.ones((10, 6))})
    samples = read(tmp_path)
    assert (samples.subject[0], samples.label[0], samples.recording[0]) == (1, 2, "Subject1/a3t2")


def test_numbers_of_two_digits_sort_and_parse_as_numbers(tmp_path: Path) -> None:
    write_usc(tmp_path, subjects=(2, 10), trials=(1, 11))
    samples = read(tmp_path)
    assert sorted(set(samples.subject.tolist())) == [2, 10] and (np.diff(samples.subject) >= 0).all()
    assert set(samples.label[samples.subject == 10].tolist()) == set(range(12))
    assert "Subject10/a12t11" in samples.recording


def test_other_files_are_ignored(tmp_path: Path) -> None:
    folder = write_usc(tmp_path)
    before = read(tmp_path)
    fingerprint = module(tmp_path)
    fingerprint.prepare_data()
    strays = ("Readme.txt", "a1t1.mat", "Subject1/._a1t1.mat", "Subject1/a1t1.mat.part", "Subject1/a1t1 (1).mat")
    more = ("Subject1/notes.mat", "SubjectX/a1t1.mat", "Subject1/old/a1t9.mat", "__MACOSX/Subject1/a1t1.mat")
    for name in (*strays, *more, "Subject1/ba1t1.mat", "Subject1/a1t1x.mat", "Subject1/a1t1.mat.old.mat"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not a recording")
    after = read(tmp_path)
    np.testing.assert_array_equal(after.recording, before.recording)
    again = module(tmp_path)
    again.prepare_data()
    assert again.data_fingerprint == fingerprint.data_fingerprint


def test_a_list_of_recordings_labels_all_windows_of_them(tmp_path: Path) -> None:
    folder = write_usc(tmp_path)
    names = [f"Subject{1 + activity % 3}/a{activity}t2" for activity in range(1, 13)]
    (folder / "label_splits.json").write_text(f'{{"few": {names}}}'.replace("'", '"'), encoding="utf-8")
    data = module(tmp_path, label_split="few")
    data.setup()
    assert set(data.samples.recording[data.split.labeled].tolist()) == set(names)
    assert len(data.split.labeled) == 12 * 6
