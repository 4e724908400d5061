"""The clock of UTD-MHAD's inertial sensor against that of its skeletons.

The files have no times. At the nominal rates, 50 and 30 Hz, a clip's inertial data last 3.6 s on average and its
skeletons 2.3 s. Both show the same action: stretched to the same length, their motion agrees to within a tenth of a
second. The skeletons are therefore taken as evenly spaced over the time of the inertial data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.clocks.clips import Motion, clock_shifts, motion_of_gyroscope, motion_of_skeleton, overlap
from cosmo_pl.data.clocks.estimation import ClockEstimate
from cosmo_pl.data.recordings import resample

RECORDED_RATE = 50.0  # steps per second of the inertial sensor
GYRO = 3, 6  # its columns of angular rate, from and to
Clip = tuple[NDArray[np.float32], NDArray[np.float32]]


def motions(clips: Sequence[Clip]) -> list[tuple[Motion, Motion]]:
    """Motion of each clip by its skeletons, the reference, and by its inertial data.

    Args:
        clips: Inertial data (T, 6) and skeletons (F, 20, 3) of each clip.
    """
    return [
        (
            motion_of_skeleton(skeleton, np.linspace(0.0, seconds_of(inertial), len(skeleton))),
            motion_of_gyroscope(inertial[:, slice(*GYRO)], np.arange(len(inertial)) / RECORDED_RATE),
        )
        for inertial, skeleton in clips
    ]


def with_clocks(
    clips: Sequence[Clip],
    subjects: NDArray[np.int64],
    steps: Mapping[str, int],
    error: tuple[float, float],
    correct: bool,
) -> tuple[dict[str, NDArray[np.float32]], dict[int, ClockEstimate]]:
    """Clips after an error of the inertial sensor's clock and its correction, see `clock_shifts`.

    Args:
        clips: Inertial data (T, 6) and skeletons (F, 20, 3) of each clip.
        subjects: Subject of each clip (n,).
        steps: Steps of "inertial" and "skeleton" to which the time that both share is resampled.
        error: Offset in seconds and drift in ppm.
        correct: Whether the error is estimated and corrected.

    Returns:
        Modality to its samples (n, steps, *shape), and subject to the estimate.
    """
    shift, estimates = clock_shifts(motions(clips), subjects, error, correct)
    inertials, skeletons = [], []
    for (inertial, skeleton), late in zip(clips, shift.tolist(), strict=True):
        seconds = seconds_of(inertial)
        start, stop = overlap((0.0, seconds), (late, seconds + late))
        frames = (len(skeleton) - 1) / seconds
        inertials.append(
            resample(inertial, steps["inertial"], (start - late) * RECORDED_RATE, (stop - late) * RECORDED_RATE)
        )
        skeletons.append(resample(skeleton, steps["skeleton"], start * frames, stop * frames))
    return {"inertial": np.stack(inertials), "skeleton": np.stack(skeletons)}, estimates


def seconds_of(inertial: NDArray[np.float32]) -> float:
    """Seconds until the last step of inertial data (T, 6)."""
    return (len(inertial) - 1) / RECORDED_RATE
