"""DeepSense: the shared variant is the shared classifier on concatenated features, the original the published one."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cosmo_pl.encoders import InertialEncoder, SkeletonEncoder, SpectralEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import OptimizerSettings
from cosmo_pl.modules.deepsense import DeepSenseModule, MergeClassifier

from .conftest import small_encoders

UTD = {"inertial": (120, 6), "skeleton": (40, 20, 3)}


def deepsense(shapes=UTD, num_classes=27, **arguments):
    torch.manual_seed(0)
    if arguments.get("variant") != "original":
        arguments.setdefault("encoders", small_encoders())
    return DeepSenseModule(shapes, num_classes, **arguments)


def samples(count, shapes=UTD):
    return {name: torch.randn(count, *shape) for name, shape in shapes.items()}


def traced(module, kinds):
    """Shapes that the layers of some kinds give, in order; filled when the module is called."""
    seen = []
    for layer in module.modules():
        if isinstance(layer, kinds):
            layer.register_forward_hook(
                lambda m, _i, out: seen.append(tuple((out[0] if isinstance(m, nn.GRU) else out).shape))
            )
    return seen


# Shared


def test_released_parameter_count():
    """Layer by layer; 3.28 million."""
    module = deepsense(encoders={"inertial": InertialEncoder(), "skeleton": SkeletonEncoder()}, sequence_axis="channel")
    norms = 2 * (64 + 64 + 32 + 16)
    inertial = (4 * 64 + 64) + (64 * 4 * 64 + 64) + (64 * 32 + 32) + (32 * 16 + 16) + norms
    skeleton = (50 * 64 + 64) + (64 * 50 * 64 + 64) + (64 * 25 * 32 + 32) + (32 * 10 * 16 + 16) + norms
    width = 118 * 4 + 24 * 7
    gru = 3 * 120 * (width + 120 + 2) + 3 * 120 * (120 + 120 + 2)
    perceptron = (1920 * 1280 + 1280 + 2 * 1280) + (1280 * 128 + 128 + 2 * 128) + (128 * 27 + 27)
    expected = inertial + skeleton + gru + perceptron
    assert sum(p.numel() for p in module.parameters()) == expected == 3_275_163


@pytest.mark.parametrize("axis", ["channel", "time"])
def test_shared_is_the_recurrent_classifier_on_concatenated_sequences(axis):
    module = deepsense(sequence_axis=axis, steps=6).eval()
    inputs = samples(3)
    parts = []
    for name, encoder in module.encoders.items():
        feature_map = encoder(inputs[name])
        if axis == "channel":
            parts.append(feature_map.flatten(2))
        else:
            length = feature_map.shape[2]
            cuts = [(math.floor(i * length / 6), math.ceil((i + 1) * length / 6)) for i in range(6)]
            parts.append(torch.stack([feature_map[:, :, a:b].mean(dim=2).flatten(1) for a, b in cuts], dim=1))
    expected = module.classifier.classifier(torch.cat(parts, dim=2))
    torch.testing.assert_close(module(inputs), expected)
    assert module.classify(inputs)[1] is None


def test_other_encoders_by_config():
    """Nothing in the shared variant is tied to one kind of encoder."""
    encoders = {"inertial": SpectralEncoder(6, width=4), "skeleton": SpectralEncoder(60, width=4)}
    for axis in ("time", "channel"):
        assert deepsense(encoders=encoders, sequence_axis=axis, steps=8)(samples(2)).shape == (2, 27)


# Original


@pytest.mark.parametrize("shapes", [{"hip": (200, 3)}, UTD, dict.fromkeys(("acc", "gyro", "mag"), (97, 3))])
def test_original_layer_by_layer(shapes):
    module = deepsense(shapes, 5, variant="original")
    seen = traced(module, (nn.Conv2d, nn.Conv3d, nn.GRU, nn.Linear))
    count = len(shapes)
    logits = module(samples(3, shapes))
    assert seen == [
        *[(3, 64, 8, 8), (3, 64, 8, 6), (3, 64, 8, 4)] * count,
        *[(3, 64, 8, count, 4)] * 3,
        (3, 8, 120),
        (3, 8, 120),
        (3, 5),
    ]
    assert module.classifier.grus[0].input_size == 256 * count
    assert logits.shape == (3, 5)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_merge_convolutions_equal_loops(count):
    """Zeros beyond the edges: as many before as after, or one more after."""
    torch.manual_seed(0)
    merge = MergeClassifier({str(name): (3, 2, 4) for name in range(count)}, 5).double().eval().merge
    x = torch.randn(2, 3, 2, count, 4, dtype=torch.float64)
    convolutions = [(layer, pad) for pad, layer in itertools.pairwise(merge) if isinstance(layer, nn.Conv3d)]
    assert [layer.kernel_size for layer, _ in convolutions] == [(1, 2, 8), (1, 2, 6), (1, 2, 4)]
    for conv, pad in convolutions:
        width = conv.kernel_size[2]
        before = (width - 1) // 2
        expected = conv.bias.view(1, 3, 1, 1, 1).expand_as(x).clone()
        for sensor in range(count):
            for frequency in range(4):
                for i in range(2):
                    for j in range(width):
                        at = frequency + j - before
                        if sensor + i < count and 0 <= at < 4:
                            term = torch.einsum("nct,oc->not", x[:, :, :, sensor + i, at], conv.weight[:, :, 0, i, j])
                            expected[:, :, :, sensor, frequency] += term
        torch.testing.assert_close(conv(pad(x)), expected)


def test_original_in_eval_mode_is_convolutions_grus_mean_and_a_linear_layer():
    torch.manual_seed(0)
    classifier = MergeClassifier({"a": (3, 5, 4), "b": (3, 5, 4)}, 7).eval()
    maps = {name: torch.randn(2, 3, 5, 4) for name in "ab"}
    merged = classifier.merge(torch.stack([maps["a"], maps["b"]], dim=3))
    per_interval = torch.stack([merged[:, :, i].reshape(2, -1) for i in range(5)], dim=1)
    states = classifier.grus[1](classifier.grus[0](per_interval)[0])[0]
    expected = sum(classifier.output(states[:, i]) for i in range(5)) / 5
    torch.testing.assert_close(classifier(maps)[0], expected)


def test_convolutions_do_not_mix_intervals():
    merge = MergeClassifier({"a": (3, 5, 4), "b": (3, 5, 4)}, 7).eval().merge
    x = torch.randn(1, 3, 5, 2, 4)
    other = x.clone()
    other[:, :, 2] += 1
    changed = (merge(x) != merge(other)).flatten(3).any(dim=3).any(dim=1)[0]
    assert changed.tolist() == [False, False, True, False, False]


def test_dropout_of_channels_before_each_convolution_and_of_values_after_each_gru():
    torch.manual_seed(0)
    classifier = MergeClassifier({"a": (16, 8, 4), "b": (16, 8, 4)}, 7)
    pairs = []
    for layer in classifier.modules():
        if isinstance(layer, nn.Dropout3d | nn.Dropout):
            layer.register_forward_hook(lambda m, given, out: pairs.append((type(m), given[0], out)))
    classifier({name: torch.randn(64, 16, 8, 4) for name in "ab"})
    assert [kind for kind, _, _ in pairs] == [nn.Dropout3d] * 3 + [nn.Dropout] * 2
    for kind, given, out in pairs:
        kept = (out != 0).flatten(2).any(dim=2)[:, :, None, None, None] if kind is nn.Dropout3d else out != 0
        p = 0.2 if kind is nn.Dropout3d else 0.5
        torch.testing.assert_close(out, given / (1 - p) * kept)
        assert kept.float().mean().item() == pytest.approx(1 - p, abs=0.05)


# Both


@pytest.mark.parametrize("variant", ["shared", "original"])
def test_everything_is_trained_by_one_optimizer(variant):
    settings = OptimizerSettings("adam", betas=(0.5, 0.9), weight_decay=0.1)
    module = deepsense(variant=variant, lr=0.003, optimizer=settings)
    optimizer = module.configure_optimizers()["optimizer"]
    assert isinstance(optimizer, torch.optim.Adam)
    (group,) = optimizer.param_groups
    assert (group["lr"], group["betas"], group["weight_decay"]) == (0.003, (0.5, 0.9), 0.1)
    assert {id(p) for p in group["params"]} == {id(p) for p in module.parameters()}
    module.train()
    F.cross_entropy(module(samples(8)), torch.arange(8)).backward()
    assert all(p.grad is not None for p in module.parameters())


def test_learning_rate_follows_the_epochs(make_data, make_trainer):
    rates = []

    class Watched(DeepSenseModule):
        def on_train_epoch_start(self):
            rates.append(self.optimizers().param_groups[0]["lr"])

    settings = OptimizerSettings(milestones=[1, 3], gamma=0.5)
    module = Watched(UTD, 27, encoders=small_encoders(), lr=0.02, optimizer=settings)
    make_trainer(4, limit_train_batches=1, limit_val_batches=0).fit(module, datamodule=make_data())
    assert rates == pytest.approx([0.02, 0.01, 0.01, 0.005])


@pytest.mark.parametrize("variant", ["shared", "original"])
def test_without_dropout_27_clips_are_learned_by_heart(make_data, make_trainer, variant):
    data = make_data(labels_per_class=1, track_test=False)
    module = deepsense(variant=variant, lr=0.003, optimizer=OptimizerSettings("adam"))
    for layer in module.modules():
        if isinstance(layer, nn.Dropout | nn.Dropout2d | nn.Dropout3d):
            layer.p = 0.0
    make_trainer(20, limit_val_batches=0).fit(module, datamodule=data)
    module.eval()
    rows = torch.from_numpy(data.split.labeled)
    logits = module({name: x[rows] for name, x in data.inputs.items()})
    labels = torch.from_numpy(data.samples.label[data.split.labeled])
    assert F.cross_entropy(logits, labels) < 1.0 < math.log(27)
    assert (logits.argmax(dim=1) == labels).float().mean() > 0.9


def test_reports_no_attention(make_data, make_trainer):
    module = deepsense()
    make_trainer(1, limit_test_batches=1).test(module, datamodule=make_data(), verbose=False)
    assert module.attention_by_class() is None


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"variant": "published"}, "variant"),
        ({"encoders": None}, "encoders: none"),
        ({"sequence_axis": "space"}, "sequence_axis"),
        ({"steps": 0}, "steps"),
        ({"encoders": {"inertial": InertialEncoder()}}, "encoders"),
        ({"variant": "original", "encoders": small_encoders()}, "encoders: .* null"),
        ({"variant": "original", "intervals": 0}, "intervals"),
        ({"variant": "original", "intervals": 41}, "intervals: .* Use 1 to 40"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ConfigurationError, match=named):
        deepsense(**arguments)
