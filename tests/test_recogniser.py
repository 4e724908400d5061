"""Inference from a checkpoint alone, against what `cosmo-pl predict` writes for the same clips."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from cosmo_pl import Recogniser, UTDDataModule
from cosmo_pl.cli import main
from cosmo_pl.data.transforms import CenterOnHip, FaceCamera, Transform, built_transforms, described_transforms
from cosmo_pl.edge.switching import SensorSwitch
from cosmo_pl.encoders import TemporalEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import IterativeFusionModule, NearestNeighborModule

QUIET = ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false", "--trainer.accelerator=cpu"]
NARROW = [f"--model.init_args.encoders.{name}.init_args.channels=[4,4,4,4]" for name in ("inertial", "skeleton")]
SHORT = ["--trainer.max_epochs=2", "--model.init_args.bundle=null", "--model.init_args.quality_lambda=0"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, utd_root):
    """A folder with the runs of a stage 2 without a bundle and of a forest, and their predictions."""
    folder = tmp_path_factory.mktemp("recogniser")
    data = [f"--data.init_args.root={utd_root}", "--data.init_args.label_rate=0.3"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("COSMO_PL_DATA", raising=False)
        for command in ("fit", "predict"):
            main([command, "--config=cosmo:utd_stage2", *data, *NARROW, *SHORT, *QUIET])
        main(["fit", "--config=cosmo:utd_stage2", "--config=cosmo:model/random_forest", *data, *QUIET])
        yield folder


@pytest.fixture(scope="module")
def run(folder):
    return folder / "runs/utd/scratch-iterative/version_0"


@pytest.fixture(scope="module")
def arrays(folder, utd_root):
    """The test clips in the sensors' units, in the order of predictions.csv."""
    data = UTDDataModule(root=str(utd_root), label_rate=0.3)
    samples = data.load()
    rows = np.flatnonzero(np.isin(samples.subject, data.default_test_subjects))
    return {name: np.asarray(samples.inputs[name])[rows] for name in data.modalities}


@pytest.fixture
def recogniser(run):
    return Recogniser.load(run)


def test_it_predicts_what_the_command_line_does(recogniser, arrays, run):
    with (run / "predict_0/predictions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = recogniser.predict(arrays)
    assert list(found.name) == [row["predicted"] for row in rows]
    assert [f"{p:.4f}" for p in found.probability.max(axis=1)] == [row["probability"] for row in rows]
    assert [recogniser.class_names[label] for label in found.label] == list(found.name)
    assert found.probability.shape == (54, 27) and found.probability.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_a_checkpoint_alone_is_enough(recogniser, arrays, run, tmp_path):
    shutil.copy(run / "checkpoints/last.ckpt", tmp_path / "mine.ckpt")
    again = Recogniser.load(tmp_path / "mine.ckpt")
    assert [type(step).__name__ for step in again.transforms["skeleton"]] == [
        "CenterOnHip",
        "ScaleByTorso",
        "FaceCamera",
    ]
    assert np.array_equal(again.predict(arrays).probability, recogniser.predict(arrays).probability)


def test_the_newest_run_of_a_folder_is_taken(run, recogniser, arrays):
    one = {name: values[3] for name, values in arrays.items()}
    found = Recogniser.load(run.parent).predict(one)
    assert found.label.shape == (1,) and found.name == recogniser.predict(arrays).name[3:4]


def test_samples_do_not_depend_on_each_other(recogniser, arrays, monkeypatch):
    whole = recogniser.predict(arrays)
    monkeypatch.setattr("cosmo_pl.recogniser.SAMPLES_AT_ONCE", 7)
    assert np.allclose(recogniser.predict(arrays).probability, whole.probability, atol=1e-6)


def test_an_older_checkpoint_takes_the_steps_of_the_configuration_beside_it(run, recogniser, arrays, tmp_path):
    shutil.copytree(run, tmp_path / "version_0")
    path = tmp_path / "version_0/checkpoints/last.ckpt"
    content = torch.load(path)
    del content["trained_on"]["transforms"]
    torch.save(content, path)
    found = Recogniser.load(tmp_path / "version_0").predict(arrays)
    assert np.array_equal(found.probability, recogniser.predict(arrays).probability)
    (tmp_path / "version_0/config.yaml").unlink()
    with pytest.raises(ConfigurationError, match="does not say what its samples were transformed by"):
        Recogniser.load(tmp_path / "version_0")


def test_a_missing_modality(folder, recogniser, arrays):
    alone = {"inertial": arrays["inertial"]}
    found = recogniser.predict(alone)
    assert found.label.shape == (54,) and not np.array_equal(found.probability, recogniser.predict(arrays).probability)
    forest = Recogniser.load(folder / "runs/utd/random_forest")
    assert not np.array_equal(forest.predict(alone).probability, forest.predict(arrays).probability)


def changed(arrays, name, change):
    return {**arrays, name: change(np.array(arrays[name], dtype=np.float32))}


def with_nan(values):
    values[5, 0, 0] = np.nan
    return values


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: {"gyro": a["inertial"]}, "no modality 'gyro'. Choose from inertial, skeleton"),
        (lambda a: {}, "hold no modality"),
        (lambda a: changed(a, "inertial", lambda v: v[:, :-1]), r"arrays\['inertial'\]: has the shape \(54, 119, 6\)"),
        (lambda a: changed(a, "inertial", with_nan), r"NaN or infinite values in 1 samples, first in sample 5"),
        (lambda a: changed(a, "skeleton", lambda v: v[:0]), r"arrays\['skeleton'\]: holds no sample"),
        (lambda a: changed(a, "skeleton", lambda v: v[:9]), "different numbers of samples"),
        (lambda a: {"inertial": [["walk"]]}, "Give numbers"),
        (lambda a: {"inertial": [[1.0, 2.0], [3.0]]}, r"arrays\['inertial'\]: is no array"),
    ],
)
def test_bad_arrays_are_named(change, message, recogniser, arrays):
    with pytest.raises(ConfigurationError, match=message):
        recogniser.predict(change(arrays))


def test_tensors_with_gradients_and_of_bfloat16_are_samples(recogniser, arrays):
    tensors = {name: torch.tensor(np.asarray(values), dtype=torch.bfloat16) for name, values in arrays.items()}
    expected = recogniser.predict({name: values.float().numpy() for name, values in tensors.items()})
    found = recogniser.predict({name: values.requires_grad_() for name, values in tensors.items()})
    assert np.array_equal(found.probability, expected.probability)


def test_what_is_no_classifier_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="does not exist"):
        Recogniser.load(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match=r"has no checkpoints/last\.ckpt"):
        Recogniser.load(tmp_path)
    legacy = Path(__file__).parent / "legacy/0.1.0/cosmo/version_0"
    with pytest.raises(ConfigurationError, match=r"older version|pretrains encoders"):
        Recogniser.load(legacy)


class Shifted(Transform):
    """A step that keeps its argument under another name."""

    def __init__(self, by: float = 1.0) -> None:
        self.amount = by

    def __call__(self, values):
        return values + self.amount


def test_steps_are_described_and_built():
    described = described_transforms({"skeleton": [CenterOnHip("first"), FaceCamera()]})
    assert described["skeleton"][0]["init_args"] == {"frame": "first"}
    first, second = built_transforms(described, "a test")["skeleton"]
    assert (first.frame, type(second)) == ("first", FaceCamera)
    assert described_transforms({"inertial": [Shifted()]}) is None


def test_it_says_what_the_sensors_were_and_how_attention_weighted_them(recogniser, arrays):
    data_sensors = recogniser.sensors
    assert data_sensors["inertial"].units == ("g",) * 3 + ("deg/s",) * 3 and recogniser.window is None
    weights = recogniser.predict(arrays).weights
    assert list(weights) == ["inertial", "skeleton"]
    total = weights["inertial"] + weights["skeleton"]
    assert total.shape == (54,) and total == pytest.approx(1, abs=1e-5)


def test_a_method_without_attention_has_no_weights(folder, arrays):
    forest = Recogniser.load(next(folder.glob("runs/utd/*forest*")))
    assert forest.predict(arrays).weights == {}


def test_modalities_with_one_encoder_are_one_stream():
    shapes = {"acc": (20, 3), "gyro": (20, 3), "mat": (20, 4)}
    encoders = {"acc+gyro": TemporalEncoder(6), "mat": TemporalEncoder(4)}
    module = IterativeFusionModule(shapes, 2, encoders=encoders, bundle=None, quality_lambda=0)
    recogniser = Recogniser(module, None, {})
    assert recogniser.streams == module.attends_to == ("acc+gyro", "mat")
    assert SensorSwitch(recogniser, sensors=recogniser.streams).active() == tuple(shapes)
    assert Recogniser(NearestNeighborModule(shapes, 2), None, {}).streams == tuple(shapes)
