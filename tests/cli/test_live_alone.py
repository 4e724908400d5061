"""`cosmo-pl stream` with an exported model where PyTorch, Lightning and scikit-learn are not installed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosmo_pl import ExportedRecogniser
from cosmo_pl.edge.export import with_digest
from isolated import RUNTIME, alone

MODEL = Path(__file__).parents[2] / "models/usc"
COMMAND = RUNTIME | {"cosmo_pl", "yaml", "jsonargparse", "typeshed_client", "typing_extensions", "docstring_parser"}
START = "from cosmo_pl.cli import main\n"


TIMES = np.arange(300) / 100
RANDOM = np.random.default_rng(0)
FRAMES = {"acc": RANDOM.normal(0, 0.3, (300, 3)), "gyro": RANDOM.normal(0, 60, (300, 3))}
LINES = "\n".join(
    json.dumps({"sensor": name, "time": TIMES[low : low + 50].tolist(), "values": values[low : low + 50].tolist()})
    for low in range(0, 300, 50)
    for name, values in FRAMES.items()
)


def streamed(model: Path, *words: str) -> list[dict[str, Any]]:
    """The windows of three seconds."""
    done = alone(f"{START}main(['stream', '--model', {str(model)!r}, *{words!r}])", COMMAND, LINES)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_stream_is_recognised() -> None:
    windows = streamed(MODEL)
    assert [each["time"] for each in windows] == [[0.0, 2.0], [0.7, 2.7]]
    model = ExportedRecogniser.load(MODEL)
    for window, start in zip(windows, (0, 70), strict=True):
        expected = model.predict({name: values[start : start + 200] for name, values in FRAMES.items()})
        assert window["activity"] == expected.name[0]
        assert window["probability"] == pytest.approx(float(expected.probability.max()), abs=1e-4)


def test_sensors_worth_too_little_in_training_are_off_at_first(tmp_path: Path) -> None:
    shutil.copytree(MODEL, tmp_path / "model")
    description = json.loads((MODEL / "model.json").read_text(encoding="utf-8"))
    content = with_digest({**description, "in_turn": [{"sensor": "gyro", "worth": 0.02}]})
    (tmp_path / "model/model.json").write_text(json.dumps(content), encoding="utf-8")
    assert {tuple(each["sensors"]) for each in streamed(tmp_path / "model", "--switch", "0.03")} == {("acc",)}
    assert streamed(tmp_path / "model", "--switch", "0.01")[0]["sensors"] == ["acc", "gyro"]


def test_a_mistyped_folder_is_named_and_no_package() -> None:
    done = alone(f"{START}main(['stream', '--model', 'nowhere'])", COMMAND)
    assert done.returncode == 2
    assert done.stderr.startswith("cosmo-pl: model: 'nowhere' does not exist.")


@pytest.mark.parametrize("words", [["--model", "."], ["--model", str(MODEL), "--recording", "Subject11/a1t1"]])
def test_one_line_names_what_is_not_installed(words: list[str]) -> None:
    done = alone(f"{START}main(['stream', *{words!r}])", COMMAND)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "torch" in line or "pytorch_lightning" in line
    assert "is not installed. Install it; `pip install cosmo_pl`" in line
