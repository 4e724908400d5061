"""Calibration, rejection and smoothing of a trained model, on test subjects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import binary_auroc

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.selection import Indices
from cosmo_pl.edge.deciding import measured_decision, probabilities
from cosmo_pl.edge.decision import Decision, Smoother, score
from cosmo_pl.edge.neighbors import distances, training_neighbors
from cosmo_pl.edge.refitting import is_quick, logits_of, refitted
from cosmo_pl.edge.transitions import usual_hop
from cosmo_pl.event_metrics import OVERLAPS, SegmentScore, detection_delays, events_of, segment_score, time_of_hops
from cosmo_pl.modules import BaseModule, ClassifierModule

GROUPS = 4  # of activities that are left out together

Array = NDArray[np.float64]


def decisions(runs: Sequence[tuple[BaseModule, MultimodalDataModule]]) -> dict[str, Any]:
    """Measures the decision of a run, and what it changes on its test subjects.

    Args:
        runs: One run of a classifier.

    Returns:
        ``temperature``, ``threshold`` and ``score_threshold``; ``report``, see
        `cosmo_pl.edge.deciding.DecisionReport`; ``unknown``, see `unknown_activities`; ``smoothing``, see `smoothed`,
        or None where the samples are whole clips.
    """
    model, data = runs[0]
    assert isinstance(model, ClassifierModule)
    decision, report = measured_decision(model, data)
    return {
        "temperature": decision.temperature,
        "threshold": decision.threshold,
        "score_threshold": decision.score_threshold,
        "report": report.described(),
        "unknown": unknown_activities(model, data, decision),
        "smoothing": None if decision.transitions is None else smoothed(model, data, decision),
    }


def unknown_activities(model: ClassifierModule, data: MultimodalDataModule, decision: Decision) -> list[dict[str, Any]]:
    """Trains the second stage without some activities, and tests whether their test samples are rejected.

    Activity c is in group c mod 4, and each group is left out once. Its training samples, labelled or not, are left
    out of the second stage; the encoders of stage 1 were trained on them without labels. Temperature and threshold are
    those of the model of all activities.

    Args:
        model: The classifier.
        data: Its data.
        decision: Its decision.

    Returns:
        For each group the number of ``known`` and ``unknown`` test samples; and ``probability`` and ``score`` (see
        `cosmo_pl.edge.decision.score`; None for a model without distances), each with the samples of both that
        are accepted by it (``accepted_known``, ``accepted_unknown``), the ``correct`` ones among the accepted, and
        ``auroc``, the probability that it is larger for a known sample than for an unknown one. Empty for a model whose
        weights are trained, which takes too long, and for fewer than four activities.
    """
    if not is_quick(model) or model.num_classes < GROUPS:
        return []
    return [_without(model, data, decision, np.arange(group, model.num_classes, GROUPS)) for group in range(GROUPS)]


def _without(
    model: ClassifierModule, data: MultimodalDataModule, decision: Decision, left_out: NDArray[np.int64]
) -> dict[str, Any]:
    label, rows = data.samples.label, data.split.test
    parts = {name: getattr(data.split, name) for name in ("labeled", "unlabeled")}
    split = replace(data.split, **{name: some[~np.isin(label[some], left_out)] for name, some in parts.items()})
    smaller = refitted(model, data, split)
    probability = decision.apply(probabilities(logits_of(smaller, data, rows)))
    neighbors = training_neighbors(smaller, data, split)
    distance = None if neighbors is None else distances(neighbors, smaller, data, rows)
    known, right = ~np.isin(label[rows], left_out), probability.argmax(axis=1) == label[rows]

    def accepting(value: Array, accepted: NDArray[np.bool_]) -> dict[str, Any]:
        auroc = binary_auroc(torch.from_numpy(value), torch.from_numpy(known.astype(np.int64)))
        return {
            "accepted_known": int((known & accepted).sum()),
            "accepted_unknown": int((~known & accepted).sum()),
            "correct": int((right & accepted).sum()),
            "auroc": round(float(auroc), 5),
        }

    by_score = (
        None if distance is None else accepting(score(probability, distance), ~decision.rejects(probability, distance))
    )
    return {
        "known": int(known.sum()),
        "unknown": int((~known).sum()),
        "probability": accepting(probability.max(axis=1), ~decision.rejects(probability)),
        "score": by_score,
    }


@dataclass(frozen=True)
class TimeLine:
    """The recordings of a person one after the other.

    Args:
        rows: Indices of the windows in the order of time (N,).
        start: Start of the time that each window stands for (N,), in seconds.
        end: Its end (N,), which is the start of the next one.
        known: Time at which each window is over (N,).
    """

    rows: Indices
    start: Array
    end: Array
    known: Array


def smoothed(model: ClassifierModule, data: MultimodalDataModule, decision: Decision) -> dict[str, Any]:
    """Recognises the recordings of each test subject as one stream, window by window, without and with smoothing.

    The recordings follow each other in random order, the same for all models. Each window stands for the time of one
    hop in its middle. The smoother is not informed where a recording ends.

    Args:
        model: The classifier.
        data: Its data.
        decision: Its decision.

    Returns:
        ``windows``, ``segments`` (true ones) and ``seconds`` of all streams; ``before`` and ``after``, each with the
        ``correct`` windows, ``f1`` (intersection over union, as "0.5", to found, wrong and missed segments),
        ``delay``, the median seconds until a segment is recognised, and ``missed``, segments that never are.
    """
    assert decision.transitions is not None
    lines = list(time_lines(data))
    label = data.samples.label
    raw = [decision.apply(probabilities(logits_of(model, data, line.rows))) for line in lines]
    found = {"before": [each.argmax(axis=1) for each in raw], "after": [_forward(each, decision) for each in raw]}
    truth = [events_of(label[line.rows], line.start, line.end) for line in lines]
    return {
        "windows": sum(len(line.rows) for line in lines),
        "segments": sum(map(len, truth)),
        "seconds": round(sum(float(line.end[-1]) for line in lines), 1),
        **{
            name: {
                "correct": sum(int((p == label[line.rows]).sum()) for p, line in zip(predicted, lines, strict=True)),
                "f1": {str(k): _score(predicted, lines, truth, k) for k in OVERLAPS},
                **_delay([detection_delays(p, t.known, e) for p, t, e in zip(predicted, lines, truth, strict=True)]),
            }
            for name, predicted in found.items()
        },
    }


def time_lines(data: MultimodalDataModule) -> Iterator[TimeLine]:
    """The stream of each test subject, of all windows of known activity, tested or not."""
    samples, window, step = data.samples, data.window_seconds, data.step_seconds
    assert window is not None and step is not None
    steps = usual_hop(samples.recording, samples.start)
    assert steps is not None
    random = np.random.default_rng(0)
    for subject in np.unique(samples.subject[data.split.test]):
        rows = np.flatnonzero((samples.subject == subject) & (samples.label >= 0))
        recordings = random.permutation(np.unique(samples.recording[rows]))
        parts: list[TimeLine] = []
        for name in recordings:
            its = rows[samples.recording[rows] == name]
            its = its[np.argsort(samples.start[its], kind="stable")]
            first = parts[-1].end[-1] if parts else 0.0
            start = first + step * (samples.start[its] - samples.start[its[0]])
            parts.append(TimeLine(its, *time_of_hops(start, window, step * steps), start + window))
        fields = ("rows", "start", "end", "known")
        yield TimeLine(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))


def _forward(probability: Array, decision: Decision) -> NDArray[np.int64]:
    assert decision.transitions is not None
    smoother = Smoother(decision.transitions)
    return np.array([smoother.update(window).argmax() for window in probability])


def _score(predicted: Sequence[Any], lines: Sequence[TimeLine], truth: Sequence[Any], overlap: float) -> list[int]:
    scored = (
        segment_score(events_of(labels, line.start, line.end), events, overlap)
        for labels, line, events in zip(predicted, lines, truth, strict=True)
    )
    total = sum(scored, start=SegmentScore(0, 0, 0))
    return [total.found, total.wrong, total.missed]


def _delay(delays: Sequence[Array]) -> dict[str, Any]:
    every = np.concatenate(delays)
    known = every[~np.isnan(every)]
    return {"delay": round(float(np.median(known)), 3) if len(known) else None, "missed": int(np.isnan(every).sum())}
