"""What goes on with a run: the rest of its training, its test, new people's recordings."""

from __future__ import annotations

import json
import re
import shutil
import threading
from functools import partial

import numpy as np
import pytest
import torch
import yaml
from scipy.io import loadmat, savemat

from cosmo_pl.checkpoints import newest_checkpoint, read_checkpoint
from cosmo_pl.cli import main
from cosmo_pl.cli.continuing import check_continued, check_evaluated
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.run_folder import claim_version

from .conftest import CONFIGS, NARROW, SHORT, TINY, fit

pytestmark = pytest.mark.usefixtures("no_picture")
SMALL = [*SHORT, "--data.init_args.label_rate=0.3"]
DEEPSENSE = f"--config={CONFIGS / 'model' / 'deepsense.yaml'}"


def refusal(capsys):
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("cosmo-pl: ")]
    return line


@pytest.fixture(scope="module")
def trained(tmp_path_factory, roots):
    """A folder with a bundle and a second stage on it, on the small UTD-MHAD."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        fit("utd_stage1", roots["utd"], *NARROW, *SHORT)
        fit("utd_stage2", roots["utd"], *SHORT, "--trainer.max_epochs=2", "--model.init_args.encoders=null")
    return folder


@pytest.fixture
def copy(trained, tmp_path, monkeypatch):
    """The same, to be changed."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs/utd/cosmo-iterative/version_0"


def test_validation_of_people_of_the_training_is_refused(copy, capsys):
    """As a test of them is."""
    with pytest.raises(SystemExit):
        main(["validate", f"--config={copy / 'config.yaml'}", "--data.init_args.val_subjects=[1]"])
    assert "val_subjects: the model was trained on subjects [1]" in refusal(capsys)


def test_a_training_that_ends_by_steps_is_not_resumed(copy, capsys):
    """Lightning would train one batch more than an uninterrupted training, with other random numbers."""
    with pytest.raises(SystemExit):
        main(["fit", f"--config={copy / 'config.yaml'}", "--trainer.max_steps=7", "--ckpt_path=last"])
    assert "trainer.max_steps: ends a training in an epoch" in refusal(capsys)


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("--data.init_args.test_subjects=[1,2]", "data.init_args.test_subjects [7, 8] -> [1, 2]"),
        ("--data.init_args.label_seed=1", "data.init_args.label_seed 0 -> 1"),
        ("--data.init_args.label_rate=0.5", "data.init_args.label_rate 0.3 -> 0.5"),
        ("--data.init_args.batch_size=4", "data.init_args.batch_size 16 -> 4"),
        ("--model.init_args.encoder_lr=0.5", "model.init_args.encoder_lr 0.001 -> 0.5"),
        ("--model.init_args.quality_lambda=0.1", "model.init_args.quality_lambda 0.8 -> 0.1"),
        ("--trainer.precision=bf16-mixed", "trainer.precision auto -> bf16-mixed"),
        ("--trainer.limit_train_batches=3", "trainer.limit_train_batches 2 -> 3"),
        ("--seed_everything=7", "seed_everything 0 -> 7"),
    ],
)
def test_a_training_goes_on_as_it_began(argument, named, copy, roots, capsys):
    with pytest.raises(SystemExit):
        fit("utd_stage2", roots["utd"], *SHORT, "--model.init_args.encoders=null", "--trainer.max_epochs=3", argument,
            "--ckpt_path=last")  # fmt: skip
    assert named in refusal(capsys)
    assert sorted(path.name for path in copy.parent.iterdir()) == ["version_0"]


@pytest.mark.parametrize("check", [check_continued, partial(check_evaluated, knows_its_data=True)])
def test_a_bundle_may_be_named_by_another_path(check, tmp_path, monkeypatch):
    """`study evidence` names the folder of the runs by its whole path, `study run` from the working directory."""

    def config(folder, bundle="abc"):
        model = {"class_path": "Toy", "init_args": {"bundle": f"{folder}/{bundle}"}}
        return {"model": model, "data": {"class_path": "Toy"}, "trainer": {}, "run": {"folder": folder, "name": "key"}}

    whole, run = f"{tmp_path}/runs/study", tmp_path / "runs/study/key/version_0"
    run.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    for then, now, place in ((whole, "runs/study", "."), ("runs/study", whole, "elsewhere")):
        monkeypatch.chdir(tmp_path / place)
        (run / "config.yaml").write_text(yaml.safe_dump(config(then)), encoding="utf-8")
        check(run / "checkpoints/last.ckpt", config(now))
        with pytest.raises(ConfigurationError, match=r"other arguments: model\.init_args\.bundle"):
            check(run / "checkpoints/last.ckpt", config(now, "def"))


def test_devices_loggers_and_length_may_change(copy, roots):
    fit("utd_stage2", roots["utd"], *SHORT, "--model.init_args.encoders=null", "--trainer.max_epochs=3",
        "--data.init_args.num_workers=1", "--trainer.logger=false", "--ckpt_path=last")  # fmt: skip
    again = copy.with_name("version_1")
    assert torch.load(again / "checkpoints/last.ckpt", weights_only=True)["epoch"] == 2
    assert (again / "config.yaml").is_file() and not (again / "metrics.csv").exists()
    assert not (copy.parents[3] / "config.yaml").exists()


def test_a_run_needs_nothing_but_its_checkpoint(copy, roots, capsys):
    """Neither a configuration, nor the bundle, which is gone."""
    shutil.rmtree(copy.parents[1] / "cosmo")
    main(["test", f"--ckpt_path={copy}/checkpoints/last.ckpt", *TINY])
    metrics = json.loads((copy / "test_0/metrics.json").read_text(encoding="utf-8"))
    assert metrics["accuracy_of"] == "last epoch" and metrics["labels"] == 49
    assert metrics["training"]["bundle"] == "runs/utd/cosmo/version_0/bundle"
    assert "(last epoch)" in capsys.readouterr().out


def test_an_earlier_epoch_is_called_so(copy):
    shutil.copy(copy / "checkpoints/previous.ckpt", copy / "checkpoints/epoch=0.ckpt")
    main(["test", f"--ckpt_path={copy}/checkpoints/epoch=0.ckpt", *TINY])
    assert json.loads((copy / "test_0/metrics.json").read_text(encoding="utf-8"))["accuracy_of"] == "epoch 1 of 2"


def test_a_damaged_checkpoint_is_skipped_for_the_one_before(copy, capsys):
    last = copy / "checkpoints/last.ckpt"
    last.write_bytes(last.read_bytes()[:1000])
    assert newest_checkpoint(copy.parent).name == "previous.ckpt"
    assert "skipped" in (told := capsys.readouterr().out) and "last.ckpt' is damaged" in told


@pytest.mark.parametrize("content", [b"", b"damaged", b"PK\x03\x04"])
def test_a_damaged_checkpoint_names_the_one_before(content, tmp_path):
    last, previous = tmp_path / "last.ckpt", tmp_path / "previous.ckpt"
    last.write_bytes(content)
    with pytest.raises(ConfigurationError, match="Train again, or use another checkpoint"):
        read_checkpoint(last)
    previous.write_bytes(content)
    with pytest.raises(ConfigurationError, match=re.escape(f"Use '{previous}', which was saved before it")):
        read_checkpoint(last)
    with pytest.raises(ConfigurationError, match="Train again, or use another checkpoint"):
        read_checkpoint(previous)


def test_people_of_stage_1_alone_are_not_tested(copy, roots, capsys):
    fewer = [*SHORT, "--data.init_args.train_subjects=[1,2,3,4]", "--model.init_args.encoders=null"]
    fit("utd_stage2", roots["utd"], *fewer)
    fit("utd_stage2", roots["utd"], *fewer, "--trainer.max_epochs=2", "--ckpt_path=last")
    again = copy.with_name("version_2") / "checkpoints/last.ckpt"
    kept = torch.load(again, weights_only=True)["trained_on"]
    assert kept["pretrained"] == {"utd": (1, 2, 3, 4, 5, 6)} and kept["subjects"] == (1, 2, 3, 4)
    with pytest.raises(SystemExit):
        main(["test", f"--ckpt_path={again}", "--data.init_args.test_subjects=[5,7]", *TINY])
    assert "test_subjects: the model was trained on subjects [5]" in refusal(capsys)


def new_people(utd_root, folder, subjects, gain=1.5):
    """Recordings of other people: those of two subjects of the small set, under other numbers and louder."""
    for sensor, variable in (("Inertial", "d_iner"), ("Skeleton", "d_skel")):
        (folder / "UTD-MHAD" / sensor).mkdir(parents=True)
        for old, new in subjects.items():
            for path in (utd_root / "UTD-MHAD" / sensor).glob(f"a*_s{old}_t*.mat"):
                values = loadmat(path)[variable] * (gain if sensor == "Inertial" else 1.0)
                savemat(folder / "UTD-MHAD" / sensor / path.name.replace(f"_s{old}_", f"_s{new}_"), {variable: values})
    return f"--data.init_args.root={folder}"


def test_new_people_alone_are_tested_with_the_statistics_of_the_training(copy, utd_root, tmp_path):
    root = new_people(utd_root, tmp_path / "new", {3: 21})
    checkpoint = f"--ckpt_path={copy}/checkpoints/last.ckpt"
    main(["test", checkpoint, root, "--data.init_args.test_subjects=[21]", *TINY])
    metrics = json.loads((copy / "test_0/metrics.json").read_text(encoding="utf-8"))
    assert (metrics["total"], metrics["test_subjects"], metrics["labels"]) == (27, [21], 49)
    main(["predict", checkpoint, root, "--data.init_args.test_subjects=[21]", *TINY])
    assert len((copy / "predict_0/predictions.csv").read_text(encoding="utf-8").splitlines()) == 28


def test_people_who_were_trained_on_are_not_tested_under_another_number(copy, utd_root, tmp_path, capsys):
    root = new_people(utd_root, tmp_path / "new", {3: 21}, gain=1.0)
    with pytest.raises(SystemExit):
        main(["test", f"--ckpt_path={copy}/checkpoints/last.ckpt", root, "--data.init_args.test_subjects=[21]", *TINY])
    assert "trained on 27 of these recordings" in refusal(capsys)


@pytest.mark.parametrize("kind", ["folder", "empty", "half", "text", "nan"])
@pytest.mark.parametrize("command", ["fit", "test", "predict"])
def test_a_checkpoint_that_is_none_is_one_line(command, kind, copy, roots, capsys):
    path = copy / "checkpoints/other.ckpt"
    content = torch.load(copy / "checkpoints/last.ckpt", weights_only=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "nan":
        next(value for value in content["state_dict"].values() if value.is_floating_point()).fill_(np.nan)
        torch.save(content, path)
    else:
        whole = (copy / "checkpoints/last.ckpt").read_bytes()
        path.write_bytes({"empty": b"", "half": whole[: len(whole) // 2], "text": b"no checkpoint"}[kind])
    with pytest.raises(SystemExit):
        main([command, f"--config={copy}/config.yaml", f"--ckpt_path={path}", *TINY])
    line = refusal(capsys)
    assert "ckpt_path" in line and "other.ckpt" in line
    assert ("not finite" in line) == (kind == "nan")


def test_divergence_ends_the_run_with_its_epoch(here, roots, capsys):
    with pytest.raises(SystemExit):
        fit("utd_stage2", roots["utd"], *SHORT, DEEPSENSE, "--model.init_args.lr=1e30", "--trainer.max_epochs=5")
    line = refusal(capsys)
    assert "diverged" in line and "after epoch " in line and "learning rate" in line


def test_versions_are_claimed_by_one_process_each(tmp_path):
    claimed = []
    threads = [threading.Thread(target=lambda: claimed.append(claim_version(tmp_path / "runs"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(path.name.removeprefix("version_")) for path in claimed) == list(range(16))


@pytest.mark.parametrize("name", ["../../elsewhere", "/elsewhere", "a/../../b"])
def test_a_name_stays_in_the_folder(name, here, roots, capsys):
    with pytest.raises(SystemExit):
        fit("utd_stage2", roots["utd"], *SHORT, f"--run.name={name}")
    assert "run.name" in refusal(capsys)
    assert not list(here.iterdir())
