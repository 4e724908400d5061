"""`cosmo-pl stream` with an exported model where PyTorch, Lightning and scikit-learn are not installed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl import ExportedRecogniser
from isolated import RUNTIME, alone

MODEL = Path(__file__).parents[2] / "models/usc"
COMMAND = RUNTIME | {"cosmo_pl", "yaml", "jsonargparse", "typeshed_client", "typing_extensions", "docstring_parser"}
START = "from cosmo_pl.cli import main\n"


def test_a_stream_is_recognised() -> None:
    random, times = np.random.default_rng(0), np.arange(300) / 100
    frames = {"acc": random.normal(0, 0.3, (300, 3)), "gyro": random.normal(0, 60, (300, 3))}
    lines = [
        json.dumps({"sensor": name, "time": times[low : low + 50].tolist(), "values": values[low : low + 50].tolist()})
        for low in range(0, 300, 50)
        for name, values in frames.items()
    ]
    code = f"{START}main(['stream', '--model', {str(MODEL)!r}, '--switch', '0.001'])"
    done = alone(code, COMMAND, "\n".join(lines))
    assert done.returncode == 0, done.stderr
    windows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["time"] for each in windows] == [[0.0, 2.0], [0.7, 2.7]]
    model = ExportedRecogniser.load(MODEL)
    for window, start in zip(windows, (0, 70), strict=True):
        expected = model.predict({name: values[start : start + 200] for name, values in frames.items()})
        assert window["activity"] == expected.name[0]
        assert window["probability"] == pytest.approx(float(expected.probability.max()), abs=1e-4)


@pytest.mark.parametrize("words", [["--model", "nowhere"], ["--model", str(MODEL), "--recording", "Subject11/a1t1"]])
def test_one_line_names_what_is_not_installed(words: list[str]) -> None:
    done = alone(f"{START}main(['stream', *{words!r}])", COMMAND)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "torch" in line or "pytorch_lightning" in line
    assert "is not installed. Install it" in line
