"""The encoder of predictive coding sees the past only, and is rebuilt from its arguments."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import nn

from cosmo_pl.encoders import CPCEncoder, Encoder
from cosmo_pl.errors import ConfigurationError

SMALL: dict[str, Any] = {"in_features": 3, "channels": (4, 6), "context_dim": 5}


def small(**arguments: Any) -> CPCEncoder:
    torch.manual_seed(0)
    return CPCEncoder(**{**SMALL, **arguments})


def test_defaults_have_the_originals_sizes() -> None:
    encoder = CPCEncoder()
    convolutions = 3 * (6 * 32 + 32 * 64 + 64 * 128)  # no biases
    recurrent = sum(3 * 256 * (inputs + 256 + 2) for inputs in (128, 256))
    assert sum(p.numel() for p in encoder.parameters()) == convolutions + recurrent == 722_496
    assert encoder.feature_shape((200, 6)) == (256, 200)
    assert [layer.kernel_size for layer in encoder.convolutions] == [(3,)] * 3
    assert {module.p for module in encoder.modules() if isinstance(module, nn.Dropout)} == {0.2}


@pytest.mark.parametrize("time", [1, 2, 17])
def test_length_is_kept(time: int) -> None:
    encoder = small()
    x = torch.randn(2, time, 3)
    z = encoder.latents(x)
    assert z.shape == (2, time, 6) and z.min() >= 0
    assert encoder.contexts(z).shape == (2, time, 5)
    assert encoder(x).shape == (2, 5, time)


@pytest.mark.parametrize("pooling", [1, 2, 3])
@pytest.mark.parametrize("t", [0, 1, 5, 8])
def test_nothing_sees_the_future(t: int, pooling: int) -> None:
    """Samples after step t are replaced: all up to t stays as it is to the bit, what follows changes."""
    encoder = small(pooling=pooling, channels=(8, 8, 8)).eval().double()
    x = torch.randn(2, 10 * pooling, 3, dtype=torch.float64)
    y = x.clone()
    y[:, (t + 1) * pooling :] += 1 + torch.rand_like(y[:, (t + 1) * pooling :])
    for encode in (encoder.latents, lambda s: encoder.contexts(encoder.latents(s)), lambda s: encoder(s).mT):
        before, after = encode(x), encode(y)
        assert torch.equal(before[:, : t + 1], after[:, : t + 1])
        assert (before[:, t + 1] != after[:, t + 1]).any(dim=1).all()


def test_contexts_remember_the_first_sample_and_latents_the_last_seven() -> None:
    encoder = small(channels=(8, 8, 8)).eval().double()
    x = torch.randn(1, 12, 3, dtype=torch.float64)
    y = x.clone()
    y[:, 0] += 3
    z, perturbed = encoder.latents(x), encoder.latents(y)
    changed = (z != perturbed).any(dim=2)[0]
    assert changed[:7].any() and not changed[7:].any(), "three kernels of width 3 reach 6 samples back"
    assert (encoder.contexts(z) != encoder.contexts(perturbed)).any(dim=2).all()


def test_shifted_samples_give_shifted_latents() -> None:
    encoder = small().eval().double()
    x = torch.randn(2, 20, 3, dtype=torch.float64)
    torch.testing.assert_close(encoder.latents(x[:, 5:])[:, 4:], encoder.latents(x)[:, 9:])


def test_latents_equal_a_naive_causal_convolution() -> None:
    encoder = small().eval().double()
    x = torch.randn(1, 6, 3, dtype=torch.float64)
    signal = x[0]
    for convolution in encoder.convolutions:
        rows = []
        for t in range(len(signal)):
            taps = [convolution.weight[:, :, 2 - back] @ signal[t - back] for back in range(3) if t >= back]
            rows.append(sum(taps).relu())
        signal = torch.stack(rows)
    torch.testing.assert_close(encoder.latents(x)[0], signal)


def test_contexts_equal_a_two_layer_gru() -> None:
    encoder = small(dropout=0.0)
    reference = nn.GRU(6, 5, num_layers=2, batch_first=True)
    layers = {"0": encoder.lower, "1": encoder.upper}
    reference.load_state_dict(
        {name: getattr(layers[name[-1]], f"{name[:-1]}0").detach() for name, _ in reference.named_parameters()}
    )
    z = torch.randn(3, 9, 6)
    torch.testing.assert_close(encoder.contexts(z), reference(z)[0])


def test_pooling_averages_before_all_else() -> None:
    encoder, plain = small(pooling=2).eval(), small().eval()
    x = torch.randn(2, 11, 3)
    averaged = (x[:, 0:10:2] + x[:, 1:10:2]) / 2
    torch.testing.assert_close(encoder(x), plain(averaged))
    assert encoder.feature_shape((11, 3)) == (5, 5)


def test_dropout_follows_the_mode_even_where_recurrent_layers_stay_in_train_mode() -> None:
    encoder = small(dropout=0.5)
    x = torch.randn(4, 30, 3)
    assert not torch.equal(encoder(x), encoder(x))
    z = encoder.latents(x)
    assert (z == 0).float().mean() > 0.6, "half of the half that passes the ReLU"
    assert not torch.equal(encoder.contexts(z), encoder.contexts(z)), "also between the recurrent layers"
    encoder.eval()
    expected = encoder(x)
    encoder.lower.train()
    encoder.upper.train()
    assert torch.equal(encoder(x), expected)


def test_every_parameter_and_the_input_get_a_gradient() -> None:
    encoder = small()
    x = torch.randn(4, 20, 3, requires_grad=True)
    encoder(x).square().sum().backward()
    assert x.grad is not None and (x.grad != 0).any(dim=2).all()
    assert all(p.grad is not None and (p.grad != 0).any() for p in encoder.parameters())


@pytest.mark.parametrize("arguments", [{}, SMALL, {**SMALL, "dropout": 0.0, "pooling": 4}])
def test_hyperparameters_rebuild_the_same_network(arguments: dict[str, Any]) -> None:
    encoder: Encoder = CPCEncoder(**arguments)
    stored = json.loads(json.dumps(dict(encoder.hparams)))
    assert set(stored) == {"in_features", "channels", "context_dim", "dropout", "pooling"}
    rebuilt = CPCEncoder(**stored)
    rebuilt.load_state_dict(encoder.state_dict())
    x = torch.randn(2, 8, stored["in_features"])
    assert str(rebuilt) == str(encoder)
    assert torch.equal(rebuilt.eval()(x), encoder.eval()(x))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"channels": ()}, "channels"),
        ({"channels": (4, 0)}, "channels"),
        ({"in_features": 0}, "in_features"),
        ({"context_dim": 0}, "context_dim"),
        ({"pooling": 0}, "pooling"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        small(**arguments)


@pytest.mark.parametrize("shape", [(20, 4), (20, 3, 3), (20,), (1, 3)])
def test_samples_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigurationError, match="do not fit"):
        small(pooling=2).feature_shape(shape)
