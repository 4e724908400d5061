"""Renderers and measurements of another package, right and wrong."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from cosmo_pl.cli import main
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.study.execution import EntryPoints, Executor
from cosmo_pl.study.functions import measurement, measurement_version, renderer
from cosmo_pl.study.identity import numerics_of
from cosmo_pl.study.render import render_study
from cosmo_pl.study.runner import Runner

from .conftest import finished, write

CODE = """
import math
import torch
from cosmo_pl.study.rendering.view import Rendered

def good(view):
    return Rendered(["a", "b"], [["1", "2"]])

def fails(view):
    raise RuntimeError("no data")

def nothing(view):
    pass

def takes_none():
    pass

def numbers(view):
    return Rendered(["a", "b"], [["1", 2.0]])

def short(view):
    return Rendered(["a", "b"], [["1"]])

def nan(runs):
    return math.nan

def three(runs):
    return 3

def tensor(runs):
    return {"deep": [{"er": torch.zeros(1)}]}

def infinite(runs):
    return {"deep": math.inf}

def counted(runs):
    return {"count": 3}

number = 3
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A package `pantry` that can be imported; gives what writes its module `made`."""
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def make(code=CODE):
        write(tmp_path, "site/pantry/__init__.py", "")
        write(tmp_path, "site/pantry/made.py", code)
        for name in [name for name in sys.modules if name.partition(".")[0] == "pantry"]:
            del sys.modules[name]

    make()
    yield make
    for name in [name for name in sys.modules if name.partition(".")[0] == "pantry"]:
        del sys.modules[name]


def draws(project, name):
    """The study of the project with another renderer."""
    runs = [{"datasets": ["toy"], "methods": ["forest"], "seeds": 1}]
    write(project.root, "experiments/table9.yaml", {"title": "Table 9", "render": name, "runs": runs})


def measures(project, name):
    runs = [{"datasets": ["toy"], "measure": name}]
    write(project.root, "experiments/table9.yaml", {"title": "Table 9", "render": "table2.accuracy", "runs": runs})
    return project.jobs("table9", "paper")[0]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("pantry.nofile.f", "Correct the name, package.module.function, or put the package on PYTHONPATH."),
        ("nowhere.made.f", "Correct the name, package.module.function, or put the package on PYTHONPATH."),
        ("pantry.good", "Name it package.module.function."),
        ("table2", "Name it FILE.FUNCTION, as in table2.accuracy, or package.module.function."),
        ("pantry.made.number", "'pantry.made.number' is no function. Name one, as package.module.function."),
    ],
)
def test_a_renderer_that_does_not_exist(name, line, own):
    with pytest.raises(ConfigurationError) as refused:
        renderer(name)
    assert str(refused.value).endswith(line)


def test_no_private_function_is_proposed():
    with pytest.raises(ConfigurationError) as refused:
        renderer("table2.acuracy")
    assert "table2.accuracy" in str(refused.value) and "table2._" not in str(refused.value)


def test_a_measurement_that_does_not_exist(own):
    with pytest.raises(ConfigurationError, match=r"there is no 'pantry\.made\.nope'.*Correct the name"):
        measurement("pantry.made.nope")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("fails", r"failed \(RuntimeError: no data; .*made\.py, line 10\)\. Correct the function"),
        ("takes_none", r"failed \(TypeError: takes_none\(\) takes 0 positional arguments but 1 was given\)"),
        ("nothing", "returned a NoneType. Return a Rendered"),
        ("numbers", r"returned \['1', 2\.0\], which is no list of texts"),
        ("short", "returned a row of 1 cells"),
    ],
)
def test_a_renderer_that_fails_is_one_line(name, problem, own, project, results):
    draws(project, f"pantry.made.{name}")
    with pytest.raises(ConfigurationError, match=f"study 'table9': render: 'pantry.made.{name}' {problem}"):
        render_study(project, "table9", "paper", results)


def test_a_renderer_that_fails_does_not_end_the_others(own, project, results, capsys, monkeypatch):
    monkeypatch.setattr("cosmo_pl.study.locations.Project", lambda root: replace(project, root=root))
    draws(project, "pantry.made.fails")
    runs = [{"datasets": ["toy"], "methods": ["forest"], "seeds": 1}]
    write(project.root, "experiments/zebra.yaml", {"title": "Z", "render": "pantry.made.good", "runs": runs})
    for job in project.jobs("zebra", "paper"):
        results.put(job, finished(job))
    with pytest.raises(SystemExit) as ended:
        main(["study", "render", "all", f"--project={project.root}", f"--results={results.folder}", "--preset=paper"])
    out, err = capsys.readouterr()
    assert ended.value.code == 1 and "zebra.md" in out
    assert err.startswith("cosmo-pl: study 'table9': render: 'pantry.made.fails' failed") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nan", r"\(it is nan, not a mapping\)"),
        ("three", r"\(it is 3, not a mapping\)"),
        ("tensor", r"\(deep\[0\]\.er is tensor\(\[0\.\]\), not a finite number, text, a list or a mapping\)"),
        ("infinite", r"\(deep is inf, not a number\)"),
    ],
)
def test_a_measurement_returns_a_mapping(name, problem, own, project, workspace):
    job = measures(project, f"pantry.made.{name}")
    data = SimpleNamespace(folder=workspace.folder, data_fingerprint="f" * 64)
    entry = EntryPoints(train=print, load_run=lambda run: None, load_data=lambda *given: data, federated=print)
    expected = f"measure: the result of 'pantry.made.{name}' cannot be kept {problem}. Return a mapping of names to"
    with workspace.claim(job), pytest.raises(ConfigurationError, match=expected):
        Executor(project, workspace, entry)(job)


def test_a_result_in_whose_place_a_folder_is_ends_no_other_run(own, project, results, workspace):
    job, lines = measures(project, "pantry.made.counted"), []
    results.path(job).mkdir(parents=True)
    runner = Runner([job], results, workspace, lambda job: finished(job, result={"count": 3}), lines.append)
    runner.run()
    assert lines[-1].endswith(
        "cannot be used: is a directory. Move the folder that is in the way, or use another name."
    )


def test_a_measurement_has_a_version(own, project):
    keys = []
    for version in ("", 'counted.numerics = "1.3"', 'counted.numerics = "2.0"'):
        own(f"{CODE}\n{version}\n")
        keys.append(measures(project, "pantry.made.counted").key)
    assert keys[0] == keys[1] != keys[2]
    assert measurement_version("decisions") == "2.0"
    own(f"{CODE}\ncounted.numerics = 2\n")
    with pytest.raises(ConfigurationError, match=r'pantry\.made\.counted\.numerics: is 2\. Use text.*"1\.0"'):
        measures(project, "pantry.made.counted")


def test_a_version_that_is_no_text_names_its_class():
    class Mine:
        numerics = 2

    with pytest.raises(ConfigurationError, match=r"Mine\.numerics: is 2\. Use text of two whole numbers"):
        numerics_of(Mine)
