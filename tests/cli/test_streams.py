"""Imported recordings by the command line: both stages, and predictions of recordings without any label."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl import Recogniser
from cosmo_pl.cli import main
from cosmo_pl.data.streams.store import read_store
from data.streams.written import write_streams

pytestmark = pytest.mark.usefixtures("no_picture")
DATA = """
class_path: cosmo_pl.data.StreamsDataModule
init_args: {root: kitchen, test_subjects: [5], labels_per_class: 2, pretrain_batch_size: 16}
"""
STAGE = """
seed_everything: 0
phase: %(phase)s
data: data.yaml
model:
  class_path: cosmo_pl.modules.%(module)s
  init_args:
    encoders:
      wrist: {class_path: cosmo_pl.encoders.TemporalEncoder, init_args: {in_features: 3, channels: [8, 8, 8, 8]}}
      mat: {class_path: cosmo_pl.encoders.TemporalEncoder, init_args: {in_features: 8, channels: [8, 8, 8, 8]}}
    %(more)s
trainer: {max_epochs: 2, accelerator: cpu, enable_progress_bar: false, enable_model_summary: false}
run: {folder: runs, name: %(name)s}
"""
STAGES = {
    "stage1": {"phase": "pretrain", "module": "ContrastiveFusionModule", "more": "lr: 0.001", "name": "cosmo"},
    "stage2": {"phase": "finetune", "module": "PrototypeModule", "more": "bundle: cosmo", "name": "prototypes"},
}


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with imported recordings and a trained run of both stages."""
    monkeypatch.chdir(tmp_path)
    write_streams(Path("kitchen"), unlabeled=1)
    Path("data.yaml").write_text(DATA)
    for name, values in STAGES.items():
        Path(f"{name}.yaml").write_text(STAGE % values)
        main(["fit", f"--config={name}.yaml"])
    return tmp_path


def predictions(root: str, *more: str) -> list[dict[str, str]]:
    run = Path("runs/prototypes/version_0")
    before = set(run.rglob("predictions.csv"))
    main(["predict", f"--ckpt_path={run}/checkpoints/last.ckpt", f"--data.init_args.root={root}", *more])
    (path,) = set(run.rglob("predictions.csv")) - before
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_windows_are_predicted_whether_they_are_labelled_or_not(trained: Path) -> None:
    rows = predictions("kitchen")
    assert len(rows) == 4 * 11 and {row["subject"] for row in rows} == {"5"}
    unlabelled = [row for row in rows if row["recording"] == "s5_3"]
    assert [row["start"] for row in unlabelled] == [str(1000 * n) for n in range(11)]
    assert {row["label"] for row in unlabelled} == {""}
    first = read_store(Path("kitchen")).recordings[-1]
    assert first.name == "s5_3"
    windows = {}
    for name, steps in (("wrist", 40), ("mat", 10)):
        stream = np.load(f"kitchen/{name}.npy")[first.segments[name][0].row :]
        windows[name] = np.stack([stream[n * steps // 2 : n * steps // 2 + steps] for n in range(11)])
    expected = Recogniser.load("runs/prototypes/version_0").predict(windows)
    assert [row["predicted"] for row in unlabelled] == list(expected.name)


def test_recordings_without_labels_are_predicted_with_the_activities_of_the_model(trained: Path) -> None:
    write_streams(Path("new"), subjects=(1, 2), labels=(), unlabeled=2)
    replace(read_store(Path("new")), activities=()).write()
    rows = predictions("new", "--data.init_args.test_subjects=null")
    assert len(rows) == 2 * 2 * 11 and {row["subject"] for row in rows} == {"1", "2"}
    assert {row["predicted"] for row in rows} <= {"walk", "sit", "jump"}


def test_a_training_needs_activities(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replace(read_store(write_streams(Path("new"), labels=(), unlabeled=3).folder), activities=()).write()
    with pytest.raises(SystemExit), pytest.warns(UserWarning, match="'new' names no activity"):
        main(["fit", "--config=stage1.yaml", "--data.init_args.root=new"])
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("cosmo-pl: ")]
    assert line.startswith("cosmo-pl: data: name no activity, and a training needs their number")
    assert "data.init_args.activities" in line
    main(["fit", "--config=stage1.yaml", "--data.init_args.root=new", "--data.init_args.activities=[walk,sit,jump]"])
    assert len(list(Path("runs/cosmo").glob("version_*/bundle"))) == 2


def test_recordings_in_another_unit_are_neither_tested_nor_predicted(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = write_streams(Path("new"), subjects=(1, 2))
    wrist = replace(store.sensors["wrist"], units=("m/s2",) * 3)
    replace(store, sensors={**store.sensors, "wrist": wrist}).write()
    for command in ("test", "predict"):
        words = ["--config=stage2.yaml", "--data.init_args.root=new", "--data.init_args.test_subjects=null"]
        with pytest.raises(SystemExit):
            main([command, *words])
        error = capsys.readouterr().err
        assert "'wrist' of Kitchen does not suit the model" in error and "unit m/s2, not g" in error
    assert not list(Path("runs/prototypes/version_0").rglob("predictions.csv"))


def test_a_person_with_labels_of_some_activities_is_tested(trained: Path) -> None:
    store = write_streams(Path("new"), subjects=(7,), labels=("jump", "walk"))
    numpy_files = {name: np.load(store.path(name)) + 0.01 for name in store.sensors}
    for name, values in numpy_files.items():
        np.save(store.path(name), values)
    replace(store, activities=("jump", "walk")).write()
    main(["test", "--config=stage2.yaml", "--data.init_args.root=new", "--data.init_args.test_subjects=null"])
    metrics = json.loads(Path("runs/prototypes/version_0/test_0/metrics.json").read_text(encoding="utf-8"))
    assert metrics["total"] == 2 * 11
