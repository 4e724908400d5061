"""Nearest neighbour: against loops over pairs and steps, and closed forms."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.nearest_neighbor import NearestNeighborModule, central_differences, dtw_distances

SHAPES = {"a": (9, 2), "b": (6, 2, 3), "c": (4,)}  # unequal lengths, none, one and two axes
CLASSES = 5


def naive_dtw(one, other, band):
    """Dynamic program over all pairs of steps (time, channels) that lie at most `band` apart."""
    steps = len(one)
    cost = np.full((steps + 1, steps + 1), np.inf)
    cost[0, 0] = 0
    for i, j in itertools.product(range(steps), repeat=2):
        if abs(i - j) <= band:
            before = min(cost[i, j], cost[i, j + 1], cost[i + 1, j])
            cost[i + 1, j + 1] = ((one[i] - other[j]) ** 2).sum() + before
    return math.sqrt(cost[-1, -1])


def series(values, velocities):
    flat = values.double().numpy().reshape(len(values), -1)
    return np.concatenate([flat, np.gradient(flat, axis=0)], axis=1) if velocities else flat


def samples(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(count, *shape, generator=generator) for name, shape in SHAPES.items()}


def module_with_examples(count=8, **arguments):
    """Examples of classes 0 to 3; class 4 has none."""
    module = NearestNeighborModule(SHAPES, CLASSES, **arguments)
    module.remember({"inputs": samples(count), "label": torch.arange(count) % 4})
    return module


@pytest.mark.parametrize("velocities", [False, True])
def test_operators_of_an_export_give_the_same_distances(velocities):
    module = module_with_examples(velocities=velocities)
    given = samples(6, seed=1)
    given = {name: torch.cat([values, module.examples[0][name][:1]]) for name, values in given.items()}  # and itself
    expected = module.classify(given)[0]
    found = module.classify_features(given)[0]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("steps", [2, 3, 9])
def test_central_differences_are_the_gradient(steps):
    values = torch.randn(4, steps, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(central_differences(values), torch.gradient(values, dim=1)[0])


@pytest.mark.parametrize("band", [0, 1, 3, 7])
@pytest.mark.parametrize("channels", [1, 3])
def test_dtw_equals_the_dynamic_program(band, channels):
    generator = np.random.default_rng(0)
    one, other = generator.normal(size=(4, 7, channels)), generator.normal(size=(3, 7, channels))
    expected = [[naive_dtw(a, b, band) for b in other] for a in one]
    np.testing.assert_allclose(dtw_distances(torch.from_numpy(one), torch.from_numpy(other), band), expected)


def test_dtw_closed_forms():
    step, later = torch.tensor([0.0, 0, 0, 3, 3, 3]), torch.tensor([0.0, 0, 0, 0, 0, 3])
    one, other = step.view(1, -1, 1), later.view(1, -1, 1)
    assert dtw_distances(one, other, 0).item() == pytest.approx(math.sqrt(18)), "no shift: the Euclidean distance"
    assert dtw_distances(one, other, 1).item() == pytest.approx(3), "one of the two steps can be made up for"
    assert dtw_distances(one, other, 2).item() == 0


@pytest.mark.parametrize("metric", ["euclidean", "dtw"])
@pytest.mark.parametrize("velocities", [False, True])
def test_equals_loops_over_pairs_and_modalities(metric, velocities):
    module = module_with_examples(metric=metric, band=0.25, velocities=velocities)
    examples, label = module.examples
    asked = samples(3, seed=1)

    def distance(name, one, other):
        band = 0 if metric == "euclidean" else int(0.25 * SHAPES[name][0])  # without a shift it is the Euclidean one
        return naive_dtw(series(one, velocities), series(other, velocities), band)

    total = np.zeros((3, 8))
    for name, known in examples.items():
        mean = np.mean([distance(name, known[i], known[j]) for i, j in itertools.permutations(range(8), 2)])
        total += np.array([[distance(name, a, k) for k in known] for a in asked[name]]) / mean
    expected = np.array([[-total[row][label == c].min(initial=np.inf) for c in range(CLASSES)] for row in range(3)])
    logits = module(asked)
    assert torch.isneginf(logits[:, 4]).all()
    np.testing.assert_allclose(logits, expected, rtol=1e-5)
    assert torch.equal(logits.argmax(dim=1), label[torch.from_numpy(total.argmin(axis=1))])


@pytest.mark.parametrize("metric", ["euclidean", "dtw"])
def test_an_example_is_nearest_to_itself(metric):
    module = module_with_examples(metric=metric)
    inputs, label = module.examples
    logits = module(inputs)
    assert torch.equal(logits.argmax(dim=1), label)
    assert torch.allclose(logits.max(dim=1).values, torch.zeros(len(label)))


@pytest.mark.parametrize("metric", ["euclidean", "dtw"])
def test_units_of_a_modality_and_size_of_the_batch_do_not_matter(metric):
    module, louder = module_with_examples(metric=metric), module_with_examples(metric=metric)
    asked = samples(40, seed=1)
    logits = module(asked)
    one_by_one = [module({name: values[i : i + 1] for name, values in asked.items()}) for i in range(40)]
    assert torch.equal(torch.cat(one_by_one), logits)
    inputs, label = module.examples
    louder.remember({"inputs": {**inputs, "b": 1000 * inputs["b"]}, "label": label})
    torch.testing.assert_close(louder({**asked, "b": 1000 * asked["b"]}), logits)


def test_examples_that_are_all_the_same_divide_by_nothing():
    module = NearestNeighborModule({"a": (4, 1)}, 2)
    module.remember({"inputs": {"a": torch.ones(3, 4, 1)}, "label": torch.tensor([0, 0, 1])})
    assert torch.equal(module({"a": torch.zeros(1, 4, 1)}), torch.tensor([[-2.0, -2.0]]))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"metric": "manhattan"}, "metric"),
        ({"band": -0.1}, "band"),
        ({"band": 1.1}, "band"),
        ({"velocities": True, "modality_shapes": {"a": (5, 2), "flat": (1, 2)}}, r"velocities: \['flat'\]"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ConfigurationError, match=named):
        NearestNeighborModule(**{"modality_shapes": SHAPES, "num_classes": 3, **arguments})
