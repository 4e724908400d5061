"""The command line, through its real entry point: every shipped YAML, whole chains, resuming, bad input."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest
import torch
import yaml
from pytorch_lightning.utilities.exceptions import SIGTERMException

from cosmo_pl.bundle import Bundle
from cosmo_pl.cli import main

from .conftest import CHAINS, CONFIGS, FEW, NARROW, SECOND_RUN, SMALL_ENCODERS, TINY, fit, released_labels

SLOW = "utd_released"  # test_methods runs both of its stages


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name == SLOW)) for name in CHAINS])
def test_chain_from_recordings_to_metrics(name, here, roots, capsys):
    """Stage 1, stage 2, test, predict, as the README has them, with nothing but fewer and smaller epochs."""
    small = ["--data.init_args.label_rate=0.3", *FEW.get(name, []), "--data.init_args.pretrain_batch_size=8"]
    if name == "utd_released":
        small.append(released_labels(here))
    if name == "utd_depth":  # subject 8 is not in the small set
        small.append("--data.init_args.test_subjects=[7]")
    short = ["--trainer.max_epochs=1", "--trainer.limit_train_batches=2"]
    fit(f"{name}_stage1", roots[name], *small, *short)
    run1 = here / "runs" / name / "cosmo" / "version_0"
    assert (run1 / "bundle" / "encoders.safetensors").is_file()
    with (run1 / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    logged = {key for row in rows for key, value in row.items() if value}
    assert {"train/loss", "train/loss_floor"} <= logged

    fit(f"{name}_stage2", roots[name], *small, *short)
    run_name, method = SECOND_RUN[name]
    run2 = here / "runs" / name / run_name / "version_0"
    assert (run2 / "checkpoints" / "last.ckpt").is_file()
    assert (
        yaml.safe_load((run2 / "config.yaml").read_text(encoding="utf-8"))["data"]["init_args"]["phase"] == "finetune"
    )

    test = ["--config", str(CONFIGS / f"{name}_stage2.yaml"), f"--data.init_args.root={roots[name]}", *small, *TINY]
    main(["test", *test])
    metrics = json.loads((run2 / "test_0" / "metrics.json").read_text(encoding="utf-8"))
    matrix = torch.tensor(metrics["confusion_matrix"])
    assert metrics["correct"] == matrix.diagonal().sum()
    assert metrics["total"] == matrix.sum()
    assert metrics["accuracy"] == pytest.approx(metrics["correct"] / metrics["total"])
    low, high = metrics["bootstrap_95"]
    assert low <= metrics["accuracy"] <= high and (low < high or metrics["accuracy"] in (0, 1))
    for groups in (metrics["by_subject"], metrics["by_recording"]):
        assert np.sum(list(groups.values()), axis=0).tolist() == [metrics["correct"], metrics["total"]]
    assert list(map(int, metrics["by_subject"])) == metrics["test_subjects"]
    text = (run2 / "test_0" / "metrics.json").read_text(encoding="utf-8")
    assert f'"confusion_matrix": [\n  {json.dumps(metrics["confusion_matrix"][0])},\n' in text, "a row on one line"
    assert metrics["training"]["bundle"] == f"runs/{name}/cosmo/version_0/bundle"
    assert metrics["training"]["epochs"] == 1
    assert metrics["training"]["fit_seconds"] > 0
    assert metrics["method"] == method
    assert metrics["simulated"] is (name != "utd_depth")
    assert (metrics["attention_by_class"] is not None) == (method == "IterativeFusionModule")
    for row in (metrics["attention_by_class"] or {}).values():
        assert sum(row.values()) == pytest.approx(1, abs=1e-5)
    assert (run2 / "test_0" / "confusion_matrix.png").read_bytes().startswith(b"\x89PNG")
    assert f"({metrics['correct']}/{metrics['total']}" in "".join(capsys.readouterr())

    main(["predict", *test])
    with (run2 / "predict_0" / "predictions.csv").open(encoding="utf-8") as file:
        predictions = list(csv.DictReader(file))
    assert len(predictions) == metrics["total"]
    for column, groups in (("subject", metrics["by_subject"]), ("recording", metrics["by_recording"])):
        right = Counter(row[column] for row in predictions if row["label"] == row["predicted"])
        tested = Counter(row[column] for row in predictions)
        assert groups == {name: [right[name], count] for name, count in tested.items()}
    assert sum(row["label"] == row["predicted"] for row in predictions) == metrics["correct"]
    if name == "utd":
        main(["test", *test])
        assert (run2 / "test_1" / "metrics.json").is_file(), "an earlier result is never overwritten"
        assert json.loads((run2 / "test_1" / "metrics.json").read_text(encoding="utf-8")) == metrics
    assert sorted(path.name for path in run2.parent.iterdir()) == ["version_0"], "a test makes no run of its own"


def final_state(run):
    stored = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    return stored["state_dict"], stored["epoch"]


@pytest.mark.parametrize("stage", [1, 2])
def test_killed_and_resumed_equals_uninterrupted(stage, here, roots):
    """Three epochs in one go, and the same run killed after the first two: the same weights to the last bit."""
    name = f"demo_stage{stage}"
    more = ["--trainer.limit_train_batches=2", "--trainer.check_val_every_n_epoch=1", *SMALL_ENCODERS]
    if stage == 1:
        more += [*NARROW, "--data.init_args.pretrain_batch_size=8"]
    else:
        fit("demo_stage1", roots["demo"], *NARROW, "--data.init_args.pretrain_batch_size=8", "--trainer.max_epochs=1",
            "--trainer.limit_train_batches=1")  # fmt: skip
        more += ["--model.init_args.iterative_epochs=1", "--trainer.callbacks+=LearningRateMonitor"]
    runs = here / "runs" / "demo" / ("cosmo" if stage == 1 else "cosmo-iterative")
    fit(name, roots["demo"], *more, "--trainer.max_epochs=3")
    fit(name, roots["demo"], *more, "--trainer.max_epochs=2")
    fit(name, roots["demo"], *more, "--trainer.max_epochs=3", "--ckpt_path=last")
    whole, epoch = final_state(runs / "version_0")
    stopped, earlier = final_state(runs / "version_1")
    resumed, again = final_state(runs / "version_2")
    assert (epoch, earlier, again) == (2, 1, 2)
    assert all(torch.equal(value, resumed[key]) for key, value in whole.items())
    assert not all(torch.equal(value, stopped[key]) for key, value in whole.items())


def test_a_process_killed_in_the_middle_resumes(here, roots):
    """No warning, no clean-up: the newest checkpoint is whole and the next run goes on behind it."""
    given = ["--config", str(CONFIGS / "demo_stage1.yaml"), f"--data.init_args.root={roots['demo']}"]
    arguments = [*given, *TINY, *NARROW, "--data.init_args.label_rate=0.3", "--data.init_args.pretrain_batch_size=8"]
    code = "import sys; from cosmo_pl.cli import main; main(sys.argv[1:])"
    process = subprocess.Popen([sys.executable, "-c", code, "fit", *arguments, "--trainer.max_epochs=1000"])
    stored = here / "runs" / "demo" / "cosmo" / "version_0" / "checkpoints" / "last.ckpt"
    deadline = time.monotonic() + 120
    while not stored.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    _, reached = final_state(stored.parents[1])
    fit("demo_stage1", roots["demo"], *NARROW, "--data.init_args.pretrain_batch_size=8", "--ckpt_path=last",
        f"--trainer.max_epochs={reached + 2}")  # fmt: skip
    resumed = stored.parents[2] / "version_1"
    assert final_state(resumed)[1] == reached + 1
    with (resumed / "metrics.csv").open(encoding="utf-8") as file:
        assert [int(row["epoch"]) for row in csv.DictReader(file) if row["train/loss"]] == [reached + 1]
    assert Bundle.load(resumed).training["epochs"] == reached + 2


def test_killed_between_training_and_bundle_still_gives_one(here, roots):
    short = [*NARROW, "--data.init_args.pretrain_batch_size=8", "--trainer.max_epochs=1"]
    fit("demo_stage1", roots["demo"], *short)
    runs = here / "runs" / "demo" / "cosmo"
    trained = Bundle.load(runs / "version_0")
    shutil.rmtree(runs / "version_0" / "bundle")
    fit("demo_stage1", roots["demo"], *short, "--ckpt_path=last")
    again = Bundle.load(runs)
    assert (runs / "version_1" / "bundle").is_dir()
    assert again.training["epochs"] == 1
    for name, encoder in again.encoders.items():
        mine = trained.encoders[name].state_dict()
        assert all(torch.equal(value, mine[key]) for key, value in encoder.state_dict().items())


def test_same_seed_same_weights_other_seed_other(here, roots):
    more = [*NARROW, "--trainer.max_epochs=1", "--trainer.limit_train_batches=1", "--trainer.limit_val_batches=0",
            "--data.init_args.pretrain_batch_size=8"]  # fmt: skip
    for seed in (1, 1, 2):
        fit("demo_stage1", roots["demo"], *more, f"--seed_everything={seed}")
    one, same, other = (final_state(here / "runs" / "demo" / "cosmo" / f"version_{v}")[0] for v in range(3))
    assert all(torch.equal(value, same[key]) for key, value in one.items())
    assert not all(torch.equal(value, other[key]) for key, value in one.items())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--model.init_args.temprature=0.1"], "temprature"),
        (["--data.init_args.strid=3"], "strid"),
        (["--model.init_args.encoders.inertial.init_args.chanels=[4]"], "chanels"),
        (["--trainer.max_epocs=3"], "max_epocs"),
        (["--model.init_args.encoders.inertial.class_path=cosmo_pl.encoders.Nothing"], "Nothing"),
    ],
)
def test_misspelt_keys_are_named(arguments, named, here, roots, capsys):
    with pytest.raises(SystemExit) as stopped:
        fit("demo_stage1", roots["demo"], *arguments)
    assert stopped.value.code == 2
    assert named in capsys.readouterr().err
    assert not (here / "runs").exists()


@pytest.mark.parametrize(
    ("command", "arguments", "named"),
    [
        ("fit", ["--data.init_args.root=nowhere"], "nowhere"),
        ("fit", ["--data.init_args.label_rate=0.0001"], "label_rate"),
        ("fit", ["--data.init_args.test_subjects=[1,99]"], "test_subjects"),
        ("fit", ["--data.init_args.modalities=[inertial,radar]"], "modalities"),
        ("fit", ["--data.init_args.modalities=[inertial]"], "encoders"),
        ("fit", ["--model.init_args.weight_range=[0.7,0.9]"], "weight_range"),
        ("fit", ["--data.init_args.label_rate=0.99", "--data.init_args.pretrain_batch_size=2"], "label_rate"),
        ("fit", ["--ckpt_path=absent.ckpt"], "absent.ckpt"),
        ("fit", ["--ckpt_path=last"], "ckpt_path"),
        ("test", [], "ckpt_path"),
    ],
)
def test_bad_input_is_one_line(command, arguments, named, here, roots, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--config", str(CONFIGS / "demo_stage1.yaml"), f"--data.init_args.root={roots['demo']}",
              "--data.init_args.label_rate=0.3", *TINY, *arguments])  # fmt: skip
    assert stopped.value.code == 2
    last = [line for line in capsys.readouterr().err.splitlines() if line.startswith("cosmo-pl: ")]
    assert len(last) == 1
    assert named in last[0]


@pytest.mark.parametrize(
    ("path", "named"),
    [("typo.ckpt", "there is no file 'typo.ckpt'"), (".", "is a folder"), ("alone.ckpt", "in no run folder")],
)
def test_a_checkpoint_that_cannot_be_evaluated_is_named(path, named, here, capsys):
    (here / "alone.ckpt").touch()
    with pytest.raises(SystemExit):
        main(["test", f"--ckpt_path={path}", "--data.init_args.root=x"])
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("cosmo-pl: ")]
    assert f"ckpt_path: {named}" in line or f"ckpt_path: '{path}' is {named}" in line


@pytest.mark.parametrize("existing", [True, False])
def test_a_training_that_does_not_begin_leaves_folders_as_they_were(existing, here, capsys):
    folder = here / "mine" / "runs"
    if existing:
        folder.mkdir(parents=True)
    words = ["fit", "--config=cosmo:utd_stage1", f"--run.folder={folder}", "--data.init_args.root=absent"]
    with pytest.raises(SystemExit):
        main(words)
    assert "UTD-MHAD not found" in capsys.readouterr().err
    assert folder.exists() is existing and not list(here.glob("mine/runs/*"))
    assert (here / "mine").exists() is existing


def test_stage_2_without_stage_1_says_so(here, roots, capsys):
    with pytest.raises(SystemExit):
        fit("demo_stage2", roots["demo"])
    assert "runs/demo/cosmo" in capsys.readouterr().err


@pytest.mark.parametrize("dataset", ["usc", "utd", "self_collected"])
def test_describe(dataset, here, roots, capsys):
    main(["data", "describe", dataset, "--root", roots[dataset]])
    told = capsys.readouterr().out
    assert {"usc": "USC-HAD", "utd": "UTD-MHAD", "self_collected": "SelfCollected"}[dataset] in told
    assert "| activity |" in told


def test_simulate_writes_recordings(here, capsys):
    main(["data", "simulate", "utd", "--root", "made", "--subjects", "1", "--trials", "1"])
    assert len(list((here / "made" / "UTD-MHAD" / "Inertial").glob("*.mat"))) == 27


def test_help_names_every_command_and_imports_nothing_heavy():
    code = (
        "import sys; from cosmo_pl.cli import main; main(['--help']);"
        "heavy = {'torch', 'wandb', 'matplotlib', 'scipy', 'sklearn', 'jsonargparse'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in ("fit", "validate", "test", "predict", "data download", "data simulate", "data describe"):
        assert command in done.stdout


@pytest.mark.parametrize("arguments", [["fit", "--help"], ["data", "--help"], ["data", "download", "--help"]])
def test_help_of_commands(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 0
    assert "--" in capsys.readouterr().out


def test_version(capsys):
    from cosmo_pl import __version__

    main(["--version"])
    assert capsys.readouterr().out == f"cosmo-pl {__version__}\n"


def test_a_training_that_is_terminated_has_not_succeeded(monkeypatch):
    """Lightning ends it by an exception without a status, which a shell would take for success."""

    def terminated(_):
        raise SIGTERMException

    monkeypatch.setattr("cosmo_pl.cli._run", terminated)
    with pytest.raises(SystemExit) as stopped:
        main(["fit", "--config=cosmo:demo_stage1"])
    assert stopped.value.code == 143


def test_another_end_keeps_its_status(monkeypatch):
    for status in (None, 0, 5):
        monkeypatch.setattr("cosmo_pl.cli._run", lambda _, status=status: sys.exit(status))
        with pytest.raises(SystemExit) as stopped:
            main(["fit"])
        assert stopped.value.code == status
