"""Packages of an extra that an installation lacks."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from cosmo_pl.cli import main
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.extras import EXTRAS, require

FIT = ["fit", "--config=cosmo:demo_stage1", "--data.init_args.root=nowhere"]


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """An installation without any extra, and a folder of logs that is called as one of the packages."""
    find = importlib.util.find_spec
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wandb").mkdir()
    monkeypatch.setattr("cosmo_pl.extras.find_spec", lambda name: None if name in EXTRAS else find(name))
    for name in EXTRAS:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        ([*FIT, "--config=cosmo:logger/wandb"], "loggers"),
        ([*FIT, "--trainer.logger=WandbLogger"], "loggers"),
        (["study", "run", "table2", "--preset=smoke", "--submit=local"], "slurm"),
    ],
)
def test_one_line_names_the_extra(words, extra, bare, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.endswith(f"which is not installed. Install it by `pip install 'cosmo_pl[{extra}]'`.")


def test_a_folder_is_no_package(tmp_path, monkeypatch):
    (tmp_path / "submitit").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "submitit", raising=False)
    importlib.invalidate_caches()
    with pytest.raises(ConfigurationError, match="submit: needs the package submitit"):
        require("submitit", "submit")
