"""Recordings replayed as if they were live: imported streams, trials of USC-HAD, clips of UTD-MHAD."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.streams.store import MANIFEST, LabelInterval, StreamRecording, StreamStore, read_store
from cosmo_pl.data.streams.windows import common_start, joined
from cosmo_pl.edge.live.grids import Grid
from cosmo_pl.edge.live.replay_datasets import Stretch, clips_of_utd, trials_of_usc
from cosmo_pl.edge.live.samples import Beginning, Samples
from cosmo_pl.errors import ConfigurationError, choices

STEP = 0.1  # seconds of a batch


@dataclass(frozen=True)
class Replay:
    """A recording that is replayed.

    Args:
        beginning: Its name, alignment and labels.
        stretches: Sensor to its stretches without a gap, each times in seconds (n,) and values (n, *shape).
    """

    beginning: Beginning
    stretches: Mapping[str, Sequence[Stretch]]

    def samples(self, step: float = STEP) -> Iterator[tuple[float, Samples]]:
        """Batches of at most `step` seconds in the order of time, each with the time of its end."""
        stretches = [(name, *stretch) for name, found in self.stretches.items() for stretch in found if len(stretch[0])]
        first = min((times[0] for _, times, _ in stretches), default=0.0)
        last = max((times[-1] for _, times, _ in stretches), default=-1.0)
        for number in range(int((last - first) / step) + 2):
            low, high = first + number * step, first + (number + 1) * step
            for name, times, values in stretches:
                begin, end = np.searchsorted(times, [low, high])
                if begin < end:
                    yield high, Samples(name, times[begin:end], np.asarray(values[begin:end]))


class Replays:
    """A source that replays recordings one after another.

    Args:
        replays: The recordings.
        realtime: Whether samples come when they were recorded, instead of as fast as possible.
        sleep: Waits so many seconds.
    """

    def __init__(self, replays: Sequence[Replay], realtime: bool, sleep: Callable[[float], None] = time.sleep) -> None:
        self.replays, self.realtime, self._sleep = replays, realtime, sleep

    def __iter__(self) -> Iterator[Samples | Beginning]:
        """Beginning and samples of each recording."""
        for replay in self.replays:
            yield replay.beginning
            started = time.monotonic()
            for end, samples in replay.samples():
                ahead = end - (time.monotonic() - started)
                if self.realtime and ahead > 0:
                    self._sleep(ahead)
                yield samples


def replays_of(path: Path, grids: Mapping[str, Grid]) -> list[Replay]:
    """Recordings as a model's sensors see them.

    Args:
        path: A folder of imported recordings, or one of them as FOLDER/NAME; a .mat file, a subject's folder or all of
            USC-HAD; or UTD-MHAD, or a clip of it as UTD-MHAD/a1_s7_t1.
        grids: Sensor of the model to its grid.

    Raises:
        CosmoError: There is no such recording, it cannot be read, or it has none of the sensors.
    """
    if (path / MANIFEST).is_file():
        return _replays_of_store(read_store(path), None, grids)
    if (path.parent / MANIFEST).is_file():
        return _replays_of_store(read_store(path.parent), path.name, grids)
    for found in (trials_of_usc(path, grids), clips_of_utd(path, grids)):
        if found is not None:
            return [
                Replay(Beginning(name, 0.0, (LabelInterval(0.0, seconds, activity),)), streams)
                for name, activity, seconds, streams in found
            ]
    problem = f"'{path}' is no folder of imported recordings, no trial of USC-HAD and no clip of UTD-MHAD"
    remedy = "Give FOLDER or FOLDER/NAME of an import, USC-HAD/Subject1/a1t1.mat, or UTD-MHAD/a1_s1_t1"
    raise ConfigurationError("recording", problem if path.exists() else f"'{path}' does not exist", remedy)


def _replays_of_store(store: StreamStore, name: str | None, grids: Mapping[str, Grid]) -> list[Replay]:
    names = [each.name for each in store.recordings]
    if name is not None and name not in names:
        raise ConfigurationError("recording", f"'{store.folder}' has no recording '{name}'", choices(name, names))
    sensors = [each for each in store.sensors if each in grids]
    if not sensors:
        problem = f"'{store.folder}' has none of the model's sensors {list(grids)}"
        raise ConfigurationError("recording", problem, f"Its sensors are {list(store.sensors)}")
    arrays = {each: store.array(each) for each in sensors}
    return [_replay(store, each, arrays) for each in store.recordings if name in (None, each.name)]


def _replay(store: StreamStore, recording: StreamRecording, arrays: Mapping[str, NDArray[np.float32]]) -> Replay:
    stretches = {
        name: [
            ((first + np.arange(frames)) / store.sensors[name].rate, array[row : row + frames])
            for first, frames, row in recording.segments.get(name, ())
        ]
        for name, array in arrays.items()
    }
    aligned = common_start(recording, store.sensors)
    return Replay(Beginning(recording.name, aligned, tuple(joined(recording.labels))), stretches)
