"""The encoder of a window's statistics."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from cosmo_pl.encoders import StatisticsEncoder
from cosmo_pl.errors import ConfigurationError


def test_statistics_are_those_of_numpy() -> None:
    encoder = StatisticsEncoder(3, num_frequencies=4, widths=(5,)).eval()
    seen = []
    encoder.standardize.register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
    x = torch.randn(6, 20, 3)
    assert encoder(x).shape == (6, 5, 1) and encoder.feature_shape((20, 3)) == (5, 1)
    statistics = seen[0].unflatten(1, (6, 4)).numpy()  # mean, deviation, four frequencies; three axes, magnitude
    for n in range(6):
        for axis in range(4):
            values = x[n, :, axis].numpy() if axis < 3 else np.linalg.norm(x[n].numpy(), axis=1)
            spectrum = [
                abs(sum(v * np.exp(-2j * math.pi * k * t / 20) for t, v in enumerate(values))) for k in range(1, 5)
            ]
            expected = [values.mean(), np.log(values.std() + 0.1), *np.log(np.array(spectrum) + 0.1)]
            np.testing.assert_allclose(statistics[n, :, axis], expected, rtol=1e-3, atol=1e-4)


def test_the_phase_of_a_movement_does_not_matter() -> None:
    torch.manual_seed(0)
    encoder = StatisticsEncoder(3).eval()
    time = torch.arange(200).unsqueeze(1)
    step = torch.sin(2 * math.pi * (time + torch.tensor([0.0, 3.0, 7.0])) / 50)
    later = torch.sin(2 * math.pi * (time + 17 + torch.tensor([0.0, 3.0, 7.0])) / 50)
    torch.testing.assert_close(encoder(step.unsqueeze(0)), encoder(later.unsqueeze(0)), rtol=1e-3, atol=1e-3)
    faster = torch.sin(2 * math.pi * (time + torch.tensor([0.0, 3.0, 7.0])) / 25)
    assert (encoder(faster.unsqueeze(0)) - encoder(step.unsqueeze(0))).abs().max() > 0.05


def test_a_rebuilt_encoder_is_the_same() -> None:
    encoder = StatisticsEncoder(3, 10, [8, 6])
    again = StatisticsEncoder(**encoder.hparams)
    again.load_state_dict(encoder.state_dict())
    x = torch.randn(3, 40, 3)
    assert torch.equal(again.eval()(x), encoder.eval()(x))


def test_refusals() -> None:
    for arguments in ({"in_features": 0}, {"num_frequencies": 0}, {"widths": ()}, {"widths": (4, 0)}):
        with pytest.raises(ConfigurationError, match="StatisticsEncoder"):
            StatisticsEncoder(**{"in_features": 3, **arguments})
    with pytest.raises(ConfigurationError, match="25 frequencies in 40 steps"):
        StatisticsEncoder(3).feature_shape((40, 3))
