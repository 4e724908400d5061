"""Runs of W&B by its real client, offline, read back from the file that it writes."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import Counter

import pytest
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from cosmo_pl.bundle import Bundle
from cosmo_pl.cli import main
from cosmo_pl.cli.train import flat
from cosmo_pl.run_loading import load_run

from .conftest import CONFIGS, NARROW, SHORT, SMALL_ENCODERS, TINY, cosmo, fit
from .wandb_file import OfflineRun

ROOT = CONFIGS.parent
WANDB = f"--config={CONFIGS / 'logger' / 'wandb.yaml'}"
NEAREST = f"--config={CONFIGS / 'model' / 'nearest_neighbor.yaml'}"
SWEPT, LABEL_SEED = "model.init_args.quality_lambda", "data.init_args.label_seed"


@pytest.fixture(scope="module")
def offline(tmp_path_factory, quick_quality):
    """A working folder with the project's configs, W&B offline, and nothing of it outside."""
    folder = tmp_path_factory.mktemp("wandb")
    for name in ("configs", "experiments"):
        (folder / name).symlink_to(ROOT / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("COSMO_PL_DATA", raising=False)
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("WANDB_SILENT", "true")
        for name in ("DATA", "CACHE", "CONFIG"):
            patch.setenv(f"WANDB_{name}_DIR", str(folder / name))
        yield folder


def newest(folder):
    """The W&B run that was started last."""
    return OfflineRun((folder / "runs" / "wandb" / "latest-run").resolve())


@pytest.fixture(scope="module")
def pretrained(offline, roots):
    """Stage 1 as the sweeps want it: a validation subject left out, W&B before an argument that names the run."""
    more = ["--data.init_args.val_subjects=[6]", "--data.init_args.include_labeled=true"]
    fit("utd_stage1", roots["utd"], WANDB, *SHORT, *NARROW, *more, "--run.name=cosmo-val-6")
    return newest(offline), offline / "runs" / "utd" / "cosmo-val-6" / "version_0"


@pytest.fixture(scope="module")
def swept(offline, pretrained, roots):
    """Stage 2 as an agent of W&B runs it: the command of a sweep, its macro filled in, and the agent's environment."""
    sweep = yaml.safe_load((ROOT / "experiments" / "sweeps" / "utd_lambda.yaml").read_text(encoding="utf-8"))
    chosen = {SWEPT: {"value": 0.4}, LABEL_SEED: {"value": 1}}
    assert all(given["value"] in sweep["parameters"][name]["values"] for name, given in chosen.items())
    filled = create_sweep_command_args({"args": chosen})["args"]
    command = [w for word in sweep["command"] for w in (filled if word == "${args}" else [word])]
    assert command[0] == "cosmo-pl"
    tiny = [f"--data.init_args.root={roots['utd']}", "--data.init_args.label_rate=0.3", *TINY, *SHORT, *SMALL_ENCODERS,
            "--trainer.check_val_every_n_epoch=1"]  # fmt: skip
    (offline / "args.yaml").write_text(yaml.safe_dump({"wandb_version": 1, **chosen}), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_SWEEP_ID", "abcdefgh")
        patch.setenv("WANDB_SWEEP_PARAM_PATH", str(offline / "args.yaml"))
        main([*command[1:], *tiny])
    return newest(offline), offline / "runs" / "utd" / "cosmo-val-6-iterative" / "version_0"


@pytest.fixture(params=["pretrained", "swept"])
def either(request):
    return request.getfixturevalue(request.param)


def test_the_whole_config_is_there(either):
    """The same as config.yaml, under the names that the command line and sweeps have."""
    run, folder = either
    kept = flat(yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8")))
    assert len(kept) > 100
    assert {key: run.config.get(key, "absent") for key in kept} == kept


def test_all_metrics_are_there(either):
    """Every value of every column of the CSV log, in its order."""
    run, folder = either
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for name in set(rows[0]) - {"step"}:
        logged = [float(row[name]) for row in rows if row[name]]
        assert run.history[name] == pytest.approx(logged, abs=1e-6), name
    assert run.history["train/loss"]


def test_the_run_is_named_after_its_folder_and_ends(either):
    run, folder = either
    assert run.name == "/".join(folder.parts[-3:])
    assert run.exit_code == 0


def test_the_bundle_is_an_artifact(pretrained):
    run, folder = pretrained
    artifact, bundle = run.artifacts["bundle"], folder / "bundle"
    assert artifact.name == "utd-cosmo-val-6"
    assert {entry.path: entry.size for entry in artifact.manifest.contents} == {
        path.name: path.stat().st_size for path in bundle.iterdir()
    }
    told = json.loads(artifact.metadata)
    assert told["quality_weights"] == {name: q.weight for name, q in Bundle.load(bundle).quality.items()}
    assert sum(told["quality_weights"].values()) == pytest.approx(1)
    assert told["method"] == "ContrastiveFusionModule"


def test_a_stage_2_has_the_confusion_matrix_of_validation_subjects(swept):
    run, folder = swept
    model, data = load_run(folder)
    counts: Counter[tuple[str, str]] = Counter()
    for row in data.split.val:
        inputs = {name: values[row : row + 1] for name, values in data.inputs.items()}
        truth, found = int(data.samples.label[row]), int(model(inputs).argmax())
        counts[data.class_names[truth], data.class_names[found]] += 1
    logged = run.confusion("val")
    assert {cell: count for cell, count in logged.items() if count} == counts
    right = sum(count for (actual, predicted), count in logged.items() if actual == predicted)
    assert right / len(data.split.val) == pytest.approx(run.history["val/acc"][-1])
    assert "bundle" not in run.artifacts


def test_a_sweep_looks_at_no_test_subject(swept):
    run, _ = swept
    assert not [name for name in run.history if name.startswith("test/")]
    assert run.config[SWEPT] == 0.4
    assert run.config[LABEL_SEED] == 1


def test_without_validation_subjects_it_is_that_of_the_test_subjects(offline, roots, monkeypatch):
    """An overlay of a method may follow the one of W&B; `test` with the same arguments leaves W&B alone."""
    monkeypatch.chdir(offline)
    fit("utd_stage2", roots["utd"], WANDB, NEAREST)
    run = newest(offline)
    before = sorted((offline / "runs" / "wandb").iterdir())
    cosmo("test", "utd_stage2", roots["utd"], WANDB, NEAREST)
    assert sorted((offline / "runs" / "wandb").iterdir()) == before
    folder = offline / "runs" / "utd" / "nearest_neighbor" / "version_0"
    metrics = json.loads((folder / "test_0" / "metrics.json").read_text(encoding="utf-8"))
    names = list(metrics["per_class_accuracy"])
    logged = run.confusion("test")
    assert [[logged[a, b] for b in names] for a in names] == metrics["confusion_matrix"]


def test_a_failed_training_ends_its_run_as_failed(offline, roots, monkeypatch):
    monkeypatch.chdir(offline)
    with pytest.raises(SystemExit):
        fit("utd_stage2", roots["utd"], WANDB, NEAREST, "--data.init_args.test_subjects=[99]")
    assert newest(offline).exit_code == 1


NO_LOGIN = [WANDB, "--trainer.logger=WandbLogger"]
PROGRAM = """
import contextlib, io, json, sys
from cosmo_pl.cli import main
given, loggers = json.loads(sys.argv[1])
main(given)
found = ["wandb" in sys.modules]
for logger in loggers:
    with contextlib.redirect_stderr(io.StringIO()) as errors:
        try:
            main([*given, logger])
            code = 0
        except SystemExit as stopped:
            code = stopped.code
    found.append([code, errors.getvalue()])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory, roots):
    """Trainings in a process without a login: whether the first has imported W&B; code and errors with each logger."""
    folder = tmp_path_factory.mktemp("nobody")
    given = ["fit", f"--config={CONFIGS / 'utd_stage2.yaml'}", NEAREST, "--data.init_args.label_rate=0.3", *TINY]
    given.append(f"--data.init_args.root={roots['utd']}")
    nobody = {"HOME": str(folder), "NETRC": str(folder / "netrc"), "WANDB_API_KEY": "", "WANDB_MODE": "online"}
    command = [sys.executable, "-c", PROGRAM, json.dumps([given, NO_LOGIN])]
    around = {"env": {**os.environ, **nobody}, "cwd": folder, "stdin": subprocess.DEVNULL}
    done = subprocess.run(command, capture_output=True, text=True, check=False, **around)
    assert done.returncode == 0, done.stderr
    imported, *refused = json.loads(done.stdout.splitlines()[-1])
    return folder, imported, dict(zip(NO_LOGIN, refused, strict=True))


@pytest.mark.parametrize("logger", NO_LOGIN)
def test_no_login_is_one_line_before_anything_is_computed(logger, elsewhere):
    folder, _, refused = elsewhere
    code, errors = refused[logger]
    assert code == 2
    (line,) = [line for line in errors.splitlines() if line.startswith("cosmo-pl: ")]
    assert "WANDB_MODE=offline" in line
    assert "wandb login" in line
    assert [path.name for path in (folder / "runs" / "utd").rglob("version_*")] == ["version_0"], "that without W&B"


def test_without_the_overlay_wandb_is_not_imported(elsewhere):
    assert elsewhere[1] is False
