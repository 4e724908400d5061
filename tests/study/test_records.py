"""Results are kept whole, and never mixed."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from cosmo_pl.fields import Field
from cosmo_pl.io import read_json
from cosmo_pl.study import measures
from cosmo_pl.study.identity import key_of
from cosmo_pl.study.measurements import MEASUREMENTS
from cosmo_pl.study.record_checks import check_record
from cosmo_pl.study.records import DamagedResultError, Record, ResultError, Results

from .conftest import finished, left_by, write_record


@pytest.fixture
def job(project):
    return project.jobs("table9", "paper")[0]


def test_round_trip(job, results):
    assert not results.has(job)
    assert results.get(job) is None
    record = finished(job, curves={"epoch": [0, 1], "train/loss": [1.5, None]}, seconds=1 / 3)
    results.put(job, record)
    assert results.has(job)
    assert results.get(job) == record
    assert [path.suffix for path in results.folder.rglob("*") if path.is_file()] == [".json"]


def test_results_of_another_version_and_rounding_count(job, results):
    results.put(job, finished(job, version="0.0.1", numerics={"cosmo_pl:UTDDataModule": "1.7"}))
    assert results.get(job).version == "0.0.1"


def test_a_result_whose_arguments_are_not_those_of_its_key_is_refused(job, results):
    results.put(job, finished(job, resolved={**job.resolved.arguments, "seed_everything": 7}))
    with pytest.raises(ResultError, match=rf"contains the run \w+ as {job.key}"):
        results.get(job)


def test_a_result_of_another_meaning_is_refused(job, results):
    results.put(job, finished(job, numerics={"cosmo_pl:UTDDataModule": "2.0"}))
    with pytest.raises(ResultError, match="contains the run"):
        results.get(job)


def test_every_record_is_found_and_what_is_damaged_is_passed_over(project, results):
    jobs = project.jobs("table9", "paper")[:3]
    for job in jobs:
        results.put(job, finished(job))
    results.path(jobs[1]).write_text("{", encoding="utf-8")
    write_record(results, jobs[2], finished(jobs[2], seconds=-1))
    assert [record.key for record in results.every()] == [jobs[0].key]


def test_other_recordings_are_refused_when_read_and_when_written(project, results):
    first, second, *_ = project.jobs("table9", "paper")
    results.put(first, finished(first))
    with pytest.raises(ResultError, match=r"other recordings.*another --results and another --runs"):
        results.put(second, finished(second, data_fingerprint="0" * 64))
    assert not results.has(second)
    Results(results.folder).put(second, finished(second, data_fingerprint="0" * 64))
    results.get(first)
    with pytest.raises(ResultError, match="other recordings"):
        results.get(second)


def test_recordings_of_other_modalities_are_told_apart(project, results):
    first, second, *_ = project.jobs("table9", "paper")
    modalities = {"data.init_args.modalities": ["one"]}
    alone = replace(second, arguments=modalities, parents=(), key=key_of(second.resolved, []))
    results.put(first, finished(first))
    results.put(alone, finished(alone, data_fingerprint="0" * 64))
    assert results.get(first).data_fingerprint != results.get(alone).data_fingerprint


@pytest.mark.parametrize("content", [b"", b"{", b'{"key": 1}', b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_file_is_named(job, results, content):
    results.put(job, finished(job))
    results.path(job).write_bytes(content)
    with pytest.raises(DamagedResultError, match=r"is damaged.*Remove it"):
        results.get(job)


def edited(value, *keys):
    """What puts a value into a record; a key that is no name of a field is one of its result."""

    def change(record):
        inside = record if keys[0] in record else record["result"]
        for key in keys[:-1]:
            inside = inside[key]
        inside[keys[-1]] = value

    return change


DAMAGE = {
    "accuracy of 1.7": (edited(1.7, "accuracy"), "accuracy is 1.7, not a number from 0 to 1"),
    "accuracy NaN": (edited(math.nan, "accuracy"), "NaN"),
    "accuracy infinite": (edited(math.inf, "accuracy"), "Infinity"),
    "accuracy as text": (edited("0.99", "accuracy"), "accuracy is '0.99', not a number"),
    "accuracy true": (edited(True, "accuracy"), "accuracy is True"),
    "accuracy null": (edited(None, "accuracy"), "accuracy is None"),
    "accuracy of others": (edited(0.99, "accuracy"), "accuracy is 0.99, not 5/10 = 0.5"),
    "more correct": (edited(11, "correct"), "correct is 11"),
    "half correct": (edited(5.5, "correct"), "correct is 5.5, not a whole number"),
    "none tested": (edited(0, "total"), "total is 0"),
    "interval elsewhere": (edited([0.04, 0.06], "bootstrap_95"), "an interval around the accuracy 0.5"),
    "old interval elsewhere": (edited([0.6, 0.7], "wilson_95"), "an interval around"),
    "interval of one": (edited([0.5], "bootstrap_95"), "two bounds"),
    "interval as text": (edited("0.3-0.7", "bootstrap_95"), "bootstrap_95"),
    "people": (edited([3, 5], "by_subject", "1"), r"counts whose sum is \[5, 10\]"),
    "recordings": (edited([9, 4], "by_recording", "a"), r"\[correct, total\]"),
    "f1": (edited(-0.1, "f1_macro"), "f1_macro"),
    "chance": (edited("a quarter", "chance"), "chance"),
    "a class": (edited(1.5, "per_class_accuracy", "sit"), "per_class_accuracy"),
    "attention": (edited(2, "attention_by_class", "sit", "one"), "attention_by_class.sit.one"),
    "best epoch": (edited({"accuracy": 3, "epoch": 1}, "test_acc_best_epoch"), "test_acc_best_epoch.accuracy"),
    "labels": (edited(-1, "labels"), "labels"),
    "test subjects": (edited("1, 2", "test_subjects"), "test_subjects"),
    "training": (edited(None, "training"), "training"),
    "epochs": (edited("2", "training", "epochs"), "training.epochs"),
    "no accuracy": (lambda record: record["result"].pop("accuracy"), "accuracy is missing"),
    "of a sweep": (edited({"val_accuracy": 0.9, "training": left_by("finetune")["training"]}, "result"), "accuracy is"),
    "no result": (edited(None, "result"), "result is None, not a mapping"),
    "a list": (edited([0.5], "result"), "result"),
    "deep NaN": (edited({"new": [1e999]}, "training", "more"), "Infinity"),
    "seconds": (edited(-1, "seconds"), "seconds"),
    "seconds as text": (edited("1 s", "seconds"), "seconds"),
    "simulated": (edited("no", "simulated"), "simulated"),
    "fingerprint": (edited("zeros", "data_fingerprint"), "data_fingerprint"),
    "seed": (edited(7, "seed"), "seed is 7, not 0"),
    "seed as text": (edited("0", "seed"), "seed"),
    "kind": (edited("measure", "kind"), "measure"),
    "a config outside": (edited(["configs/../../secrets.yaml"], "configs"), "a path inside the project"),
    "an absolute config": (edited(["/etc/secrets.yaml"], "configs"), "a path inside the project"),
    "a curve of text": (edited({"epoch": [0], "train/loss": ["1.5"]}, "curves"), r"curves.train/loss\[0\]"),
    "a curve above 1": (edited({"epoch": [0], "test/acc": [1.5]}, "curves"), "test/acc"),
    "a short curve": (edited({"epoch": [0, 1], "train/loss": [1.5]}, "curves"), "a value for each of 2 epochs"),
    "curves without epochs": (edited({"train/loss": [1.5]}, "curves"), "curves.epoch is missing"),
    "environment": (edited("here", "environment"), "environment"),
    "threads": (edited({"threads": "two"}, "environment"), "threads"),
    "numerics": (edited({"a": "new"}, "numerics"), "numerics.a"),
    "another field": (lambda record: record.update(more=1), "more"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_an_edited_result_is_damaged_and_left_out(project, results, name):
    job = next(job for job in project.jobs("table9", "paper") if job.kind == "finetune")
    change, named = DAMAGE[name]
    results.put(job, finished(job))
    assert results.usable(job) is not None
    told = json.loads(results.path(job).read_text(encoding="utf-8"))
    change(told)
    results.path(job).write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(DamagedResultError, match=named) as refused:
        results.get(job)
    assert results.usable(job) is None
    assert results.damaged == {job.key: str(refused.value)}
    assert str(results.path(job)) in str(refused.value) and "Remove it" in str(refused.value)


def test_an_f1_score_of_1_in_float32_is_whole(project, results):
    job = next(job for job in project.jobs("table9", "paper") if job.kind == "finetune")
    results.put(job, finished(job, result={**left_by("finetune"), "f1_macro": 1.0000001192092896}))
    assert results.usable(job) is not None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda result: result["quality"]["one"].update(weight=1e9), "quality.one.weight"),
        (lambda result: result["quality"]["one"].update(weight=0.9), "sum is 1"),
        (lambda result: result["quality"]["one"].update(hopkins="0.8"), "hopkins"),
        (lambda result: result["quality"]["one"].update(num_clusters=1), "num_clusters"),
        (lambda result: result.pop("quality"), "quality is missing"),
        (lambda result: result.update(unlabeled=-4), "unlabeled"),
    ],
)
def test_an_edited_pretraining_is_damaged(job, results, change, named):
    result = left_by("pretrain")
    change(result)
    write_record(results, job, finished(job, result=result))
    with pytest.raises(DamagedResultError, match=named):
        results.get(job)


COSTS = {"parameters": 5, "flops": 90, "bytes": {"onnx": 400, "int8": 100}, "refused": None,
         "seconds": {"torch": {"p50": 0.1, "p95": 0.2}, "onnx": {"p50": 0.05, "p95": 0.06}}}  # fmt: skip
STREAM = {"correct": 7, "missed": 1, "delay": 2.0, "f1": {"0.5": [2, 4, 1]}}
ACCEPTED = {"accepted_known": 5, "accepted_unknown": 1, "correct": 4, "auroc": 0.8}
TOO_MANY = {**ACCEPTED, "accepted_unknown": 4}
MEASURED = {
    "batch_statistics": {"running": 3, "measured": 4, "total": 4},
    "latency": {"seconds": {"1": 0.01}, "device": "cpu", "threads": 1, "cores": 2, "overheads": COSTS},
    "missing_sensors": {"correct": {"a+b": 3, "a": 2}, "total": 4, "without_any": {"a": 1}},
    "features": {
        "cosine_distance": 0.5, "points": {"a": [[0.1, 0.2]]}, "label": [1], "class_names": ["x"], "sizes": {"a": 3},
        "samples": 1,
    },
    "embedding": {"points": {"a": [[0.1, 0.2]]}, "label": {"a": [1]}, "class_names": ["x"]},
    "describe": {
        "title": "Toy", "modalities": {"a": [3, 2]}, "classes": 2, "subjects": 2, "recordings": 4, "samples": 8,
        "train_subjects": [1], "test_subjects": [2], "train_samples": 4, "labeled": 2, "unlabeled": 2,
        "test_samples": 4,
    },
    "quality": {
        "dataset": "Toy", "num_classes": 2, "default_max_clusters": 4, "max_clusters": [2, 4], "modalities": {"a": {
            "samples": 10, "hopkins": 0.7, "hopkins_std": 0.1, "silhouettes": {"2": 0.1}, "num_clusters": [2, 2],
            "weight": [1.0, 1.0]}},
    },
    "switching": {"total": 8, "curve": [{"threshold": 0.1, "correct": 7, "seconds": 0.001, "on": {"a": 0.5}}]},
    "clock_error": {
        "clips": 9, "reliable": 4, "constant": [{"offset": 0.2, "drift": 0.0, "remaining_ms": [2.8]}], "drifting": []},
    "confusions": {"counts": {"7": {"walk": {"walk": 3, "sit": 1}}}, "total": {"7": 4}},
    "suggestions": {"labels": 3, "total": 8, "num_classes": 4, "correct": {"random": 5}, "classes": {"random": 2}},
    "decisions": {
        "temperature": 1.5, "threshold": 0.4,
        "report": {"held_out": None, "test": {
            "accuracy": 0.9, "ece_before": 0.1, "ece_after": 0.05, "accepted": 0.9, "accuracy_of_accepted": 0.95}},
        "unknown": [
            {"known": 6, "unknown": 3, "probability": ACCEPTED, "score": None},
            {"known": 6, "unknown": 3, "probability": ACCEPTED, "score": ACCEPTED},
        ],
        "smoothing": {"windows": 9, "segments": 3, "seconds": 9.5, "before": STREAM, "after": STREAM},
    },
    "a_package.measure": {"anything": [1, 2.5, None, "text"]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("measure", "change"),
    [
        ("latency", {"seconds": {"1": "fast"}}),
        ("latency", {"seconds": {"1": -1}}),
        ("latency", {"overheads": {**COSTS, "flops": -1}}),
        ("latency", {"overheads": {**COSTS, "bytes": {"onnx": 0}}}),
        ("latency", {"overheads": {**COSTS, "seconds": {"onnx": {"p50": "fast"}}}}),
        ("batch_statistics", {"measured": 5}),
        ("missing_sensors", {"correct": {"a": 5}}),
        ("missing_sensors", {"total": None}),
        ("features", {"cosine_distance": 3}),
        ("features", {"label": [1, 2]}),
        ("features", {"points": {"a": [[0.1]]}}),
        ("embedding", {"points": {}}),
        ("embedding", {"label": {"a": [1, 2]}}),
        ("describe", {"test_samples": 9}),
        ("describe", {"modalities": {"a": [0]}}),
        ("quality", {"default_max_clusters": 3}),
        ("quality", {"modalities": {"a": {}}}),
        ("suggestions", {"correct": {"random": 9}}),
        ("switching", {"total": 6}),
        ("switching", {"curve": [{"threshold": 0.1, "correct": 7, "seconds": -1, "on": {"a": 0.5}}]}),
        ("switching", {"curve": [{"threshold": 0.1, "correct": 7, "seconds": 1, "on": {"a": 1.5}}]}),
        ("clock_error", {"reliable": -1}),
        ("clock_error", {"drifting": [{"remaining_ms": [-2.8]}]}),
        ("confusions", {"counts": {"7": {"walk": {"walk": -3}}}}),
        ("decisions", {"temperature": -1.0}),
        ("decisions", {"threshold": 2}),
        ("decisions", {"report": {"test": {"accuracy": 1.5}}}),
        ("decisions", {"unknown": [{"known": 6, "unknown": 3, "score": ACCEPTED}]}),
        ("decisions", {"unknown": [{"known": 6, "unknown": 3, "probability": {**ACCEPTED, "accepted_known": 7}}]}),
        ("decisions", {"unknown": [{"known": 6, "unknown": 3, "probability": ACCEPTED, "score": TOO_MANY}]}),
        ("decisions", {"smoothing": {"windows": 9, "segments": 3}}),
        ("suggestions", {"classes": {"random": 4}}),
        ("a_package.measure", {"anything": [1e999]}),
    ],
)
def test_an_edited_measurement_is_damaged(project, results, measure, change):
    first = project.jobs("table9", "paper")[0]
    job = replace(first, kind="measure", measure=measure)
    results.put(job, finished(job, result=MEASURED[measure]))
    assert results.get(job).result == MEASURED[measure]
    write_record(results, job, finished(job, result=MEASURED[measure] | change))
    with pytest.raises(DamagedResultError, match=r"is damaged"):
        results.get(job)


def test_every_measurement_of_the_package_is_checked():
    own = {path.stem for path in Path(measures.__file__).parent.glob("[a-z]*.py")}
    assert set(MEASUREMENTS) == own and own < set(MEASURED)


def test_all_results_of_the_project_are_whole():
    folder = Path(__file__).parents[2] / "experiments" / "results"
    paths = sorted(folder.glob("*/*.json"))
    assert len(paths) > 700
    for path in paths:
        check_record(Field(read_json(path, ValueError)))


def test_a_file_of_another_run_is_refused(project, results):
    first, second, *_ = project.jobs("table9", "paper")
    results.put(first, finished(first, key=second.key))
    with pytest.raises(ResultError, match=second.key):
        results.get(first)


def test_a_half_written_file_is_no_result(job, results, monkeypatch):
    def fail(self, target):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        results.put(job, finished(job))
    assert not results.has(job)


def test_the_file_says_what_was_run(job, results):
    results.put(job, finished(job))
    told = json.loads(results.path(job).read_text(encoding="utf-8"))
    assert (told["method"], told["seed"], told["configs"]) == (job.method, job.seed, list(job.configs))
    assert set(told) == set(Record.__dataclass_fields__)
