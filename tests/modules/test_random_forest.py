"""Random forest: features against closed forms, predictions against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pytorch_lightning.loggers import CSVLogger
from sklearn.ensemble import RandomForestClassifier

from cosmo_pl.bundle import Bundle
from cosmo_pl.encoders import InertialEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base import channel_statistics
from cosmo_pl.modules.base.self_training import SMALLEST
from cosmo_pl.modules.random_forest import FeatureForestModule, RandomForestModule

from .conftest import stage1

SHAPES = {"a": (40, 2), "b": (12, 2, 3)}


def samples(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(count, *shape, generator=generator) for name, shape in SHAPES.items()}


def forest_with_examples(label, num_classes=3, **arguments):
    module = RandomForestModule(SHAPES, num_classes, **{"num_trees": 10, **arguments})
    module.remember({"inputs": samples(len(label)), "label": torch.tensor(label)})
    return module


@pytest.mark.parametrize(("period", "seen"), [(1, True), (7, True), (15, True), (16, False)])
def test_features_of_a_sine(period, seen):
    """A sin(2π k t / T) + m: mean m, deviation A / √2, magnitude A T / 2 at frequency k and nothing elsewhere."""
    steps, amplitude, mean = 64, 3.0, 5.0
    wave = amplitude * torch.sin(2 * math.pi * period * torch.arange(steps) / steps + 0.4) + mean
    features = channel_statistics(wave.view(1, steps, 1), 15)[0]
    spectrum = torch.zeros(15)
    if seen:
        spectrum[period - 1] = amplitude * steps / 2
    expected = torch.cat([torch.tensor([mean, amplitude / math.sqrt(2)]), spectrum])
    torch.testing.assert_close(features, expected.double(), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize(("shape", "found"), [((40,), 15), ((40, 6), 15), ((31, 4), 15), ((12, 2, 3), 6), ((1, 2), 0)])
def test_features_equal_numpy_s(shape, found):
    """A spectrum has no more frequencies than half its steps."""
    values = torch.randn(5, *shape, generator=torch.Generator().manual_seed(0))
    channels = values.double().numpy().reshape(5, shape[0], -1)
    expected = []
    for sample in channels:
        spectrum = np.abs(np.fft.rfft(sample - sample.mean(axis=0), axis=0))[1:16]
        assert len(spectrum) == found
        expected.append(np.concatenate([sample.mean(axis=0), sample.std(axis=0), spectrum.ravel()]))
    np.testing.assert_allclose(channel_statistics(values, 15), expected, atol=1e-12)


def test_equals_scikit_learn():
    label = [0, 1, 2] * 6
    asked = samples(7, seed=1)

    def features(inputs):
        return np.concatenate([channel_statistics(inputs[name], 4).numpy() for name in ("a", "b")], axis=1)

    forest = RandomForestClassifier(30, random_state=3).fit(features(samples(18)), label)
    logits = forest_with_examples(label, num_trees=30, num_frequencies=4, seed=3)(asked)
    expected = forest.predict_proba(features(asked)).clip(SMALLEST)
    np.testing.assert_allclose(logits.exp(), expected, rtol=1e-5)
    assert len({tuple(row) for row in expected.round(6).tolist()}) > 1, "the samples are told apart"


def test_samples_that_lack_a_sensor_are_classified_by_a_forest_on_the_others():
    label, asked = [0, 1, 2] * 6, samples(7, seed=1)
    module = forest_with_examples(label)
    before = module(asked)
    features = channel_statistics(samples(18)["b"], 15).numpy()
    forest = RandomForestClassifier(10, random_state=0).fit(features, label)
    expected = forest.predict_proba(channel_statistics(asked["b"], 15).numpy()).clip(SMALLEST)
    np.testing.assert_allclose(module({"b": asked["b"]}).exp(), expected, rtol=1e-5)
    some = module(asked, {"a": torch.arange(7) > 2})
    np.testing.assert_allclose(some[:3].exp(), expected[:3], rtol=1e-5)
    assert torch.equal(some[3:], before[3:]) and torch.equal(module(asked), before)


def test_forests_of_fewer_sensors_are_of_the_present_examples():
    asked = {"a": samples(9, seed=1)["a"]}
    module = forest_with_examples([0, 1, 2] * 6)
    module(asked)
    module.remember({"inputs": samples(18, seed=2), "label": torch.tensor([2, 1, 0] * 6)})
    fresh = RandomForestModule(SHAPES, 3, num_trees=10)
    fresh.remember({"inputs": samples(18, seed=2), "label": torch.tensor([2, 1, 0] * 6)})
    assert torch.equal(module(asked), fresh(asked))


def test_seed_decides_the_forest():
    label, asked = [0, 1, 2] * 6, samples(20, seed=1)
    one, same, other = (forest_with_examples(label, seed=seed)(asked) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_class_without_an_example_is_never_guessed():
    logits = forest_with_examples([0, 2] * 6, num_classes=4)(samples(9, seed=1))
    assert logits.shape == (9, 4)
    assert torch.allclose(logits[:, [1, 3]], torch.tensor(SMALLEST).log())
    assert set(logits.argmax(dim=1).tolist()) <= {0, 2}
    torch.testing.assert_close(logits[:, [0, 2]].exp().sum(dim=1), torch.ones(9), atol=1e-5, rtol=0)


def test_a_bundles_features_are_further_columns(make_data, make_trainer, tmp_path):
    data = make_data(phase="pretrain")
    make_trainer(1, logger=CSVLogger(str(tmp_path), name="stage1")).fit(stage1(data), datamodule=data)
    bundle = tmp_path / "stage1" / "version_0" / "bundle"
    module = FeatureForestModule(data.modality_shapes, data.num_classes, num_trees=5, bundle=str(bundle))
    before = {name: value.clone() for name, value in module.encoders.state_dict().items()}
    data = make_data()
    make_trainer(1).fit(module, datamodule=data)
    assert all(torch.equal(value, before[name]) for name, value in module.encoders.state_dict().items())
    inputs = {name: x[:4] for name, x in data.inputs.items()}
    encoded = [z.flatten(1) for z in Bundle.load(bundle).encoders["inertial"].eval()(inputs["inertial"]).split(1)]
    features = module.features(inputs)
    plain = RandomForestModule(data.modality_shapes, data.num_classes).features(inputs)
    assert torch.equal(features[:, : plain.shape[1]], plain)
    sizes = [math.prod(shape) for shape in module.encoders.feature_shapes.values()]
    assert features.shape[1] == plain.shape[1] + sum(sizes)
    first = features[:, plain.shape[1] : plain.shape[1] + sizes[0]].float()
    torch.testing.assert_close(first, torch.cat(encoded), rtol=1e-4, atol=1e-5)
    learned = {
        name: module.stream_encoders()[name](inputs[name])[:, part] for name, part in module.compared_columns().items()
    }
    torch.testing.assert_close(torch.cat(list(learned.values()), dim=1), features[:, plain.shape[1] :].float())
    skeleton = {"skeleton": inputs["skeleton"]}
    columns = plain.shape[1] - RandomForestModule(data.modality_shapes, data.num_classes).features(skeleton).shape[1]
    assert torch.equal(module.features(skeleton), torch.cat([plain[:, columns:], features[:, -sizes[1] :]], dim=1)), (
        "columns of a missing sensor are left out"
    )
    assert not torch.equal(module(skeleton), module(inputs))
    other = InertialEncoder(channels=(2, 2, 2, 2))
    with pytest.raises(ConfigurationError, match="encoders"):
        FeatureForestModule(data.modality_shapes, data.num_classes, bundle=str(bundle), encoders={"inertial": other})
    with pytest.raises(ConfigurationError, match="bundle"):
        FeatureForestModule(data.modality_shapes, data.num_classes)
