"""The 1-D encoder over time."""

from __future__ import annotations

import pytest
import torch

from cosmo_pl.encoders import TemporalEncoder
from cosmo_pl.errors import ConfigurationError


@pytest.mark.parametrize(("sample", "features"), [((120, 6), 6), ((40, 20, 3), 60), ((30, 4, 5, 2), 40)])
@pytest.mark.parametrize("velocities", [False, True])
def test_any_modality_becomes_channels_by_segments(sample, features, velocities) -> None:
    encoder = TemporalEncoder(features, velocities=velocities)
    assert encoder.feature_shape(sample) == (192, 6)
    small = TemporalEncoder(features, channels=(8, 12), strides=(1, 2), segments=3, velocities=velocities)
    assert small.feature_shape(sample) == (12, 3)


def test_a_rebuilt_encoder_is_the_same() -> None:
    encoder = TemporalEncoder(6, channels=[4, 8], strides=[2, 2], segments=2, dropout=0.1, velocities=True)
    again = TemporalEncoder(**encoder.hparams)
    again.load_state_dict(encoder.state_dict())
    x = torch.randn(3, 20, 6)
    assert torch.equal(again.eval()(x), encoder.eval()(x))


def test_velocities_are_differences_of_consecutive_steps() -> None:
    encoder = TemporalEncoder(2, channels=(1,), strides=(1,), segments=5, velocities=True).eval()
    seen = []
    encoder.standardize.register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
    x = torch.randn(4, 5, 2)
    encoder(x)
    values, velocities = seen[0].squeeze(2).transpose(1, 2).split(2, dim=2)  # of (N, channels, 1, time)
    assert torch.equal(values, x)
    assert torch.equal(velocities[:, 1:], x[:, 1:] - x[:, :-1]) and (velocities[:, 0] == 0).all()


def test_features_keep_the_order_of_time() -> None:
    torch.manual_seed(0)
    encoder = TemporalEncoder(3, channels=(8, 8), strides=(1, 1), kernel_size=3, segments=4).eval()
    x = torch.zeros(1, 40, 3)
    moved = x.clone()
    moved[:, 32:38] = 1.0
    change = (encoder(moved) - encoder(x)).abs().amax(dim=1)[0]
    assert (change[:3] == 0).all() and change[3] > 0


@pytest.mark.parametrize(
    "arguments",
    [{"in_features": 0}, {"segments": 0}, {"kernel_size": 4}, {"channels": (8, 8), "strides": (1,)}],
)
def test_refusals(arguments) -> None:
    with pytest.raises(ConfigurationError, match="TemporalEncoder"):
        TemporalEncoder(**{"in_features": 6, **arguments})
