"""What a sensor cannot have measured is counted, named, left out, and refused under strict."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import warnings
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import loadmat, savemat

from cosmo_pl.data import (
    MultimodalDataModule,
    SelfCollectedDataModule,
    StreamsDataModule,
    USCDataModule,
    UTDDataModule,
)
from cosmo_pl.data.describe import describe
from cosmo_pl.data.extremes import Extremes, checksum
from cosmo_pl.data.limits import LIMITS, ranges_of
from cosmo_pl.data.plausibility import _still
from cosmo_pl.data.samples import MappedRows, MappedWindows
from cosmo_pl.data.transforms import CenterOnHip, FaceCamera, ScaleByTorso
from cosmo_pl.errors import ConfigurationError, RecordingError

from .raw import noise, write_self_collected, write_usc, write_utd
from .refusals import make, refusal
from .streams.written import rewrite, write_streams

Change = Callable[[np.ndarray], np.ndarray]


@pytest.fixture
def root(tmp_path: Path, originals: Path) -> Path:
    """A copy of good recordings, to be spoilt."""
    shutil.copytree(originals, tmp_path / "raw")
    return tmp_path / "raw"


def change(path: Path, by: Change) -> None:
    """Changes what a file holds."""
    if path.suffix == ".npy":
        np.save(path, by(np.load(path)))
        return
    stored = {name: values for name, values in loadmat(path).items() if not name.startswith("__")}
    savemat(path, {name: by(values) if values.dtype.kind == "f" else values for name, values in stored.items()})


def put(place: Any, value: float) -> Change:
    def changed(values: np.ndarray) -> np.ndarray:
        values = values.astype(np.float64)
        values[place] = value
        return values

    return changed


def reported(data: MultimodalDataModule) -> list[str]:
    """What is warned of in setting up; official recordings that are missing aside."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data.prepare_data()
        data.setup()
    lines = [str(each.message) for each in caught if "official" not in str(each.message)]
    return [line for line in lines if line.startswith(data.dataset)]


UTD, USC = "utd/UTD-MHAD", "usc/USC-HAD"
ONE = {
    "absurd": (UTDDataModule, f"{UTD}/Inertial/a5_s2_t1_inertial.mat", put((3, 1), 1e20), "beyond -40 to 40 g"),
    "a million": (UTDDataModule, f"{UTD}/Inertial/a5_s2_t1_inertial.mat", put((3, 4), 1e6), "5000 deg/s"),
    "far joint": (UTDDataModule, f"{UTD}/Skeleton/a5_s2_t1_skeleton.mat", put((7, 2, 3), 300.0), "20 m"),
    "zeros": (UTDDataModule, f"{UTD}/Inertial/a5_s2_t1_inertial.mat", put((), 0.0), "'inertial' (g) never changes"),
    "dead gyroscope": (
        UTDDataModule, f"{UTD}/Inertial/a5_s2_t1_inertial.mat", put(np.s_[:, 3:], 7.0), "(deg/s) never changes",
    ),
    "frozen": (
        UTDDataModule, f"{UTD}/Skeleton/a5_s2_t1_skeleton.mat", lambda x: x[..., :1].repeat(15, axis=2),
        "'skeleton' (m) never changes",
    ),
    "shoulder on hip": (
        UTDDataModule, f"{UTD}/Skeleton/a5_s2_t1_skeleton.mat", lambda x: np.concatenate([x[:1], x[3:4], x[2:]]),
        "torso beyond 0.1 to 1 m",
    ),
    "twice as large as giants": (
        UTDDataModule, f"{UTD}/Skeleton/a5_s2_t1_skeleton.mat", lambda x: 5 * x, "torso beyond 0.1 to 1 m",
    ),
    "USC": (USCDataModule, f"{USC}/Subject2/a5t1.mat", put((3, 1), 1e6), "'acc' beyond -40 to 40 g"),
    "USC constant": (USCDataModule, f"{USC}/Subject2/a5t1.mat", put(np.s_[:, 3:], 1.0), "'gyro' (deg/s) never changes"),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_one_recording_of_a_faulty_sensor_reaches_nothing(
    root: Path, originals: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, file, by, problem = ONE[name]
    monkeypatch.setattr(module, "official", ())  # strict would refuse so few first
    change(root / file, by)
    kept = Path(file).stem.rpartition("_")[0] if module is UTDDataModule else "Subject2/a5t1"
    data, clean = make(module, root), make(module, originals)
    lines = reported(data)
    assert not reported(clean)
    hits = [line for line in lines if problem in line]
    assert len(hits) == 1 and "left out" in hits[0] and Path(file).name in hits[0] and hits[0].endswith(".")
    gone = np.flatnonzero(clean.samples.recording == kept)
    if name == "USC":
        assert "in 1 windows are left out" in hits[0]  # the others of this recording stay
        gone = gone[clean.samples.start[gone] <= 3]
    rest = np.setdiff1d(np.arange(len(clean.samples)), gone)
    assert len(gone) and data.samples.recording.tolist() == clean.samples.recording[rest].tolist()
    for modality in data.modalities:
        np.testing.assert_array_equal(data.samples.inputs[modality], clean.samples.inputs[modality][rest])
        assert np.abs(np.array(data.normalization[modality].std)).max() < 5  # that of the noise
    refusal(RecordingError, make(module, root, strict=True).prepare_data, Path(file).name, problem, "strict")


def test_strict_allows_good_recordings_that_are_complete(usc_root: Path, utd_root: Path) -> None:
    for data in (
        USCDataModule(root=str(usc_root), strict=True, label_rate=0.1),
        UTDDataModule(root=str(utd_root), strict=True, label_rate=0.25),
    ):
        assert not reported(data) and not data.faults.lines


# Copies


def test_a_copy_is_left_out_and_where_it_contradicts_both_are(tmp_path: Path) -> None:
    folder = write_utd(tmp_path, trials=(1, 2), actions=range(1, 28)) / "Inertial"
    (folder / "a3_s1_t2_inertial.mat").write_bytes((folder / "a3_s1_t1_inertial.mat").read_bytes())
    stored = loadmat(folder / "a9_s1_t1_inertial.mat")["d_iner"]
    savemat(folder / "a9_s4_t1_inertial.mat", {"d_iner": stored, "comment": "of other bytes"})
    data = UTDDataModule(root=str(tmp_path), test_subjects=[4], labels_per_class=1)
    again, disputed = reported(data)
    assert "1 recordings with a copy" in again and "a3_s1_t2_inertial.mat" in again
    assert "2 recordings" in disputed and "a9_s1_t1_inertial.mat, Inertial/a9_s4_t1_inertial.mat" in disputed
    assert not {"a3_s1_t2", "a9_s1_t1", "a9_s4_t1"} & set(data.samples.recording.tolist())
    assert len(data.samples) == 4 * 27 * 2 - 3
    page = describe(data)
    assert "- 1 recordings with a copy" in page and "official recordings are missing" in page


# Spelling, and what is missing


@pytest.mark.parametrize(
    ("module", "file", "other"),
    [
        (UTDDataModule, f"{UTD}/Inertial/a5_s2_t1_inertial.mat", "A05_S2_T1_Inertial.MAT"),
        (UTDDataModule, f"{UTD}/Skeleton/a5_s2_t1_skeleton.mat", "a05_s02_t1_skeleton.mat"),
        (USCDataModule, f"{USC}/Subject2/a5t1.mat", "A5t01.mat"),
    ],
)
def test_another_spelling_is_the_same_recording(
    root: Path, originals: Path, module: type[MultimodalDataModule], file: str, other: str
) -> None:
    clean = make(module, originals)
    clean.prepare_data()
    path = root / file
    path.with_name(other).write_bytes(b"another")
    data = make(module, root)
    (line,) = reported(data)
    assert "1 files" in line and other in line and "ignored" in line
    assert data.data_fingerprint == clean.data_fingerprint
    refusal(RecordingError, make(module, root, strict=True).prepare_data, other, "another spelling")
    path.replace(path.with_name(other))  # alone it is taken, under its name
    alone = make(module, root)
    assert not reported(alone) and len(alone.samples) == len(data.samples)
    assert sorted(alone.samples.recording.tolist()) == sorted(data.samples.recording.tolist())


def test_recordings_are_counted_against_the_official_ones(tmp_path: Path) -> None:
    write_usc(tmp_path, subjects=range(1, 15), trials=range(1, 6), content=noise(12, 6))
    small = {"root": str(tmp_path), "window_size": 10, "stride": 5, "label_rate": 0.1, "strict": True}
    USCDataModule(**small).prepare_data()
    (tmp_path / "USC-HAD" / "Subject9" / "a7t3.mat").unlink()
    refusal(RecordingError, USCDataModule(**small).prepare_data, "1 of the 840 official", "Subject9/a7t3")
    with pytest.warns(UserWarning, match=r"1 of the 840 official recordings are missing \(Subject9/a7t3\)"):
        USCDataModule(**{**small, "strict": None}).prepare_data()
    assert len(UTDDataModule.official) == 861


# Ranges


def test_a_range_is_given_by_unit(root: Path) -> None:
    change(root / UTD / "Inertial" / "a5_s2_t1_inertial.mat", put((3, 1), 60.0))
    assert len(reported(make(UTDDataModule, root))) == 1
    assert not reported(make(UTDDataModule, root, plausible={"g": (-80, 80)}))
    (line,) = reported(make(UTDDataModule, root, plausible={"deg/s": (-1.0, 80.0), "g": (-80, 80)}))
    assert "beyond -1 to 80 deg/s" in line and "plausible: {deg/s: [lowest, highest]}" in line
    refusal(
        ConfigurationError, make(UTDDataModule, root, plausible={"g": (50, 80)}).prepare_data, "no sample", "50 to 80 g"
    )
    for wrong, remedy in (({"deg": (0, 1)}, "'g'"), ({"g": (1, 1)}, "[lowest, highest]"), ({"g": (1,)}, "lowest")):
        refusal(ConfigurationError, lambda wrong=wrong: make(UTDDataModule, root, plausible=wrong), "plausible", remedy)


def test_all_units_have_ranges_and_others_none() -> None:
    assert ranges_of(["g", "lux", "V"], {"lux": [0, 1]}) == [(-40.0, 40.0), (0.0, 1.0), None]
    assert all(limit > 0 for limit in LIMITS.values())
    limits = {"g": 40, "mg": 4e4, "m/s²": 400, "rad/s": 90, "dps": 5000, "mdeg/s": 5e6, "G": 100, "T": 0.01, "µT": 1e4}
    limits |= {"mT": 10, "mm": 2e4, "cm": 2000, "m": 20, "m/s": 100, "kPa": 2500, "hPa": 25000, "Pa": 2.5e6}
    assert ranges_of([*limits], None) == [(-limit, limit) for limit in limits.values()]


def test_extremes_are_those_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    for shape, groups, axis, dtype in (
        ((5, 6), ((0, 1, 2), (3, 4), (5,)), -1, np.float32),
        ((4, 2, 3, 4, 5), ((0,), (1,)), -4, np.float16),
        ((4, 3, 2), ((0,),), None, np.uint16),
    ):
        values = (100 * rng.random((3, *shape))).astype(dtype)
        values[1] = values[1, :1]
        found = Extremes.of(values, groups, axis)
        for row, group in np.ndindex(3, len(groups)):
            channels = values[row][..., None] if axis is None else np.moveaxis(values[row], axis, -1)
            own = channels[..., list(groups[group])].astype(np.float64)
            assert (found.low[row, group], found.high[row, group]) == (own.min(), own.max())
            assert found.still[row, group] == (row == 1)
        assert found.checksum.tolist() == [checksum(row) for row in values]


@pytest.mark.parametrize(("axis", "shape"), [(-1, (4,)), (None, (3, 2))])
def test_extremes_of_windows_are_kept_until_the_file_changes(
    axis: int | None, shape: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, groups = tmp_path / "stream.npy", ((0,),) if axis is None else ((0, 2), (1, 3))
    rng, rows = np.random.default_rng(0), np.array([0, 3, -1, 6])

    def found() -> Extremes:
        return Extremes.of_windows(MappedWindows(np.load(path, mmap_mode="r"), rows, 4), groups, axis, tmp_path)

    def same(one: Extremes, other: Extremes) -> bool:
        pairs = [(getattr(one, each.name), getattr(other, each.name)) for each in fields(Extremes)]
        return all(a.dtype == b.dtype and a.shape == b.shape and (a == b).all() for a, b in pairs)

    for offset in (0.0, 5.0):
        stream = (offset + rng.random((10, *shape))).astype(np.float32)
        np.save(path, stream)
        os.utime(path, (offset, offset))
        windows = np.stack([stream[row : row + 4] if row >= 0 else np.zeros((4, *shape), np.float32) for row in rows])
        expected = Extremes.of(windows, groups, axis)
        assert same(found(), expected)
        with monkeypatch.context() as patch:
            patch.setattr(Extremes, "of", None)  # it is not computed again
            assert same(found(), expected)


def test_a_sensor_of_which_one_channel_changes_between_windows_is_not_still() -> None:
    values = np.tile(np.float32([1.0, 2.0]), (4, 5, 1))
    values[1, :, 1], values[3, :, 0] = 3.0, 0.5  # the largest value of a recording's windows, or the smallest
    found = Extremes.of(values, ((0, 1),), -1)
    assert found.still.all()
    assert not _still(found, 0, np.array([0, 0, 1, 1])).any()
    assert _still(found, 0, np.arange(4)).all()


# One's own recordings


def own(root: Path, **arguments: Any) -> SelfCollectedDataModule:
    small = {"depth_frames": 4, "depth_size": (6, 8), "radar_frames": 3, "test_subjects": (4,), "labels_per_class": 1}
    return SelfCollectedDataModule(root=str(root), cache_dir=str(root / "cache"), **{**small, **arguments})


def test_units_of_the_manifest_say_what_is_plausible(tmp_path: Path) -> None:
    folder = write_self_collected(tmp_path)
    clean = own(tmp_path)
    assert not reported(clean) and clean.units["imu"] == ("g", "deg/s", "uT") and clean.units["radar"][1] == "m/s"
    change(folder / "imu" / "s02_a01_t2.npy", lambda x: put((0, 2), 1e4)(x).astype(x.dtype))
    change(folder / "radar" / "s01_a01_t2.npy", lambda x: x[:1].repeat(6, axis=0))
    change(folder / "radar" / "s03_a01_t2.npy", lambda x: 1000 * x)
    shutil.copy(folder / "depth" / "s01_a00_t1.npy", folder / "depth" / "s01_a00_t3.npy")
    np.save(folder / "depth" / "s03_a02_t1.npy", np.zeros((10, 12, 16), np.uint16))
    data = own(tmp_path)
    lines = " ".join(reported(data))
    gone = {"s02_a01_t2", "s01_a01_t2", "s03_a01_t2", "s01_a00_t3", "s03_a02_t1"}
    assert all(name in lines for name in gone)
    assert set(clean.samples.recording.tolist()) - set(data.samples.recording.tolist()) == gone
    assert "(intensity) never changes are kept" in lines and "(m/s) never changes are left out" in lines
    # What is on disk stays there, and travels to worker processes as its name.
    rows = [i for i, name in enumerate(clean.samples.recording.tolist()) if name not in gone]
    depth = data.samples.inputs["depth"]
    assert isinstance(depth, MappedRows) and depth.shape == (len(rows), 4, 6, 8)
    np.testing.assert_array_equal(depth[np.arange(len(rows))], np.asarray(clean.samples.inputs["depth"])[rows])
    assert len(pickle.dumps(data.inputs["depth"])) < 8192
    batches = [loaded(tmp_path, **how) for how in ({}, {"num_workers": 1}, {"in_memory": True})]
    for other in batches[1:]:
        torch.testing.assert_close(other, batches[0], rtol=0, atol=0)


def loaded(root: Path, **arguments: Any) -> list[Any]:
    data = own(root, **arguments)
    data.setup()
    return [*data.test_dataloader()]


def test_codes_for_no_reading_are_replaced_before_the_reduction(tmp_path: Path) -> None:
    folder = write_self_collected(tmp_path)
    before = own(tmp_path, modalities=["depth"])
    before.setup()
    for path in (folder / "depth").iterdir():
        if path.name.startswith("s01"):
            change(path, lambda x: np.where(x == 0, 65535, x).astype(np.uint16))
    after = own(tmp_path, modalities=["depth"], strict=True)
    (line,) = reported(after)
    assert "9 recordings with" in line and "no reading" in line and "depth/s01_a00_t1.npy" in line
    np.testing.assert_array_equal(np.asarray(after.samples.inputs["depth"]), np.asarray(before.samples.inputs["depth"]))
    assert after.normalization == before.normalization
    near = own(tmp_path, modalities=["depth"], plausible={"mm": (0, 2000)})
    near.setup()
    assert np.asarray(near.samples.inputs["depth"]).max() <= 2000


# Bodies


def test_canonical_coordinates_divide_by_no_clip_without_a_torso(root: Path, originals: Path) -> None:
    path = root / UTD / "Skeleton" / "a5_s2_t1_skeleton.mat"
    change(path, lambda x: np.concatenate([x[:1], x[3:4] + 1e-7, x[2:]]))
    steps = {"skeleton": [CenterOnHip(), ScaleByTorso(), FaceCamera()]}
    data, clean = (make(UTDDataModule, place, transforms=steps) for place in (root, originals))
    data.setup()
    clean.setup()
    assert max(data.normalization["skeleton"].std) == pytest.approx(max(clean.normalization["skeleton"].std), rel=0.05)
    flat = torch.randn(2, 5, 20, 3)
    flat[0, :, 1] = flat[0, :, 3]
    assert float(ScaleByTorso()(flat)[0].abs().max()) < 10


def test_a_skeleton_of_ones_own_is_judged_where_it_is_scaled(tmp_path: Path) -> None:
    folder = write_self_collected(tmp_path)
    told_of = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    told_of["modalities"] = {"body": {"kind": "series", "rate": 10, "shape": [20, 3], "dtype": "float32", "unit": "cm"}}
    (folder / "body").mkdir()
    for i, clip in enumerate(told_of["clips"]):
        clip["files"] = {"body": f"body/{clip['name']}.npy"}
        rng = np.random.default_rng(i)
        np.save(folder / clip["files"]["body"], (25 * rng.normal(size=(20, 20, 3))).astype(np.float32))
    (folder / "manifest.json").write_text(json.dumps(told_of), encoding="utf-8")
    change(folder / "body" / "s02_a01_t2.npy", lambda x: (x / 100).astype(np.float32))
    arguments = {"test_subjects": (4,), "labels_per_class": 1, "modalities": ["body"]}
    assert not reported(SelfCollectedDataModule(root=str(tmp_path), **arguments))
    (line,) = reported(SelfCollectedDataModule(root=str(tmp_path), transforms={"body": [ScaleByTorso()]}, **arguments))
    assert "torso beyond 0.1 to 1 m in 'body'" in line and "s02_a01_t2.npy" in line


def test_recordings_of_an_import_are_named_though_they_share_their_file(tmp_path: Path) -> None:
    store = write_streams(tmp_path / "kitchen")
    values = np.load(store.folder / "wrist.npy")
    for name in ("s1_0", "s2_1"):
        (segment,) = next(each for each in store.recordings if each.name == name).segments["wrist"]
        values[segment.row : segment.row + segment.frames] = 90.0
    rewrite(store, "wrist", values)
    with pytest.warns(UserWarning, match=r"2 recordings with 'wrist' beyond .* \(s1_0, s2_1\)"):
        StreamsDataModule(root=str(store.folder), test_subjects=(5,)).load()
