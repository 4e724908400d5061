"""The description of a dataset says what its files say."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from scipy.io import loadmat

from cosmo_pl.data import MultimodalDataModule, USCDataModule, UTDDataModule
from cosmo_pl.data.describe import describe
from cosmo_pl.errors import ConfigurationError

from .raw import write_usc, write_utd


def tables(text: str) -> list[list[list[str]]]:
    """Cells of each Markdown table, without the rule under the heading."""
    blocks = re.findall(r"(?:^\|.*\|$\n?)+", text, flags=re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines() if "---" not in line]
        for block in blocks
    ]


def check(data: MultimodalDataModule, samples: Counter[tuple[int, int]], recordings: int) -> str:
    """Compares with the number of samples of each (activity from 1, subject), counted in the files."""
    text = describe(data)
    overview, counts = tables(text)
    subjects = sorted({subject for _, subject in samples})
    shown = dict(zip(overview[0], overview[1], strict=True))
    assert shown["activities"] == str(len(data.class_names)) and shown["subjects"] == str(len(subjects))
    assert shown["recordings"] == str(recordings) and shown["samples"] == str(samples.total())
    assert counts[0] == ["activity", *(f"s{subject}" for subject in subjects), "all"]
    assert [row[0] for row in counts[1:]] == list(data.class_names)
    for activity, row in enumerate(counts[1:], start=1):
        expected = [samples[activity, subject] for subject in subjects]
        assert [int(cell) for cell in row[1:]] == [*expected, sum(expected)]
    assert data.data_fingerprint in text and str(data.folder) in text
    return text


def usc_counts(folder: Path, window_size: int, stride: int) -> tuple[Counter[tuple[int, int]], int]:
    counts: Counter[tuple[int, int]] = Counter()
    files = list(folder.glob("Subject*/a*t*.mat"))
    for path in files:
        subject, activity = int(path.parent.name[7:]), int(re.split("[at]", path.stem)[1])
        counts[activity, subject] += len(range(0, len(loadmat(path)["sensor_readings"]) - window_size + 1, stride))
    return counts, len(files)


def test_windows_of_usc(tmp_path: Path) -> None:
    folder = write_usc(tmp_path, subjects=(2, 3, 10))
    (folder / "Subject3" / "a4t2.mat").unlink()
    data = USCDataModule(root=str(tmp_path), window_size=20, stride=9, test_subjects=[10])
    text = check(data, *usc_counts(folder, 20, 9))
    assert re.search("acc 20.3, gyro 20.3", text)
    counts, _ = usc_counts(folder, 20, 9)
    samples = {subject: sum(n for (_, s), n in counts.items() if s == subject) for subject in (2, 3, 10)}
    assert samples[3] < samples[2]
    assert f"- train subjects 2, 3: {samples[2] + samples[3]} samples" in text
    assert f"- test subjects 10: {samples[10]} samples" in text and "validation" not in text


def test_clips_of_utd(tmp_path: Path) -> None:
    folder = write_utd(tmp_path)
    (folder / "Inertial" / "a27_s2_t1_inertial.mat").unlink()
    (folder / "Skeleton" / "a27_s2_t1_skeleton.mat").unlink()
    counts = Counter((a, s) for a in range(1, 28) for s in range(1, 5) for _ in range(2)) - Counter([(27, 2)])
    data = UTDDataModule(root=str(tmp_path), test_subjects=[4], val_subjects=[1])
    text = check(data, counts, 27 * 8 - 1)
    assert re.search("inertial 120.6, skeleton 40.20.3", text)
    for line in (
        "train subjects 2, 3: 107 samples",
        "validation subjects 1: 54 samples",
        "test subjects 4: 54 samples",
    ):
        assert f"- {line}" in text


def test_simulated_recordings(usc_root: Path) -> None:
    counts = usc_counts(usc_root / "USC-HAD", 200, 70)
    check(USCDataModule(root=str(usc_root)), *counts)


def test_a_dataset_too_small_for_the_labels_asked_for_is_described(utd_root: Path) -> None:
    data = UTDDataModule(root=str(utd_root))
    check(data, Counter((action, subject) for action in range(1, 28) for subject in range(1, 9)), 216)
    with pytest.raises(ConfigurationError, match="label_rate"):
        data.setup()


def test_the_subjects_of_each_part_are_those_of_the_fold(tmp_path: Path) -> None:
    write_utd(tmp_path)
    for fold in range(4):
        told = describe(UTDDataModule(root=str(tmp_path), folds=4, fold=fold, labels_per_class=1))
        assert f"- test subjects {fold + 1}: " in told
