"""Distances to the nearest training samples, against naive versions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cosmo_pl import UTDDataModule
from cosmo_pl.edge import neighbors
from cosmo_pl.edge.neighbors import NEIGHBOR, NeighborDistance, distances, training_neighbors
from cosmo_pl.encoders import InertialEncoder, SkeletonEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import IterativeFusionModule, RandomForestModule


def features(count, seed, **shapes):
    random = np.random.default_rng(seed)
    return {name: torch.from_numpy(random.normal(size=(count, *shape))).float() for name, shape in shapes.items()}


def naive(sample, reference, streams):
    """Distance of a sample to each of R training samples, and of these the fifth."""
    found = []
    for row in range(len(next(iter(reference.values())))):
        cosines = []
        for stream in streams:
            a, b = sample[stream].flatten().double(), reference[stream][row].flatten().double()
            cosines.append(float(a @ b) / float(a.norm() * b.norm()))
        found.append(1 - sum(cosines) / len(cosines))
    return sorted(found)[4]


def rows_of(some, row):
    return {name: values[row] for name, values in some.items()}


def test_the_fifth_nearest_by_mean_cosine():
    reference, samples = (features(count, seed, acc=(4, 3), gyro=(7,)) for count, seed in ((9, 0), (3, 1)))
    found = NeighborDistance(reference)(samples)
    expected = [naive(rows_of(samples, row), reference, ("acc", "gyro")) for row in range(3)]
    assert found.tolist() == pytest.approx(expected, abs=1e-6)
    scaled = {"acc": 9 * samples["acc"], "gyro": samples["gyro"] / 3}
    assert NeighborDistance(reference)(scaled).tolist() == pytest.approx(expected, abs=1e-6)


def test_missing_streams_are_left_out():
    reference, samples = (features(count, seed, acc=(4,), gyro=(7,)) for count, seed in ((9, 2), (3, 3)))
    available = {"acc": torch.tensor([True, False, True]), "gyro": torch.tensor([True, True, False])}
    parts = (("acc", "gyro"), ("gyro",), ("acc",))
    expected = [naive(rows_of(samples, row), reference, streams) for row, streams in enumerate(parts)]
    assert NeighborDistance(reference)(samples, available).tolist() == pytest.approx(expected, abs=1e-6)
    one = NeighborDistance(reference)({"gyro": samples["gyro"]})
    assert one[1] == pytest.approx(expected[1], abs=1e-6)


def test_only_some_columns_are_compared():
    reference, samples = features(9, 4, acc=(6,)), features(3, 5, acc=(6,))
    found = NeighborDistance(reference, {"acc": slice(2, None)})(samples)
    part = NeighborDistance({"acc": reference["acc"][:, 2:]})({"acc": samples["acc"][:, 2:]})
    assert torch.equal(found, part)


@pytest.fixture(scope="module")
def data(utd_root):
    data = UTDDataModule(root=str(utd_root), label_rate=0.3)
    data.setup()
    return data


@pytest.fixture(scope="module")
def model(data):
    torch.manual_seed(2)  # with some others, features of so small encoders are all 0
    encoders = {
        "inertial": InertialEncoder(channels=(4, 4, 4, 4)),
        "skeleton": SkeletonEncoder(channels=(4, 4, 4, 4), kernels=((5, 5, 2), (5, 5, 2), (5, 5, 1), (5, 2, 1))),
    }
    return IterativeFusionModule(data.modality_shapes, data.num_classes, encoders=encoders, quality_lambda=0).eval()


def test_samples_are_compared_with_those_of_the_training(model, data, monkeypatch):
    monkeypatch.setattr(neighbors, "MOST", 3)
    distance = training_neighbors(model, data)
    found = distances(distance, model, data, data.split.test[:4])
    unlabeled = data.split.unlabeled[np.round(np.linspace(0, len(data.split.unlabeled) - 1, 3)).astype(int)]
    training = np.concatenate([data.split.labeled, unlabeled])
    batches = (data.plain_batch(rows)["inputs"] for rows in (training, data.split.test[:4]))
    with torch.no_grad():
        reference, samples = (model.encoders(batch) for batch in batches)
    assert len(distance.get_buffer("reference_0")) == len(training)
    expected = [naive(rows_of(samples, row), reference, ("inertial", "skeleton")) for row in range(4)]
    assert found == pytest.approx(expected, abs=1e-5)


def test_the_samples_of_a_split_are_used(model, data):
    few = replace(data.split, unlabeled=data.split.unlabeled[:0], labeled=data.split.labeled[:NEIGHBOR])
    found = training_neighbors(model, data, few)
    assert len(found.get_buffer("reference_0")) == NEIGHBOR
    none = replace(few, labeled=data.split.labeled[: NEIGHBOR - 1])
    assert training_neighbors(model, data, none) is None


def test_statistics_of_different_units_have_no_distance(data):
    assert training_neighbors(RandomForestModule(data.modality_shapes, data.num_classes), data) is None


def test_a_method_whose_encoders_are_not_apart_has_no_distance(model, data, monkeypatch):
    def refuse():
        raise ConfigurationError("run", "cannot be exported", "Use another")

    monkeypatch.setattr(model, "stream_encoders", refuse)
    assert training_neighbors(model, data) is None


def test_samples_that_lack_a_sensor_are_not_compared_with(model, data, monkeypatch):
    has = np.ones(len(data.samples), dtype=bool)
    has[data.split.labeled[:3]] = False
    monkeypatch.setitem(data.samples.present, "inertial", has)
    few = replace(data.split, unlabeled=data.split.unlabeled[:0])
    found = training_neighbors(model, data, few)
    assert len(found.get_buffer("reference_0")) == len(data.split.labeled) - 3
