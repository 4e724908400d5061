"""Checks of a stored record; each raises a ValueError that names the field."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import PurePosixPath

from cosmo_pl.fields import DIGEST, Field

ROUNDING = 1e-6  # of a stored accuracy
INTERVALS = ("bootstrap_95", "wilson_95")  # the latter of version 0.1.0
COUNTS = ("by_subject", "by_recording")
SHARES = ("/acc",)  # ends of the names of curves between 0 and 1


def check_record(field: Field) -> None:
    """Checks types and ranges of a record's fields, and that the fields agree."""
    check_run(field)
    _check_curves(field["curves"])
    field["result"].mapping()
    field["result"].finite()
    if (measure := field.value["measure"]) is not None:
        CHECKS.get(measure, Field.finite)(field["result"])  # of another package, any content is valid
    else:
        (_check_pretrained if field.value["kind"] == "pretrain" else _check_finetuned)(field["result"])


def check_run(field: Field) -> None:
    """Checks what a record states of its run, without its result and curves."""
    for name in ("key", "dataset", "method", "preset", "version"):
        field[name].text()
    kind = field["kind"].text("pretrain|finetune|measure", "pretrain, finetune or measure")
    field["seed"].whole()
    field["seconds"].number(0)
    field["simulated"].flag()
    field["data_fingerprint"].text(DIGEST, "64 hexadecimal digits")
    for config in field["configs"].each():
        path = PurePosixPath(config.text())
        config.require(not path.is_absolute() and ".." not in path.parts, "a path inside the project")
    for parent in field["parents"].each():
        parent.text()
    if (used := field.get("parent_results")) is not None:
        for digest in used.each():
            digest.text()
    for name in ("arguments", "resolved", "environment"):
        field[name].mapping()
    for numerics in field["numerics"].fields().values():
        numerics.text(r"\d+\.\d+", 'a "meaning.rounding"')
    measured = field.get("measure")
    field["measure"].require((measured is not None) == (kind == "measure"), f"that of a {kind}")
    if measured is not None:
        measured.text()
    _check_environment(field["environment"])


def _check_curves(field: Field) -> None:
    epochs = field["epoch"].numbers(0) if field.mapping() else []
    for name, curve in field.fields().items():
        values = curve.numbers(0, 1, null=True) if name.endswith(SHARES) else curve.numbers(null=True)
        curve.require(len(values) == len(epochs), f"a value for each of {len(epochs)} epochs")


def _check_environment(field: Field) -> None:
    for name in ("commit", "torch", "device", "cpu", "precision"):
        if (text := field.get(name)) is not None:
            text.text()
    for name in ("threads", "cores", "processes"):
        if (count := field.get(name)) is not None:
            count.whole(1)
    if (dirty := field.get("dirty")) is not None:
        dirty.flag()


def _check_pretrained(field: Field) -> None:
    _check_training(field)
    quality = field["quality"]
    for measured in quality.fields().values():
        for name in ("hopkins", "hopkins_std", "weight"):
            measured[name].number(0, 1)
        measured["num_clusters"].whole(2)
    if (rounds := field.get("federated")) is not None:
        for name in ("clients", "rounds", "local_epochs"):
            rounds[name].whole(1)
        for name in ("megabytes_sent", "megabytes_received"):
            rounds[name].number(0)
        if not quality.value:  # it is measured at home
            return
    weights = sum(measured["weight"].number() for measured in quality.fields().values())
    quality.require(math.isclose(weights, 1, abs_tol=ROUNDING), "of weights whose sum is 1")


def _check_finetuned(field: Field) -> None:
    _check_training(field["training"])
    if "val_accuracy" in field.mapping() and "accuracy" not in field.mapping():
        field["val_accuracy"].number(0, 1)  # of a sweep, which does not evaluate test subjects
        return
    total = field["total"].whole(1)
    correct = field["correct"].whole(0, total)
    accuracy = field["accuracy"].number(0, 1)
    agrees = math.isclose(accuracy, correct / total, abs_tol=ROUNDING)
    field["accuracy"].require(agrees, f"{correct}/{total} = {correct / total:.6g}")
    for name in INTERVALS:
        if (interval := field.get(name)) is not None:
            _check_interval(interval, accuracy)
    for name in COUNTS:
        if (groups := field.get(name)) is not None:
            _check_counts(groups, correct, total)
    field["chance"].number(0, 1)
    field["f1_macro"].number(0, 1 + ROUNDING)  # a mean in float32 can be 1.0000001
    for name in ("labels", "unlabeled", "parameters"):
        field[name].whole(0)
    for name in ("method", "dataset"):
        field[name].text()
    for subject in field["test_subjects"].each():
        subject.whole()
    _check_by_class(field)


def _check_by_class(field: Field) -> None:
    shares = field["per_class_accuracy"]
    Field(list(shares.mapping().values()), shares.name).numbers(0, 1, null=True)
    if (attention := field.get("attention_by_class")) is not None:
        for by_modality in attention.fields().values():
            for weight in by_modality.fields().values():
                weight.number(0, 1 + ROUNDING)
    if (best := field.get("test_acc_best_epoch")) is not None:
        best["accuracy"].number(0, 1)
        best["epoch"].whole(0)


def _check_training(field: Field) -> None:
    field["fit_seconds"].number(0)
    field["epochs"].whole(0)
    if (unlabeled := field.get("unlabeled")) is not None:
        unlabeled.whole(0)


def _check_interval(field: Field, accuracy: float) -> None:
    bounds = field.numbers(0, 1)
    field.require(len(bounds) == 2, "two bounds")
    low, high = (float(bound or 0) for bound in bounds)
    field.require(low - ROUNDING <= accuracy <= high + ROUNDING, f"an interval around the accuracy {accuracy:.6g}")


def _check_counts(field: Field, correct: int, total: int) -> None:
    sums = [0, 0]
    for group in field.fields().values():
        counts = [count.whole(0) for count in group.each()]
        group.require(len(counts) == 2 and counts[0] <= counts[1] and counts[1] > 0, "[correct, total]")
        sums = [sums[0] + counts[0], sums[1] + counts[1]]
    field.require(sums == [correct, total], f"counts whose sum is {[correct, total]}")


# Measurements


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


CHECKS: dict[str, Callable[[Field], None]] = {
    "clock_error": _check_clock_error,
    "confusions": _check_confusions,
    "decisions": _check_decisions,
    "describe": _check_describe,
    "embedding": _check_embedding,
    "features": _check_features,
    "latency": _check_latency,
    "batch_statistics": _check_batch_statistics,
    "missing_sensors": _check_missing_sensors,
    "quality": _check_quality,
    "suggestions": _check_suggestions,
    "switching": _check_switching,
}
