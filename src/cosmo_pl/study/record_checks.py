"""Checks of a stored record; each raises a ValueError that names the field."""

from __future__ import annotations

import math
from pathlib import PurePosixPath

from cosmo_pl.fields import DIGEST, Field
from cosmo_pl.study.measurements import ROUNDING, facts_of

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
        facts_of(measure).check(field["result"])
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
