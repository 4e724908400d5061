"""MEx: the archive and the folder as published, imported once, and the counts of the real recordings."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl.data import MExDataModule
from cosmo_pl.data.describe import describe
from cosmo_pl.data.mex import EXERCISES, OFFICIAL, PUBLISHED
from cosmo_pl.errors import ConfigurationError, DatasetNotFoundError

RATES = {"act": 20, "acw": 20, "dc": 5, "pm": 5}


def make(root: Path, **arguments: object) -> MExDataModule:
    given = {"root": str(root), "window": 2.0, "hop": 1.0, "rates": RATES, "test_subjects": (5,), **arguments}
    return MExDataModule(**given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def data(mex_root: Path) -> MExDataModule:
    data = make(mex_root)
    data.setup()
    return data


def test_windows_have_the_documented_shapes_units_and_names(data: MExDataModule) -> None:
    assert data.modality_shapes == {"act": (40, 3), "acw": (40, 3), "dc": (10, 12, 16), "pm": (10, 32, 16)}
    assert data.class_names == EXERCISES and data.num_classes == 7
    assert data.units["act"] == ("g",) and data.title == "MEx"
    assert all(batch["inputs"]["pm"].shape[1:] == (10, 32, 16) for batch in data.test_dataloader())


def test_a_window_is_the_file_resampled_by_time(data: MExDataModule, mex_root: Path) -> None:
    """A naive reading of the files: linear interpolation at the times of the ticks, the activity from the name."""
    samples = data.samples
    for row in (0, len(samples) // 2, len(samples) - 1):
        subject, exercise, trial = str(samples.recording[row]).split("_")
        assert samples.subject[row] == int(subject) and samples.label[row] == int(exercise) - 1
        times = {}
        for name in ("act", "acw", "dc_0.05_0.05", "pm_1.0_1.0"):
            path = mex_root / "MEx" / name / subject / f"{exercise}_{name[:3].strip('_')}_{trial}.csv"
            lines = [line.split(",", 1) for line in path.read_text().splitlines()]
            time = np.array([np.datetime64(each) for each, _ in lines]).astype("datetime64[us]").astype(float) / 1e6
            times[name] = time, np.array([np.fromstring(rest, sep=",") for _, rest in lines])
        begin = min(time[0] for time, _ in times.values()) + samples.start[row] / 1000
        time, values = times["dc_0.05_0.05"]
        ticks = begin + np.arange(10) / 5
        # A window starts at the nearest tick of the slower sensor, at most half a tick away.
        near = np.stack([np.interp(ticks, time, pixel) for pixel in values.T], axis=1).reshape(10, 12, 16)
        found = np.asarray(samples.inputs["dc"][row])
        assert np.abs(found - near).mean() < 0.01 and found.min() >= 0 and found.max() <= 1


def test_windows_begin_when_the_last_sensor_starts(data: MExDataModule) -> None:
    first = {name: data.samples.start[data.samples.recording == name].min() for name in set(data.samples.recording)}
    assert all(0 < start < 1000 for start in first.values()), "within the first second of every recording"
    single = make(Path(str(data.root)), modalities=["act"])
    assert set(data.samples.start.tolist()) <= set(single.load().start.tolist())


def test_the_archive_and_the_unpacked_folder_are_the_same_recordings(mex_root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "archive" / "MEx"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "MEx.zip", "w", zipfile.ZIP_LZMA) as archive:
        for path in sorted((mex_root / "MEx").rglob("0[1-3]/0[45]_*.csv")):
            archive.write(path, Path("data") / path.relative_to(mex_root / "MEx"))
    unpacked = tmp_path / "folder"
    with zipfile.ZipFile(folder / "MEx.zip") as archive:
        archive.extractall(unpacked)
    shutil.move(unpacked / "data", unpacked / "MEx")
    packed, plain = (make(root, test_subjects=(1,)) for root in (tmp_path / "archive", unpacked))
    one, two = packed.load(), plain.load()
    assert np.array_equal(one.inputs["pm"][:], two.inputs["pm"][:]) and np.array_equal(one.label, two.label)
    assert packed.data_fingerprint == plain.data_fingerprint
    assert packed.store.folder != plain.store.folder


def test_recordings_are_imported_once_for_all_windows_and_again_for_other_rates(data: MExDataModule) -> None:
    root = Path(str(data.root))
    before = data.store.path("act").stat().st_mtime_ns
    other = make(root, window=1.0, hop=0.5, modalities=["act"])
    assert other.store.folder == data.store.folder and data.store.path("act").stat().st_mtime_ns == before
    slower = make(root, rates={"act": 10, "acw": 10, "dc": 2, "pm": 2})
    assert slower.store.folder != data.store.folder and slower.modality_shapes["act"] == (20, 3)


def test_bad_input_is_named(mex_root: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"MEx\.zip"):
        make(tmp_path)
    (tmp_path / "act").mkdir()
    with pytest.raises(DatasetNotFoundError, match="01_act_1"):
        make(tmp_path)
    with pytest.raises(ConfigurationError, match="unknown sensors"):
        make(mex_root, rates={"wrist": 50})
    with pytest.raises(ConfigurationError, match="two frames of 'dc'"):
        make(mex_root, window=0.2)


def test_the_published_archive_holds_the_archive_that_is_read() -> None:
    assert len(OFFICIAL) == 239 and Counter(name[3:5] for name in OFFICIAL)["04"] == 59
    assert PUBLISHED.folder == MExDataModule.dataset and set(MExDataModule.archives) == set(RATES)


@pytest.mark.slow
def test_the_real_recordings_have_the_published_counts(real_root: Path) -> None:
    """239 recordings of 224.7 minutes.

    The floors of 150 trees have 5,036 windows, which begin at the latest start of the four sensors of a recording and
    bridge gaps; nine windows with a gap and eight at the ends of recordings are left out here.
    """
    if not (real_root / "MEx").is_dir():
        pytest.skip("COSMO_PL_DATA holds no MEx")
    data = MExDataModule(root=str(real_root))
    samples = data.load()
    assert len(data.store.recordings) == len(set(samples.recording)) == 239
    assert {each.name for each in data.store.recordings} == OFFICIAL
    assert sorted(set(samples.subject)) == list(range(1, 31)) and sorted(set(samples.label)) == list(range(7))
    assert sum(each.duration for each in data.store.recordings) / 60 == pytest.approx(224.7, abs=3)
    assert len(samples) == 5019
    assert "5019" in describe(data)
    assert samples.inputs["dc"].shape == (5019, 25, 12, 16)
    assert np.linalg.norm(samples.inputs["act"][np.arange(0, 5019, 50)], axis=-1).mean() == pytest.approx(1, abs=0.1)


@pytest.mark.slow
def test_the_results_of_the_project_are_of_what_is_imported_now(real_root: Path) -> None:
    """A change of the import that alters one frame makes all results of MEx those of other recordings."""
    if not (real_root / "MEx").is_dir():
        pytest.skip("COSMO_PL_DATA holds no MEx")
    data = MExDataModule(root=str(real_root))
    data.load()
    results = (Path(__file__).parents[2] / "experiments" / "results" / "mex_plus").glob("*.json")
    recorded = {json.loads(path.read_text(encoding="utf-8"))["data_fingerprint"] for path in results}
    assert recorded == {data.data_fingerprint}
