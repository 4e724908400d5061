"""Exported folders, against the classifiers that they were made of."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from cosmo_pl import Recogniser, UTDDataModule
from cosmo_pl.checkpoints import checkpoint_in
from cosmo_pl.cli import main
from cosmo_pl.edge.decision import Decision
from cosmo_pl.edge.export import export
from cosmo_pl.edge.export_recordings import RunRecordings
from cosmo_pl.edge.neighbors import distances, training_neighbors
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.run_loading import load_run

QUIET = ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false", "--trainer.accelerator=cpu"]
NARROW = [f"--model.init_args.encoders.{name}.init_args.channels=[4,4,4,4]" for name in ("inertial", "skeleton")]
SHORT = ["--trainer.max_epochs=1", "--model.init_args.bundle=null", "--model.init_args.quality_lambda=0"]
RUNS = {"attention": "scratch-iterative", "forest": "random_forest"}
WITHOUT_TORCH = (
    "import runpy, sys; sys.modules['torch'] = sys.modules['cosmo_pl'] = None; sys.argv = ['run.py', sys.argv[1]]; "
    "runpy.run_path('run.py', run_name='__main__')"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, utd_root):
    """Runs with attention and of a forest, and their exported folders."""
    folder = tmp_path_factory.mktemp("export")
    data = [f"--data.init_args.root={utd_root}", "--data.init_args.label_rate=0.3"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("COSMO_PL_DATA", raising=False)
        main(["fit", "--config=cosmo:utd_stage2", *data, *NARROW, *SHORT, *QUIET])
        main(["fit", "--config=cosmo:utd_stage2", "--config=cosmo:model/random_forest", *data, *QUIET])
        for name, run in RUNS.items():
            main(["export", "--run", f"runs/utd/{run}", "--out", name])
        yield folder


@pytest.fixture(scope="module")
def arrays(utd_root):
    data = UTDDataModule(root=str(utd_root), label_rate=0.3)
    samples = data.load()
    rows = np.flatnonzero(np.isin(samples.subject, data.default_test_subjects))
    return {name: np.asarray(samples.inputs[name])[rows] for name in data.modalities}


@pytest.mark.parametrize("name", RUNS)
def test_the_folder_predicts_what_the_run_does(name, folder, arrays):
    mine, run = Recogniser.load(folder / name), Recogniser.load(folder / "runs/utd" / RUNS[name])
    found, expected = mine.predict(arrays), run.predict(arrays)
    assert found.probability == pytest.approx(expected.probability, abs=1e-4 if name == "attention" else 0.006)
    assert found.name == expected.name and mine.class_names == run.class_names
    assert list(found.weights) == list(expected.weights)
    for modality, weights in expected.weights.items():
        assert found.weights[modality] == pytest.approx(weights, abs=1e-4)


def test_a_sensor_may_be_left_out(folder, arrays):
    one = {"skeleton": arrays["skeleton"]}
    run = folder / "runs/utd" / RUNS["attention"]
    found, expected = (Recogniser.load(path).predict(one) for path in (folder / "attention", run))
    assert found.probability == pytest.approx(expected.probability, abs=1e-4) and found.name == expected.name


def test_the_program_of_the_folder_needs_neither_pytorch_nor_this_package(folder, arrays, tmp_path):
    np.savez(tmp_path / "windows.npz", **arrays)
    command = [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path / "windows.npz")]
    done = subprocess.run(command, cwd=folder / "attention", capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    expected = Recogniser.load(folder / "attention").predict(arrays)
    assert [line["activity"] for line in lines] == list(expected.name)
    assert len((folder / "attention/run.py").read_text(encoding="utf-8").splitlines()) < 150


def test_the_distance_to_the_training_samples_is_exported(folder, arrays, tmp_path, monkeypatch):
    run = folder / "runs/utd" / RUNS["attention"]
    decision = Decision(score_threshold=0.3).described()
    monkeypatch.setattr(RunRecordings, "decision", lambda self: decision)
    export(run, tmp_path / "model", decision=True)
    mine = Recogniser.load(tmp_path / "model")
    assert Decision.read(mine.description["decision"]).score_threshold == 0.3
    model, data = load_run(checkpoint_in(run).parent.parent)
    neighbors = training_neighbors(model, data)
    rows = np.flatnonzero(np.isin(data.samples.subject, data.default_test_subjects))
    found = mine.predict(arrays).distance
    assert found == pytest.approx(distances(neighbors, model, data, rows), abs=1e-4) and (found > 0).all()
    inputs = {"skeleton": data.plain_batch(rows)["inputs"]["skeleton"]}
    with torch.no_grad():
        one = neighbors({"skeleton": model.encoders["skeleton"](inputs["skeleton"])})
    assert mine.predict({"skeleton": arrays["skeleton"]}).distance == pytest.approx(one.numpy(), abs=1e-4)
    assert Recogniser.load(folder / "attention").predict(arrays).distance is None


def test_a_changed_file_is_refused(folder, tmp_path):
    export(folder / "runs/utd" / RUNS["attention"], tmp_path / "model")
    graph = tmp_path / "model" / "head.onnx"
    graph.write_bytes(graph.read_bytes() + b" ")
    with pytest.raises(ConfigurationError, match=r"head\.onnx"):
        Recogniser.load(tmp_path / "model")


def test_nothing_is_overwritten_unless_it_is_wished(folder, tmp_path):
    run = folder / "runs/utd" / RUNS["attention"]
    with pytest.raises(ConfigurationError, match="exists"):
        export(run, folder / "attention")
    (tmp_path / "mine").mkdir()
    with pytest.raises(ConfigurationError, match="no exported model"):
        export(run, tmp_path / "mine", overwrite=True)
    export(run, folder / "attention", overwrite=True)
