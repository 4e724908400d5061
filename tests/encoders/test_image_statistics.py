"""The encoder of the statistics of every pixel."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from cosmo_pl.encoders import ImageStatisticsEncoder
from cosmo_pl.errors import ConfigurationError


def test_statistics_are_those_of_numpy() -> None:
    encoder = ImageStatisticsEncoder(6, widths=(5,)).eval()
    seen = []
    encoder.standardize.register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
    x = torch.randn(4, 9, 2, 3)
    assert encoder(x).shape == (4, 5, 1)
    statistics = seen[0].unflatten(1, (5, 6)).numpy()
    for n in range(4):
        for pixel in range(6):
            values = x[n, :, pixel // 3, pixel % 3].numpy()
            change = sum(abs(after - before) for before, after in itertools.pairwise(values)) / 8
            expected = [values.mean(), np.log(values.std() + 0.1), np.log(change + 0.1), values.min(), values.max()]
            np.testing.assert_allclose(statistics[n, :, pixel], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("sample", "pixels"), [((25, 12, 16), 192), ((30, 32, 16), 512), ((40, 6), 6)])
def test_any_sequence_becomes_one_vector(sample, pixels) -> None:
    assert ImageStatisticsEncoder(pixels).feature_shape(sample) == (256, 1)


def test_the_direction_of_time_does_not_matter_and_the_order_of_frames_does() -> None:
    torch.manual_seed(0)
    encoder = ImageStatisticsEncoder(4).eval()
    x = torch.linspace(0, 1, 20).view(1, 20, 1, 1) * torch.rand(1, 1, 2, 2)
    torch.testing.assert_close(encoder(x.flip(1)), encoder(x))
    assert (encoder(x[:, torch.randperm(20)]) - encoder(x)).abs().max() > 0.05


def test_a_rebuilt_encoder_is_the_same() -> None:
    encoder = ImageStatisticsEncoder(6, [8, 4])
    again = ImageStatisticsEncoder(**encoder.hparams)
    again.load_state_dict(encoder.state_dict())
    x = torch.randn(3, 10, 2, 3)
    assert torch.equal(again.eval()(x), encoder.eval()(x))


def test_refusals() -> None:
    for arguments in ({"in_features": 0}, {"widths": ()}, {"widths": (4, 0)}):
        with pytest.raises(ConfigurationError, match="ImageStatisticsEncoder"):
            ImageStatisticsEncoder(**{"in_features": 3, **arguments})
    with pytest.raises(ConfigurationError, match="a change needs two frames"):
        ImageStatisticsEncoder(4).feature_shape((1, 2, 2))
