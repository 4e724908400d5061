"""The description of an exported model: changed or damaged, it is refused in one line by the package and by run.py."""

from __future__ import annotations

import copy
import json
import runpy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosmo_pl import Recogniser
from cosmo_pl.edge.export import with_digest
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.exported import ExportedRecogniser
from cosmo_pl.exported.run import Model, ModelError

pytest.importorskip("onnxruntime")
USC = Path(__file__).parents[2] / "models/usc"
CHANGES: list[tuple[tuple[Any, ...], Any]] = [
    (("class_names", 0), "walking left"),
    (("class_names",), None),
    (("class_names",), ["a", "b"]),
    (("attends_to",), ...),
    (("attends_to",), ["acc"]),
    (("sensors", "acc", "rate"), 0),
    (("sensors", "acc", "rate"), "x"),
    (("sensors", "acc", "units"), None),
    (("sensors", "acc", "channels"), ...),
    (("sensors", "acc", "shape"), [100, 3]),
    (("sensors", "acc", "max_gap"), 0),
    (("sensors", "acc", "plausible"), {"g": [-20]}),
    (("sensors", "acc", "plausible"), {"g": [20, -20]}),
    (("sensors", "acc", "plausible"), {"g": [None, 20]}),
    (("sensors",), {}),
    (("in_turn",), [{"sensor": "acc"}]),
    (("in_turn",), [{"sensor": "acc", "worth": 2}]),
    (("levels",), []),
    (("levels",), {"radar": 1.0}),
    (("levels",), {"acc": -1.0}),
    (("window",), ...),
    (("window",), -1),
    (("hop",), "x"),
    (("encoders", "acc", "graph"), "encoder_gyro.onnx"),
    (("encoders", "acc", "modalities"), ["gyro"]),
    (("head", "partial", "acc"), "nowhere.onnx"),
    (("decision",), 3),
    (("sha256", "head.onnx"), ...),
]


def changed(folder: Path, where: tuple[Any, ...], value: Any, digest: bool) -> Path:
    """A copy of a model with another value in its description, with the old digest or as of a version without one."""
    shutil.copytree(USC, folder)
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    if not digest:
        del description["digest"]
    within = description
    for key in where[:-1]:
        within = within[key]
    if value is ...:
        del within[where[-1]]
    else:
        within[where[-1]] = value
    (folder / "model.json").write_text(json.dumps(description), encoding="utf-8")
    return folder


@pytest.mark.parametrize(("where", "value"), CHANGES, ids=str)
def test_a_description_that_cannot_be_used_is_refused_in_one_line(where, value, tmp_path):
    folder = changed(tmp_path / "model", where, value, digest=False)
    with pytest.raises(ConfigurationError, match=r"^model: .*Export the model again\.$") as raised:
        Recogniser.load(folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("sensors", "acc", "units"), ["m/s2"] * 3),
        (("class_names", 0), "resting"),
        (("sha256", "run.py"), ...),
        (("decision",), {"temperature": 2.0}),
        (("digest",), None),
        (("head", "partial"), {"acc": "head_gyro.onnx", "gyro": "head_acc.onnx"}),
    ],
    ids=str,
)
def test_any_change_is_seen_in_the_digest(where, value, tmp_path):
    folder = changed(tmp_path / "model", where, value, digest=True)
    with pytest.raises(ConfigurationError, match=r"model\.json' is not the file that was exported"):
        Recogniser.load(folder)
    with pytest.raises(ModelError, match=r"model\.json' is not the file that was exported"):
        Model(folder)


def test_a_folder_of_an_older_version_has_no_digest_and_is_read(tmp_path):
    folder = changed(tmp_path / "model", ("title",), "USC-HAD", digest=False)
    assert Recogniser.load(folder).class_names == Recogniser.load(USC).class_names


def test_the_digest_is_that_of_the_content_as_it_is_read():
    described = json.loads((USC / "model.json").read_text(encoding="utf-8"))
    plain = copy.deepcopy(described)
    del plain["digest"]
    assert with_digest({**plain, "test_subjects": tuple(plain["test_subjects"])}) == described


@pytest.mark.parametrize(
    ("where", "value"), [(("head", "partial", "acc"), "nowhere.onnx"), (("attends_to",), ...), (("class_names",), [])]
)
def test_the_program_refuses_it_in_one_line(where, value, tmp_path, monkeypatch, capsys):
    folder = changed(tmp_path / "model", where, value, digest=False)
    np.savez(tmp_path / "windows.npz", acc=np.ones((2, 200, 3)))
    monkeypatch.setattr("sys.argv", ["run.py", str(tmp_path / "windows.npz")])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(folder / "run.py"), run_name="__main__")
    (line,) = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 1 and line.startswith("run.py: model: ") and line.endswith("Export the model again.")


def test_a_head_for_fewer_sensors_that_is_another_graph_is_named(tmp_path):
    folder = changed(tmp_path / "model", ("head", "partial", "acc"), "encoder_gyro.onnx", digest=False)
    recogniser = ExportedRecogniser.load(folder)
    with pytest.raises(ConfigurationError, match="model: its graphs do not fit together"):
        recogniser.predict({"acc": np.ones((200, 3))})


def test_a_description_that_is_nested_without_end_is_damaged(tmp_path):
    (tmp_path / "model.json").write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="is damaged or missing"):
        ExportedRecogniser.load(tmp_path)
