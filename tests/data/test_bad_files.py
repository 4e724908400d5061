"""Bad files: refused before any training."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from cosmo_pl.data import USCDataModule, UTDDataModule
from cosmo_pl.data.recordings import read_mat
from cosmo_pl.errors import ConfigurationError, DatasetNotFoundError, RecordingError

from .refusals import BOTH, Module, prepare, refusal, run


@pytest.fixture
def root(tmp_path: Path, originals: Path) -> Path:
    """A copy, to be spoilt."""
    shutil.copytree(originals, tmp_path / "raw")
    return tmp_path / "raw"


def spoilt(module: Module, root: Path) -> tuple[Path, str, tuple[int, ...]]:
    """One recording of a training subject, the name of its variable, and the variable's shape."""
    if module is USCDataModule:
        return root / "usc" / "USC-HAD" / "Subject2" / "a5t1.mat", "sensor_readings", (30, 6)
    return root / "utd" / "UTD-MHAD" / "Skeleton" / "a5_s2_t1_skeleton.mat", "d_skel", (20, 3, 15)


@BOTH
def test_good_files_are_not_refused(module: Module, originals: Path) -> None:
    run(module, originals)


@BOTH
def test_a_root_that_does_not_exist(module: Module, tmp_path: Path) -> None:
    remedy = ("does not exist", "root", "COSMO_PL_DATA", f"cosmo-pl data download {module.key}", "simulate")
    refusal(DatasetNotFoundError, lambda: prepare(module, tmp_path), str(tmp_path / module.key), *remedy)


@BOTH
@pytest.mark.parametrize("below", ["", "dataset", "modality"])
def test_an_empty_root(module: Module, tmp_path: Path, below: str) -> None:
    first = "Subject1" if module is USCDataModule else "Inertial"
    folder = tmp_path / module.key / {"": "", "dataset": module.dataset, "modality": f"{module.dataset}/{first}"}[below]
    folder.mkdir(parents=True)
    refusal(
        DatasetNotFoundError, lambda: prepare(module, tmp_path), module.dataset, module.key, "cosmo-pl data download"
    )


@BOTH
def test_a_root_with_the_other_dataset_in_it(module: Module, originals: Path) -> None:
    other, inside = (UTDDataModule, "Inertial") if module is USCDataModule else (USCDataModule, "Subject1")
    for place, there in ((originals / other.key, other.dataset), (originals / other.key / other.dataset, inside)):
        told = (f"{module.dataset} not found", str(place), f"holds {there}")
        refusal(DatasetNotFoundError, lambda place=place: prepare(module, originals, root=str(place)), *told)


@BOTH
def test_a_root_that_is_a_file(module: Module, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("no folder", encoding="utf-8")
    refusal(DatasetNotFoundError, lambda: prepare(module, tmp_path, root=str(path)), str(path))


@BOTH
@pytest.mark.parametrize("kept", [0, 100, 200, 500])
def test_a_truncated_recording(module: Module, root: Path, kept: int) -> None:
    path = spoilt(module, root)[0]
    path.write_bytes(path.read_bytes()[:kept])
    refusal(RecordingError, lambda: prepare(module, root), str(path), "Download the file again or remove it")


@BOTH
def test_garbage_for_a_recording(module: Module, root: Path) -> None:
    path = spoilt(module, root)[0]
    path.write_bytes(np.random.default_rng(0).bytes(3000))
    refusal(RecordingError, lambda: prepare(module, root), str(path), "MATLAB", "Download the file again or remove it")


@BOTH
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_no_number(module: Module, root: Path, value: float) -> None:
    path, variable, shape = spoilt(module, root)
    values = np.zeros(shape)
    values[-1, -1] = value
    savemat(path, {variable: values})
    refusal(RecordingError, lambda: prepare(module, root), str(path), "NaN", "Download the file again or remove it")


@BOTH
def test_a_missing_variable_or_another_shape(module: Module, root: Path) -> None:
    path, variable, shape = spoilt(module, root)
    savemat(path, {"something": np.zeros(shape)})
    refusal(RecordingError, lambda: prepare(module, root), str(path), f"no variable '{variable}'")
    savemat(path, {variable: np.zeros(shape[::-1])})
    refusal(RecordingError, lambda: prepare(module, root), str(path), str(shape[::-1]), "T")


@BOTH
def test_what_is_no_file_in_the_place_of_a_recording(module: Module, root: Path) -> None:
    path = spoilt(module, root)[0]
    good = path.read_bytes()
    path.unlink()
    for put, told in (
        (lambda: path.symlink_to("nowhere.mat"), "a link to a file that does not exist"),
        (lambda: path.symlink_to(path.name), "symbolic links"),
        (lambda: os.mkfifo(path), "is no regular file"),  # opening it would wait for ever
        (path.mkdir, "is a folder"),
    ):
        put()
        refusal(RecordingError, lambda: prepare(module, root), str(path), told)
        refusal(RecordingError, lambda: read_mat(path, "x", (None,)), str(path), told)
        path.rmdir() if path.is_dir() else path.unlink()
    (path.with_suffix(".there")).write_bytes(good)
    path.symlink_to(path.with_suffix(".there").name)
    run(module, root)


@BOTH
@pytest.mark.parametrize(
    "header", [b"MATLAB 7.3 MAT-file, made for a test".ljust(124) + b"\x00\x02IM", b"", b"x" * 512]
)
def test_a_file_of_version_7_3_is_not_mended_by_a_download(module: Module, root: Path, header: bytes) -> None:
    path = spoilt(module, root)[0]
    path.write_bytes(header.ljust(512 if header else 0, b"\0") + b"\x89HDF\r\n\x1a\n" + bytes(2000))
    refusal(RecordingError, lambda: prepare(module, root), str(path), "7.3 (HDF5)", "save(..., '-v7')")


@BOTH
def test_axes_in_another_order_are_not_mended_by_a_download(module: Module, root: Path) -> None:
    path, variable, shape = spoilt(module, root)
    savemat(path, {variable: np.zeros(shape[::-1])})
    refusal(RecordingError, lambda: prepare(module, root), str(path), "its axes are in another order. Permute them")


@pytest.mark.parametrize("subject", [1_234_567_890, 10**17])
def test_a_subject_may_have_any_number_of_up_to_18_digits(root: Path, subject: int) -> None:
    folder = root / "usc" / "USC-HAD"
    (folder / "Subject3").rename(folder / f"Subject{subject}")
    run(USCDataModule, root, test_subjects=[subject])
    (folder / f"Subject{subject}").rename(folder / f"Subject{10**18}")
    refusal(RecordingError, lambda: prepare(USCDataModule, root), f"subject {10**18} has too many digits")


@BOTH
def test_a_mended_file_is_read_anew(module: Module, root: Path) -> None:
    path = spoilt(module, root)[0]
    good = path.read_bytes()
    path.write_bytes(good[:200])
    refusal(RecordingError, lambda: run(module, root), str(path))
    path.write_bytes(good)
    run(module, root)


def test_a_recording_shorter_than_a_window(root: Path) -> None:
    path = spoilt(USCDataModule, root)[0]
    savemat(path, {"sensor_readings": np.zeros((19, 6))})
    told = (str(path), "19 samples", "window of 20", "window_size")
    refusal(RecordingError, lambda: prepare(USCDataModule, root), *told)
    savemat(path, {"sensor_readings": np.zeros((20, 6))})
    prepare(USCDataModule, root)


def test_a_clip_of_a_few_frames(root: Path) -> None:
    path, variable, _ = spoilt(UTDDataModule, root)
    savemat(path, {variable: np.zeros((20, 3, 4))})
    refusal(RecordingError, lambda: prepare(UTDDataModule, root), str(path), "4 steps")


@pytest.mark.parametrize(("modality", "folder"), [("inertial", "Inertial"), ("skeleton", "Skeleton")])
def test_a_missing_modality_folder(root: Path, modality: str, folder: str) -> None:
    shutil.rmtree(root / "utd" / "UTD-MHAD" / folder)
    told = (f"{folder}/", f"{modality}.mat", "cosmo-pl data download utd")
    refusal(DatasetNotFoundError, lambda: prepare(UTDDataModule, root), *told)
    run(UTDDataModule, root, modalities=["skeleton" if modality == "inertial" else "inertial"])


def test_modalities_that_share_no_clip(root: Path) -> None:
    for path in (root / "utd").rglob("*.mat"):
        if ("_s1_" in path.name) == (path.parent.name == "Skeleton"):
            path.unlink()
    refusal(ConfigurationError, lambda: prepare(UTDDataModule, root), "modalities", str(root / "utd"), "skeleton")


@pytest.mark.parametrize(("module", "stray"), [(USCDataModule, "Subject1/a13t1"), (UTDDataModule, "a28_s1_t1_{}")])
def test_an_activity_that_does_not_exist(module: Module, stray: str, root: Path) -> None:
    folder = root / module.key / module.dataset
    if module is USCDataModule:
        shutil.copy(folder / "Subject1" / "a1t1.mat", folder / f"{stray}.mat")
    else:
        for name in ("Inertial", "Skeleton"):
            source = folder / name / f"a1_s1_t1_{name.lower()}.mat"
            shutil.copy(source, folder / name / f"{stray.format(name.lower())}.mat")
    refusal(RecordingError, lambda: prepare(module, root), str(folder), "is not one of", "remove it")
