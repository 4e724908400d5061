"""The description of a dataset says what its files say."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from scipy.io import loadmat

from cosmo_pl.data import MultimodalDataModule, USCDataModule, UTDDataModule
from cosmo_pl.data.describe import describe

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
    data = USCDataModule(root=str(tmp_path), window_size=20, stride=9, test_subjects=[10], labels_per_class=2)
    text = check(data, *usc_counts(folder, 20, 9))
    assert "acc 20×3, gyro 20×3" in text
    assert "- train subjects: 2, 3" in text and "- test subjects: 10" in text
    samples = len(data.split.train)
    assert f"labelled 24, unlabelled {samples - 24}, validation 0, test {len(data.split.test)} samples" in text


def test_clips_of_utd(tmp_path: Path) -> None:
    folder = write_utd(tmp_path)
    (folder / "Inertial" / "a27_s2_t1_inertial.mat").unlink()
    (folder / "Skeleton" / "a27_s2_t1_skeleton.mat").unlink()
    counts = Counter((a, s) for a in range(1, 28) for s in range(1, 5) for _ in range(2)) - Counter([(27, 2)])
    data = UTDDataModule(root=str(tmp_path), test_subjects=[4], val_subjects=[1], labels_per_class=1)
    text = check(data, counts, 27 * 8 - 1)
    assert "inertial 120×6, skeleton 40×20×3" in text
    assert all(line in text for line in ("- train subjects: 2, 3", "- validation subjects: 1", "- test subjects: 4"))


def test_simulated_recordings(usc_root: Path) -> None:
    counts = usc_counts(usc_root / "USC-HAD", 200, 70)
    check(USCDataModule(root=str(usc_root), label_rate=0.1), *counts)


@pytest.mark.parametrize("module", [USCDataModule, UTDDataModule])
def test_a_small_dataset_is_described_under_the_defaults(
    module: type[MultimodalDataModule], usc_root: Path, utd_root: Path
) -> None:
    # One label a class is more than the default rate gives here; what is on disk can be told all the same.
    root = usc_root if module is USCDataModule else utd_root
    assert module.dataset in describe(module(root=str(root)))
