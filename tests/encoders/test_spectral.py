"""Spectra of intervals against NumPy, and the encoder on top of them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cosmo_pl.encoders import SpectralEncoder, spectral_encoders
from cosmo_pl.encoders.spectral import interval_spectrum
from cosmo_pl.errors import ConfigurationError

SHAPES = {"inertial": (120, 6), "skeleton": (40, 20, 3)}


@pytest.mark.parametrize(
    ("steps", "channels", "intervals", "frequencies"),
    [
        (120, 6, 8, 10),  # 15 steps, padded to 18
        (40, 5, 8, 10),  # 5 steps, padded to 18
        (200, 3, 8, 10),  # 25 steps have 13 frequencies
        (203, 2, 8, 10),  # uneven: steps between the intervals are in none
        (47, 1, 7, 7),
        (8, 2, 8, 10),  # a single step each
        (12, 2, 1, 3),
    ],
)
def test_spectrum_equals_numpy_loops(steps: int, channels: int, intervals: int, frequencies: int) -> None:
    x = torch.randn(3, steps, channels, dtype=torch.float64)
    found = interval_spectrum(x, intervals, frequencies).numpy()
    assert found.shape == (3, intervals, frequencies, 2 * channels)
    length = math.floor(steps / intervals)
    for n in range(3):
        for i in range(intervals):
            start = math.floor(i * steps / intervals)
            for c in range(channels):
                part = x[n, start : start + length, c].numpy()
                padding = max(0, 2 * (frequencies - 1) - length)
                full = np.fft.fft(np.concatenate([part, np.zeros(padding)]))
                for f in range(frequencies):
                    magnitude, phase = found[n, i, f, 2 * c], found[n, i, f, 2 * c + 1]
                    assert magnitude == pytest.approx(abs(full[f]), abs=1e-9)
                    assert magnitude * np.exp(1j * phase) == pytest.approx(full[f], abs=1e-9)
                    assert abs(phase) <= math.pi


@pytest.mark.parametrize("phase", [-2.0, 0.0, 0.7])
def test_wave_has_its_magnitude_and_phase(phase: float) -> None:
    """Three periods in each of four intervals of 20 steps: magnitude 20/2 at frequency 3 and nothing elsewhere."""
    time = torch.arange(80, dtype=torch.float64)
    wave = torch.cos(2 * math.pi * 3 * time / 20 + phase).view(1, 80, 1)
    magnitude, angle = interval_spectrum(wave, 4, 10)[0].unbind(dim=2)
    expected = torch.zeros(4, 10, dtype=torch.float64)
    expected[:, 3] = 10
    torch.testing.assert_close(magnitude, expected, atol=1e-9, rtol=0)
    torch.testing.assert_close(angle[:, 3], torch.full((4,), phase, dtype=torch.float64), atol=1e-9, rtol=0)


def test_phase_of_nothing_is_zero() -> None:
    assert torch.equal(interval_spectrum(torch.zeros(1, 40, 2), 8, 10), torch.zeros(1, 8, 10, 4))


@pytest.mark.parametrize("intervals", [0, -1, 41])
def test_intervals_that_cannot_be_cut_are_refused(intervals: int) -> None:
    with pytest.raises(ConfigurationError, match=r"^intervals: .*Use 1 to 40"):
        interval_spectrum(torch.zeros(1, 40, 2), intervals, 10)


def test_first_convolution_joins_all_channels_of_three_frequencies() -> None:
    """As a kernel [1, 6C] with stride [1, 2C] on rows of frequencies, channels, magnitude and phase."""
    encoder = SpectralEncoder(3, intervals=4).eval()
    seen = outputs(encoder, nn.Conv2d, x := torch.randn(2, 60, 3))
    row = interval_spectrum(x, 4, 10).flatten(2)
    conv = encoder.layers[0][0]
    kernel = conv.weight[:, :, 0].transpose(1, 2).flatten(1)  # (width, 3 frequencies of 6 values)
    for f in range(8):
        expected = row[:, :, 6 * f : 6 * f + 18] @ kernel.T + conv.bias
        torch.testing.assert_close(seen[0][:, :, :, f].movedim(1, 2), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("sample", [*SHAPES.values(), (200, 3), (45, 3, 2, 2)])
def test_shapes_layer_by_layer(sample: tuple[int, ...]) -> None:
    encoder = SpectralEncoder(math.prod(sample[1:]))
    convolved = outputs(encoder, nn.Conv2d, torch.randn(5, *sample))
    assert [tuple(y.shape) for y in convolved] == [(5, 64, 8, 8), (5, 64, 8, 6), (5, 64, 8, 4)]
    assert encoder.feature_shape(sample) == (64, 8, 4)


def test_arguments_change_the_shape() -> None:
    assert SpectralEncoder(6, intervals=5, frequencies=7, width=3).feature_shape((120, 6)) == (3, 5, 1)


def test_layers_and_size() -> None:
    """Batch normalisation and ReLU after each convolution, dropout after the first two."""
    leaves = [type(module).__name__ for module in SpectralEncoder(6).modules() if not list(module.children())]
    block = ["Conv2d", "BatchNorm2d", "ReLU"]
    assert leaves == [*block, "Dropout2d", *block, "Dropout2d", *block]
    convolutions = (12 * 3 * 64 + 64) + 2 * (64 * 3 * 64 + 64)
    assert sum(p.numel() for p in SpectralEncoder(6).parameters()) == convolutions + 3 * 2 * 64


def test_dropout_takes_whole_channels() -> None:
    torch.manual_seed(0)
    encoder = SpectralEncoder(6)
    pairs: list[tuple[Tensor, Tensor]] = []
    for layer in encoder.modules():
        if isinstance(layer, nn.Dropout2d):
            layer.register_forward_hook(lambda _m, given, out: pairs.append((given[0], out)))
    encoder(torch.randn(32, 120, 6))
    assert len(pairs) == 2
    for given, out in pairs:
        dropped = (out == 0).flatten(2).all(dim=2)
        torch.testing.assert_close(out, given / 0.8 * ~dropped[:, :, None, None])
        assert dropped.float().mean().item() == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize("sample", [(), (120,), (120, 5), (40, 20, 3)])
def test_samples_that_do_not_fit_are_refused(sample: tuple[int, ...]) -> None:
    with pytest.raises(ConfigurationError, match="SpectralEncoder"):
        SpectralEncoder(6).feature_shape(sample)


def test_samples_that_are_too_short_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="intervals"):
        SpectralEncoder(6).feature_shape((7, 6))
    assert SpectralEncoder(6).feature_shape((8, 6)) == (64, 8, 4)


@pytest.mark.parametrize("frequencies", [6, 0])
def test_too_few_frequencies_are_refused(frequencies: int) -> None:
    with pytest.raises(ConfigurationError, match="frequencies"):
        SpectralEncoder(6, frequencies=frequencies)


def test_rebuilt_from_stored_arguments() -> None:
    encoder = SpectralEncoder(6, intervals=4, frequencies=8, width=5, dropout=0.1).eval()
    other = SpectralEncoder(**json.loads(json.dumps(dict(encoder.hparams)))).eval()
    other.load_state_dict(encoder.state_dict(), strict=True)
    assert dict(other.hparams) == dict(encoder.hparams)
    x = torch.randn(2, 40, 6)
    assert torch.equal(encoder(x), other(x))


def test_one_encoder_a_modality_and_the_same_intervals_for_all() -> None:
    encoders = spectral_encoders(SHAPES, intervals=5)
    assert {name: encoders[name].feature_shape(shape) for name, shape in SHAPES.items()} == {
        "inertial": (64, 5, 4),
        "skeleton": (64, 5, 4),
    }
    assert [encoder.hparams["in_features"] for encoder in encoders.values()] == [6, 60]


def outputs(encoder: SpectralEncoder, kind: type[nn.Module], x: Tensor) -> list[Tensor]:
    """What the layers of a kind give for x, in order."""
    seen: list[Tensor] = []
    hooks = [
        layer.register_forward_hook(lambda _m, _i, out: seen.append(out))
        for layer in encoder.modules()
        if isinstance(layer, kind)
    ]
    encoder(x)
    for hook in hooks:
        hook.remove()
    return seen
