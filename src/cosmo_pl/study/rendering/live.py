"""Calibration, rejection and smoothing: test subjects without and with the decision."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cosmo_pl.event_metrics import OVERLAPS, SegmentScore
from cosmo_pl.study.records import Record
from cosmo_pl.study.rendering.provenance import marked
from cosmo_pl.study.rendering.statistics import grouped, mean_and_n
from cosmo_pl.study.rendering.view import Rendered, View, unique

HEADER = ("dataset", "question", "measure", "probabilities as they are", "with the decision")
NOTES = (
    "Temperature and threshold were measured on the people that each table names first, and never on "
    "test subjects. The threshold accepts 95 % of the samples of these people.",
    "Unknown activities: a quarter of the activities at a time is left out of the second stage, and their test samples "
    "are unknown. Accuracy of the accepted counts accepted unknown samples as not correct. Both thresholds are those "
    "of the model of all activities.",
    "Streams: the recordings of each test subject one after the other, in random order. Segments are matched as by Lea "
    "et al. (CVPR 2017). The delay is from the start of a segment to the end of the first window that recognises it.",
)
Result = Mapping[str, Any]
Value = Callable[[Result], float | None]


def table(view: View) -> Rendered:
    """Rows of each grid of runs: a measure, and its mean over the seeds without and with the decision."""
    rows: list[list[str]] = []
    for number in range(len(view.study.runs)):
        pairs = [(job, record) for job, record in view.grid(number) if job.measure == "decisions"]
        for (dataset, _), own in grouped(pairs).items():
            rows += [[view.label(dataset), *cells] for cells in _cells([record for _, record in own])]
    return Rendered(HEADER, rows, notes=NOTES)


def _cells(records: Sequence[Record]) -> Iterator[list[str]]:
    """Rows of one dataset and method without the dataset."""
    mark, results = marked(records), [record.result for record in records]
    for question, measure, without, with_it in _lines(results):
        if isinstance(without, str):
            yield [question, measure, without, ""]
        else:
            yield [question, measure, *(_mean(results, each, mark) for each in (without, with_it))]


def _mean(results: Sequence[Result], value: Value, mark: str) -> str:
    return mean_and_n([found for found in map(value, results) if found is not None], mark)


def _nothing(result: Result) -> None:
    return None


def _lines(results: Sequence[Result]) -> Iterator[tuple[str, str, str | Value, Value]]:
    """Question, measure, and the values of a result without and with the decision."""
    people = unique(result["report"]["measured_on"] or result["report"]["uncalibrated"] for result in results)
    yield "calibration", "measured on", "; ".join(people), _nothing
    yield "calibration", "temperature", lambda result: 1.0, lambda result: float(result["temperature"])
    for group, title in (("held_out", "these people"), ("test", "test subjects")):
        yield "calibration", f"calibration error, {title}", _of(group, "ece_before"), _of(group, "ece_after")
    yield "rejection", "test samples accepted", lambda result: 1.0, _of("test", "accepted")
    yield "rejection", "accuracy of the accepted", _of("test", "accuracy"), _of("test", "accuracy_of_accepted")
    if any(result["unknown"] for result in results):
        for by, title in (("probability", "by probability"), ("score", "by probability and distance")):
            question = f"unknown activities, {title}"
            yield question, "known samples accepted", lambda r: 1.0, _share(by, "accepted_known", "known")
            yield question, "unknown samples accepted", lambda r: 1.0, _share(by, "accepted_unknown", "unknown")
            yield question, "accuracy of the accepted", _nothing, _accuracy_of_accepted(by)
            yield question, "area under the ROC curve", _nothing, _auroc(by)
    if any(result["smoothing"] for result in results):
        for measure, value in _stream_values().items():
            yield "smoothing of streams", measure, _stream("before", value), _stream("after", value)


def _of(people: str, name: str) -> Value:
    def value(result: Result) -> float | None:
        found: Result = result["report"][people] or {}
        return found.get(name)

    return value


def _groups(result: Result, by: str) -> list[Result]:
    """What is accepted by probability or by score, of each group of unknown activities; empty where it is unknown."""
    return [{**group, **group[by]} for group in result["unknown"] if group[by] is not None]


def _share(by: str, name: str, total: str) -> Value:
    def value(result: Result) -> float | None:
        groups = _groups(result, by)
        return sum(g[name] for g in groups) / max(1, sum(g[total] for g in groups)) if groups else None

    return value


def _accuracy_of_accepted(by: str) -> Value:
    def value(result: Result) -> float | None:
        groups = _groups(result, by)
        accepted = sum(group["accepted_known"] + group["accepted_unknown"] for group in groups)
        return sum(group["correct"] for group in groups) / accepted if accepted else None

    return value


def _auroc(by: str) -> Value:
    def value(result: Result) -> float | None:
        groups = _groups(result, by)
        return sum(group["auroc"] for group in groups) / len(groups) if groups else None

    return value


def _stream_values() -> dict[str, Callable[[Result, Result], float | None]]:
    """Measure to its value, from the description of the streams and the results of one kind of prediction."""

    def f1(overlap: float) -> Callable[[Result, Result], float]:
        return lambda streams, found: SegmentScore(*found["f1"][str(overlap)]).f1

    return {
        "window accuracy": lambda streams, found: found["correct"] / streams["windows"],
        **{f"F1@{round(100 * overlap)} of segments": f1(overlap) for overlap in OVERLAPS},
        "median delay of detection, s": lambda streams, found: found["delay"],
        "segments never recognised": lambda streams, found: found["missed"] / streams["segments"],
    }


def _stream(kind: str, value: Callable[[Result, Result], float | None]) -> Value:
    return lambda result: value(result["smoothing"], result["smoothing"][kind]) if result["smoothing"] else None
