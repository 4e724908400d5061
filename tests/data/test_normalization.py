"""Standardisation against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cosmo_pl.data.normalization import Normalization

GROUPS = ((0, 1, 2), (3,), (4, 5))


@pytest.fixture
def values() -> torch.Tensor:
    noise = torch.randn(30, 11, 6, generator=torch.Generator().manual_seed(0))
    return noise * torch.tensor([1.0, 2.0, 3.0, 0.01, 200.0, 100.0]) + torch.tensor([0.0, 5.0, -1.0, 3.0, 40.0, 9.0])


def test_statistics_are_pooled_over_each_group(values: torch.Tensor) -> None:
    fitted = Normalization.fit(values, GROUPS)
    for group in GROUPS:
        pooled = values.double().numpy()[..., group]
        for channel in group:
            assert fitted.mean[channel] == pytest.approx(pooled.mean(), rel=1e-9)
            assert fitted.std[channel] == pytest.approx(pooled.std(), rel=1e-9)


def test_standardised_groups_have_mean_zero_and_deviation_one(values: torch.Tensor) -> None:
    out = Normalization.fit(values, GROUPS).apply(values)
    assert out.dtype == torch.float32 and out.shape == values.shape
    for group in GROUPS:
        pooled = out[..., list(group)]
        assert abs(float(pooled.mean())) < 1e-4 and abs(float(pooled.std(correction=0)) - 1) < 1e-4


def test_axes_of_a_group_keep_their_ratios(values: torch.Tensor) -> None:
    out = Normalization.fit(values, GROUPS).apply(values)
    spread = [float(out[..., channel].std()) for channel in range(3)]
    assert spread[1] / spread[0] == pytest.approx(2, rel=0.2) and spread[2] / spread[0] == pytest.approx(3, rel=0.2)


def test_a_constant_group_stays_finite() -> None:
    for constant in (0.0, 0.1, -9.81, 1e6):
        fitted = Normalization.fit(torch.full((100, 33, 2), constant), ((0, 1),))
        assert fitted.std == (1.0, 1.0)
        torch.testing.assert_close(fitted.apply(torch.full((3, 2), constant)), torch.zeros(3, 2), rtol=0, atol=1e-6)
        torch.testing.assert_close(fitted.apply(torch.full((3, 2), constant + 1)), torch.ones(3, 2))


def test_large_offsets_do_not_spoil_the_deviation() -> None:
    values = torch.linspace(-1, 1, 1001).view(1, -1, 1) + 4096
    fitted = Normalization.fit(values, ((0,),))
    assert fitted.std[0] == pytest.approx(np.linspace(-1, 1, 1001).std(), rel=1e-3)


def test_statistics_are_close_up_to_rounding_and_no_further(values: torch.Tensor) -> None:
    fitted = Normalization.fit(values, GROUPS)
    again = Normalization.fit(values.flip(0), GROUPS)
    assert fitted.close_to(fitted) and fitted.close_to(again) and again.close_to(fitted)
    mean, std = list(fitted.mean), list(fitted.std)
    for channel in range(6):
        moved = [*mean]
        moved[channel] += 1e-3 * std[channel]
        assert not fitted.close_to(Normalization(tuple(moved), fitted.std))
        wider = [*std]
        wider[channel] *= 1.001
        assert not fitted.close_to(Normalization(fitted.mean, tuple(wider)))
    assert not fitted.close_to(Normalization(fitted.mean[:3], fitted.std[:3]))


def test_chunks_of_any_size_give_the_statistics_of_all(values: torch.Tensor) -> None:
    """Sorted, so that each chunk has another mean and another deviation."""
    values = values.sort(dim=0).values
    whole = Normalization.fit(values, GROUPS)
    for sizes in ([30], [1, 20, 9], [2] * 15):
        fitted = Normalization.fit(torch.split(values, sizes), GROUPS)
        assert fitted.mean == pytest.approx(whole.mean, rel=1e-6) and fitted.std == pytest.approx(whole.std, rel=1e-6)
