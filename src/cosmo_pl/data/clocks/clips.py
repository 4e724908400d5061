"""Clocks of two sensors that recorded short clips, such as those of UTD-MHAD.

A clip of some seconds is too short for `lag_curve`. Instead, the amount of motion is compared, one number per time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.clocks.estimation import MIN_PIECES, ClockEstimate, corrected, estimate_from_curves
from cosmo_pl.data.clocks.features import RATE
from cosmo_pl.errors import ConfigurationError

SPACING = 60.0  # seconds from the start of a clip to the next, as the files of clips have no times
MAX_OFFSET = 1.0  # seconds that are searched: clips have 2 to 6
LEAST_OVERLAP = 0.5  # of the shorter recording, at any lag
SMOOTHING = 0.08  # seconds, standard deviation
LEAST_RISE = 5.0  # standard errors; of 400 sets of 54 or 108 unrelated clips none has as much


class Motion(NamedTuple):
    """Amount of motion over time.

    Attributes:
        times: Seconds by the sensor's clock (T,), evenly spaced.
        values: Motion (T,), at least 0, in any unit.
    """

    times: NDArray[np.float64]
    values: NDArray[np.float64]

    def shifted(self, seconds: float) -> Motion:
        """The same, later by some seconds."""
        return Motion(self.times + seconds, self.values)

    def between(self, start: float, stop: float) -> Motion:
        """The part from `start` to `stop`."""
        inside = (self.times >= start) & (self.times <= stop)
        return Motion(self.times[inside], self.values[inside])


def motion_of_gyroscope(rate: NDArray[np.float32], times: NDArray[np.float64]) -> Motion:
    """Speed of rotation, from angular rates (T, 3)."""
    return _smooth(np.linalg.norm(rate - rate.mean(axis=0), axis=1), times)


def motion_of_skeleton(joints: NDArray[np.float32], times: NDArray[np.float64]) -> Motion:
    """Mean speed of all joints (T, joints, 3)."""
    from scipy.ndimage import gaussian_filter1d

    steady = gaussian_filter1d(joints.astype(np.float64), 1.0, axis=0)  # positions jitter from frame to frame
    return _smooth(np.linalg.norm(np.gradient(steady, axis=0), axis=2).mean(axis=1), times)


def _smooth(values: NDArray[np.float64], times: NDArray[np.float64]) -> Motion:
    from scipy.ndimage import gaussian_filter1d

    step = (times[-1] - times[0]) / (len(times) - 1)
    # The root keeps one strong movement from dominating a clip.
    return Motion(times, gaussian_filter1d(np.sqrt(values.astype(np.float64)), SMOOTHING / step))


def motion_curve(reference: Motion, other: Motion, count: int) -> NDArray[np.float64] | None:
    """Pearson correlation of the reference at t and the other at t + l, over the time that they share at lag l.

    Args:
        reference: Motion by the sensor whose clock is right.
        other: Motion by the other sensor.
        count: Lags are -count to count ticks.

    Returns:
        Correlations (2·count + 1,); None if a sensor is constant, or if at lag 0 they share less than
        `LEAST_OVERLAP` of the shorter recording. At lags with less the correlation is 0.
    """
    (start, one), (start_other, two) = _on_grid(reference), _on_grid(other)
    least = max(3, LEAST_OVERLAP * min(len(one), len(two)))
    curve = np.zeros(2 * count + 1)
    for lag in range(-count, count + 1):
        first = max(start, start_other - lag)
        last = min(start + len(one), start_other + len(two) - lag)
        if last - first < least:
            if lag == 0:
                return None
            continue
        a, b = one[first - start : last - start], two[first + lag - start_other : last + lag - start_other]
        a, b = a - a.mean(), b - b.mean()
        size = float(np.sqrt((a @ a) * (b @ b)))
        curve[lag + count] = float(a @ b) / size if size > 0 else 0.0
    return curve if curve.any() else None


def _on_grid(motion: Motion) -> tuple[int, NDArray[np.float64]]:
    """Number of the first tick, and the motion at each tick (n,)."""
    start, stop = int(np.ceil(motion.times[0] * RATE - 1e-9)), int(np.floor(motion.times[-1] * RATE + 1e-9))
    return start, np.interp(np.arange(start, stop + 1) / RATE, motion.times, motion.values)


def estimate_from_clips(clips: Sequence[tuple[Motion, Motion]], ages: NDArray[np.float64]) -> ClockEstimate:
    """Estimates offset and drift of the other sensor's clock.

    Offset and drift maximise the sum over the clips of `motion_curve` at l = offset + drift · age. Let d be the
    correlation of a clip there, minus its mean over all lags. For n clips of unrelated sensors the mean of d is a few
    standard errors, std(d) / √n, above 0, as the best of all lags was chosen.

    Args:
        clips: The motion of each clip by the reference and by the other sensor.
        ages: Seconds from the first clip to each, (n,).

    Returns:
        The estimate; with a problem if fewer than `MIN_PIECES` clips can be compared, or if the mean of d is less than
        `LEAST_RISE` standard errors.
    """
    count = round(MAX_OFFSET * RATE)
    found = [
        (curve, age) for clip, age in zip(clips, ages, strict=True) if (curve := motion_curve(*clip, count)) is not None
    ]
    if len(found) < MIN_PIECES:
        problem = f"{len(found)} clips in which both sensors move for long enough; {MIN_PIECES} are needed"
        lags = np.arange(-count, count + 1) / RATE
        return ClockEstimate(0.0, 0.0, 0.0, 0.0, problem, lags, np.zeros(len(lags)))
    curves, found_ages = np.array([curve for curve, _ in found]), np.array([age for _, age in found])
    estimate = estimate_from_curves(curves, found_ages)
    rise = _rise(curves, found_ages, estimate)
    if rise < LEAST_RISE and not estimate.problem:
        problem = f"the largest correlation is {rise:.1f} standard errors above the mean; {LEAST_RISE:g} are needed"
        return replace(estimate, problem=problem)
    return estimate


def _rise(curves: NDArray[np.float64], ages: NDArray[np.float64], estimate: ClockEstimate) -> float:
    """Mean of d in standard errors, see `estimate_from_clips`."""
    lags = estimate.offset + 1e-6 * estimate.drift * ages
    best = np.array([np.interp(lag, estimate.lags, curve) for lag, curve in zip(lags, curves, strict=True)])
    above = best - curves.mean(axis=1)
    return float(above.mean() / max(above.std(ddof=1) / np.sqrt(len(above)), 1e-12))


def clip_ages(subjects: NDArray[np.int64]) -> NDArray[np.float64]:
    """Seconds from the first clip of the same subject (n,), as if clips were recorded at one per `SPACING`.

    The order is random, with the subject's number as the seed. In the order of the files, which are sorted by action,
    an error that drifts would reveal the action.

    Args:
        subjects: Subject of each clip (n,).
    """
    ages = np.zeros(len(subjects))
    for subject in np.unique(subjects).tolist():
        own = np.flatnonzero(subjects == subject)
        ages[own] = SPACING * np.random.default_rng(subject).permutation(len(own))
    return ages


class PairClocks(NamedTuple):
    """What the clock of one sensor does to the clips of two.

    Attributes:
        shift: Seconds by which the sensor's times are late in each clip (n,), after the correction.
        estimates: Subject to the estimated error; empty without a correction.
    """

    shift: NDArray[np.float64]
    estimates: dict[int, ClockEstimate]


def clock_shifts(
    clips: Sequence[tuple[Motion, Motion]],
    subjects: NDArray[np.int64],
    error: tuple[float, float] = (0.0, 0.0),
    correct: bool = False,
) -> PairClocks:
    """Puts an error into a clock, and corrects it.

    The error is estimated for each subject from all of the subject's clips, without their labels: nothing of one
    subject reaches another. Of each clip, both sensors are given from the later start to the earlier end by their
    clocks. An estimate that is not reliable changes nothing.

    Args:
        clips: The motion of each clip by the reference and by the other sensor, without an error.
        subjects: Subject of each clip (n,).
        error: Offset in seconds and drift in ppm of the other sensor's clock.
        correct: Whether the error is estimated and corrected.
    """
    ages = clip_ages(subjects)
    shift = error[0] + 1e-6 * error[1] * ages
    estimates: dict[int, ClockEstimate] = {}
    for subject in np.unique(subjects).tolist() if correct else ():
        own = np.flatnonzero(subjects == subject).tolist()
        late = [_overlapping(clips[i][0], clips[i][1].shifted(float(shift[i]))) for i in own]
        estimates[subject] = estimate = estimate_from_clips(late, ages[own])
        if estimate.reliable:
            shift[own] = corrected(ages[own] + shift[own], estimate) - ages[own]
    return PairClocks(shift, estimates)


def _overlapping(reference: Motion, other: Motion) -> tuple[Motion, Motion]:
    start, stop = overlap((reference.times[0], reference.times[-1]), (other.times[0], other.times[-1]))
    return reference.between(start, stop), other.between(start, stop)


def overlap(one: tuple[float, float], two: tuple[float, float]) -> tuple[float, float]:
    """Start and end of the time that two recordings share, in seconds.

    Raises:
        ConfigurationError: It is less than `LEAST_OVERLAP` of the first.
    """
    start, stop = max(one[0], two[0]), min(one[1], two[1])
    if stop - start < LEAST_OVERLAP * (one[1] - one[0]):
        problem = f"leaves {max(stop - start, 0):.2f} s of a clip of {one[1] - one[0]:.2f} s that both sensors share"
        raise ConfigurationError("clock_error", problem, "Use a smaller offset or drift")
    return start, stop
