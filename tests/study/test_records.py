"""Results are kept whole, and never mixed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cosmo_pl.study.identity import key_of
from cosmo_pl.study.records import Record, ResultError, Results

from .conftest import finished


@pytest.fixture
def job(project):
    return project.jobs("table9", "paper")[0]


def test_round_trip(job, results):
    assert not results.has(job)
    assert results.get(job) is None
    record = finished(job, curves={"epoch": [0, 1], "train/loss": [1.5, None]}, result={"accuracy": 1 / 3})
    results.put(job, record)
    assert results.has(job)
    assert results.get(job) == record
    assert [path.suffix for path in results.folder.rglob("*") if path.is_file()] == [".json"]


def test_results_of_another_version_and_rounding_count(job, results):
    results.put(job, finished(job, version="0.0.1", numerics={"cosmo_pl:UTDDataModule": "1.7"}))
    assert results.get(job).version == "0.0.1"


def test_a_result_whose_arguments_are_not_those_of_its_key_is_refused(job, results):
    results.put(job, finished(job, resolved={**job.resolved.arguments, "seed_everything": 7}))
    with pytest.raises(ResultError, match=rf"holds the run \w+ as {job.key}"):
        results.get(job)


def test_a_result_of_another_meaning_is_refused(job, results):
    results.put(job, finished(job, numerics={"cosmo_pl:UTDDataModule": "2.0"}))
    with pytest.raises(ResultError, match="holds the run"):
        results.get(job)


def test_every_record_is_found_and_what_is_damaged_is_passed_over(project, results):
    jobs = project.jobs("table9", "paper")[:3]
    for job in jobs:
        results.put(job, finished(job))
    results.path(jobs[1]).write_text("{", encoding="utf-8")
    assert {record.key for record in results.every()} == {jobs[0].key, jobs[2].key}


def test_other_recordings_are_refused_when_read_and_when_written(project, results):
    first, second, *_ = project.jobs("table9", "paper")
    results.put(first, finished(first))
    with pytest.raises(ResultError, match="other recordings"):
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


@pytest.mark.parametrize("content", ["", "{", '{"key": 1}', "[]"])
def test_a_damaged_file_is_named(job, results, content):
    results.put(job, finished(job))
    results.path(job).write_text(content, encoding="utf-8")
    with pytest.raises(ResultError, match=r"is damaged.*Remove it"):
        results.get(job)


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
