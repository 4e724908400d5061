"""What is kept of one's own recordings follows the manifest, and the validator looks at everything in it."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cosmo_pl.data import SelfCollectedDataModule
from cosmo_pl.data.describe import describe
from cosmo_pl.data.loading import StoredInputs
from cosmo_pl.errors import RecordingError

from .raw import write_self_collected
from .refusals import refusal


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return write_self_collected(tmp_path)


def make(own: Path, cache: Path, **arguments: Any) -> SelfCollectedDataModule:
    small = {"depth_frames": 4, "depth_size": (6, 8), "radar_frames": 3, "test_subjects": (4,), "labels_per_class": 1}
    return SelfCollectedDataModule(root=str(own), cache_dir=str(cache), **{**small, **arguments})


def edit(own: Path, name: str, **entry: Any) -> None:
    path = own / "manifest.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    for clip in told["clips"]:
        if clip["name"] == name:
            clip.update(entry)
    path.write_text(json.dumps(told), encoding="utf-8")


def files_of(own: Path, name: str) -> dict[str, str]:
    clips = json.loads((own / "manifest.json").read_text(encoding="utf-8"))["clips"]
    return next(clip["files"] for clip in clips if clip["name"] == name)


@pytest.mark.parametrize("modalities", [["imu"], ["imu", "depth"], ["depth"]])
@pytest.mark.parametrize("change", [{"activity": "activity 2"}, {"subject": 3}])
def test_a_corrected_manifest_is_believed(own: Path, modalities: list[str], change: dict[str, Any]) -> None:
    data = make(own, own / "cache", modalities=modalities)
    data.load()
    before = data.data_fingerprint
    edit(own, "s01_a00_t1", **change)
    data = make(own, own / "cache", modalities=modalities)
    samples, fresh = data.load(), make(own, own / "fresh", modalities=modalities).load()
    row = samples.recording.tolist().index("s01_a00_t1")
    assert samples.label[row] == (2 if "activity" in change else 0)
    assert samples.subject[row] == change.get("subject", 1)
    assert samples.recording.tolist() == fresh.recording.tolist()
    for name in modalities:
        np.testing.assert_array_equal(samples.inputs[name], fresh.inputs[name])
    assert data.data_fingerprint != before


def test_files_that_change_places_are_read_again(own: Path) -> None:
    before = make(own, own / "cache", modalities=["imu"]).load()
    one, other = "s01_a00_t1", "s01_a00_t2"
    files = files_of(own, one), files_of(own, other)
    edit(own, one, files=files[1])
    edit(own, other, files=files[0])
    after = make(own, own / "cache", modalities=["imu"]).load()
    row, there = (after.recording.tolist().index(name) for name in (one, other))
    np.testing.assert_array_equal(after.inputs["imu"][[row, there]], before.inputs["imu"][[there, row]])
    assert not (before.inputs["imu"][row] == before.inputs["imu"][there]).all()


def test_sets_without_a_series_are_kept_apart(tmp_path: Path) -> None:
    for place, subjects in (("a", (1, 2)), ("b", (4, 5, 6))):
        own = write_self_collected(tmp_path / place, subjects=subjects)
        samples = make(own, tmp_path / "cache", modalities=["depth"]).load()
        assert set(samples.subject.tolist()) == set(subjects)
        assert len(samples.label) == len(samples.inputs["depth"]) == 9 * len(subjects)


def test_two_sets_of_the_same_names_sizes_and_times_are_kept_apart(tmp_path: Path) -> None:
    found = []
    for place in ("a", "b"):
        own = write_self_collected(tmp_path / place)
        for path in (own / "depth").iterdir():
            if place == "b":
                np.save(path, np.load(path)[::-1])
            os.utime(path, (0, 0))
        found.append(
            np.array(make(own, tmp_path / "cache", modalities=["depth"], depth_frames=10).load().inputs["depth"])
        )
    np.testing.assert_array_equal(found[0], found[1][:, ::-1])
    assert not (found[0] == found[1]).all()


def test_a_mapped_array_travels_to_a_worker_as_its_name(own: Path) -> None:
    data = make(own, own / "cache")
    data.setup()
    inputs = data.inputs["depth"]
    assert isinstance(inputs, StoredInputs)
    sent = pickle.dumps(inputs)
    assert len(sent) < 4096 < inputs.values.array.nbytes
    again = pickle.loads(sent)
    assert isinstance(again.values.array, np.memmap)
    assert torch.equal(again[torch.arange(5)], inputs[torch.arange(5)])


# The validator


def everything(own: Path) -> SelfCollectedDataModule:
    return SelfCollectedDataModule.for_description(root=str(own), cache_dir=str(own / "cache"))


def test_any_sensors_of_any_size_are_described(own: Path) -> None:
    told = json.loads((own / "manifest.json").read_text(encoding="utf-8"))
    told["modalities"] = {"wrist": told["modalities"]["imu"], "depth": told["modalities"]["depth"]}
    for clip in told["clips"]:
        clip["files"] = {"wrist": clip["files"]["imu"], "depth": clip["files"]["depth"]}
    (own / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    page = describe(everything(own))
    assert "wrist 20×9, depth 16×12×16" in page
    assert "| 3 | 4 | 36 | 36 |" in page


@pytest.mark.parametrize(
    ("sensor", "damage"),
    [
        ("radar", lambda path: path.unlink()),
        ("depth", lambda path: np.save(path, np.load(path)[:, :5])),
        ("imu", lambda path: np.save(path, np.where(np.arange(9) == 3, np.float32(np.nan), np.load(path)))),
        ("radar", lambda path: np.save(path, np.full_like(np.load(path), np.inf))),
    ],
    ids=["missing", "shape", "nan", "infinite"],
)
def test_every_file_is_looked_at_before_anything_is_reduced(own: Path, sensor: str, damage: Any) -> None:
    """Also one of a clip that lacks another modality and would be left out."""
    lacking = "depth" if sensor == "imu" else "imu"
    edit(own, "s02_a01_t2", files={k: v for k, v in files_of(own, "s02_a01_t2").items() if k != lacking})
    damage(own / sensor / "s02_a01_t2.npy")
    refusal(RecordingError, lambda: everything(own), f"{sensor}/s02_a01_t2.npy")
    assert not (own / "cache").exists()
