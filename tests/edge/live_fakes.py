"""A recogniser that remembers its windows, and streams for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from cosmo_pl.edge.live import LiveRecogniser, LiveWindow, Report, Reporter
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.recogniser import Prediction
from cosmo_pl.sensors import SensorDescription

RATES = {"wrist": 100.0, "mat": 20.0}
SENSORS = {
    "wrist": SensorDescription("accelerometer", ("x", "y", "z"), ("g", "g", "g"), 100.0),
    "mat": SensorDescription("pressure", ("pressure",), ("au",), 20.0),
}
SHAPES = {"wrist": (200, 3), "mat": (40, 2, 2)}
Stream = tuple[np.ndarray, np.ndarray]


class FakeRecogniser:
    """Says "up" where the mean of all values is above 0, else "down"."""

    class_names = ("down", "up")
    levels: Mapping[str, float] = {}

    def __init__(
        self,
        shapes: Mapping[str, tuple[int, ...]] = SHAPES,
        sensors: Mapping[str, SensorDescription] = SENSORS,
        window: float | None = 2.0,
        needs: Sequence[str] = (),
    ) -> None:
        self.modality_shapes, self.sensors, self.window, self.needs = shapes, sensors, window, needs
        self.windows: list[Mapping[str, np.ndarray]] = []

    def predict(self, arrays: Mapping[str, Any]) -> Prediction:
        lacking = [name for name in self.needs if name not in arrays]
        if lacking:
            raise ConfigurationError("arrays", f"lack {lacking}, and this method needs every modality", "Give them")
        for name, values in arrays.items():
            assert values.shape == (1, *self.modality_shapes[name]) and values.dtype == np.float32
            assert np.isfinite(values).all()
        self.windows.append({name: values[0].copy() for name, values in arrays.items()})
        up = np.float32(1 / (1 + np.exp(-np.mean([values.mean() for values in arrays.values()]))))
        probability = np.array([[1 - up, up]], dtype=np.float32)
        label = probability.argmax(axis=1)
        weights = {name: np.full(1, 1 / len(arrays), dtype=np.float32) for name in arrays}
        return Prediction(label, (self.class_names[int(label[0])],), probability, weights)


class JoinedRecogniser(FakeRecogniser):
    """A model with one encoder for two of its sensors, and attention."""

    streams = ("wrist+band", "mat")

    def __init__(self) -> None:
        super().__init__({**SHAPES, "band": SHAPES["wrist"]}, {})

    def predict(self, arrays: Mapping[str, Any]) -> Prediction:
        found = super().predict({name: np.float32(values) for name, values in arrays.items()})
        joined = 0.6 if {"wrist", "band"} <= set(arrays) else 0.0
        return replace(found, weights={"wrist+band": np.array([joined]), "mat": np.array([1 - joined])})


class Live:
    """A live recogniser with its fake model and its reports."""

    def __init__(self, model: Any = None, **arguments: Any) -> None:
        self.model = model or FakeRecogniser()
        self.reports: list[Report] = []
        self.reporter = Reporter(self.reports.append, now=lambda: 0.0)  # each problem once, however slow the test
        self.engine = LiveRecogniser(self.model, **{"hop": 1.0, "reporter": self.reporter, **arguments})
        self.found: list[LiveWindow] = []

    def push(self, sensor: str, time: Any, values: Any) -> list[LiveWindow]:
        windows = list(self.engine.push(sensor, time, values))
        self.found += windows
        return windows

    def play(self, streams: Mapping[str, Stream], step: float = 0.1, finish: bool = True) -> Live:
        """Plays streams in batches of `step` seconds in the order of time."""
        first = min(time[0] for time, _ in streams.values())
        last = max(time[-1] for time, _ in streams.values())
        edges = first + step * np.arange((last - first) / step + 2) - step / 3
        for low, high in pairwise(edges):
            for name, (time, values) in streams.items():
                inside = (time >= low) & (time < high)
                if inside.any():
                    self.push(name, time[inside], values[inside])
        if finish:
            self.found += self.engine.finish()
        return self

    def play_in_order(self, streams: Mapping[str, Stream]) -> Live:
        """Plays streams sample by sample in the order in which they come, whatever their times say."""
        arrival = [(at / RATES[name], name, at) for name, (time, _) in streams.items() for at in range(len(time))]
        for _, name, at in sorted(arrival):
            self.push(name, streams[name][0][at], streams[name][1][at])
        self.found += self.engine.finish()
        return self

    def problems(self) -> dict[str, dict[str, int]]:
        return self.reporter.summary()

    def spans(self) -> list[tuple[float, tuple[str, ...]]]:
        return [(window.start, window.sensors) for window in self.found]


def stream(name: str, seconds: float, start: float = 0.0, seed: int = 0, rate: float | None = None) -> Stream:
    """A stream on its grid, with random values."""
    rate = rate or RATES[name]
    time = start + np.arange(round(seconds * rate)) / rate
    values = np.random.default_rng(seed).normal(size=(len(time), *SHAPES[name][1:]))
    return time, values.astype(np.float32)


def streams(seconds: float, start: float = 0.0) -> dict[str, Stream]:
    return {name: stream(name, seconds, start, seed) for seed, name in enumerate(RATES)}


def without(stream: Stream, low: float, high: float) -> Stream:
    """A stream with a gap."""
    time, values = stream
    kept = (time < low) | (time >= high)
    return time[kept], values[kept]
