"""Exported folders, against the classifiers that they were made of."""

from __future__ import annotations

import json
import shutil
from copy import deepcopy
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cosmo_pl import ExportedRecogniser, Recogniser, USCDataModule, UTDDataModule
from cosmo_pl.checkpoints import checkpoint_in
from cosmo_pl.cli import main
from cosmo_pl.edge import export as exporting
from cosmo_pl.edge.deciding import DecisionReport
from cosmo_pl.edge.decision import Decision
from cosmo_pl.edge.export import described, export
from cosmo_pl.edge.export_checks import check_equal, equality
from cosmo_pl.edge.export_recordings import RunRecordings
from cosmo_pl.edge.neighbors import distances, training_neighbors
from cosmo_pl.errors import ConfigurationError, DatasetNotFoundError
from cosmo_pl.run_loading import load_run
from cosmo_pl.simulation import simulate_usc
from cosmo_pl.storage import StorageError
from cosmo_pl.testing.helpers import ready
from isolated import RUNTIME, alone

QUIET = ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false", "--trainer.accelerator=cpu"]
NARROW = [f"--model.init_args.encoders.{name}.init_args.channels=[4,4,4,4]" for name in ("inertial", "skeleton")]
SHORT = [
    "--trainer.max_epochs=1",
    *(f"--model.init_args.{each}" for each in ("bundle=null", "quality_lambda=0", "steps=4")),
]
RUNS = {"attention": "scratch-iterative", "forest": "random_forest", "neighbour": "nearest_neighbor"}
PROGRAM = "import runpy; sys.argv = ['run.py', 'windows.npz']; runpy.run_path('run.py', run_name='__main__')"


GRAPHS = {}  # by method: those of the runs, which take seconds each


def remembered(recogniser):
    GRAPHS[type(recogniser.module).__name__] = made = described(recogniser)
    return deepcopy(made)


@pytest.fixture
def traced_before(folder, monkeypatch):
    """A run of `folder` is exported with the graphs that it was exported with there."""
    monkeypatch.setattr(exporting, "described", lambda run: deepcopy(GRAPHS[type(run.module).__name__]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, utd_root):
    """Runs with attention, of a forest and of nearest neighbours, and their exported folders."""
    folder = tmp_path_factory.mktemp("export")
    data = [f"--data.init_args.root={utd_root}", "--data.init_args.label_rate=0.3"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("COSMO_PL_DATA", raising=False)
        main(["fit", "--config=cosmo:utd_stage2", *data, *NARROW, *SHORT, *QUIET])
        for overlay in (RUNS["forest"], RUNS["neighbour"], "dtw"):
            main(["fit", "--config=cosmo:utd_stage2", f"--config=cosmo:model/{overlay}", *data, *QUIET])
        with patch.context() as remembering:
            remembering.setattr(exporting, "described", remembered)
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
    assert found.probability == pytest.approx(expected.probability, abs=0.006 if name == "forest" else 1e-4)
    assert found.name == expected.name and mine.class_names == run.class_names
    assert list(found.weights) == list(expected.weights)
    assert mine.streams == run.streams == tuple(arrays)
    for modality, weights in expected.weights.items():
        assert found.weights[modality] == pytest.approx(weights, abs=1e-4)


def test_a_forest_relative_to_gravity_needs_all_sensors(tmp_path, usc_root, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = [f"--data.init_args.root={usc_root}", "--data.init_args.label_rate=0.05"]
    forest = ["--model.init_args.num_trees=5", "--model.init_args.accelerometer=acc"]
    main(["fit", "--config=cosmo:usc_stage2", "--config=cosmo:model/random_forest", *forest, *data, *QUIET])
    main(["export", "--run", "runs/usc/random_forest", "--out", "gravity"])
    samples = USCDataModule(root=str(usc_root)).load()
    arrays = {name: np.asarray(values[:40]) for name, values in samples.inputs.items()}
    mine, run = Recogniser.load("gravity"), Recogniser.load("runs/usc/random_forest")
    assert mine.predict(arrays).probability == pytest.approx(run.predict(arrays).probability, abs=1e-4)
    with pytest.raises(ConfigurationError, match=r"lack acc\+gyro"):
        mine.predict({"acc": arrays["acc"]})


def test_a_forest_of_one_person_is_exported_with_the_columns_of_the_person(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    simulate_usc(tmp_path, subjects=range(1, 4), trials=3, seconds=3.0, progress=False)
    data = ["root=.", "label_rate=0.3", "test_subjects=[3]", "person_labels_per_class=0", "person_unlabeled=add"]
    forest = ["num_trees=5", "accelerometer=acc", "own_columns=add"]
    options = [f"--data.init_args.{each}" for each in data] + [f"--model.init_args.{each}" for each in forest]
    main(["fit", "--config=cosmo:usc_stage2", "--config=cosmo:model/random_forest", *options, *QUIET])
    main(["export", "--run", "runs/usc/random_forest", "--out", "own"])
    own = USCDataModule(root=".").load()
    arrays = {name: np.asarray(values[own.subject == 3]) for name, values in own.inputs.items()}
    mine, run = Recogniser.load("own"), Recogniser.load("runs/usc/random_forest")
    assert mine.predict(arrays).probability == pytest.approx(run.predict(arrays).probability, abs=1e-4)


@pytest.mark.parametrize("name", ["attention", "neighbour"])
def test_a_sensor_may_be_left_out(name, folder, arrays):
    one = {"skeleton": arrays["skeleton"]}
    run = folder / "runs/utd" / RUNS[name]
    found, expected = (Recogniser.load(path).predict(one) for path in (folder / name, run))
    assert found.probability == pytest.approx(expected.probability, abs=1e-4) and found.name == expected.name


def test_graphs_for_fewer_sensors_have_names_of_their_own(monkeypatch):
    class Graph(str):
        def SerializeToString(self):  # noqa: N802  # the name that onnx gives it
            return self.encode()

    streams = ("a", "b", "a_b")
    some = [each for size in (3, 2, 1) for each in combinations(streams, size)]
    monkeypatch.setattr(exporting, "encoder_graphs", lambda _: {each: Graph(each) for each in streams})
    monkeypatch.setattr(exporting, "head_graphs", lambda _: {each: Graph(",".join(each)) for each in some})
    monkeypatch.setattr(exporting, "_quality", lambda _: {})
    trained = SimpleNamespace(dataset="x", labels=1, test_subjects=())
    others = {
        "sensors": {},
        "modality_shapes": dict.fromkeys(streams, (5, 3)),
        "class_names": ("u", "v"),
        "window": 1.0,
        "levels": {},
    }
    description, graphs = described(SimpleNamespace(module=SimpleNamespace(attends_to=()), trained=trained, **others))
    assert {key: graphs[name].decode() for key, name in description["head"]["partial"].items()} == {
        ",".join(each): ",".join(each) for each in some[1:]
    }


def test_graphs_for_fewer_sensors_are_compared_too(folder):
    run, exported = (Recogniser.load(path) for path in (folder / "runs/utd" / RUNS["forest"], folder / "forest"))
    check_equal(run, exported)
    one, other = exported.model.partial
    exported.model.partial |= {one: exported.model.partial[other]}
    with pytest.raises(ConfigurationError, match=f"from {one} the graphs of RandomForestModule give prob"):
        check_equal(run, exported)


def test_the_program_of_the_folder_needs_neither_pytorch_nor_this_package(folder, arrays, tmp_path):
    shutil.copytree(folder / "attention", tmp_path, dirs_exist_ok=True)
    np.savez(tmp_path / "windows.npz", **arrays)
    done = alone(PROGRAM, RUNTIME, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    expected = Recogniser.load(folder / "attention").predict(arrays)
    assert [line["activity"] for line in lines] == list(expected.name)
    assert all(p == round(p, 6) for line in lines for p in line["probability"].values()), "of float32, more is printed"
    assert len((folder / "attention/run.py").read_text(encoding="utf-8").splitlines()) < 150


def test_values_that_no_activity_can_be_chosen_by_are_refused(folder, arrays, tmp_path):
    huge = {name: np.full((2, *values.shape[1:]), 3e38) for name, values in arrays.items()}
    for name in ("neighbour", f"runs/utd/{RUNS['attention']}"):
        with pytest.raises(ConfigurationError, match=r"^(arrays|probability).* NaN .* first in sample 0"):
            Recogniser.load(folder / name).predict(huge)
    shutil.copytree(folder / "neighbour", tmp_path, dirs_exist_ok=True)
    np.savez(tmp_path / "windows.npz", **huge)
    done = alone(PROGRAM, RUNTIME, folder=tmp_path)
    assert done.returncode == 1 and not done.stdout and "first in sample 0" in done.stderr


def test_a_file_in_the_way_is_named_and_a_link_is_followed(folder, traced_before, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    run = str(folder / "runs/utd" / RUNS["neighbour"])
    for out in ("file", "file/x", "x" * 300):
        with pytest.raises(SystemExit) as stopped:
            main(["export", "--run", run, "--out", out])
        assert stopped.value.code == 2 and capsys.readouterr().err.splitlines()[-1].startswith("cosmo-pl: ")
    shutil.copytree(folder / "neighbour", "real")
    Path("link").symlink_to("real")
    before = Path("real/model.json").stat().st_mtime_ns
    main(["export", "--run", run, "--out", "link", "--overwrite"])
    assert Path("link").is_symlink() and Path("real/model.json").stat().st_mtime_ns > before


def test_the_level_of_a_sensor_is_that_of_its_training_samples(usc_root, tmp_path):
    data = ready(USCDataModule(root=str(usc_root), window_size=100, stride=100, label_rate=0.2))
    train = data.samples.inputs["gyro"][data.split.train].astype(np.float64)
    assert data.normalization["gyro"].level == pytest.approx(float(np.sqrt(np.mean(np.square(train)))), rel=1e-4)


def test_sensors_that_are_transformed_have_no_level(folder):
    run, exported = (Recogniser.load(folder / name) for name in ("runs/utd/" + RUNS["attention"], "attention"))
    transformed = {name for name, steps in run.transforms.items() if steps}
    assert run.levels.keys() == run.modality_shapes.keys() - transformed and exported.levels == run.levels


@pytest.mark.parametrize(("name", "most"), [("attention", 1e-4), ("neighbour", 1e-4), ("forest", 0.02)])
def test_the_predictions_of_all_test_samples_are_compared(name, most, folder, arrays):
    equal = json.loads((folder / name / "model.json").read_text(encoding="utf-8"))["equal"]
    assert equal["same"] == equal["total"] == len(next(iter(arrays.values())))
    assert equal["largest_difference"] <= most


def test_graphs_that_compute_something_else_are_refused(folder, monkeypatch):
    right = ExportedRecogniser.load(folder / "attention")
    run = Recogniser.load(folder / "runs/utd" / RUNS["attention"])
    check_equal(run, right)

    def slightly_off(arrays):
        found = predict(arrays)
        return replace(found, weights={name: weight + 2e-4 for name, weight in found.weights.items()})

    predict = right.predict
    monkeypatch.setattr(right, "predict", slightly_off)
    with pytest.raises(ConfigurationError, match=r"differ by 0\.0002"):
        check_equal(run, right)


def test_overlapping_windows_have_a_hop_and_clips_have_none(usc_root, utd_root):
    windows = USCDataModule(root=str(usc_root), window_size=100, stride=40, label_rate=0.2)
    for data, expected in ((windows, 0.4), (UTDDataModule(root=str(utd_root), label_rate=0.3), None)):
        recordings = RunRecordings(Path("run"))
        recordings.loaded = None, ready(data)
        assert recordings.hop == expected


def test_the_distance_to_the_training_samples_is_exported(folder, traced_before, arrays, tmp_path, monkeypatch):
    run = folder / "runs/utd" / RUNS["attention"]
    reason = "one person has labels"
    report = DecisionReport(None, reason, None, None, None, 0)
    monkeypatch.setattr(exporting, "measured_decision", lambda *_: (Decision(score_threshold=0.3), report))
    with pytest.warns(UserWarning, match=f"nothing is rejected, and the temperature is 1: {reason}"):
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
    shutil.copytree(folder / "attention", tmp_path / "model")
    graph = tmp_path / "model" / "head.onnx"
    graph.write_bytes(graph.read_bytes() + b" ")
    with pytest.raises(ConfigurationError, match=r"head\.onnx"):
        Recogniser.load(tmp_path / "model")


def test_int8_encoders_beside_those_in_float(folder, traced_before, arrays, capsys):
    main(["export", "--run", f"runs/utd/{RUNS['attention']}", "--out", "small", "--int8"])
    lines = capsys.readouterr().out.splitlines()
    found, expected = (Recogniser.load(folder / name).predict(arrays) for name in ("small", "attention"))
    assert found.probability == pytest.approx(expected.probability, abs=0.05)
    described = Recogniser.load(folder / "small").description
    compared = described["int8"]
    assert compared["graphs"] == ["encoder_inertial.onnx", "encoder_skeleton.onnx"]
    assert compared["int8"]["bytes"] == sum(path.stat().st_size for path in (folder / "small").glob("*.onnx"))
    assert compared["float"]["bytes"] == sum(path.stat().st_size for path in (folder / "attention").glob("*.onnx"))
    assert described["accuracy"] == compared["int8"]["accuracy"]
    equal = described["equal"]
    assert equal["same"] == sum(one == other for one, other in zip(found.name, expected.name, strict=True))
    largest = max(float(abs(found.weights[name] - each).max()) for name, each in expected.weights.items())
    largest = max(largest, float(abs(found.probability - expected.probability).max()))
    assert equal["largest_difference"] == pytest.approx(largest, rel=0.05) and largest > 1e-6
    for name, line in zip(("float", "int8"), lines[-2:], strict=True):
        its = compared[name]
        assert 0 < its["seconds"]["p50"] <= its["seconds"]["p95"]
        assert line.startswith(f"  {name}: ") and f"{its['accuracy']['correct']}/54" in line
    assert Recogniser.load(folder / "attention").description["int8"] is None


def test_int8_needs_layers_to_quantise_and_recordings(folder, traced_before, utd_root, tmp_path):
    with pytest.raises(ConfigurationError, match="without --int8"):
        export(folder / "runs/utd" / RUNS["neighbour"], tmp_path / "model", int8=True)
    shutil.copytree(folder / "runs/utd" / RUNS["neighbour"], tmp_path / "run")
    config = tmp_path / "run/version_0/config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace(str(utd_root), "nowhere"), encoding="utf-8")
    with pytest.raises(DatasetNotFoundError, match="nowhere"):
        export(tmp_path / "run", tmp_path / "model", int8=True)
    assert not (tmp_path / "model").exists()
    with pytest.warns(UserWarning, match=r"accuracy and equality of the exported model are not measured: .*nowhere"):
        assert export(tmp_path / "run", tmp_path / "model")["equal"] is None


def test_the_accuracy_is_that_of_the_checkpoint_on_all_test_subjects(folder, tmp_path):
    """Tests of other people, of fewer samples and of another checkpoint are in the same folder of a run."""
    shutil.copytree(folder / "runs/utd" / RUNS["attention"], tmp_path / "run")
    run = next((tmp_path / "run").glob("version_*"))
    trained = Recogniser.load(run).trained
    test = {
        "test_subjects": list(trained.test_subjects),
        "data_fingerprint": trained.fingerprint,
        "checkpoint": "elsewhere/last.ckpt",
        "f1_macro": 0.5,
        "simulated": True,
    }
    others = [{"test_subjects": [7]}, {"data_fingerprint": "other"}, {"checkpoint": "previous.ckpt"}, {"total": 9}]
    for number, changes in enumerate([{"correct": 5}, {}, *others], start=20):
        content = {"correct": 7, "total": 10, "accuracy": 0.7, **test, **changes}
        (run / f"test_{number}").mkdir()
        (run / f"test_{number}" / "metrics.json").write_text(json.dumps(content), encoding="utf-8")
    tested = exporting._tested(checkpoint_in(run), trained)
    assert tested == {"correct": 7, "total": 10, "accuracy": 0.7, "f1_macro": 0.5, "simulated": True}
    for number in (20, 21, 25):
        shutil.rmtree(run / f"test_{number}")
    assert exporting._tested(checkpoint_in(run), trained) is None


def test_what_cannot_be_exported_says_why_in_one_line(folder, capsys):
    with pytest.raises(SystemExit):
        main(["export", "--run", "runs/utd/dtw", "--out", "warping"])
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("cosmo-pl: ")]
    assert "dynamic time warping" in line and "euclidean" in line
    assert not (folder / "warping").exists()


def test_nothing_is_overwritten_unless_it_is_wished(folder, traced_before, tmp_path):
    run = folder / "runs/utd" / RUNS["neighbour"]
    with pytest.raises(ConfigurationError, match="exists"):
        export(run, folder / "neighbour")
    (tmp_path / "mine").mkdir()
    with pytest.raises(ConfigurationError, match="no exported model"):
        export(run, tmp_path / "mine", overwrite=True)
    (tmp_path / "mine" / "model.json").write_text('{"scene": []}', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="no exported model"):
        export(run, tmp_path / "mine", overwrite=True)
    for other, remedy in (("thesis.txt", "Move it"), ("bundle", "Use --bundle")):
        shutil.copytree(folder / "neighbour", tmp_path / other)
        (tmp_path / other / other).write_text("years of work", encoding="utf-8")
        with pytest.raises(ConfigurationError, match=f"also holds '{other}', which would be lost. {remedy}"):
            export(run, tmp_path / other, overwrite=True)
        assert (tmp_path / other / other).is_file()
    export(run, folder / "neighbour", overwrite=True)


def test_a_folder_that_appears_meanwhile_is_kept_and_one_that_cannot_be_made_is_named_first(
    folder, traced_before, tmp_path, monkeypatch
):
    run = folder / "runs/utd" / RUNS["neighbour"]
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file"):
        export(run, tmp_path / "file" / "model")
    (tmp_path / "file").unlink()

    def another(*arguments):
        (tmp_path / "model").mkdir(exist_ok=True)
        (tmp_path / "model" / "thesis.txt").write_text("years of work", encoding="utf-8")
        return equality(*arguments)

    monkeypatch.setattr("cosmo_pl.edge.export.equality", another)
    with pytest.raises(ConfigurationError, match="no exported model"):
        export(run, tmp_path / "model")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["thesis.txt"]


def test_a_given_checkpoint_decides_with_its_own_weights(folder, tmp_path):
    run = folder / "runs/utd" / RUNS["neighbour"] / "version_0"
    shutil.copytree(run, tmp_path / "version_0")
    earlier = tmp_path / "version_0/checkpoints/earlier.ckpt"
    checkpoint = torch.load(run / "checkpoints/last.ckpt", weights_only=True)
    weights = checkpoint["state_dict"]
    checkpoint["state_dict"] = {name: 2 * each if each.is_floating_point() else each for name, each in weights.items()}
    torch.save(checkpoint, earlier)
    found, _ = load_run(earlier)
    assert all(torch.equal(value, checkpoint["state_dict"][name]) for name, value in found.state_dict().items())
    metrics = {"correct": 1, "total": 54, "accuracy": 1 / 54, "f1_macro": 0.0, "simulated": True}
    (tmp_path / "version_0/test_0").mkdir()
    (tmp_path / "version_0/test_0/metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    description = export(earlier, tmp_path / "model")
    assert "f1_macro" not in description["accuracy"], "the test of the run was of other weights"
