"""Offset and drift of one sensor's clock against another's, from the correlation of their features over lags.

Each piece of a recording has its own canonical correlation: which features move together depends on the person and the
activity. The sum over many pieces shows the lag that they share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.clocks.features import RATE, Signal, features

MIN_SECONDS = 20.0  # of a piece: a canonical correlation of fewer values says little
MIN_PIECES = 10
RIDGE = 0.1  # of the mean variance of a sensor's features
DIVISIONS = 100
MEDIAN_OF_DIFFERENCE = 0.6745  # median of |x| for a standard normal x; a half has √2, a difference 2 standard errors
TOLERANCE = 0.2  # seconds, in the median piece
MOST_APART = 0.6  # seconds, in any piece
THRESHOLD = 0.8
MAX_DRIFT = 500.0  # microseconds per second; quartz clocks have less than 100


class Piece(NamedTuple):
    """A piece of a recording by two sensors, at most a minute or so.

    Attributes:
        reference: The sensor whose clock is right.
        other: The sensor whose clock is corrected.
        age: Seconds since the two clocks were set, such as since the start of the day's first recording.
    """

    reference: Signal
    other: Signal
    age: float = 0.0


@dataclass(frozen=True)
class ClockEstimate:
    """Error of a sensor's clock.

    Args:
        offset: Seconds by which it is ahead of the reference, when the clocks were set.
        drift: Microseconds that it gains per second.
        deviation: Standard error in seconds, from the difference between random halves of the pieces.
        confidence: Share of random divisions of the pieces into halves that agree. Each half has an estimate of its
            own, and their errors differ by at most `TOLERANCE` in the median piece. Unrelated sensors have about
            2 · `TOLERANCE` / the searched range, and less with a drift.
        problem: Why nothing can be estimated; empty otherwise.
        lags: Lags of `curve` in seconds (L,).
        curve: Sum over the pieces of their standardised correlations at each lag (L,), without drift.
    """

    offset: float
    drift: float
    deviation: float
    confidence: float
    problem: str
    lags: NDArray[np.float64]
    curve: NDArray[np.float64]

    @property
    def reliable(self) -> bool:
        """Whether a clock should be corrected by it."""
        return not self.doubt

    @property
    def doubt(self) -> str:
        """Why no clock should be corrected by it; empty if one should."""
        uncertain = self.confidence < THRESHOLD
        return self.problem or (f"the confidence is {self.confidence:.2f}, below {THRESHOLD:g}" if uncertain else "")


def estimate_clock(pieces: Sequence[Piece], max_offset: float = 3.0) -> ClockEstimate:
    """Estimates offset and drift of the other sensor's clock.

    For each piece and lag l, let ρ_i be the canonical correlations of the reference's features at t and the other's at
    t + l. The curve of a piece is Σ_i ρ_i², minus its mean over the lags, divided by its deviation. Offset and drift
    maximise the sum of the curves at l = offset + drift · age. The drift is searched only if the ages differ by enough
    for `MAX_DRIFT` to change the lag by a tick of the grid, 40 ms, and only as far as the lags reach. It is 0 if random
    halves of the pieces disagree about it, so that their errors differ by more than `MOST_APART` in any piece.

    The features of different sensors need not follow each other without delay: a chest moves before a mat feels it. The
    estimate contains this delay. It is right for correcting a clock by an earlier estimate of the same sensors.

    Args:
        pieces: Pieces in which both sensors run; those that share less than `MIN_SECONDS` are left out.
        max_offset: Largest offset that is searched, in seconds.
    """
    count = round(max_offset * RATE)
    lags, least = np.arange(-count, count + 1) / RATE, _least_seconds(count)
    found = [(curve, piece.age) for piece in pieces if (curve := lag_curve(piece, count)) is not None]
    if len(found) < MIN_PIECES:
        problem = f"{len(found)} pieces of {least:g} s and more in which both sensors change; {MIN_PIECES} needed"
        return ClockEstimate(0.0, 0.0, 0.0, 0.0, problem, lags, np.zeros(len(lags)))
    return estimate_from_curves(np.array([curve for curve, _ in found]), np.array([age for _, age in found]))


def estimate_from_curves(curves: NDArray[np.float64], ages: NDArray[np.float64]) -> ClockEstimate:
    """Estimates offset and drift from what the lags of many pieces or clips have in common.

    Args:
        curves: Correlation of each piece at the lags -k to k ticks (n, 2·k + 1).
        ages: See `Piece`, (n,).
    """
    count = curves.shape[1] // 2
    lags, max_offset = np.arange(-count, count + 1) / RATE, count / RATE
    (offset, drift), apart = _fitted(curves, ages, _drifts(ages, 2 * count))
    if (apart.max(axis=0) <= MOST_APART).mean() < THRESHOLD:  # a few pieces of another age decide about the drift
        (offset, drift), apart = _fitted(curves, ages, np.zeros(1))
    apart = np.median(apart, axis=0)
    edge = abs(offset) >= max_offset - 1 / RATE
    problem = f"the correlation is largest at the edge of the searched ±{max_offset:g} s" if edge else ""
    deviation = float(np.median(apart)) / MEDIAN_OF_DIFFERENCE / 2
    confidence = float((apart <= TOLERANCE).mean())
    return ClockEstimate(float(offset), float(drift), deviation, confidence, problem, lags, curves.sum(axis=0))


def lag_curve(piece: Piece, count: int) -> NDArray[np.float64] | None:
    """Standardised correlation of a piece at the lags from -count to count ticks, (2·count + 1,).

    None if the sensors share too little time, or one of them is constant.
    """
    start = max(piece.reference.times[0], piece.other.times[0])
    stop = min(piece.reference.times[-1], piece.other.times[-1])
    if stop - start < _least_seconds(count):
        return None
    one, two = (features(signal, start, stop) for signal in (piece.reference, piece.other))
    if not one.any() or not two.any():
        return None
    whitened = _inverse_root(one) @ _cross_covariance(one, two, count) @ _inverse_root(two)
    curve = (np.linalg.svd(whitened, compute_uv=False) ** 2).sum(axis=1)
    result: NDArray[np.float64] = (curve - curve.mean()) / max(float(curve.std()), 1e-12)
    return result


def _least_seconds(count: int) -> float:
    """Seconds that a piece needs for lags of up to so many ticks."""
    return max(MIN_SECONDS, 3 * count / RATE)


def corrected(times: NDArray[np.float64], estimate: ClockEstimate) -> NDArray[np.float64]:
    """Times by the reference's clock of a sensor's times (T,), in seconds.

    Args:
        times: Times by the sensor's clock, from the time at which the clocks were set.
        estimate: Error of the clock.
    """
    rate = 1 + 1e-6 * estimate.drift
    result: NDArray[np.float64] = (times - estimate.offset) / rate
    return result


def _cross_covariance(one: NDArray[np.float64], two: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Sum of one[t] two[t + l]ᵀ over the n - |l| values of t, divided by √(n (n - |l|)), (2·count + 1, D, D').

    With this divisor the correlations of unrelated sensors are equally large at all lags. A mean over n - |l| values
    would be larger at the edges, and one over n values at lag 0.
    """
    size = 1 << (len(one) + count).bit_length()
    spectra = np.conj(np.fft.rfft(one, size, axis=0))[:, :, None] * np.fft.rfft(two, size, axis=0)[:, None, :]
    lags = np.arange(-count, count + 1)
    lagged: NDArray[np.float64] = np.fft.irfft(spectra, size, axis=0)[lags]
    lagged /= np.sqrt(len(one) * (len(one) - np.abs(lags)))[:, None, None]
    return lagged


def _inverse_root(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse square root of the regularised covariance, (D, D)."""
    covariance = values.T @ values / len(values)
    eigenvalues, vectors = np.linalg.eigh(covariance + RIDGE * np.eye(len(covariance)))
    root: NDArray[np.float64] = (vectors / np.sqrt(eigenvalues)) @ vectors.T
    return root


def _fitted(
    curves: NDArray[np.float64], ages: NDArray[np.float64], drifts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offset in seconds and drift in ppm (2,), and by how much the errors of two halves differ (n, `DIVISIONS`)."""
    fits = _fits(curves, ages, drifts)
    one, two = (offset + 1e-6 * drift * ages[:, None] for offset, drift in (fits[1::2].T, fits[2::2].T))
    apart: NDArray[np.float64] = np.abs(one - two)
    return fits[0], apart


def _fits(curves: NDArray[np.float64], ages: NDArray[np.float64], drifts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Offsets in seconds and drifts in ppm with the largest sum (1 + 2·`DIVISIONS`, 2): of all pieces, then of halves.

    The rows of a half and of the rest follow each other.
    """
    random, halves = np.random.default_rng(0), np.zeros((DIVISIONS, len(curves)))
    for half in halves:
        half[random.permutation(len(curves))[: len(curves) // 2]] = 1
    found, largest = np.zeros((1 + 2 * DIVISIONS, 2)), np.full(1 + 2 * DIVISIONS, -np.inf)
    for drift in drifts:
        shifted = _shifted(curves, drift * 1e-6 * ages * RATE)
        total, parts = shifted.sum(axis=0), halves @ shifted
        sums = np.concatenate([total[None], np.stack([parts, total - parts], axis=1).reshape(-1, len(total))])
        for row in np.flatnonzero(sums.max(axis=1) > largest):
            largest[row], found[row] = sums[row].max(), (_peak(sums[row]), drift)
    return found


def _drifts(ages: NDArray[np.float64], ticks: int) -> NDArray[np.float64]:
    """Drifts to search, in ppm, of which none changes the lag by more than some ticks: from one edge to the other.

    It is 0 alone if `MAX_DRIFT` changes no lag by a tick.
    """
    step = 1e6 / RATE / max(float(np.ptp(ages)), 1e-9)  # ppm that change the lag by a tick over the ages
    size = int(min(MAX_DRIFT, ticks * step) / (step / 2)) if step <= MAX_DRIFT else 0
    return np.arange(-size, size + 1) * step / 2


def _shifted(curves: NDArray[np.float64], ticks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Curves (n, L) whose lags are earlier by ticks (n,)."""
    if not ticks.any():
        return curves
    lags = np.arange(curves.shape[1])
    return np.stack([np.interp(lags + shift, lags, curve) for curve, shift in zip(curves, ticks, strict=True)])


def _peak(curve: NDArray[np.float64]) -> float:
    """Lag in seconds of the largest value of a curve (L,), by a parabola through it and its neighbours."""
    best = int(np.argmax(curve))
    shift = 0.0
    if 0 < best < len(curve) - 1:
        left, middle, right = curve[best - 1 : best + 2]
        shift = 0.5 * (left - right) / (left - 2 * middle + right)
    return float((best + shift - len(curve) // 2) / RATE)
