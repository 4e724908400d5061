"""Offsets and drifts of clocks that are known."""

from __future__ import annotations

import numpy as np
import pytest

from cosmo_pl.data.clocks import ClockEstimate, Piece, Signal, corrected, estimate_clock
from cosmo_pl.data.clocks.estimation import (
    DIVISIONS,
    TOLERANCE,
    _cross_covariance,
    _drifts,
    estimate_from_curves,
    lag_curve,
)
from cosmo_pl.data.clocks.features import RATE, features

SECONDS = 40.0


def motion(random: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """A smooth random movement (T, 3), the same function of time for any sensor."""
    frequencies, phases = random.uniform(0.2, 2.0, size=(12, 3)), random.uniform(0, 6.3, size=(12, 3))
    return np.sin(2 * np.pi * times[:, None, None] * frequencies + phases).sum(axis=1)


def pieces(
    offset: float, drift: float = 0.0, count: int = 12, spacing: float = 0.0, noise: float = 0.5, shared: bool = True
) -> list[Piece]:
    """An accelerometer at 50 Hz and images at 15 Hz; the camera's clock is ahead by offset + drift · age."""
    random = np.random.default_rng(0)
    found = []
    for number in range(count):
        age = number * spacing
        seed = int(random.integers(10**6))
        fast, slow = np.arange(0, SECONDS, 1 / 50), np.arange(0, SECONDS, 1 / 15)
        first = motion(np.random.default_rng(seed), fast)
        second = motion(np.random.default_rng(seed if shared else seed + 1), slow)
        images = (second @ random.normal(size=(3, 48))).reshape(-1, 6, 8) + noise * random.normal(
            size=(len(slow), 6, 8)
        )
        ahead = offset + 1e-6 * drift * age
        first = first + noise * random.normal(size=first.shape)
        one = Signal(fast, first.astype(np.float32))
        found.append(Piece(one, Signal(slow + ahead, images.astype(np.float32), images=True), age))
    return found


@pytest.mark.parametrize("offset", [-1.3, -0.2, 0.0, 0.37, 2.5])
def test_a_known_offset_is_found(offset: float) -> None:
    found = estimate_clock(pieces(offset))
    assert found.reliable and not found.problem
    assert found.offset == pytest.approx(offset, abs=0.012)
    assert found.drift == 0.0, "without ages there is none to find"
    assert found.deviation < 0.02


def test_a_known_drift_is_found() -> None:
    found = estimate_clock(pieces(0.3, drift=150.0, spacing=600.0))
    assert found.reliable
    assert found.drift == pytest.approx(150.0, abs=5.0)
    assert found.offset == pytest.approx(0.3, abs=0.04)


def test_a_drift_over_a_week_is_found_among_those_that_the_lags_reach() -> None:
    found = estimate_clock(pieces(0.3, drift=3.0, count=24, spacing=25_200.0))
    assert found.reliable and found.drift == pytest.approx(3.0, abs=0.2)
    drifts = _drifts(np.array([0.0, 580_000.0]), 150)
    assert len(drifts) == 601 and max(drifts) * 0.58 == pytest.approx(6.0), "seconds over the week"


def test_unrelated_sensors_are_not_corrected() -> None:
    found = estimate_clock(pieces(0.3, shared=False))
    assert not found.reliable and found.confidence < 0.4


def test_unrelated_sensors_do_not_agree_by_a_drift_of_their_choice() -> None:
    for shared in (True, False):
        found = estimate_clock(pieces(0.3, drift=100.0, count=24, spacing=120.0, shared=shared))
        assert found.reliable == shared
        assert (found.confidence > 0.95) if shared else (found.confidence < 0.2)


def test_two_pieces_of_a_week_later_do_not_decide_about_the_drift() -> None:
    random = np.random.default_rng(4)
    lags = np.arange(-75, 76) / RATE
    curves = 3 * np.exp(-(((lags - 0.5) / 0.2) ** 2)) + 0.3 * random.normal(size=(62, len(lags)))
    curves[60:] = 3 * np.exp(-(((lags - np.array([[-1.8], [2.2]])) / 0.2) ** 2))
    ages = np.concatenate([np.zeros(60), [604_800.0, 605_000.0]])
    found = estimate_from_curves(curves, ages)
    assert (found.reliable, found.drift) == (True, 0.0) and found.offset == pytest.approx(0.5, abs=0.05)


def test_a_large_offset_is_searched_in_longer_pieces() -> None:
    with_less = estimate_clock(pieces(0.3), max_offset=15.0)
    assert "0 pieces of 45 s and more" in with_less.problem


def test_confidence_is_the_share_of_divisions_whose_halves_agree() -> None:
    random = np.random.default_rng(3)
    lags = np.arange(-50, 51) / RATE
    ages, peaks = np.linspace(0.0, 1500.0, 15), random.choice([-0.4, 0.4], size=15)
    curves = np.exp(-(((lags - peaks[:, None]) / 0.1) ** 2)) + 0.3 * random.normal(size=(15, len(lags)))
    random, agree = np.random.default_rng(0), []
    for _ in range(DIVISIONS):
        order = random.permutation(15)
        one, two = (estimate_from_curves(curves[part], ages[part]) for part in (order[:7], order[7:]))
        errors = [abs(one.offset + 1e-6 * one.drift * age - two.offset - 1e-6 * two.drift * age) for age in ages]
        agree.append(np.median(errors) <= TOLERANCE)
    assert 0.1 < np.mean(agree) < 0.9
    assert estimate_from_curves(curves, ages).confidence == pytest.approx(np.mean(agree), abs=0.1)


def test_an_offset_at_the_edge_of_the_searched_range_is_not_believed() -> None:
    found = estimate_clock(pieces(1.05), max_offset=1.0)
    assert "edge of the searched ±1 s" in found.problem and not found.reliable


def test_too_little_or_constant_data_say_so() -> None:
    assert "9 pieces" in estimate_clock(pieces(0.3, count=9)).problem
    still = [piece._replace(other=piece.other._replace(values=0 * piece.other.values)) for piece in pieces(0.3)]
    found = estimate_clock(still)
    assert "0 pieces" in found.problem and not found.reliable and found.offset == 0.0
    apart = [piece._replace(other=piece.other._replace(times=piece.other.times + 30.0)) for piece in pieces(0.0)]
    assert "0 pieces" in estimate_clock(apart).problem


def test_the_cross_covariance_is_that_of_a_double_loop() -> None:
    random = np.random.default_rng(0)
    one, two = random.normal(size=(40, 2)), random.normal(size=(40, 3))
    found = _cross_covariance(one, two, 5)
    for lag in range(-5, 6):
        expected = sum(np.outer(one[t], two[t + lag]) for t in range(40) if 0 <= t + lag < 40)
        assert np.allclose(found[lag + 5], expected / np.sqrt(40 * (40 - abs(lag))))


def test_the_curve_of_a_piece_is_standardised_and_symmetric() -> None:
    """With the sensors exchanged, the curve is reversed."""
    (piece,) = pieces(0.4, count=1)
    curve, reversed_curve = lag_curve(piece, 50), lag_curve(Piece(piece.other, piece.reference), 50)
    assert curve is not None and reversed_curve is not None
    assert curve.mean() == pytest.approx(0, abs=1e-9) and curve.std() == pytest.approx(1)
    assert np.allclose(curve, reversed_curve[::-1])


def test_corrected_times_are_those_of_the_reference() -> None:
    true = np.array([0.0, 60.0, 3600.0])
    estimate = ClockEstimate(0.25, 40.0, 0.0, 1.0, "", np.zeros(1), np.zeros(1))
    shown = true + 0.25 + 40e-6 * true
    assert np.allclose(corrected(shown, estimate), true, atol=1e-9)


def test_a_fast_sensor_is_averaged_before_it_is_sampled() -> None:
    """A vibration of 26 Hz would look like one of 1 Hz on the grid."""
    times = np.arange(0, 30, 1 / 200)
    slow = np.sin(2 * np.pi * 0.5 * times)
    shaken = slow + np.sin(2 * np.pi * (RATE + 1) * times)
    clean, found = (
        features(Signal(times, values[:, None].astype(np.float32)), 1.0, 29.0)[:, 1] for values in (slow, shaken)
    )
    assert np.corrcoef(clean, found)[0, 1] > 0.99
