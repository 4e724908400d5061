"""Lines of JSON with faults among good ones, and models that cannot be used: the windows of good samples stay right."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest

from cosmo_pl.cli import main
from cosmo_pl.edge.live import LiveRecogniser, Reporter
from cosmo_pl.edge.live.lines import read_lines
from cosmo_pl.edge.live.running import run
from edge.live_fakes import FakeRecogniser, streams


def lines(seconds: float) -> list[bytes]:
    """Good lines in the order of time, each of a tenth of a second of a sensor."""
    found = []
    for name, (time, values) in streams(seconds).items():
        each = round(len(time) / seconds / 10)
        for low in range(0, len(time), each):
            rows = slice(low, low + each)
            content = {"sensor": name, "time": time[rows].tolist(), "values": values[rows].tolist()}
            found.append((time[low], json.dumps(content).encode()))
    return [line for _, line in sorted(found, key=lambda pair: pair[0])]


def recognised(content: list[bytes]) -> tuple[list[dict[str, Any]], dict[str, Any], FakeRecogniser]:
    """Windows and summary of lines on standard input, and the model that was given the windows."""
    model, out, err = FakeRecogniser(), io.StringIO(), io.StringIO()
    reporter = Reporter(lambda _: None)
    run(LiveRecogniser(model, 1.0, reporter=reporter), read_lines(io.BytesIO(b"\n".join(content)), reporter), out, err)
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    return rows, json.loads(err.getvalue())["summary"], model


def test_all_faults_among_good_lines_are_counted_and_change_no_window():
    good = lines(12.0)
    at = next(n for n, line in enumerate(good) if n > 90 and b'"wrist"' in line)
    each = json.loads(good[at])
    samples = [
        json.dumps({"sensor": "wrist", "time": time, "values": row}).encode()
        for time, row in zip(each["time"], each["values"], strict=True)
    ]
    faults = [
        b'{"sensor": "wrist", "time": 1.0, "values": [1, 2',
        b"\xff\xfe\x00\x01",
        b'{"sensor": "gyro", "time": 4.0, "values": [1, 2, 3]}',
        b'{"sensor": "wrist", "values": [1, 2, 3]}',
        b'{"sensor": "wrist", "time": "soon", "values": [1, 2, 3]}',
        b'{"sensor": "wrist", "time": 4.005, "values": [1, 2]}',
        b'{"sensor": "wrist", "time": 4.005, "values": [1, 2, "x"]}',
        b'{"sensor": "wrist", "time": 4.005, "values": [1, NaN, 3]}',
        b'{"sensor": "wrist", "time": 4.005, "values": [1, 4000, 3]}',
        b'{"sensor": "wrist", "time": 4e9, "values": [1, 2, 3]}',
    ]
    expected, clean, plain = recognised(good)
    order = [1, 0, 2, 4, 3, 3, 5, 6, 7, 9, 8, 8]  # of single samples, two of which come twice
    windows, summary, model = recognised([*good[:at], *faults, *(samples[n] for n in order), *good[at + 1 :]])
    assert clean["problems"] == {}
    assert [each["time"] for each in windows] == [each["time"] for each in expected] and len(windows) == 11
    for mine, other in zip(model.windows, plain.windows, strict=True):
        for name in other:
            assert np.array_equal(mine[name], other[name])
    problems = summary["problems"]
    assert problems["broken line"] == {"": 3} and problems["unknown sensor"] == {"": 1}
    assert problems["wrong time"] == {"": 1} and problems["clock set forward"] == {"wrist": 1}
    assert problems["not finite"] == problems["implausible"] == {"wrist": 1}
    assert problems["wrong number of values"] == problems["not numbers"] == {"wrist": 1}
    assert problems["out of order"] == {"wrist": 3} and problems["duplicates"] == {"wrist": 2}


def test_damaged_bytes_never_end_the_recognition():
    """Any byte of any line may be wrong, lost or doubled."""
    random = np.random.default_rng(3)
    damaged = []
    for line in lines(20.0):
        if random.random() < 0.1:
            at = int(random.integers(len(line)))
            line = line[:at] + [b"", b"\x00", b"9", b'"', b"]", b"\n", line[at:]][random.integers(7)] + line[at + 1 :]
        damaged.append(line)
    windows, summary, _ = recognised(damaged)
    assert len(windows) + summary["skipped"] >= 18 and len(summary["problems"]) >= 3


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"format": 99, "sha256": {}}, "has the format 99, not 1. Export the model again with this version"),
        ({"format": 1, "sha256": {"head.onnx": "0" * 64}}, "head.onnx' is not the file that was exported"),
        ({"format": 1, "sha256": {}}, "is damaged"),
        ([], "is damaged"),
        ("{", "is damaged"),
    ],
)
def test_a_folder_of_another_version_or_with_a_changed_file_is_refused(description, message, tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    content = description if isinstance(description, str) else json.dumps(description)
    (tmp_path / "model.json").write_text(content, encoding="utf-8")
    (tmp_path / "head.onnx").write_bytes(b"changed")
    with pytest.raises(SystemExit) as stopped:
        main(["stream", "--model", str(tmp_path)])
    out, err = capsys.readouterr()
    assert stopped.value.code == 2 and not out and message in err and len(err.strip().splitlines()) == 1
