"""Accuracy, computing time and sensor-on time with sensors that are switched off when they add nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.loading import Batch, on_device, with_modalities
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.selection import Indices, evenly_spaced, natural_key
from cosmo_pl.edge.switching import SensorSwitch, leave_out_worth, redundant_sensors
from cosmo_pl.modules import BaseModule, ClassifierModule
from cosmo_pl.recogniser import Prediction
from cosmo_pl.stream_names import name_of, parts_of
from cosmo_pl.study.measures.latency import median_seconds

THRESHOLDS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
TRAINING_SAMPLES = 300
CHUNK = 64  # samples that are classified at once


class Recorded:
    """Predictions of samples from every set of sensors, computed once, of which a switch needs a few.

    Args:
        model: The classifier.
        data: Its data.
        rows: The samples, which have all modalities.
    """

    def __init__(self, model: ClassifierModule, data: MultimodalDataModule, rows: Indices) -> None:
        self.modality_shapes = {name: tuple(data.modality_shapes[name]) for name in data.modalities}
        self.sensors = model.attends_to or tuple(data.modalities)
        self.everything = dict.fromkeys(self.modality_shapes, np.arange(len(rows)))
        self.counted: Counter[str] = Counter()
        self._predicted = {key_of(names): _predicted(model, data, rows, names) for names in self.sets}

    @property
    def sets(self) -> list[tuple[str, ...]]:
        """All sets of modalities, without those that lack a part of what the model encodes together."""
        some = [s for size in range(1, len(self.sensors) + 1) for s in combinations(self.sensors, size)]
        return [tuple(part for unit in chosen for part in parts_of(unit)) for chosen in some]

    def predict(self, arrays: Mapping[str, Any]) -> Prediction:
        """The prediction of samples, modality to their positions among the rows (n,), and the same for each."""
        key, positions = key_of(arrays), next(iter(arrays.values()))
        self.counted[key] += 1
        probability, weights = self._predicted[key]
        label = probability[positions].argmax(axis=1)
        by_sensor = {} if weights is None else dict(zip(self.sensors, weights[positions].T, strict=True))
        return Prediction(label, tuple(map(str, label)), probability[positions], by_sensor)


def switching(runs: Sequence[tuple[BaseModule, MultimodalDataModule]]) -> dict[str, Any]:
    """Lets a `SensorSwitch` with its defaults choose the sensors of the test samples, for several thresholds.

    The samples of each test subject are a stream of their own, in the order of the recordings' names and of time.
    Without attention, the sensors that `redundant_sensors` finds on training samples are off at first.

    Args:
        runs: One run of a classifier.

    Returns:
        ``total`` test samples that have all modalities; ``attention``, whether the worth of a sensor is its attention
        weight; ``worth``: sensor to its mean worth on training samples; ``seconds``: set of sensors, joined by "+", to
        the median time of one prediction from it; beside ``device`` and ``threads``; and ``curve``, for each threshold
        ``threshold``, ``correct``, ``seconds`` (mean of a sample, with the predictions that measure what a sensor
        adds), ``on`` (sensor to the share of samples in which it is on), ``off_at_first`` and ``switched`` (how often).
    """
    model, data = runs[0]
    assert isinstance(model, ClassifierModule)
    model.eval()
    rows = in_order(data.samples, data.samples.complete(data.split.test))
    training = data.samples.complete(data.split.pretraining(include_labeled=True))
    training = training[evenly_spaced(len(training), TRAINING_SAMPLES)]
    tested, trained = Recorded(model, data, rows), Recorded(model, data, training)
    one = data.plain_batch(rows[:1])
    seconds = {key_of(names): _seconds(model, with_modalities(one, names)) for names in tested.sets}
    label, subject = data.samples.label[rows], data.samples.subject[rows]
    return {
        "total": len(rows),
        "attention": bool(model.attends_to),
        "worth": _worth(trained),
        "seconds": {key: _digits(time) for key, time in seconds.items()},
        "device": str(model.device),
        "threads": torch.get_num_threads(),
        "curve": [_switched(tested, trained, label, subject, seconds, threshold) for threshold in THRESHOLDS],
    }


def key_of(names: Any) -> str:
    """Name of a set of sensors, whatever their order."""
    return name_of(sorted(names))


def in_order(samples: Samples, rows: Indices) -> Indices:
    """Samples by subject, then by the recording's name, whose numbers count as numbers, then by time."""

    def position(row: int) -> tuple[int, list[Any], int]:
        return int(samples.subject[row]), natural_key(str(samples.recording[row])), int(samples.start[row])

    return np.array(sorted(rows.tolist(), key=position), dtype=np.int64)


def _classify(model: ClassifierModule, batch: Batch) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Logits and attention weights of samples."""
    inputs = on_device(batch, model.device)["inputs"]
    with torch.inference_mode():
        return model.classify(inputs)


def _seconds(model: ClassifierModule, one: Batch) -> float:
    return median_seconds(lambda: _classify(model, one))


def _predicted(
    model: ClassifierModule, data: MultimodalDataModule, rows: Indices, names: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Probabilities (N, C), and attention weights (N, M) of a method with attention."""
    chunks = np.split(rows, range(CHUNK, len(rows), CHUNK))
    parts = [_classify(model, with_modalities(data.plain_batch(chunk), names)) for chunk in chunks]
    probability = torch.cat([logits for logits, _ in parts]).softmax(dim=1).float().cpu().numpy()
    weights = [weights for _, weights in parts if weights is not None]
    return probability, torch.cat(weights).float().cpu().numpy() if weights else None


def _worth(trained: Recorded) -> dict[str, float]:
    """Mean worth of each sensor."""
    weights = trained.predict(trained.everything).weights
    found = {name: float(values.mean()) for name, values in weights.items()}
    found = found or leave_out_worth(trained, trained.everything, trained.sensors)
    return {name: _digits(value) for name, value in found.items()}


def _switched(
    tested: Recorded,
    trained: Recorded,
    label: Indices,
    subject: Indices,
    seconds: Mapping[str, float],
    threshold: float,
) -> dict[str, Any]:
    """One point of the curve."""
    tested.counted.clear()
    off: tuple[str, ...] = ()
    if not trained.predict(trained.everything).weights:
        off = redundant_sensors(trained, trained.everything, threshold, trained.sensors)
    correct, switched, on = 0, 0, Counter[str]()
    for person in np.unique(subject):
        switch = SensorSwitch(tested, threshold, sensors=tested.sensors)
        switch.switch_off(off)
        for row in np.flatnonzero(subject == person):
            used = dict.fromkeys(switch.active(), np.array([row]))
            prediction = tested.predict(used)
            on.update(list(used))
            correct += int(prediction.label[0] == label[row])
            switched += len(switch.observe(prediction, tuple(used), used))
    return {
        "threshold": threshold,
        "correct": correct,
        "seconds": _digits(sum(seconds[key] * count for key, count in tested.counted.items()) / len(label)),
        "on": {name: round(on[name] / len(label), 4) for name in tested.modality_shapes},
        "off_at_first": list(off),
        "switched": switched,
    }


def _digits(value: float) -> float:
    return float(f"{value:.3g}")
