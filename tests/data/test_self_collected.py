"""One's own synchronised recordings: batches, the two ways to hold them, incomplete clips, and refusals."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cosmo_pl.data import SelfCollectedDataModule
from cosmo_pl.data.reduction import reduce_depth, reduce_radar
from cosmo_pl.data.samples import MappedRows
from cosmo_pl.errors import ConfigurationError, DatasetNotFoundError, RecordingError
from cosmo_pl.testing.helpers import ready

from .raw import write_self_collected
from .refusals import refusal

SMALL: dict[str, Any] = {
    "depth_frames": 4, "depth_size": (6, 8), "radar_frames": 3, "labels_per_class": 2,
    "pretrain_batch_size": 6, "batch_size": 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_self_collected(tmp_path_factory.mktemp("self"), subjects=range(1, 6), activities=3, trials=8)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of the test's own."""
    return write_self_collected(tmp_path)


def make(root: Path, **arguments: Any) -> SelfCollectedDataModule:
    return SelfCollectedDataModule(root=str(root), **{**SMALL, "test_subjects": (4,), **arguments})


def test_shapes_are_those_of_the_manifest_and_the_arguments(folder: Path) -> None:
    data = make(folder)
    assert data.modality_shapes == {"imu": (20, 9), "depth": (4, 6, 8), "radar": (3, 2, 4, 5, 3)}
    assert data.num_classes == 3 and data.class_names == ("activity 0", "activity 1", "activity 2")


def test_samples_are_the_files_reduced_and_standardised(folder: Path) -> None:
    data = ready(make(folder))
    batch = next(iter(data.test_dataloader()))
    for row, index in enumerate(batch["index"].tolist()):
        name = str(data.samples.recording[index])
        raw = {sensor: np.load(folder / sensor / f"{name}.npy") for sensor in ("imu", "depth", "radar")}
        expected = {
            "imu": raw["imu"], "depth": reduce_depth(raw["depth"], 4, (6, 8))[0],
            "radar": reduce_radar(raw["radar"], 3),
        }  # fmt: skip
        for sensor, values in expected.items():
            read = data.normalization[sensor].invert(batch["inputs"][sensor][row])
            np.testing.assert_allclose(read.numpy(), values.astype(np.float32), rtol=2e-3, atol=2e-2)
        assert name.startswith(f"s{int(batch['subject'][row]):02}_a{int(batch['label'][row]):02}")


@pytest.mark.parametrize("phase", ["pretrain", "finetune"])
@pytest.mark.parametrize("num_workers", [0, 1, 2])
def test_on_disk_and_in_memory_batches_are_identical(folder: Path, phase: str, num_workers: int) -> None:
    given = []
    for arguments in ({"in_memory": True}, {"num_workers": num_workers}):
        data = ready(make(folder, phase=phase, num_augmentations=2, **arguments))
        torch.manual_seed(3)
        given.append([*data.train_dataloader(), *data.train_dataloader(), *data.test_dataloader()])
        assert isinstance(data.inputs["depth"], torch.Tensor) == ("in_memory" in arguments)
    assert len(given[0]) == len(given[1]) > 4
    for one, other in zip(*given, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_samples_on_disk_stay_there(folder: Path) -> None:
    data = ready(make(folder))
    values = data.inputs["depth"].values
    assert isinstance(values, MappedRows) and values.dtype == np.uint16 and isinstance(data.inputs["imu"], torch.Tensor)


def test_one_modality_alone_reads_no_other(own: Path) -> None:
    for path in (own / "radar").iterdir():
        path.unlink()
    (own / "depth").rename(own / "moved")
    assert list(next(iter(ready(make(own, modalities=["imu"])).test_dataloader()))["inputs"]) == ["imu"]


# Clips that lack a modality


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "manifest.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    change(told)
    path.write_text(json.dumps(told), encoding="utf-8")


def drop(folder: Path, clips: dict[str, str]) -> None:
    """Takes modalities off clips, clip to modality."""

    def change(told: dict[str, Any]) -> None:
        for clip in told["clips"]:
            if clip["name"] in clips:
                del clip["files"][clips[clip["name"]]]

    edit(folder, change)


def test_incomplete_clips_are_left_out_with_a_count_or_refused(own: Path) -> None:
    drop(own, {"s01_a00_t1": "depth", "s04_a01_t2": "imu"})
    with pytest.warns(UserWarning, match="2 clips lack a modality and are left out"):
        data = ready(make(own))
    assert len(data.samples) == 34 and not data.samples.present
    assert not {"s01_a00_t1", "s04_a01_t2"} & set(data.samples.recording.tolist())
    refusal(RecordingError, make(own, strict=True).prepare_data, "2 clips", "s01_a00_t1 without depth", "strict")
    with pytest.warns(UserWarning, match="1 clips"):
        assert len(ready(make(own, modalities=["imu", "radar"])).samples) == 35


def test_clips_without_any_of_the_chosen_sensors_are_reported(own: Path) -> None:
    drop(own, {"s01_a00_t1": "depth", "s04_a01_t2": "depth"})
    for keep in (False, True):
        with pytest.warns(UserWarning, match="2 clips lack a modality and are left out"):
            assert len(ready(make(own, modalities=["depth"], keep_incomplete=keep)).samples) == 34
    refusal(RecordingError, make(own, modalities=["depth"], strict=True).prepare_data, "2 clips", "s01_a00_t1")


def test_incomplete_clips_of_test_subjects_are_masked_where_they_are_kept(own: Path) -> None:
    drop(own, {"s01_a00_t1": "depth", "s04_a01_t2": "imu", "s04_a02_t1": "depth"})
    with pytest.warns(UserWarning, match="2 test clips lack a modality and are kept"):
        data = ready(make(own, keep_incomplete=True))
    assert len(data.samples) == 35
    (batch,) = data.test_dataloader()
    names = data.samples.recording[batch["index"]].tolist()
    assert set(batch["present"]) == {"imu", "depth"}
    assert [names[i] for i in torch.nonzero(~batch["present"]["imu"])] == ["s04_a01_t2"]
    assert [names[i] for i in torch.nonzero(~batch["present"]["depth"])] == ["s04_a02_t1"]
    assert all(torch.isfinite(x).all() for x in batch["inputs"].values())
    training = next(iter(data.train_dataloader()))
    assert all(there.all() for there in training["present"].values())


def test_incomplete_clips_of_a_tested_fold_are_kept(own: Path) -> None:
    """Folds are of all people with recordings, whichever of their clips are complete."""
    drop(own, {"s01_a00_t1": "depth", **{f"s04_a0{a}_t{t}": "imu" for a in range(3) for t in range(1, 4)}})
    folds = {"test_subjects": None, "folds": 4}
    with pytest.warns(UserWarning, match="9 test clips lack a modality and are kept"):
        data = ready(make(own, keep_incomplete=True, fold=3, **folds))
    assert data.subjects.test == (4,)
    assert set(data.samples.subject[~data.samples.present["imu"]].tolist()) == {4}
    assert ready(make(own, keep_incomplete=False, fold=2, **folds)).subjects.test == (3,)


def test_labels_of_incomplete_clips_are_refused(own: Path) -> None:
    """Nothing is trained on in the place of a sensor that was not there."""
    drop(own, {f"s04_a0{a}_t{t}": "depth" for a in range(3) for t in range(1, 4)})
    data = make(own, target_label_fraction=0.5, keep_incomplete=True, labels_per_class=2)
    with pytest.warns(UserWarning, match="are kept"):
        refusal(ConfigurationError, data.setup, "target_label_fraction", "lack a modality", "keep_incomplete")


# Refusals


def test_without_a_manifest_the_remedy_names_the_simulation_alone(tmp_path: Path) -> None:
    told = refusal(DatasetNotFoundError, lambda: make(tmp_path), "SelfCollected", "manifest.json", "simulate")
    assert told is None or "download" not in told


FIELDS: list[tuple[str, Callable[[dict[str, Any]], object], tuple[str, ...]]] = [
    ("format", lambda m: m.update(format=7), ("format is 7",)),
    ("no clips", lambda m: m.update(clips=[]), ("clips is []", "at least one clip")),
    ("missing key", lambda m: m["clips"][3].pop("subject"), ("clips[3].subject", "missing")),
    ("wrong type", lambda m: m["clips"][3].update(subject="two"), ("clips[3].subject", "'two'")),
    ("activity", lambda m: m["clips"][0].update(activity="flying"), ("clips[0].activity", "flying")),
    ("duration", lambda m: m["clips"][5].update(duration=3.0), ("clips[5].duration", "3.0")),
    ("twice", lambda m: m["clips"][5].update(name=m["clips"][4]["name"]), ("same name",)),
    ("modality", lambda m: m["clips"][1]["files"].update(sonar="x.npy"), ("clips[1].files", "sonar")),
    ("unit", lambda m: m["modalities"]["depth"].update(unit="m"), ("modalities.depth.unit", "'m'", "mm")),
    ("units", lambda m: m["modalities"]["imu"].update(unit=["g"]), ("modalities.imu.unit", "9 channels")),
    ("dtype", lambda m: m["modalities"]["depth"].update(dtype="float32"), ("modalities.depth.dtype", "uint16")),
    ("kind", lambda m: m["modalities"]["depth"].update(kind="video"), ("modalities.depth.kind", "series")),
    ("shape", lambda m: m["modalities"]["radar"].update(shape=[2, 4]), ("modalities.radar.shape", "4 positive sizes")),
    ("rate", lambda m: m["modalities"]["imu"].update(rate=0), ("modalities.imu.rate is 0", "above 0")),
    ("no number", lambda m: m["modalities"]["imu"].update(rate=float("nan")), ("NaN",)),
    ("endless", lambda m: [c.update(duration=float("inf")) for c in m["clips"]], ("Infinity",)),
    ("no start", lambda m: m["clips"][2].pop("start"), ("clips[2].start", "missing")),
    ("early", lambda m: m["clips"][2].update(start=-4), ("clips[2].start", "-4")),
    ("truth", lambda m: m["clips"][2].update(subject=True), ("clips[2].subject", "True")),
    ("lists", lambda m: m.update(activities=[["a"], ["b"]]), ("activities[0] is ['a']", "not text")),
    ("numbers", lambda m: m["modalities"]["imu"].update(unit=[1] * 9), ("modalities.imu.unit", "9 channels")),
    ("no file", lambda m: m["clips"][1]["files"].update(imu=None), ("clips[1].files.imu is None", "not text")),
    ("outside", lambda m: m["clips"][1]["files"].update(imu="../a.npy"), ("clips[1].files.imu", "'../a.npy'")),
    ("absolute", lambda m: m["clips"][1]["files"].update(depth="/a.npy"), ("clips[1].files.depth", "inside")),
    ("one file twice", lambda m: m["clips"][1].update(files=m["clips"][2]["files"]), ("the same file", "imu")),
    (
        "name",
        lambda m: m["modalities"].update({"../up": m["modalities"]["imu"]}),
        ("name of a modality", "../up"),
    ),
    ("endless rate", lambda m: m["modalities"]["imu"].update(rate=10**400), ("modalities.imu.rate",)),
    ("digits", lambda m: m["clips"][2].update(subject=10**30), ("clips[2].subject", "not a whole number")),
    (
        "joined",
        lambda m: m["modalities"].update({"a+b": m["modalities"]["imu"]}),
        ("name of a modality", "a+b"),
    ),
]


@pytest.mark.parametrize(("change", "told"), [case[1:] for case in FIELDS], ids=[case[0] for case in FIELDS])
def test_a_manifest_that_cannot_be_meant(own: Path, change: Callable[..., object], told: tuple[str, ...]) -> None:
    edit(own, change)
    refusal(RecordingError, lambda: make(own), str(own / "manifest.json"), *told)


@pytest.mark.parametrize("content", [b'{"format": 1, "activ', b"[" * 100_000, "Köper".encode("latin-1"), b"[1e999]"])
def test_a_manifest_that_is_no_json(own: Path, content: bytes) -> None:
    (own / "manifest.json").write_bytes(content)
    refusal(RecordingError, lambda: make(own), "manifest.json", "Correct the manifest")


def zipped(path: Path) -> None:
    with path.open("wb") as file:  # a name would get another ending
        np.savez(file, np.zeros(3))


ARRAYS: list[tuple[str, Callable[[Path], object], tuple[str, ...]]] = [
    ("missing", lambda path: path.unlink(), ("does not exist", "manifest.json")),
    ("half", lambda path: path.write_bytes(path.read_bytes()[:-100]), ("half written",)),
    ("header", lambda path: path.write_bytes(path.read_bytes()[:40]), ("half written",)),
    ("dtype", lambda path: np.save(path, np.load(path).astype(np.float64)), ("float64", "dtype uint16")),
    ("shape", lambda path: np.save(path, np.load(path)[:, :5]), ("shape (10, 5, 16)", "(10, 12, 16)")),
    ("length", lambda path: np.save(path, np.load(path)[:9]), ("9 frames", "5 Hz is 10", "not synchronised")),
    ("archive", lambda path: zipped(path), ("archive of arrays",)),
    ("brace", lambda path: path.write_bytes(path.read_bytes().replace(b"}", b" ", 1)), ("half written",)),
    ("folder", lambda path: (path.unlink(), path.mkdir()), ("is a folder",)),
    ("pipe", lambda path: (path.unlink(), os.mkfifo(path)), ("is no regular file",)),
    ("dangling", lambda path: (path.unlink(), path.symlink_to("nowhere")), ("does not exist",)),
    ("loop", lambda path: (path.unlink(), path.symlink_to(path.name)), ("symbolic links",)),
]


@pytest.mark.parametrize(("damage", "told"), [case[1:] for case in ARRAYS], ids=[case[0] for case in ARRAYS])
def test_an_array_that_is_not_what_the_manifest_says(
    own: Path, tmp_path: Path, damage: Callable[..., object], told: tuple[str, ...]
) -> None:
    path = own / "depth" / "s02_a01_t2.npy"
    damage(path)
    data = make(own, cache_dir=str(tmp_path / "cache"))
    refusal(RecordingError, data.prepare_data, str(path), *told)
    assert not (tmp_path / "cache").exists()  # before anything is read


@pytest.mark.parametrize("sensor", ["imu", "radar"])
def test_values_that_are_no_numbers(own: Path, sensor: str) -> None:
    path = own / sensor / "s02_a01_t2.npy"
    values = np.load(path)
    values.flat[7] = np.nan
    np.save(path, values)
    refusal(RecordingError, make(own).prepare_data, str(path), "1 values that are NaN, infinite")


@pytest.mark.parametrize(("sensor", "dtype", "value"), [("imu", "float64", 1e39), ("radar", "float32", np.inf)])
def test_values_beyond_what_is_computed_with(own: Path, sensor: str, dtype: str, value: float) -> None:
    edit(own, lambda told: told["modalities"][sensor].update(dtype=dtype))
    for path in (own / sensor).iterdir():
        values = np.load(path).astype(dtype)
        values.flat[7] = value
        np.save(path, values)
    refusal(RecordingError, make(own).prepare_data, sensor, "1 values that are NaN, infinite or beyond float32")


def test_radar_keeps_the_range_of_its_type(own: Path) -> None:
    """Powers in watts are too small, and sums of counts too large, for 16 bits."""
    edit(own, lambda told: told["modalities"]["radar"].update(dtype="float32", unit=["W", "1"]))
    for i, path in enumerate(sorted((own / "radar").iterdir())):
        np.save(path, np.load(path).astype(np.float32) * (1e-9 if i % 2 else 1e6))
    data = make(own)
    values = data.load().inputs["radar"]
    assert values.dtype == np.float32 and np.isfinite(values).all()
    assert 0 < np.abs(values[1]).max() < 1e-7 and np.abs(values[0]).max() > 1e5
    assert np.isfinite(ready(data).normalization["radar"].mean).all()


@pytest.mark.parametrize("argument", [{"depth_size": (13, 16)}, {"depth_frames": 0}, {"radar_frames": 7}])
def test_sizes_beyond_the_recording(own: Path, argument: dict[str, Any]) -> None:
    refusal(ConfigurationError, lambda: make(own, **argument), next(iter(argument)))


def test_a_modality_that_the_manifest_has_not(own: Path) -> None:
    refusal(ConfigurationError, lambda: make(own, modalities=["sonar"]), "modalities", "imu")
