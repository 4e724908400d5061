"""A file's word does not import a package: that takes an entry point or the user."""

from __future__ import annotations

import sys

import pytest
import torch

from cosmo_pl import Recogniser
from cosmo_pl.cli.train import with_own_config
from cosmo_pl.edge.viewing import showing
from cosmo_pl.encoders import Encoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.run_folder import CONFIG, LAST
from cosmo_pl.run_loading import load_run
from cosmo_pl.trust import CodeError, allow_code, allowing, check_config, check_trusted, load_class

CODE = """from cosmo_pl.encoders import InertialEncoder
ran = True
class Mine(InertialEncoder):
    pass
class Other:
    pass
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that can be imported, and that nobody has named."""
    folder = tmp_path / "site"
    (folder / "stranger").mkdir(parents=True)
    (folder / "stranger" / "__init__.py").touch()
    (folder / "stranger" / "code.py").write_text(CODE, encoding="utf-8")
    (folder / "stranger" / "broken.py").write_text("1 / 0", encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    with allowing():
        yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == "stranger"]:
        del sys.modules[name]


def imported():
    return {name for name in sys.modules if name.split(".")[0] == "stranger"}


def test_it_is_refused_before_it_is_imported(package):
    with pytest.raises(CodeError, match=r"run 'x'.*stranger.code.Mine.*--allow-code stranger.*allow_code\(\"stranger"):
        load_class("stranger.code.Mine", Encoder, "run 'x'")
    assert not imported()


def test_a_named_package_is_imported(package):
    allow_code("stranger.code")
    assert load_class("stranger.code.Mine", Encoder, "run 'x'").__name__ == "Mine"
    assert "stranger.code" in imported()
    with pytest.raises(CodeError, match=r"is no Encoder"):
        load_class("stranger.code.Other", Encoder, "run 'x'")
    with pytest.raises(CodeError, match=r"cannot be imported.*ZeroDivisionError"):
        load_class("stranger.broken.Mine", Encoder, "run 'x'")


def test_what_a_command_allows_ends_with_it(package):
    with allowing("stranger"):
        check_trusted("stranger.code.Mine", "run 'x'")
    with pytest.raises(CodeError):
        check_trusted("stranger.code.Mine", "run 'x'")


OURS = {"class_path": "cosmo_pl.modules.CMCModule"}


@pytest.mark.parametrize(
    "config",
    [
        {"model": {"class_path": "stranger.code.Mine"}},
        {"model": "stranger.code.Mine"},  # which the parser takes for a class as well
        {"model": OURS, "data": {"init_args": {"transforms": {"inertial": ["stranger.code.Mine"]}}}},
        {"model": {**OURS, "init_args": {"encoders": {"inertial": "stranger.code.Mine"}}}},
        {"model": "stranger.yaml"},
    ],
)
def test_a_configuration_names_classes_by_path_or_by_text_alone(package, config):
    with pytest.raises(CodeError, match="names the class 'stranger"):
        check_config(config, "run 'x'")
    assert not imported()
    check_config({"run": {"name": "stranger.code"}, "model": OURS}, "run 'x'")
    with allowing("stranger"):
        check_config(config, "run 'x'")


def test_other_texts_of_a_configuration_are_no_classes(package):
    texts = {"label_file": "labels.csv", "root": "../stranger.code", "recording": "stranger", "split": "test.json"}
    check_config({"data": {"class_path": "cosmo_pl.data.UTDDataModule", "init_args": texts}}, "run 'x'")


def test_a_run_is_refused_before_anything_of_it_is_imported(package, tmp_path, monkeypatch):
    run = tmp_path / "version_0"
    (run / "checkpoints").mkdir(parents=True)
    torch.save({"state_dict": {}}, run / LAST)
    (run / CONFIG).write_text("model: stranger.code.Mine\ndata: {class_path: stranger.code.Mine}\n", encoding="utf-8")
    monkeypatch.setattr(Recogniser, "of_run", lambda path: None)
    for load in (load_run, showing, lambda path: with_own_config(["test", f"--ckpt_path={path / LAST}"])):
        with pytest.raises(CodeError, match="stranger"):
            load(run)
    assert not imported()


@pytest.mark.parametrize("group", ["datasets", "encoders", "modules"])
def test_an_installed_package_is_trusted_by_its_entry_point(package, group):
    info = package / "strange-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n", encoding="utf-8")
    points = f"[cosmo_pl.{group}]\nmine = stranger.code:Mine\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    assert load_class("stranger.code.Mine", Encoder, "run 'x'").__name__ == "Mine"


def test_what_the_user_has_imported_is_not_imported_again(package):
    __import__("stranger.code")
    assert load_class("stranger.code.Mine", Encoder, "run 'x'").__name__ == "Mine"


@pytest.mark.parametrize(
    "path", ["", "Mine", ".Mine", "a..Mine", "cosmo_pl.", "a b.Mine", "a.b;import os", "cosmo_pl_"]
)
def test_no_path_of_a_class(path):
    with pytest.raises(CodeError, match="no path of a class"):
        check_trusted(path, "run 'x'")


def test_a_package_of_a_similar_name_is_another_one():
    with pytest.raises(CodeError, match="allow-code cosmo_pl_extra"):
        check_trusted("cosmo_pl_extra.Mine", "run 'x'")
    check_trusted("cosmo_pl.encoders.InertialEncoder", "run 'x'")


def test_only_packages_are_allowed():
    with pytest.raises(ConfigurationError, match=r"allow_code: '\.\./x'"):
        allow_code("../x")
