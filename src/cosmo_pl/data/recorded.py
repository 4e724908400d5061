"""Whole recordings, as the sensors measured them: to be looked at or replayed, not to be trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.identity import DatasetIdentity
from cosmo_pl.data.recordings import Recording
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.selection import without_overlap
from cosmo_pl.errors import ConfigurationError


class Signal(NamedTuple):
    """What a sensor measured.

    Attributes:
        time: Seconds after the start of the recording (T,).
        values: Frames (T, *shape) in the sensor's units.
    """

    time: NDArray[np.float64]
    values: NDArray[Any]


class Span(NamedTuple):
    """A piece of time.

    Attributes:
        start: Seconds after the start of the recording.
        end: Seconds after the start of the recording.
        activity: Name of its activity.
    """

    start: float
    end: float
    activity: str


@dataclass(frozen=True)
class Recorded:
    """A whole recording.

    Args:
        name: Its name.
        subject: Number of the subject.
        pieces: Modality to what its sensor measured, in the order of time, with a gap between two pieces; those that
            are missing are left out.
        truth: What was done when, in the order of time; other time is unlabelled.
        aligned: Seconds after the start of the recording at which a window begins.
    """

    name: str
    subject: int
    pieces: Mapping[str, Sequence[Signal]]
    truth: tuple[Span, ...]
    aligned: float = 0.0

    @cached_property
    def signals(self) -> dict[str, Signal]:
        """Modality to what its sensor measured, see `joined`."""
        return {name: joined(pieces) for name, pieces in self.pieces.items()}

    @property
    def duration(self) -> float:
        """Seconds until the last frame."""
        ends = (float(each.time[-1]) for pieces in self.pieces.values() for each in pieces if len(each.time))
        return max(ends, default=0.0)


def at_rate_of(values: NDArray[Any], rate: float) -> Signal:
    """Frames without a gap from the start of the recording on.

    Args:
        values: Frames (T, *shape).
        rate: Frames per second.

    Examples:
        >>> at_rate_of(np.zeros((3, 6)), rate=50.0).time
        array([0.  , 0.02, 0.04])
    """
    return Signal(np.arange(len(values)) / rate, values)


def joined(pieces: Iterable[Signal]) -> Signal:
    """Pieces of a signal with gaps between them; a frame of NaN after each piece but the last interrupts its line.

    Args:
        pieces: At least one piece, in the order of time.
    """
    times: list[NDArray[np.float64]] = []
    frames: list[NDArray[Any]] = []
    for time, values in pieces:
        if times:
            times.append(times[-1][-1:] + 1e-3)
            frames.append(np.full_like(values[:1], np.nan))
        times.append(time)
        frames.append(values)
    return Signal(np.concatenate(times), np.concatenate(frames))


def of_clip(recording: Recording, signals: Mapping[str, Signal], class_names: Sequence[str]) -> Recorded:
    """A recording of one activity.

    Args:
        recording: The recording; a label below 0 is unknown.
        signals: What its sensors measured.
        class_names: Names of the activities.
    """
    pieces = {name: (signal,) for name, signal in signals.items()}
    found = Recorded(recording.name, recording.subject, pieces, ())
    known = (Span(0.0, found.duration, class_names[recording.label]),) if recording.label >= 0 else ()
    return replace(found, truth=known)


def of_samples(samples: Samples, recording: Recording, dataset: DatasetIdentity, span: int) -> Recorded:
    """A recording of one activity, put together from its samples that do not overlap.

    Args:
        samples: All samples of the recording, in the order of time.
        recording: The recording.
        dataset: Its dataset, which has the length or the rate of the samples.
        span: Steps of the recording that a sample covers, see `MultimodalDataModule`.

    Raises:
        ConfigurationError: The dataset says neither how long its samples are nor what their rate is.
    """
    rows = without_overlap(np.arange(len(samples)), samples.recording, samples.start, span)
    signals = {}
    for name, values in samples.inputs.items():
        steps, rate = values.shape[1], dataset.rates.get(name)
        seconds = dataset.window_seconds or (steps / rate if rate else None)
        if seconds is None:
            problem = f"{type(dataset).__name__} does not say how many seconds a sample of '{name}' lasts"
            raise ConfigurationError("data", problem, "Set `rates`, or override `window_seconds` or `recorded`")
        time = (samples.start[rows, None] / span + np.arange(steps) / steps) * seconds
        signals[name] = Signal(time.ravel(), values[rows].reshape(-1, *values.shape[2:]))
    return of_clip(recording, signals, dataset.class_names)
