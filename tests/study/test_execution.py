"""One run: what the command line is given, and what is kept of it."""

from __future__ import annotations

import gc
import json
import os
import sys
import weakref
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base import TrainingRecord
from cosmo_pl.study.execution import EntryPoints, Executor, curves
from cosmo_pl.study.functions import measurement
from cosmo_pl.study.jobs import Project
from cosmo_pl.study.lineage import digest, digest_of, is_of_others
from cosmo_pl.study.records import ResultError, Results
from cosmo_pl.study.runner import Runner

from .conftest import finished, leave_files, write

METRICS = {
    "accuracy": 0.5, "training": {"fit_seconds": 700.0, "bundle": "/home/x", "precision": "bf16-mixed"},
    "confusion_matrix": [[1]], "simulated": False, "data_fingerprint": "f" * 64, "version": "1", "checkpoint": "x",
    "commit": None, "dirty": None, "torch": "2", "device": "cpu", "cpu": "a processor", "threads": 1, "cores": 2,
    "processes": 1, "precision": "32-true",
}  # fmt: skip
BUNDLE = {
    "training": {"fit_seconds": 9.0, "epochs": 3, "simulated": True, "unlabeled": 513, "temperature": 0.07},
    "quality": {"acc": {"hopkins": 0.8, "hopkins_std": 0.01, "num_clusters": 2, "weight": 1.0}},
    "data_fingerprint": "f" * 64,
}  # fmt: skip


@pytest.fixture
def made(project, workspace):
    """An executor whose training leaves the files of one; `calls` are its command lines."""
    calls = []

    def train(args):
        calls.append(list(args))
        print("to the log")
        print("and this", file=sys.stderr)
        job = next(j for j in project.jobs("table9", "paper") if f"run.name={j.key}" in " ".join(args))
        run = workspace.run(job) / "version_0"
        if args[0] == "fit":
            leave_files(workspace, job)
            if job.kind == "pretrain":
                (run / "bundle/bundle.json").write_text(json.dumps(BUNDLE), encoding="utf-8")
                (run / "checkpoints").mkdir()
            (run / "metrics.csv").write_text("epoch,step,train/loss,lr\n0,3,1.5,0.1\n1,7,1.25,0.1\n", encoding="utf-8")
        else:
            (run / "test_0").mkdir(exist_ok=True)
            (run / "test_0/metrics.json").write_text(json.dumps(METRICS), encoding="utf-8")

    same = SimpleNamespace(data_fingerprint=BUNDLE["data_fingerprint"])
    entry = EntryPoints(train, load_run=lambda run: None, load_data=lambda configs, given: same, federated=train)
    executor = Executor(project, workspace, entry)
    return executor, calls


def execute(executor, workspace, job):
    with workspace.claim(job):
        return executor(job)


def test_a_stage_1(project, workspace, made, capsys):
    executor, calls = made
    job = project.jobs("table9", "paper")[0]
    record = execute(executor, workspace, job)
    (call,) = calls
    assert call[:2] == ["fit", f"--config={project.root}/configs/toy_stage1.yaml"]
    assert "--seed_everything=0" in call
    assert "--trainer.precision=32-true" in call, "whatever the machine prefers"
    assert f"--run.folder={workspace.folder}" in call
    assert not [argument for argument in call if "ckpt_path" in argument or "bundle" in argument]
    assert record.result == {"fit_seconds": 9.0, "epochs": 3, "unlabeled": 513, "quality": BUNDLE["quality"]}
    assert record.simulated
    assert record.curves == {"epoch": [0, 1], "train/loss": [1.5, 1.25]}
    assert record.seconds == 9.0, "a resumed run took at least its training"
    assert workspace.usable(job)
    assert capsys.readouterr().out == ""
    assert (workspace.run(job) / "log.txt").read_text(encoding="utf-8") == "to the log\nand this\n"


def test_a_stage_1_whose_record_could_not_be_kept_is_not_trained_again(project, workspace, made, results):
    executor, calls = made
    job = project.jobs("table9", "paper")[0]
    others = Results(results.folder)
    others._check_data(job, finished(job, data_fingerprint="0" * 64), results.folder)
    checkpoints = workspace.run(job) / "version_0/checkpoints"
    with pytest.raises(ResultError, match="other recordings"):
        Runner([job], others, workspace, executor, lambda line: None).run()
    assert checkpoints.exists()
    Runner([job], results, workspace, executor, lambda line: None).run()
    assert len(calls) == 1
    assert results.has(job) and not checkpoints.exists(), "who needs the run takes the bundle"


def test_a_stage_1_of_other_recordings_than_those_on_disk_is_trained_again(project, workspace, made):
    executor, calls = made
    job = replace(project.jobs("table9", "paper")[0], arguments={"data.init_args.modalities": ["one"], "model.lr": 1})
    same = Project(project.root, resolve=lambda *_: job.resolved)
    execute(replace(executor, project=same), workspace, job)
    torch.save({"state_dict": {}}, workspace.run(job) / "version_0/checkpoints/last.ckpt")
    asked = []

    def load_data(configs, given):
        asked.append((configs, given))
        return SimpleNamespace(data_fingerprint="0" * 64)

    changed = replace(executor, project=same, entry=replace(executor.entry, load_data=load_data))
    with workspace.claim(job):
        changed._fit(job)
    assert asked == [([project.root / "configs/toy_stage1.yaml"], {"modalities": ["one"]})]
    assert [call[0] for call in calls] == ["fit", "fit"]
    assert not any("ckpt_path" in argument for argument in calls[1])


def test_nothing_of_a_run_stays_in_memory(project, workspace, made):
    """Trainer and module refer to each other; a grid's process would grow by 350 MB a run on USC-HAD."""
    executor, _ = made
    left = []

    def train(args):
        trainer, module = torch.nn.Module(), torch.nn.Module()
        trainer.module, module.__dict__["trainer"] = module, trainer
        left.append(weakref.ref(module))
        executor.entry.train(args)

    gc.disable()
    try:
        execute(
            replace(executor, entry=replace(executor.entry, train=train)), workspace, project.jobs("table9", "paper")[0]
        )
        assert left[0]() is None
    finally:
        gc.enable()


def test_a_stage_2_takes_the_bundle_and_is_tested_with_what_it_was_trained_with(project, workspace, made):
    executor, calls = made
    stage1, stage2 = project.jobs("table9", "paper")[:2]
    record = execute(executor, workspace, stage2)
    assert [call[0] for call in calls] == ["fit", "test"]
    assert calls[0][1:] == calls[1][1:]
    assert f"--model.init_args.bundle={workspace.run(stage1)}" in calls[0]
    assert record.result == {"accuracy": 0.5, "training": {"fit_seconds": 700.0}}
    assert record.seconds == 700.0
    assert record.parents == (stage1.key,)
    assert record.resolved == stage2.resolved.arguments
    assert record.environment["precision"] == "bf16-mixed", "that of the training"
    assert set(record.environment) == {
        "commit", "dirty", "torch", "device", "cpu", "precision", "threads", "cores", "processes", "busy",
    }  # fmt: skip


def test_a_precision_that_is_requested_is_kept(project, workspace, made):
    executor, _ = made
    job = project.jobs("table9", "paper")[0]
    trainer = {**job.resolved.arguments.get("trainer", {}), "precision": "bf16-mixed"}
    asked = replace(job, resolved=replace(job.resolved, arguments={**job.resolved.arguments, "trainer": trainer}))
    assert not [word for word in executor.arguments(asked) if word.startswith("--trainer.precision")], (
        "its config has it"
    )
    given = replace(asked, arguments={**job.arguments, "trainer.precision": "bf16-mixed"})
    assert "--trainer.precision=bf16-mixed" in executor.arguments(given)


def test_a_record_names_the_training_that_it_used(project, workspace, made):
    executor, _ = made
    stage1, stage2 = project.jobs("table9", "paper")[:2]
    first = execute(executor, workspace, stage1)
    second = execute(executor, workspace, stage2)
    assert second.parent_results == [digest_of(first)] and first.parent_results == []
    assert not is_of_others(second, [first])
    log = workspace.run(stage1) / "version_0/metrics.csv"
    log.write_text(log.read_text(encoding="utf-8").replace("1.25", "1.26"), encoding="utf-8")
    assert is_of_others(replace(second, parent_results=[executor._digest(stage1)]), [first])


def test_a_parent_without_a_record_is_no_other_training(project, workspace, made):
    executor, _ = made
    stage1, stage2 = project.jobs("table9", "paper")[:2]
    execute(executor, workspace, stage1)
    assert not is_of_others(execute(executor, workspace, stage2), [None])


def test_a_measurement_names_the_test_of_the_model_that_it_measures(project, workspace, made):
    executor, _ = made
    stage2 = project.jobs("table9", "paper")[1]
    record = execute(executor, workspace, stage2)
    metrics = workspace.run(stage2) / "version_0/test_0/metrics.json"
    assert executor._digest(stage2) == digest_of(record)
    metrics.write_text(json.dumps({**METRICS, "correct": 3}), encoding="utf-8")
    assert executor._digest(stage2) == digest(record.curves, 3) != digest_of(record)


def test_arguments_are_written_as_the_command_line_reads_them(project, workspace, made):
    executor, calls = made
    job = next(j for j in project.jobs("table9", "paper") if (j.method, j.kind) == ("cmc", "finetune"))
    execute(executor, workspace, job)
    assert "--model.init_args.steps=[1, 2]" in calls[0]


def test_a_config_that_is_edited_while_a_study_runs_trains_nothing(project, workspace, made):
    """The key, and the record, are of the configuration that the study began with."""
    executor, calls = made
    job = project.jobs("table9", "paper")[0]
    write(project.root, "configs/toy_stage1.yaml", {"data": "data/toy.yaml", "trainer": {"max_epochs": 7}})
    with pytest.raises(ConfigurationError, match=r"configs/toy_stage1\.yaml.* have changed since the study began"):
        execute(executor, workspace, job)
    assert calls == []


def test_a_killed_run_goes_on(project, workspace, made):
    executor, calls = made
    job = project.jobs("table9", "paper")[1]
    leave_files(workspace, job)
    execute(executor, workspace, job)
    assert calls[0][-1] == f"--ckpt_path={workspace.run(job)}/version_0/checkpoints/last.ckpt"
    assert not any("ckpt_path" in argument for argument in calls[1])


def test_a_record_has_the_commit_that_began_the_training(project, workspace, made, monkeypatch):
    """Whether a killed run is resumed, or only its record is missing."""
    executor, _ = made
    job = project.jobs("table9", "paper")[1]
    found = []
    for state in (("first", True), ("second", False)):
        monkeypatch.setattr("cosmo_pl.study.execution.code_state", lambda state=state: state)
        found.append(execute(executor, workspace, job).environment)
    assert [(each["commit"], each["dirty"]) for each in found] == [("first", True), ("first", True)]
    (workspace.run(job) / "version_0/checkpoints/last.ckpt").write_bytes(b"half of it")
    again = execute(executor, workspace, job).environment
    assert (again["commit"], again["dirty"]) == ("second", False), "nothing was left to resume"
    workspace.code(job).unlink()
    monkeypatch.setattr("cosmo_pl.study.execution.code_state", lambda: ("third", False))
    unknown = execute(executor, workspace, job).environment
    assert (unknown["commit"], unknown["dirty"]) == (None, None), "begun before commits were kept"


def test_a_run_whose_checkpoint_is_damaged_begins_again(project, workspace, made):
    executor, calls = made
    job = project.jobs("table9", "paper")[1]
    leave_files(workspace, job)
    (workspace.run(job) / "version_0/checkpoints/last.ckpt").write_bytes(b"half of it")
    execute(executor, workspace, job)
    assert not any("ckpt_path" in argument for argument in calls[0])


def test_a_run_that_was_killed_after_its_training_is_tested_where_its_checkpoint_is(project, workspace, made):
    """Resuming it trains nothing, and leaves a run without a checkpoint."""
    executor, _ = made
    job = project.jobs("table9", "paper")[1]
    leave_files(workspace, job)
    (workspace.run(job) / "version_1").mkdir()
    assert execute(executor, workspace, job).result["accuracy"] == 0.5
    assert workspace.finished(job) == workspace.run(job) / "version_0"


def test_a_run_that_must_not_look_at_the_test_subjects_does_not(project, workspace, made, tmp_path):
    executor, calls = made
    untested = {"data.init_args.track_test": False}
    job = replace(project.jobs("table9", "paper")[1], arguments=untested)
    training = TrainingRecord(fit_seconds=5.0, epochs=2)
    model, data = SimpleNamespace(record=training), SimpleNamespace(folder=tmp_path, data_fingerprint="f")
    run = workspace.run(job) / "version_0"

    def load(folder):
        assert folder == run
        (run / "metrics.csv").write_text("epoch,val/acc\n0,0.25\n1,0.5\n", encoding="utf-8")
        return model, data

    same = Project(project.root, resolve=lambda *_: job.resolved)
    executor = replace(executor, project=same, entry=replace(executor.entry, load_run=load))
    record = execute(executor, workspace, job)
    assert [call[0] for call in calls] == ["fit"]
    assert record.result == {"val_accuracy": 0.5, "training": {"fit_seconds": 5.0, "epochs": 2}}


def leave_log(run, text):
    run.mkdir(exist_ok=True)
    (run / "metrics.csv").write_bytes(text.encode())


def test_curves_of_a_resumed_run_are_one(tmp_path):
    first, second = tmp_path / "version_0", tmp_path / "version_1"
    leave_log(first, "epoch,train/loss,test/acc\n0,3.0,\n1,2.0,\n1,,0.5\n2,1.9,\n")
    leave_log(second, "epoch,train/loss,test/acc,lr\n2,1.0,,1\n3,nan,0.123456789,1\n")
    assert curves([first, second, tmp_path / "version_2"]) == {
        "epoch": [0, 1, 2, 3],
        "train/loss": [3.0, 2.0, 1.0, None],
        "test/acc": [None, 0.5, None, 0.12346],
    }
    assert curves([]) == {}


@pytest.mark.parametrize("row", ["2", "2,1", "2,1.2\n", "2,1.2,0.", "2,1.2,0.2"])
def test_the_row_that_a_killed_run_did_not_finish_is_left_out(row, tmp_path):
    leave_log(tmp_path, f"epoch,train/loss,test/acc\r\n1,2.0,0.5\r\n{row}")
    assert curves([tmp_path]) == {"epoch": [1], "train/loss": [2.0], "test/acc": [0.5]}


def test_measurements_are_found_by_name():
    assert measurement("latency").__name__ == "latency"
    with pytest.raises(ConfigurationError, match=r"there is no 'speed'.*latency"):
        measurement("speed")


def test_a_measurement_of_another_package():
    assert measurement("os.path.join") is os.path.join
