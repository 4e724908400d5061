"""MiniRocket and MultiRocket-Hydra: series against numpy, predictions against aeon, self-training against loops."""

from __future__ import annotations

import sys
from itertools import product

import numpy as np
import pytest
import torch

from cosmo_pl.data import USCDataModule
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import MiniRocketModule, MultiRocketHydraModule
from cosmo_pl.modules.base import average_in_context
from cosmo_pl.modules.base.self_training import SMALLEST
from cosmo_pl.modules.rocket import in_blocks

pytest.importorskip("aeon")

SHAPES = {"a": (40, 2), "b": (12, 2, 3), "c": (20,)}
SMALL = {MiniRocketModule: {"num_kernels": 168}, MultiRocketHydraModule: {"num_kernels": 2, "num_groups": 2}}
both = pytest.mark.parametrize("kind", SMALL)
either = pytest.mark.parametrize(
    "kind", [MiniRocketModule, pytest.param(MultiRocketHydraModule, marks=pytest.mark.slow)]
)  # the second one compiles for half a minute in a new environment


def samples(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(count, *shape, generator=generator) for name, shape in SHAPES.items()}


def fitted(kind, label, num_classes=4, **arguments):
    module = kind(SHAPES, num_classes, **{**SMALL[kind], **arguments})
    module.remember({"inputs": samples(len(label)), "label": torch.tensor(label)})
    return module


def test_series_have_all_channels_and_the_longest_length():
    inputs = samples(3)
    series = MiniRocketModule(SHAPES, 4).series(inputs)
    assert series.shape == (3, 2 + 6 + 1, 40)
    np.testing.assert_array_equal(series[:, :2], inputs["a"].numpy().transpose(0, 2, 1))
    for name, first, steps in (("b", 2, 12), ("c", 8, 20)):
        values = inputs[name].reshape(3, steps, -1).double().numpy()
        for n in range(3):
            for channel in range(values.shape[2]):
                expected = np.interp(np.linspace(0, steps - 1, 40), np.arange(steps), values[n, :, channel])
                np.testing.assert_allclose(series[n, first + channel], expected.astype(np.float32), atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((5, 12, 16), (5, 6, 8)),  # images of MEx
        ((4, 32, 16), (4, 8, 4)),
        ((3, 30, 40), (3, 3, 5)),  # 15 x 20, 7 x 10, 3 x 5: blocks overlap where a side is odd
        ((2, 2, 16, 32, 16), (2, 2, 2, 4, 2)),  # volumes of two channels
        ((3, 100, 9, 8, 8), (3, 100, 1, 1, 1)),  # with many channels, at most to one block
    ],
)
def test_images_and_volumes_are_averaged_over_blocks(shape, size):
    values = torch.randn(2, *shape, dtype=torch.float64)
    pooled = in_blocks(values)
    assert pooled.shape == (2, *size)
    for index in product(*map(range, size)):
        block = (slice(k * n // m, -(-(k + 1) * n // m)) for k, n, m in zip(index, shape, size, strict=True))
        torch.testing.assert_close(pooled[0][index], values[0][tuple(block)].mean())


@pytest.mark.parametrize("shape", [(40, 3), (40, 25, 3), (40, 100), (40, 8, 8), (40,), (40, 7, 30)])
def test_other_values_are_channels_as_they_are(shape):
    values = torch.randn(2, *shape)
    assert in_blocks(values) is values or torch.equal(in_blocks(values), values)


def of_aeon(kind):
    """The classifier with `SMALL` and seed 3, in aeon's own words."""
    from aeon.classification.convolution_based import MiniRocketClassifier, MultiRocketHydraClassifier

    if kind is MiniRocketModule:
        return MiniRocketClassifier(n_kernels=168, random_state=3)
    return MultiRocketHydraClassifier(n_kernels=2, n_groups=2, random_state=3)


def naive_series(inputs):
    """Series (N, channels, 40) by numpy."""
    rows = []
    for values in (x.reshape(*x.shape[:2], -1).double().numpy() for x in inputs.values()):
        times, steps = np.linspace(0, values.shape[1] - 1, 40), np.arange(values.shape[1])
        rows.append(np.apply_along_axis(lambda channel: np.interp(times, steps, channel), 1, values))  # noqa: B023
    return np.concatenate(rows, axis=2).transpose(0, 2, 1).astype(np.float32)


@either
def test_equals_aeon(kind):
    """A class without examples gets the smallest probability; global random numbers stay as they were."""
    label = [0, 0, 3, 3, 1, 1]
    state, numbers = torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    module = fitted(kind, label, seed=3)
    logits = module(samples(9, seed=1))
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numbers)  # noqa: NPY002
    expected = of_aeon(kind).fit(naive_series(samples(6)), np.array(label)).predict(naive_series(samples(9, seed=1)))
    assert logits.argmax(dim=1).tolist() == expected.tolist()
    assert logits.exp().sort(dim=1).values[0].tolist() == pytest.approx([SMALLEST] * 3 + [1.0])
    assert torch.equal(fitted(kind, label, seed=3)(samples(9, seed=1)), logits)


class Threaded:
    """A classifier that changes PyTorch's threads, as numba does at its first use in a process."""

    def fit(self, series, label):
        torch.set_num_threads(torch.get_num_threads() + 1)
        self.classes_ = np.unique(label)
        return self

    def predict_proba(self, series):
        torch.set_num_threads(torch.get_num_threads() + 1)
        return np.full((len(series), len(self.classes_)), 1 / len(self.classes_))


def test_threads_of_torch_stay_as_they_were(monkeypatch):
    monkeypatch.setattr(MiniRocketModule, "classifier", lambda self: Threaded())
    threads = torch.get_num_threads()
    module = fitted(MiniRocketModule, [0, 1, 2, 3])
    module.learn(samples(4), torch.arange(4))
    assert torch.get_num_threads() == threads
    module(samples(2))
    assert torch.get_num_threads() == threads


@either
def test_has_no_parameters_and_learns_its_examples(kind):
    label = [0, 1, 2, 3] * 5
    module = fitted(kind, label)
    assert not list(module.parameters())
    assert (module(samples(20)).argmax(dim=1) == torch.tensor(label)).float().mean() > 0.9


def test_pseudo_labels_are_those_of_the_mean_over_neighbours(usc_root, make_trainer):
    data = USCDataModule(root=str(usc_root), label_rate=0.05, test_subjects=[2])
    arguments = {"num_kernels": 168, "context": 300, "max_pseudo_labels": 10**6}
    module, teacher = (
        MiniRocketModule(data.modality_shapes, data.num_classes, **arguments, self_training_rounds=rounds)
        for rounds in (1, 0)
    )
    for each in (module, teacher):
        make_trainer(1, limit_val_batches=0).fit(each, datamodule=data)
    known, samples = data.split.labeled, data.samples
    rows = np.union1d(known, data.split.unlabeled)
    probability = teacher.logits(data.plain_batch(rows)).exp().numpy()
    label = average_in_context(probability, samples.recording[rows], samples.start[rows], 300).argmax(axis=1)
    truth = np.isin(rows, known)
    label[truth] = samples.label[rows][truth]
    assert module.examples[1].tolist() == label.tolist()
    assert len(teacher.examples[1]) == len(known) < len(rows)


def test_a_missing_modality_is_refused():
    inputs = samples(3)
    del inputs["b"]
    with pytest.raises(ConfigurationError, match=r"samples lack \['b'\], and MiniRocketModule needs every modality"):
        fitted(MiniRocketModule, [0, 1, 2])(inputs)


def test_what_cannot_be_learned_is_refused():
    with pytest.raises(ConfigurationError, match="labels: are of one activity, and MiniRocketModule needs two"):
        fitted(MiniRocketModule, [2, 2, 2])(samples(1))
    module, inputs = MiniRocketModule(SHAPES, 3), samples(3)
    present = {"b": torch.tensor([True, False, True])}
    with pytest.raises(ConfigurationError, match=r"samples lack \['b'\], and MiniRocketModule needs every modality"):
        module.remember({"inputs": inputs, "label": torch.arange(3), "present": present})
    inputs["c"][1, 4] = torch.nan
    with pytest.raises(ConfigurationError, match="inputs: have values that are no finite numbers"):
        module.series(inputs)


@both
def test_short_samples_are_refused(kind):
    with pytest.raises(ConfigurationError, match="modalities: are of 9 steps at most"):
        kind({"a": (9, 2)}, 3)


@both
def test_a_missing_package_is_named(kind, monkeypatch):
    monkeypatch.setattr("cosmo_pl.extras.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "aeon", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'cosmo_pl\[classical\]'"):
        kind(SHAPES, 3)


@both
def test_an_export_is_refused_with_its_reason(kind):
    with pytest.raises(ConfigurationError, match=f"{kind.__name__} cannot be exported, as its convolutions .* aeon's"):
        kind(SHAPES, 3).stream_encoders()
