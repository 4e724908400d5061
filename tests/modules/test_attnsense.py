"""AttnSense: the shared variant is Cosmo's stage 2 without its own parts, the original the published network."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cosmo_pl.encoders import InertialEncoder, SkeletonEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import OptimizerSettings
from cosmo_pl.modules.attnsense import AdditiveAttention, AttentionClassifier, AttnSenseModule
from cosmo_pl.modules.iterative_fusion import IterativeFusionModule

from .conftest import MODALITIES, small_encoders

UTD = {"inertial": (120, 6), "skeleton": (40, 20, 3)}
THREE = dict.fromkeys(("left", "right", "hip"), (30, 3))


def attnsense(shapes=UTD, num_classes=27, **arguments):
    torch.manual_seed(0)
    if arguments.get("variant") != "original":
        arguments.setdefault("encoders", small_encoders())
    return AttnSenseModule(shapes, num_classes, **arguments)


def samples(count, shapes=UTD):
    return {name: torch.randn(count, *shape) for name, shape in shapes.items()}


def inertial_encoders(names):
    return {name: InertialEncoder(channels=(4, 4), kernels=(2, 2)) for name in names}


# Shared


def test_released_parameter_count():
    """Layer by layer; 19.83 million, of which the attention has 16.55."""
    module = attnsense(
        encoders={"inertial": InertialEncoder(), "skeleton": SkeletonEncoder()}, score="concat_mlp",
        sequence_axis="channel",
    )  # fmt: skip
    encoders = 19_728 + 264_848
    sizes = [7552, 2688]
    attention = sum(size * 1280 + 1280 for size in sizes)
    attention += sum(a * b + b + 2 * b for a, b in ((2560, 1280), (1280, 128), (128, 2)))
    gru = 3 * 120 * (118 * 4 + 24 * 7 + 120 + 2) + 3 * 120 * (120 + 120 + 2)
    perceptron = (1920 * 1280 + 1280 + 2 * 1280) + (1280 * 128 + 128 + 2 * 128) + (128 * 27 + 27)
    expected = encoders + attention + gru + perceptron
    assert attention == sum(p.numel() for p in module.classifier.attention.parameters()) == 16_554_886
    assert sum(p.numel() for p in module.parameters()) == expected == 19_830_049


@pytest.mark.parametrize(
    ("shapes", "arguments"),
    [
        (UTD, {}),
        (UTD, {"score": "concat_mlp", "sequence_axis": "channel"}),
        (THREE, {}),
        (THREE, {"fusion": "concat", "steps": 5}),
    ],
)
def test_shared_is_cosmos_stage_2_without_quality_and_alternation(shapes, arguments):
    encoders = small_encoders if shapes is UTD else lambda: inertial_encoders(THREE)
    mine = attnsense(shapes, 9, encoders=encoders(), **arguments)
    cosmo = IterativeFusionModule(
        shapes, 9, encoders=encoders(), iterative_epochs=0, quality_lambda=0.0, **arguments
    ).eval()  # fmt: skip
    cosmo.load_state_dict(mine.state_dict(), strict=True)
    inputs = samples(4, shapes)
    (logits, weights), (expected, wanted) = mine.eval().classify(inputs), cosmo.classify(inputs)
    assert torch.equal(logits, expected)
    assert torch.equal(weights, wanted)
    assert torch.allclose(weights.sum(dim=1), torch.ones(4))
    assert not torch.allclose(weights, weights[:1])


# Original


@pytest.mark.parametrize("shapes", [{"hip": (200, 3)}, UTD, THREE])
def test_original_layer_by_layer(shapes):
    module = attnsense(shapes, 5, variant="original")
    seen = []
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.GRU | AdditiveAttention):
            layer.register_forward_hook(
                lambda _m, _i, out: seen.append(
                    tuple(tuple(o.shape) for o in out[:2]) if isinstance(out, tuple) else tuple(out.shape)
                )
            )
    logits, weights = module.classify(samples(3, shapes))
    count = len(shapes)
    assert seen == [
        *[(3, 64, 8, 8), (3, 64, 8, 6), (3, 64, 8, 4)] * count,
        ((3, 8, 256), (3, 8, count)),
        ((3, 8, 120), (2, 3, 120)),
        ((3, 120), (3, 8)),
    ]
    assert logits.shape == (3, 5)
    assert module.attends_to == (tuple(shapes) if count > 1 else ())
    if count == 1:
        assert weights is None
    else:
        assert weights.shape == (3, count)
        assert torch.allclose(weights.sum(dim=1), torch.ones(3))
        assert (weights > 0).all()


def test_attention_equals_loops():
    torch.manual_seed(0)
    attention = AdditiveAttention(6, attention_dim=4)
    states = torch.randn(3, 5, 6)
    total, weights = (result.detach() for result in attention(states))
    hidden, score = attention.hidden.requires_grad_(False), attention.score.weight[0].detach()
    for n in range(3):
        exponentials = []
        for t in range(5):
            units = [row @ states[n, t] + b for row, b in zip(hidden.weight, hidden.bias, strict=True)]
            exponentials.append(math.exp(sum(u * math.tanh(x) for u, x in zip(score, units, strict=True))))
        expected = torch.tensor(exponentials) / sum(exponentials)
        torch.testing.assert_close(weights[n], expected)
        torch.testing.assert_close(total[n], sum(w * h for w, h in zip(expected, states[n], strict=True)))


def test_original_in_eval_mode_is_two_attentions_around_a_gru():
    torch.manual_seed(0)
    classifier = AttentionClassifier({"a": (3, 5, 4), "b": (3, 5, 4)}, 7).eval()
    maps = {name: torch.randn(2, 3, 5, 4) for name in "ab"}
    fused, found = [], []
    for i in range(5):
        total, weights = classifier.sensors(torch.stack([maps[name][:, :, i].reshape(2, 12) for name in "ab"], dim=1))
        fused.append(total)
        found.append(weights)
    context, _ = classifier.intervals(classifier.gru(torch.stack(fused, dim=1))[0])
    logits, weights = classifier(maps)
    torch.testing.assert_close(logits, classifier.output(context))
    torch.testing.assert_close(weights, sum(found) / 5)


def test_order_of_modalities_orders_the_weights_alone():
    """The score's parameters are shared, so the modalities are a set."""
    torch.manual_seed(0)
    classifier = AttentionClassifier(dict.fromkeys("abc", (3, 5, 4)), 7)
    maps = {name: torch.randn(2, 3, 5, 4) for name in "abc"}
    logits, weights = classifier(maps)
    again, permuted = classifier({name: maps[name] for name in "cab"})
    torch.testing.assert_close(again, logits)
    torch.testing.assert_close(permuted, weights[:, [2, 0, 1]])
    assert (weights[:, 0] != weights[:, 1]).all()


def encoder_inputs(module, inputs):
    """What reaches the encoders."""
    seen = {}
    hooks = [
        encoder.register_forward_hook(lambda _m, given, _o, name=name: seen.update({name: given[0]}))
        for name, encoder in module.encoders.items()
    ]
    module.classify(inputs)
    for hook in hooks:
        hook.remove()
    return seen


def test_noise_is_added_in_training():
    module = attnsense(variant="original", noise_std=0.3).train()
    inputs = samples(16)
    first, second = encoder_inputs(module, inputs), encoder_inputs(module, inputs)
    for name in MODALITIES:
        noise = first[name] - inputs[name]
        assert noise.mean().item() == pytest.approx(0, abs=0.02)
        assert noise.std().item() == pytest.approx(0.3, rel=0.05)
        assert not torch.equal(first[name], second[name])


@pytest.mark.parametrize(
    ("arguments", "training"),
    [
        ({"variant": "original", "noise_std": 0.3}, False),
        ({"variant": "original", "noise_std": 0.0}, True),
        ({"variant": "shared", "noise_std": 0.3}, True),
    ],
)
def test_no_noise_elsewhere(arguments, training):
    inputs = samples(4)
    seen = encoder_inputs(attnsense(**arguments).train(training), inputs)
    assert all(torch.equal(seen[name], inputs[name]) for name in MODALITIES)


# Both


@pytest.mark.parametrize("variant", ["shared", "original"])
def test_everything_is_trained_by_one_optimizer(variant):
    settings = OptimizerSettings("adam", betas=(0.5, 0.9), weight_decay=0.1)
    module = attnsense(variant=variant, lr=0.003, optimizer=settings)
    optimizer = module.configure_optimizers()["optimizer"]
    assert isinstance(optimizer, torch.optim.Adam)
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.9)
    assert {id(p) for p in optimizer.param_groups[0]["params"]} == {id(p) for p in module.parameters()}
    module.train()
    F.cross_entropy(module(samples(8)), torch.arange(8)).backward()
    assert all(p.grad is not None for p in module.parameters())


@pytest.mark.parametrize("variant", ["shared", "original"])
def test_without_dropout_27_clips_are_learned_by_heart(make_data, make_trainer, variant):
    data = make_data(labels_per_class=1, track_test=False)
    module = attnsense(variant=variant, lr=0.003, optimizer=OptimizerSettings("adam"))
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


@pytest.mark.parametrize("variant", ["shared", "original"])
def test_attention_by_class_is_the_mean_over_the_samples(make_data, make_trainer, variant):
    data = make_data()
    module = attnsense(variant=variant)
    make_trainer(1).test(module, datamodule=data, verbose=False)
    rows = data.split.test[data.samples.label[data.split.test] == 3]
    module.eval()
    with torch.no_grad():
        weights = module.classify({n: x[torch.from_numpy(rows)] for n, x in data.inputs.items()})[1].mean(dim=0)
    row = module.attention_by_class()["clap"]
    assert list(row) == list(MODALITIES)
    assert list(row.values()) == pytest.approx(weights.tolist(), abs=1e-6)
    assert sum(row.values()) == pytest.approx(1)


def test_a_single_modality_has_no_weights(make_data, make_trainer):
    for arguments in ({"encoders": {"inertial": small_encoders()["inertial"]}}, {"variant": "original"}):
        module = attnsense({"inertial": UTD["inertial"]}, **arguments)
        data = make_data(modalities=["inertial"])
        make_trainer(1, limit_test_batches=1).test(module, datamodule=data, verbose=False)
        assert module.attention_by_class() is None


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"variant": "published"}, "variant"),
        ({"encoders": None}, "encoders: none"),
        ({"score": "cosine"}, "score"),
        ({"fusion": "product"}, "fusion"),
        ({"fusion": "sum"}, "mode"),
        ({"sequence_axis": "space"}, "sequence_axis"),
        ({"variant": "original", "encoders": small_encoders()}, "encoders: .* null"),
        ({"variant": "original", "intervals": 41}, "intervals: .* Use 1 to 40"),
        ({"variant": "original", "noise_std": -0.1}, "noise_std"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ConfigurationError, match=named):
        attnsense(**arguments)
