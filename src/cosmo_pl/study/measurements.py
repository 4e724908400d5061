"""What is known of each measurement of `cosmo_pl.study.measures` without importing it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from cosmo_pl.fields import Field

ROUNDING = 1e-6  # of a stored accuracy


@dataclass(frozen=True)
class Measurement:
    """A measurement.

    Args:
        check: Checks the types and ranges of a stored result; it raises a ValueError that names the field.
        numerics: "meaning.rounding", as of classes.
        timed: Whether it measures time, which other work on the machine would distort.
    """

    check: Callable[[Field], None] = Field.finite
    numerics: str = "1.0"
    timed: bool = False


def facts_of(name: str) -> Measurement:
    """What is known of a measurement without importing it; of those of other packages, nothing."""
    return MEASUREMENTS.get(name, Measurement())


def _check_describe(field: Field) -> None:
    for shape in field["modalities"].fields().values():
        shape.numbers(1)
    for name in ("classes", "subjects", "recordings", "samples", "train_samples", "labeled", "unlabeled"):
        field[name].whole(0)
    field["test_samples"].whole(0, field["samples"].whole())
    for name in ("train_subjects", "test_subjects"):
        field[name].numbers()


def _check_embedding(field: Field) -> None:
    for name, labels in field["label"].fields().items():
        _check_points(field["points"][name], len(labels.numbers(0)))


def _check_features(field: Field) -> None:
    if (distance := field.get("cosine_distance")) is not None:
        distance.number(-ROUNDING, 2 + ROUNDING)
    samples = field["samples"].whole(0)
    labels = field["label"].numbers(0)
    field["label"].require(len(labels) == samples, f"a label for each of {samples} samples")
    for points in field["points"].fields().values():
        _check_points(points, samples)


def _check_points(field: Field, count: int) -> None:
    points = field.each()
    field.require(len(points) == count, f"{count} points")
    for point in points:
        point.require(len(point.numbers()) == 2, "two coordinates")


def _check_batch_statistics(field: Field) -> None:
    total = field["total"].whole(1)
    for statistics in ("running", "measured"):
        field[statistics].whole(0, total)


def _check_latency(field: Field) -> None:
    costs = field["overheads"]
    costs["parameters"].whole(0)
    costs["flops"].whole(0)
    for size in costs["bytes"].fields().values():
        size.whole(1)
    for seconds in (field["seconds"], *costs["seconds"].fields().values()):
        for each in seconds.fields().values():
            each.number(0)


def _check_missing_sensors(field: Field) -> None:
    total = field["total"].whole(1)
    for counts in (field["correct"], field.get("without_any") or Field({})):
        for count in counts.fields().values():
            count.whole(0, total)


def _check_quality(field: Field) -> None:
    field["dataset"].text()
    field["num_classes"].whole(2)
    limits = field["max_clusters"].numbers(2)
    field["default_max_clusters"].require(field["default_max_clusters"].value in limits, f"one of {limits}")
    for measured in field["modalities"].fields().values():
        for name in ("hopkins", "hopkins_std"):
            measured[name].number(0, 1)
        for silhouette in measured["silhouettes"].fields().values():
            silhouette.number(-1, 1)
        for name, low, high in (("num_clusters", 2, math.inf), ("weight", 0, 1)):
            values = measured[name].numbers(low, high)
            measured[name].require(len(values) == len(limits), f"a value for each of {len(limits)} limits")


def _check_suggestions(field: Field) -> None:
    total, classes = field["total"].whole(1), field["num_classes"].whole(2)
    labels = field["labels"].whole(1)
    for name, largest in (("correct", total), ("classes", min(classes, labels))):
        for count in field[name].fields().values():
            count.whole(0, largest)


def _check_decisions(field: Field) -> None:
    field["temperature"].number(0)
    field["threshold"].number(0, 1)
    for people in ("held_out", "test"):
        if (quality := field["report"].get(people)) is not None:
            for name in ("accuracy", "ece_before", "ece_after", "accepted"):
                quality[name].number(0, 1 + ROUNDING)
    for group in field["unknown"].each():
        known, unknown = group["known"].whole(0), group["unknown"].whole(0)
        for way in filter(None, (group["probability"], group.get("score"))):
            way["accepted_known"].whole(0, known)
            way["accepted_unknown"].whole(0, unknown)
            way["correct"].whole(0, known)
            way["auroc"].number(0, 1)
    if (streams := field.get("smoothing")) is not None:
        windows, segments = streams["windows"].whole(1), streams["segments"].whole(1)
        for name in ("before", "after"):
            streams[name]["correct"].whole(0, windows)
            streams[name]["missed"].whole(0, segments)
            for counts in streams[name]["f1"].fields().values():
                found, _, missed = (count.whole(0) for count in counts.each())
                counts.require(found + missed == segments, f"found and missed segments whose sum is {segments}")


def _check_switching(field: Field) -> None:
    total = field["total"].whole(1)
    for point in field["curve"].each():
        point["correct"].whole(0, total)
        point["seconds"].number(0)
        for share in point["on"].fields().values():
            share.number(0, 1)


def _check_clock_error(field: Field) -> None:
    for name in ("clips", "reliable"):
        field[name].whole(0)
    for kind in ("constant", "drifting"):
        for case in field[kind].each():
            case["remaining_ms"].numbers(0)


def _check_confusions(field: Field) -> None:
    for of_subject in field["counts"].fields().values():
        for of_class in of_subject.fields().values():
            for count in of_class.fields().values():
                count.whole(0)


MEASUREMENTS = {
    "batch_statistics": Measurement(_check_batch_statistics),
    "clock_error": Measurement(_check_clock_error),
    "confusions": Measurement(_check_confusions),
    "decisions": Measurement(_check_decisions, numerics="2.0"),
    "describe": Measurement(_check_describe),
    "embedding": Measurement(_check_embedding),
    "features": Measurement(_check_features),
    "latency": Measurement(_check_latency, numerics="2.1", timed=True),
    "missing_sensors": Measurement(_check_missing_sensors),
    "quality": Measurement(_check_quality),
    "suggestions": Measurement(_check_suggestions),
    "switching": Measurement(_check_switching, timed=True),
}
