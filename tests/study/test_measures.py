"""What is measured on trained models and on data, against hand-made ones."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from cosmo_pl.data import UTDDataModule
from cosmo_pl.data.loading import SampleBatches
from cosmo_pl.data.samples import Samples
from cosmo_pl.edge.timing import WARM_UP
from cosmo_pl.fusion.quality import modality_quality, principal_scores
from cosmo_pl.study.functions import measurement
from cosmo_pl.study.measures import _plane, features, latency
from cosmo_pl.study.measures import embedding as embedding_module
from cosmo_pl.study.measures.embedding import embedding

CLASSES = ("a", "b", "c")


class Encoders(nn.Module):
    """Turns the samples (N, 2) of each named modality by an angle, as a feature map (N, 1, 2)."""

    def __init__(self, angles: dict[str, float]) -> None:
        super().__init__()
        self.angles = angles

    def forward(self, inputs):
        found = {}
        for name, angle in self.angles.items():
            turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
            found[name] = (inputs[name] @ turn.T).unsqueeze(1)
        return found


def model(**angles):
    return SimpleNamespace(encoders=Encoders(angles), device=torch.device("cpu"))


class Data:
    """Test samples (N, 2) of two modalities, the last of a set; `present` says which of all have one."""

    class_names = CLASSES
    transforms: ClassVar = {}

    def __init__(self, count=700, test=600, present=None):
        x = torch.randn(count, 2, generator=torch.Generator().manual_seed(0))
        self.inputs = {"acc": x, "gyro": 3 * x}
        self.split = SimpleNamespace(test=np.arange(count - test, count))
        self.samples = Samples({}, np.arange(count) % 3, *[np.zeros(count, dtype=np.int64)] * 3, present=present or {})

    def plain_batch(self, rows):
        present = {name: torch.from_numpy(there) for name, there in self.samples.present.items()}
        label = torch.from_numpy(self.samples.label)
        batches = SampleBatches(self.inputs, label, label, torch.from_numpy(rows), present=present)
        return batches.batch(list(range(len(rows))))


@pytest.fixture
def quick_plane(monkeypatch):
    """The first two coordinates instead of a t-SNE."""
    for module in (features, embedding_module):
        monkeypatch.setattr(module, "plane", lambda points: np.asarray(points)[:, :2].round(2).tolist())


@pytest.mark.parametrize("angle", [0.0, 0.5, math.pi / 2, 2.0])
def test_features_turned_by_an_angle_are_1_less_its_cosine_apart(angle, quick_plane):
    found = measurement("features")([(model(acc=0.0, gyro=angle), Data())])
    assert found["cosine_distance"] == pytest.approx(1 - math.cos(angle), abs=1e-5)
    assert found["sizes"] == {"acc": 2, "gyro": 2}


def test_two_single_networks_are_measured_together(quick_plane):
    given = Data()
    together = features.features([(model(acc=0.2, gyro=1.1), given)])
    apart = features.features([(model(acc=0.2), given), (model(gyro=1.1), Data())])
    assert together == apart
    assert list(together["points"]) == ["acc", "gyro"]


def test_at_most_300_test_samples_evenly_spaced(quick_plane):
    given = Data()
    found = features.features([(model(acc=0.0, gyro=0.0), given)])
    rows = np.linspace(100, 699, 300).round().astype(int)
    assert found["samples"] == 300 == len(found["label"]) == len(found["points"]["acc"])
    assert found["label"] == (rows % 3).tolist()
    lengths = given.inputs["acc"][rows] / given.inputs["acc"][rows].norm(dim=1, keepdim=True)
    assert np.allclose(found["points"]["acc"], lengths, atol=0.006), "features of unit length are laid out"
    assert found["points"]["acc"] == found["points"]["gyro"], "a factor does not count"


def test_samples_that_lack_a_modality_have_no_distance(quick_plane):
    there = np.arange(700) % 4 != 0
    found = features.features([(model(acc=0.0, gyro=0.5), Data(present={"gyro": there}))])
    assert found["cosine_distance"] == pytest.approx(1 - math.cos(0.5), abs=1e-5)
    few = features.features([(model(acc=0.0, gyro=0.5), Data(test=20, present={"gyro": there}))])
    assert few["samples"] == 15
    assert few["label"] == [row % 3 for row in range(680, 700) if row % 4]


def test_features_of_different_sizes_have_no_distance():
    given = Data()
    given.inputs["acc"] = torch.randn(700, 4, 2)
    found = features.features([(model(acc=0.0, gyro=0.0), given)])
    assert found["cosine_distance"] is None and found["points"] == {}
    assert found["sizes"] == {"acc": 8, "gyro": 2} and found["samples"] == 300


def test_pairs_of_equal_size_are_averaged():
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    assert features.cosine_distance({"a": a, "b": b, "c": a}) == pytest.approx(2 / 3, abs=1e-5)
    assert features.cosine_distance({"a": a, "b": b, "odd": torch.ones(1, 3)}) == pytest.approx(1.0)
    assert features.cosine_distance({"a": a}) is None


def test_the_plane_keeps_clusters_apart_and_is_the_same_twice():
    generator = np.random.default_rng(0)
    centres = np.zeros((3, 80))
    centres[[0, 1, 2], [0, 1, 2]] = 50
    points = np.concatenate([centre + generator.normal(size=(20, 80)) for centre in centres])
    laid = _plane.plane(points)
    assert laid == _plane.plane(points)
    assert all(value == round(value, 2) for pair in laid for value in pair)
    x = np.asarray(laid).reshape(3, 20, 2)
    within = max(np.linalg.norm(cluster - cluster.mean(axis=0), axis=1).max() for cluster in x)
    between = min(np.linalg.norm(x[i].mean(axis=0) - x[j].mean(axis=0)) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert between > 2 * within


def test_few_points_have_a_plane():
    assert len(_plane.plane(np.eye(5))) == 5


def test_embedding_lays_out_what_the_quality_is_measured_on(utd_root, quick_plane):
    whole = UTDDataModule(root=str(utd_root), label_rate=0.2, phase="pretrain")
    whole.prepare_data()
    whole.setup()
    found = measurement("embedding")([(None, whole)])
    for name, values in whole.quality_inputs().items():
        scores = principal_scores(values.numpy())
        assert np.allclose(found["points"][name], scores[:, :2], atol=0.006)
    flat = whole.inputs["inertial"].numpy().reshape(len(whole.samples), -1)
    rows = whole.split.unlabeled[np.lexsort(flat[whole.split.unlabeled].T[::-1])]  # the order of the scores
    assert found["label"]["inertial"] == whole.samples.label[rows].tolist()
    assert sorted(found["label"]["inertial"]) == sorted(found["label"]["skeleton"])
    assert len(found["class_names"]) == 27


def blobs(count: int, clusters: int, seed: int) -> torch.Tensor:
    """Points (count, 2) around so many places on a circle."""
    angle = 2 * math.pi * (torch.arange(count) % clusters) / clusters
    noise = 0.02 * torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))
    return 5 * torch.stack([angle.cos(), angle.sin()], dim=1) + noise


def test_quality_under_every_cap_is_what_a_search_up_to_it_gives():
    inputs = {"acc": blobs(60, 5, 0), "gyro": blobs(60, 3, 1)}
    given = SimpleNamespace(num_classes=4, dataset="A set", quality_inputs=lambda: inputs)
    found = measurement("quality")([(None, given)])
    assert found["dataset"] == "A set" and found["num_classes"] == 4 and found["default_max_clusters"] == 8
    assert found["max_clusters"] == list(range(2, 17))
    for place in (0, 1, 3, 6, 14):  # a search up to each of them takes a second
        cap = found["max_clusters"][place]
        for name, expected in modality_quality(inputs, 4, max_clusters=cap).items():
            its = found["modalities"][name]
            assert its["num_clusters"][place] == expected.num_clusters
            assert its["weight"][place] == pytest.approx(expected.weight, rel=1e-3)
            assert its["hopkins"] == pytest.approx(expected.hopkins, rel=1e-3)
    assert found["modalities"]["acc"]["num_clusters"][0] == 2 and found["modalities"]["acc"]["num_clusters"][-1] == 5
    assert list(found["modalities"]["gyro"]["silhouettes"]) == [str(k) for k in range(2, 17)]
    assert all(len(f"{v:.10g}".lstrip("-0.")) <= 4 for v in found["modalities"]["acc"]["silhouettes"].values())
    assert json.loads(json.dumps(found)) == found


def test_quality_of_few_samples_stops_where_k_means_does():
    inputs = {"acc": blobs(24, 5, 0), "gyro": blobs(18, 3, 1)}
    found = measurement("quality")([
        (None, SimpleNamespace(num_classes=5, dataset="A set", quality_inputs=lambda: inputs))
    ])  # fmt: skip
    assert found["max_clusters"] == list(range(2, 9)) and found["default_max_clusters"] == 8
    assert list(found["modalities"]["gyro"]["silhouettes"])[-1] == "6"


def test_labels_of_the_embedding_follow_their_samples(quick_plane):
    values = torch.tensor([[3.0], [1.0], [2.0], [1.0]])
    given = SimpleNamespace(
        inputs={"acc": values}, split=SimpleNamespace(measured=lambda include: np.array([0, 1, 2])),
        class_names=CLASSES, samples=SimpleNamespace(label=np.array([2, 0, 1, 9])), include_labeled=False,
        quality_inputs=lambda: {"acc": values[:3]},
    )  # fmt: skip
    assert embedding_module._labels(given, "acc", np.array([[1.0], [2.0], [3.0]], dtype=np.float32)) == [0, 1, 2]
    with pytest.raises(ValueError, match="distinct"):
        embedding([(None, given)])  # too few to measure


class Clock:
    """A model that takes `cost` seconds a batch and `more` a sample, on a clock of its own."""

    def __init__(self, cost: float, more: float) -> None:
        self.cost, self.more, self.now, self.sizes = cost, more, 0.0, []
        self.device = torch.device("cpu")
        self.training = True
        self.trained = SimpleNamespace()

    def eval(self):
        self.training = False
        return self

    def __call__(self, inputs, present=None):
        assert not self.training and torch.is_inference_mode_enabled()
        (size,) = {len(values) for values in inputs.values()}
        warming = len([s for s in self.sizes if s == size]) < WARM_UP
        self.sizes.append(size)
        self.now += 100.0 if warming else self.cost + self.more * size


def test_latency_is_the_median_a_sample_after_the_warm_up(monkeypatch):
    clock = Clock(cost=0.064, more=0.002)
    monkeypatch.setattr(latency.time, "thread_time", lambda: clock.now)
    monkeypatch.setattr(latency, "overheads", lambda recogniser, data: {"parameters": 7})
    found = measurement("latency")([(clock, Data(count=20, test=7))])
    assert found["seconds"] == {"1": 0.066, "64": 0.003}
    assert {size: clock.sizes.count(size) for size in (1, 64)} == dict.fromkeys((1, 64), WARM_UP + latency.REPEATS)
    assert found["overheads"] == {"parameters": 7}
    assert found["device"] == "cpu" and found["threads"] == 1 and found["cores"] >= 1


def test_what_is_measured_can_be_kept(quick_plane):
    found = features.features([(model(acc=0.0, gyro=1.0), Data())])
    assert json.loads(json.dumps(found)) == found
