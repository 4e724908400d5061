"""Nothing of the test subjects reaches the training: their files may hold anything."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import loadmat, savemat

from cosmo_pl.data import MultimodalDataModule, USCDataModule, UTDDataModule
from cosmo_pl.data.transforms import CenterOnHip, FaceCamera, ScaleByTorso

from .raw import noise, write_usc, write_utd

TEST = [1, 3]  # before and between the training subjects, so that rows move when their files change
Make = Callable[..., MultimodalDataModule]


def usc(root: Path) -> Make:
    write_usc(root, content=noise(60, 6))
    return partial(
        USCDataModule,
        window_size=20,
        stride=7,
        test_subjects=TEST,
        labels_per_class=2,
        max_train_samples=200,
    )


def utd(root: Path) -> Make:
    write_utd(root)
    steps = {"skeleton": [CenterOnHip(), ScaleByTorso(), FaceCamera()]}
    return partial(UTDDataModule, test_subjects=TEST, labels_per_class=1, max_train_per_class=3, transforms=steps)


def disturb(root: Path) -> None:
    """Scales and shifts every recording of the test subjects, makes each longer, and takes one away."""
    files = [path for path in sorted(root.rglob("*.mat")) if any(part in str(path) for part in markers())]
    assert len(files) > 20
    for number, path in enumerate(files):
        stored = {key: value for key, value in loadmat(path).items() if not key.startswith("__")}
        name = next(key for key, value in stored.items() if value.dtype.kind == "f")
        time_axis = 2 if name == "d_skel" else 0
        longer = np.concatenate([stored[name]] * (2 + number % 3), axis=time_axis)
        savemat(path, {**stored, name: 10 - 1.5 * longer})
    gone = files[0].name.rsplit("_", 1)[0] if files[0].name.count("_") else files[0].name
    for path in files:
        if path.name.startswith(gone) and path.parent.name != "Subject3":
            path.unlink()


def markers() -> list[str]:
    return [form.format(subject) for subject in TEST for form in ("Subject{}/", "_s{}_")]


def seen(data: MultimodalDataModule) -> dict[str, object]:
    """Everything that training is given, rows by the name of their recording and their start."""
    data.prepare_data()
    data.setup()
    places = [(str(name), int(start)) for name, start in zip(data.samples.recording, data.samples.start, strict=True)]
    told: dict[str, object] = {"normalization": data.normalization}
    for part in ("train", "labeled", "unlabeled", "val"):
        rows = getattr(data.split, part)
        told[part] = [places[row] for row in rows]
        told[f"{part} inputs"] = {name: values[rows] for name, values in data.inputs.items()}
    told["quality"] = data.quality_inputs(limit=50)
    torch.manual_seed(0)
    told["batches"] = [batch["inputs"] for batch in data.train_dataloader()]
    return told


@pytest.mark.parametrize("prepare", [usc, utd], ids=["usc", "utd"])
@pytest.mark.parametrize(
    "arguments",
    [{}, {"phase": "pretrain"}, {"val_subjects": [2]}, {"test_subjects": None, "folds": [[2], TEST], "fold": 1}],
    ids=["fit", "pretrain", "val", "folds"],
)
def test_the_test_subjects_files_change_nothing_that_training_sees(
    tmp_path: Path, prepare: Callable[[Path], Make], arguments: dict[str, object]
) -> None:
    make = prepare(tmp_path / "clean")
    shutil.copytree(tmp_path / "clean", tmp_path / "disturbed")
    disturb(tmp_path / "disturbed")
    clean, disturbed = (make(root=str(tmp_path / name), **arguments) for name in ("clean", "disturbed"))
    before, after = seen(clean), seen(disturbed)
    assert clean.data_fingerprint != disturbed.data_fingerprint
    assert len(clean.samples) != len(disturbed.samples)  # rows have moved
    for key, value in before.items():
        if (isinstance(value, list) and key != "batches") or key == "normalization":
            assert value == after[key], key
        else:
            torch.testing.assert_close(after[key], value, rtol=0, atol=0, msg=key)


def test_the_validation_subjects_do_not_reach_the_statistics(tmp_path: Path) -> None:
    make = utd(tmp_path)
    data = make(root=str(tmp_path), val_subjects=[2])
    data.setup()
    fitted = data.samples.inputs["inertial"][data.samples.subject == 4]  # the only training subject left
    for group in ((0, 1, 2), (3, 4, 5)):
        pooled = fitted[..., group].astype(np.float64)
        assert data.normalization["inertial"].mean[group[0]] == pytest.approx(pooled.mean(), rel=1e-6)
        assert data.normalization["inertial"].std[group[0]] == pytest.approx(pooled.std(), rel=1e-6)


def test_target_labels_do_not_reach_the_statistics(tmp_path: Path) -> None:
    make = utd(tmp_path)
    without, with_target = (make(root=str(tmp_path), target_label_fraction=share) for share in (None, 0.5))
    without.setup()
    with_target.setup()
    assert with_target.normalization == without.normalization
    assert np.isin(with_target.samples.subject[with_target.split.labeled], TEST).any()


def test_recordings_of_a_new_person_do_not_reach_the_statistics(tmp_path: Path) -> None:
    make = utd(tmp_path)
    without, with_person = (
        make(root=str(tmp_path), **arguments)
        for arguments in ({}, {"person_labels_per_class": 1, "person_unlabeled": "add"})
    )
    without.setup()
    with_person.setup()
    assert with_person.normalization == without.normalization
    own = np.isin(with_person.samples.subject, TEST)
    assert own[with_person.split.labeled].any() and not own[with_person.split.train].any()
