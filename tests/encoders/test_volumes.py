"""Encoders of depth and radar."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from cosmo_pl.bundle import Bundle
from cosmo_pl.encoders import DepthEncoder, Encoder, RadarEncoder
from cosmo_pl.errors import ConfigurationError

DEPTH, RADAR = (16, 30, 40), (10, 2, 16, 32, 16)
CASES = [(DepthEncoder, DEPTH, (64, 8)), (RadarEncoder, RADAR, (64, 10))]


@pytest.mark.parametrize(("kind", "shape", "expected"), CASES)
def test_features_have_the_documented_shape(kind: type[Encoder], shape: tuple, expected: tuple) -> None:
    encoder = kind()
    assert encoder.feature_shape(shape) == expected
    assert encoder(torch.randn(3, *shape)).shape == (3, *expected)


def test_without_a_gru_the_places_stay() -> None:
    assert DepthEncoder(recurrent=0).feature_shape(DEPTH) == (64, 8, 4, 5)
    assert RadarEncoder(recurrent=0).feature_shape(RADAR) == (32, 10, 2, 4, 2)


def test_another_resolution_fits_the_same_weights() -> None:
    encoder = DepthEncoder(channels=(4, 4, 4), recurrent=6).eval()
    assert encoder.feature_shape((16, 60, 80)) == encoder.feature_shape(DEPTH) == (6, 8)


@pytest.mark.parametrize(("kind", "shape", "expected"), CASES)
def test_every_sample_is_encoded_by_itself(kind: type[Encoder], shape: tuple, expected: tuple) -> None:
    encoder = kind().eval()
    x = torch.randn(4, *shape)
    torch.testing.assert_close(encoder(x)[2:3], encoder(x[2:3]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "shape", "expected"), CASES)
def test_time_runs_forward(kind: type[Encoder], shape: tuple, expected: tuple) -> None:
    """The last frames change the last features, and leave those of the first frames as they were."""
    encoder = kind().eval()
    x = torch.randn(2, *shape)
    changed = x.clone()
    changed[:, -1] += 5
    before, after = encoder(x), encoder(changed)
    assert torch.equal(before[..., 0], after[..., 0])
    assert not torch.allclose(before[..., -1], after[..., -1])


def test_a_radar_frame_is_convolved_by_itself() -> None:
    encoder = RadarEncoder(recurrent=0).eval()
    x = torch.randn(2, *RADAR)
    changed = x.clone()
    changed[:, 4] += 3
    differs = (encoder(x) != encoder(changed)).any(dim=1).flatten(2).any(dim=2).any(dim=0)
    assert differs.tolist() == [frame == 4 for frame in range(10)]


@pytest.mark.parametrize(("kind", "shape", "expected"), CASES)
def test_a_gru_has_no_dropout_which_freezing_would_keep(kind: type[Encoder], shape: tuple, expected: tuple) -> None:
    encoder = kind(dropout=0.5)
    x = torch.randn(2, *shape)
    evaluated = encoder.eval()(x)
    encoder.gru.train()  # as `IterativeFusionModule` leaves a frozen one
    assert torch.equal(encoder(x), evaluated)
    assert not torch.equal(encoder.train()(x), encoder(x))


@pytest.mark.parametrize(("kind", "shape", "expected"), CASES)
def test_all_weights_learn(kind: type[Encoder], shape: tuple, expected: tuple) -> None:
    encoder = kind()
    encoder(torch.randn(4, *shape)).square().mean().backward()
    assert all(float(p.grad.abs().sum()) > 0 for p in encoder.parameters())


@pytest.mark.parametrize(("kind", "shape", "expected"), CASES)
def test_samples_of_other_axes_are_refused(kind: type[Encoder], shape: tuple, expected: tuple) -> None:
    for other in (shape[1:], (3, *shape), (200, 9)):
        with pytest.raises(ConfigurationError, match=kind.__name__):
            kind().feature_shape(other)


def test_widths_and_strides_have_to_match() -> None:
    with pytest.raises(ConfigurationError, match="DepthEncoder"):
        DepthEncoder(channels=(4, 8))
    with pytest.raises(ConfigurationError, match="RadarEncoder"):
        RadarEncoder(strides=(2,))


def test_a_bundle_gives_them_back(tmp_path: Path) -> None:
    encoders = {"depth": DepthEncoder(channels=(4, 4, 8), recurrent=5), "radar": RadarEncoder(channels=(4, 4, 4))}
    shapes = {"depth": DEPTH, "radar": RADAR}
    inputs = {name: torch.randn(2, *shape) for name, shape in shapes.items()}
    for name, encoder in encoders.items():
        encoder(inputs[name])  # moves the batch statistics
    Bundle(copy.deepcopy(encoders), shapes, {}, {}, "").save(tmp_path / "bundle")
    loaded = Bundle.load(tmp_path / "bundle").encoders
    for name, encoder in encoders.items():
        assert torch.equal(loaded[name](inputs[name]), encoder.eval()(inputs[name]))
