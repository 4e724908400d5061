"""Whatever cannot be parsed, or cannot work, is one line that names it and what would."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
import yaml

from cosmo_pl.cli import main
from cosmo_pl.parsing.commands import with_underscores
from cosmo_pl.training_parser import command_parser

from .conftest import CONFIGS, TINY

STAGE1, STAGE2 = (f"--config={CONFIGS / f'utd_stage{stage}.yaml'}" for stage in (1, 2))


def line_of(capsys, words):
    """The one line on standard error with which a command ends."""
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("cosmo-pl: ") and len(line) < 400
    assert "NestedArg" not in line and "usage" not in line
    return line


@pytest.mark.parametrize(
    ("words", "wrong", "right"),
    [
        (["fit", STAGE1, "--trainer.max_epocs=3"], "max_epocs", "max_epochs"),
        (["fit", STAGE1, "--model.init_args.temprature=0.1"], "temprature", "temperature"),
        (["fit", STAGE1, "--data.init_args.label_rat=0.1"], "label_rat", "label_rate"),
        (["fit", STAGE1, "--model.init_args.encoders.inertial.init_args.chanels=[4]"], "chanels", "channels"),
        (["fit", STAGE1, "--model=ContrastivFusionModule"], "ContrastivFusionModule", "ContrastiveFusionModule"),
        (["fit", STAGE1, "--data=UTDDataModul"], "UTDDataModul", "UTDDataModule"),
        (["fitt", STAGE1], "fitt", "fit"),
        (["data", "descibe", "utd"], "descibe", "describe"),
        (["data", "describe", "ut"], "'ut'", "utd"),
        (["data", "simulate", "utd", "--sed=1"], "sed", "seed"),
        (["study", "rn", "table2"], "rn", "run"),
        (["study", "status", "tabel2"], "tabel2", "table2"),
        (["study", "run", "table2", "--preset=papr"], "papr", "paper"),
        (["study", "run", "table2", "--job=2"], "job", "jobs"),
    ],
)
def test_the_nearest_names_are_said(words, wrong, right, capsys, monkeypatch):
    monkeypatch.chdir(CONFIGS.parent)
    line = line_of(capsys, words)
    assert wrong in line
    assert re.search(rf"\b{right}\b", line)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["fit", STAGE1, "--trainer.max_epochs=many"], "trainer.max_epochs"),
        (["fit", STAGE1, "--model.init_args.lr=fast"], "model.init_args.lr"),
        (["fit", STAGE1, "--data.init_args.modalities=3"], "data.init_args.modalities"),
        (["fit", STAGE1, "--model.init_args.lr=nan"], "model.init_args.lr"),
        (["study", "status", "table2", "--runs"], "runs"),
    ],
)
def test_values_of_the_wrong_type(words, named, capsys, monkeypatch):
    monkeypatch.chdir(CONFIGS.parent)
    assert named in line_of(capsys, words)


def many(depth):
    """A YAML of a few lines that expands to 10 ** depth values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, depth)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"model: {class_path: null}", "class_path"),
        (b"model: {class_pat: x}", "class_pat"),
        (b"model: [", "config.yaml"),
        (b"- a list", "mapping"),
        ("model: {}\n# Köper".encode("latin-1"), "UTF-8"),
        (many(9), "config.yaml"),
        (b"[" * 5000, "config.yaml"),
        (b"trainer: {max_epocs: 3}", "max_epocs"),
        (b"trainer: {max_epochs: 3}\ntrainer: {max_epochs: 4}", "trainer"),
    ],
    ids=["null class", "misspelt key", "no YAML", "a list", "latin-1", "expands", "deep", "misspelt", "twice"],
)
def test_a_config_that_cannot_be_used_names_itself(content, named, tmp_path, capsys):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    assert named in line_of(capsys, ["fit", STAGE1, f"--config={path}"])


@pytest.mark.parametrize("kind", ["folder", "fifo", "dangling", "loop"])
def test_a_config_that_is_no_file(kind, tmp_path, capsys):
    path = tmp_path / "config.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("nowhere" if kind == "dangling" else path)
    assert "config.yaml" in line_of(capsys, ["fit", f"--config={path}"])


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ([STAGE2, "--trainer.accumulate_grad_batches=2"], "batch_size"),
        ([STAGE2, "--trainer.gradient_clip_val=1"], "model.init_args.gradient_clip_val"),
        ([STAGE1, "--trainer.precision=bf16-true"], "bf16-mixed"),
        ([STAGE1, "--trainer.precision=64-true"], "32-true"),
        ([STAGE1, "--trainer.overfit_batches=1"], "limit_train_batches"),
        ([STAGE1, "--trainer.accelerator=gpu"], "accelerator"),
        ([STAGE2, "--trainer.callbacks=EarlyStopping", "--trainer.callbacks.monitor=val/loss"], "val_subjects"),
    ],
)
def test_options_of_the_trainer_that_cannot_work(words, remedy, here, utd_root, capsys):
    line = line_of(capsys, ["fit", *words, f"--data.init_args.root={utd_root}"])
    assert remedy in line
    assert not list(here.iterdir()), "refused before anything is read"


def test_one_batch_is_one_and_none_is_null():
    parser = command_parser()
    parsed = parser.parse_args(["--trainer.limit_train_batches=1", "--trainer.limit_val_batches=1.0",
                                STAGE1, "--model.init_args.num_fused=null"])  # fmt: skip
    assert type(parsed.trainer.limit_train_batches) is int
    assert type(parsed.trainer.limit_val_batches) is float


def test_null_of_a_sweep(here, capsys):
    """W&B writes a null as ``None``."""
    with pytest.raises(SystemExit):
        main(["fit", STAGE1, "--model.init_args.num_fused=None", "--ckpt_path=absent", *TINY])
    assert "absent" in capsys.readouterr().err, "everything before it was taken"


def test_home_is_expanded(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"trainer": {"max_epochs": 1}}), encoding="utf-8")
    line = line_of(capsys, ["fit", STAGE1, "--config=~/mine.yaml", "--data.init_args.root=~/nothing"])
    assert f"{tmp_path}/nothing" in line


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "cp1252"}, {"PYTHONIOENCODING": "ascii"}])
def test_any_locale(locale):
    code = "import sys; from cosmo_pl.cli import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, "study", "run", "Köper ±"], cwd=CONFIGS.parent, capture_output=True, check=False,
        env={**os.environ, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", **locale},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(b"cosmo-pl: ") and done.stderr.count(b"\n") == 1


def test_keys_of_an_option_keep_their_dashes():
    words = ["--time-limit=5-6", "--devices.left-wrist=[a]", "--bundle-modalities.left-arm", "acc-1"]
    expected = ["--time_limit=5-6", "--devices.left-wrist=[a]", "--bundle_modalities.left-arm", "acc-1"]
    assert with_underscores(words) == expected
