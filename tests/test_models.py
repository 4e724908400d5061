"""The trained models in ``models/``: they load, recognise, fit their cards, and stay small."""

from __future__ import annotations

import json
import re
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl import Recogniser
from cosmo_pl.bundle import Bundle
from cosmo_pl.cli import main
from cosmo_pl.exported import run as program

MODELS = Path(__file__).parents[1] / "models"
CLASSES = {"mex": 7, "usc": 12, "utd": 27}
NAMES = sorted(path.parent.name for path in MODELS.glob("*/model.json"))
MOST_BYTES = 10_500_000
CARD = MODELS / "README.md"


def described(name):
    return json.loads((MODELS / name / "model.json").read_text(encoding="utf-8"))


def test_there_is_one_of_each_published_dataset():
    assert list(CLASSES) == NAMES
    assert sum(path.stat().st_size for path in MODELS.rglob("*") if path.is_file()) <= MOST_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_it_recognises_windows_in_the_units_of_the_sensors(name):
    recogniser = Recogniser.load(MODELS / name)
    assert len(recogniser.class_names) == CLASSES[name]
    random = np.random.default_rng(0)
    arrays = {m: random.random((3, *shape), dtype=np.float32) for m, shape in recogniser.modality_shapes.items()}
    found = recogniser.predict(arrays)
    assert found.probability.shape == (3, len(recogniser.class_names))
    assert found.probability.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert set(found.name) <= set(recogniser.class_names)


def test_a_window_is_checked_once(monkeypatch):
    checked, check = [], program._checked
    monkeypatch.setattr(program, "_checked", lambda where, *rest: (checked.append(where), check(where, *rest))[1])
    recogniser = Recogniser.load(MODELS / "usc")
    recogniser.predict({name: np.zeros((1, *shape)) for name, shape in recogniser.modality_shapes.items()})
    assert checked == ["arrays['acc']", "arrays['gyro']", "probability of large values"]


@pytest.mark.parametrize("name", NAMES)
def test_its_program_is_that_of_this_version_and_its_graphs_name_no_file(name):
    assert (MODELS / name / "run.py").read_bytes() == Path(program.__file__).read_bytes()
    assert not [path.name for path in (MODELS / name).glob("*.onnx") if b'.py", line' in path.read_bytes()]


def output_of_program(path, monkeypatch, capsys):
    """What the program of a model says about a file, on standard output or as it ends."""
    monkeypatch.setattr("sys.argv", ["run.py", str(path)])
    try:
        runpy.run_path(str(MODELS / "usc/run.py"), run_name="__main__")
    except SystemExit as stopped:
        return stopped.code, capsys.readouterr().err
    return 0, capsys.readouterr().out


def test_the_program_says_in_one_line_what_is_wrong_with_a_file(tmp_path, monkeypatch, capsys):
    shapes = {name: each["shape"] for name, each in described("usc")["sensors"].items()}
    np.savez(tmp_path / "good.npz", **{name: np.ones((2, *shape)) for name, shape in shapes.items()})
    code, text = output_of_program(tmp_path / "good.npz", monkeypatch, capsys)
    assert code == 0 and len([json.loads(line)["activity"] for line in text.splitlines()]) == 2
    whole = (tmp_path / "good.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "changed.npz").write_bytes(whole[:500] + bytes([whole[500] ^ 1]) + whole[501:])
    (tmp_path / "empty.npz").touch()
    np.save(tmp_path / "array.npy", np.ones((3, 200, 3)))
    np.save(tmp_path / "pairs.npy", np.ones((3, 2)))
    for name in ("cut.npz", "changed.npz", "empty.npz", "array.npy", "pairs.npy", "nowhere.npz"):
        code, text = output_of_program(tmp_path / name, monkeypatch, capsys)
        assert code == 1 and len(text.splitlines()) == 1
        assert text.startswith(f"run.py: '{tmp_path / name}' is no readable NPZ file (")


def test_the_program_reads_its_arguments_before_the_model(tmp_path, monkeypatch, capsys):
    shutil.copy(program.__file__, tmp_path / "run.py")
    monkeypatch.setattr("sys.argv", ["run.py", "--help"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(tmp_path / "run.py"), run_name="__main__")
    assert stopped.value.code == 0 and "NPZ file" in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_its_bundle_has_the_encoders_for_adaptation(name):
    bundle, model = Bundle.load(MODELS / name), described(name)
    assert bundle.modality_shapes == {m: tuple(sensor["shape"]) for m, sensor in model["sensors"].items()}
    assert not set(bundle.data.subjects) & set(model["test_subjects"])


@pytest.mark.parametrize("name", NAMES)
def test_the_card_has_its_accuracy_and_how_to_train_it(name):
    (section,) = (part for part in CARD.read_text(encoding="utf-8").split("\n## ")[1:] if f"`models/{name}`" in part)
    accuracy = described(name)["accuracy"]
    assert f"{accuracy['correct']:,} of {accuracy['total']:,}" in section
    tested = [int(number) for number in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)]
    assert tested == described(name)["test_subjects"]
    assert f"cosmo-pl export --run runs/{name}_plus/" in section
    assert all(word in section for word in ("Limits", "Licence"))


@pytest.mark.parametrize("command", [["stream", "--model"], ["export", "--out=out", "--run"]])
def test_the_home_of_nobody_is_a_path_that_does_not_exist(command, capsys):
    with pytest.raises(SystemExit):
        main([*command, "~nobody-of-this-name/run"])
    assert "'~nobody-of-this-name/run' does not exist" in capsys.readouterr().err
