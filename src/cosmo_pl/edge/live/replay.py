"""Recordings replayed as if they were live."""

from __future__ import annotations

import heapq
import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.reading_checks import checked_recordings
from cosmo_pl.data.recorded import Recorded, Signal, Span
from cosmo_pl.data.recordings import Recording
from cosmo_pl.data.reduction import reduce_depth
from cosmo_pl.data.suitability import check_suitable, unsuitable
from cosmo_pl.edge.finding import chosen, find_recordings, for_model
from cosmo_pl.edge.live.reports import Reporter
from cosmo_pl.edge.live.samples import Beginning, SensorSamples
from cosmo_pl.errors import CosmoError
from cosmo_pl.recogniser import AnyRecogniser

STEP = 0.1  # seconds of a batch


class Replays:
    """A source that replays recordings one after another. One that cannot be read is reported and left out.

    Args:
        data: The dataset of the recordings.
        recordings: The recordings, which are read when they begin.
        shapes: Sensor of the model to the shape of one of its frames; depth images are reduced to it.
        reporter: Gets what cannot be read.
        realtime: Whether samples come when they were recorded, instead of as fast as possible.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        data: MultimodalDataModule,
        recordings: Sequence[Recording],
        shapes: Mapping[str, tuple[int, ...]],
        reporter: Reporter,
        realtime: bool,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.data, self.recordings, self.shapes = data, recordings, shapes
        self.reporter, self.realtime, self._sleep = reporter, realtime, sleep

    def __iter__(self) -> Iterator[SensorSamples | Beginning]:
        """Beginning and samples of each recording."""
        for recording in self.recordings:
            try:
                recorded = self.data.recorded(recording)
            except CosmoError as error:
                self.reporter.report("not readable", f"{recording.name} is left out: {error}")
                continue
            yield self._beginning(recording, recorded)
            started = time.monotonic()
            for end, name, (times, values) in batches(recorded.pieces):
                ahead = end - (time.monotonic() - started)
                if self.realtime and ahead > 0:
                    self._sleep(ahead)
                if name in self.shapes:
                    yield SensorSamples(name, times, self._reduced(name, values))

    def _beginning(self, recording: Recording, recorded: Recorded) -> Beginning:
        """A recording of one activity has it in all windows, also in one that ends a frame after the last sample."""
        labels = recorded.truth
        if recording.label >= 0:
            labels = (Span(-math.inf, math.inf, self.data.class_names[recording.label]),)
        return Beginning(recorded.name, recorded.aligned, labels)

    def _reduced(self, name: str, values: NDArray[Any]) -> NDArray[Any]:
        """Depth images in millimetres as the model takes them; other frames as they are."""
        shape, sensor = self.shapes[name], self.data.sensors[name]
        larger = len(shape) == 2 == values.ndim - 1 and values.shape[1] >= shape[0] and values.shape[2] >= shape[1]
        if sensor.kind == "depth" and set(sensor.units) == {"mm"} and larger:
            return reduce_depth(values, len(values), shape)[0]
        return values


def batches(pieces: Mapping[str, Sequence[Signal]], step: float = STEP) -> Iterator[tuple[float, str, Signal]]:
    """Frames of all sensors in batches of at most `step` seconds in the order of time.

    Args:
        pieces: Sensor to its pieces without a gap.
        step: Seconds of a batch.

    Returns:
        For each batch the second at which it ends, the sensor, and its frames.
    """
    found = [(name, piece) for name, each in pieces.items() for piece in each if len(piece.time)]
    first = min((float(piece.time[0]) for _, piece in found), default=0.0)
    return heapq.merge(*(_cut(name, piece, first, step) for name, piece in found), key=itemgetter(0))


def _cut(name: str, piece: Signal, first: float, step: float) -> Iterator[tuple[float, str, Signal]]:
    """The batches of a piece."""
    number = np.floor((piece.time - first) / step)
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(number)]
    for low, high in itertools.pairwise(edges):
        end = first + step * (float(number[low]) + 1)
        yield end, name, Signal(piece.time[low:high], np.asarray(piece.values[low:high]))


def replays_of(
    target: str,
    recogniser: AnyRecogniser,
    reporter: Reporter,
    realtime: bool,
    subject: int | None = None,
    dataset: str | None = None,
    root: str | None = None,
) -> Replays:
    """Recordings as a model's sensors see them.

    Args:
        target: Name or path of recordings, see `find_recordings`.
        recogniser: The model.
        reporter: Gets what cannot be read.
        realtime: See `Replays`.
        subject: Number of a subject, the only one whose recordings are replayed; None replays those of all.
        dataset: See `find_recordings`.
        root: See `find_recordings`.

    Raises:
        CosmoError: There is no such recording, or its dataset has none of the model's sensors, or one of another kind,
            unit or channels.
    """
    named, recordings = find_recordings(target, dataset, root, "recording")
    names = {each.name for each in (recordings if subject is None else chosen(recordings, None, subject))}
    data = for_model(named, recogniser, dataset, "recording")
    own = data.sensors  # streams are brought to the rates of the model
    resampled = {name: replace(each, rate=own[name].rate) for name, each in recogniser.sensors.items() if name in own}
    check_suitable(data.title, unsuitable(resampled, None, own, None))
    shapes = {name: shape[1:] for name, shape in recogniser.modality_shapes.items()}
    replayed = [each for each in checked_recordings(data) if each.name in names]
    return Replays(data, replayed, shapes, reporter, realtime)
