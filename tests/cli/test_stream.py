"""`cosmo-pl stream` with a trained model: of the recordings of test subjects it makes what `cosmo-pl predict` does."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from cosmo_pl import Recogniser, USCDataModule
from cosmo_pl.cli import main
from cosmo_pl.data import usc
from cosmo_pl.data.recordings import read_mat
from cosmo_pl.edge.decision import Decision
from cosmo_pl.edge.export import export
from cosmo_pl.edge.transitions import lasting_transitions
from edge.live_fakes import JoinedRecogniser

from .conftest import TINY

SHORT = ["--trainer.max_epochs=2", "--model.init_args.bundle=null", "--model.init_args.quality_lambda=0"]
NARROW = [f"--model.init_args.encoders.{name}.init_args.channels=[4,4,4,4]" for name in ("acc", "gyro")]


@pytest.fixture(scope="module")
def run(tmp_path_factory, usc_root):
    """A run of a stage 2 on simulated USC-HAD with predictions of the test subjects."""
    folder = tmp_path_factory.mktemp("stream")
    data = [f"--data.init_args.root={usc_root}", "--data.init_args.label_rate=0.3"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("COSMO_PL_DATA", raising=False)
        for command in ("fit", "predict"):
            main([command, "--config=cosmo:usc_stage2", *data, *NARROW, *SHORT, *TINY])
    return folder / "runs/usc/scratch-iterative/version_0"


@pytest.fixture(scope="module")
def predictions(run):
    with (run / "predict_0/predictions.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def streamed(capsys, *words):
    """Windows, problems and summary of a call."""
    main(["stream", *map(str, words)])
    out, err = capsys.readouterr()
    *problems, summary = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    return [json.loads(line) for line in out.splitlines()], problems, summary["summary"]


def test_recordings_have_the_windows_and_predictions_of_the_test(run, predictions, usc_root, capsys):
    found = []
    for subject in (11, 12, 13, 14):
        path = usc_root / f"USC-HAD/Subject{subject}"
        windows, problems, summary = streamed(
            capsys, "--model", run, "--recording", path, "--speed", "max", "--hop", 0.7
        )
        found += windows
        assert {each["problem"] for each in problems} <= {"unit", "constant", "saturated"}
        assert summary["windows"] == len(windows) and summary["skipped"] == 0
        assert summary["events"]["segments"] == len({each["recording"] for each in windows})  # of one activity each
        assert "raw_events" not in summary
    assert [each["recording"] for each in found] == [row["recording"] for row in predictions]
    assert [round(100 * each["time"][0]) for each in found] == [int(row["start"]) for row in predictions]
    assert [each["activity"] for each in found] == [row["predicted"] for row in predictions]
    assert [each["truth"] for each in found] == [row["label"] for row in predictions]
    for each, row in zip(found, predictions, strict=True):
        assert each["probability"] == pytest.approx(float(row["probability"]), abs=1.1e-4)
        assert each["weights"]["acc"] + each["weights"]["gyro"] == pytest.approx(1, abs=2e-4)


@pytest.mark.slow
def test_the_decision_of_an_exported_model_is_applied(run, usc_root, tmp_path, capsys):
    described = export(run, tmp_path / "model")
    data = USCDataModule(root=str(usc_root), stride=round(100 * described["hop"]), label_rate=0.3)
    samples, model = data.load(), Recogniser.load(tmp_path / "model")
    rows = np.flatnonzero(samples.subject == 12)
    alone = model.predict({name: values[rows] for name, values in samples.inputs.items()})
    threshold = float(np.median(alone.probability.max(axis=1)))
    decision = Decision(1.0, threshold, tuple(map(tuple, lasting_transitions(12, described["hop"], 5.0).tolist())))
    content = json.dumps({**described, "decision": decision.described()})
    (tmp_path / "model/model.json").write_text(content, encoding="utf-8")
    replay = ["--model", tmp_path / "model", "--recording", usc_root / "USC-HAD/Subject12", "--speed", "max"]
    windows, _, summary = streamed(capsys, *replay)
    plain, _, _ = streamed(capsys, *replay, "--decision", "false")

    expected, most = [], []
    for recording, own in groupby(
        zip(samples.recording[rows], alone.probability, strict=True), key=lambda pair: pair[0]
    ):
        calibrated, smoother = decision.apply([probability for _, probability in own]), decision.smoother()
        for window, rejected in zip(calibrated, decision.rejects(calibrated), strict=True):
            state = smoother.update(window)
            expected.append((recording, None if rejected else model.class_names[state.argmax()]))
            most.append(state.max())
    assert [(each["recording"], each["activity"]) for each in windows] == expected
    assert [each["probability"] for each in windows] == pytest.approx(most, abs=1.1e-4)
    assert [each["raw"]["activity"] for each in windows] == [each["activity"] for each in plain] == list(alone.name)
    assert "raw" not in plain[0] and 0 < summary["none_of_these"] == [name for _, name in expected].count(None)
    assert {"accuracy", "raw_accuracy"} <= summary.keys()
    assert summary["events"]["f1_10"] != summary["raw_events"]["f1_10"]


def lines_of(path: Path, start: float = 0.0) -> list[bytes]:
    """A trial as lines of JSON, ten samples each."""
    readings = read_mat(path, "sensor_readings", (None, 6)).astype(float)
    found = []
    for first in range(0, len(readings), 10):
        rows = readings[first : first + 10]
        times = (start + np.arange(first, first + len(rows)) / 100).tolist()
        for name, columns in usc.COLUMNS.items():
            found.append(json.dumps({"sensor": name, "time": times, "values": rows[:, columns].tolist()}).encode())
    return found


def give(content: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts content on standard input."""
    path = folder / "samples.jsonl"
    path.write_bytes(content)
    monkeypatch.setattr(sys, "stdin", path.open(encoding="utf-8"))


def test_samples_on_standard_input_give_the_same(run, usc_root, tmp_path, monkeypatch, capsys):
    trial = usc_root / "USC-HAD/Subject12/a3t1.mat"
    expected, _, _ = streamed(capsys, "--model", run, "--recording", trial, "--speed", "max")
    content = b"\n".join([b'{"sensor": "acc", ', *lines_of(trial), b'{"sensor": "radar", "time": 1, "values": [1]}'])
    give(content, tmp_path, monkeypatch)
    windows, problems, summary = streamed(capsys, "--model", run)
    assert [each["time"] for each in windows] == [each["time"] for each in expected] and len(windows) > 1
    assert [each["activity"] for each in windows] == [each["activity"] for each in expected]
    assert "recording" not in windows[0] and windows[0]["sensors"] == ["acc", "gyro"]
    assert [each["problem"] for each in problems if each["problem"] != "unit"] == ["broken line", "unknown sensor"]
    assert summary["problems"].items() >= {"broken line": {"": 1}, "unknown sensor": {"": 1}}.items()


def six_seconds(model: JoinedRecogniser) -> bytes:
    """Samples of all sensors, in lines of a second."""
    lines = []
    for second in range(6):
        for name, (steps, *shape) in model.modality_shapes.items():
            times, values = second + np.arange(steps // 2) / (steps // 2), np.ones((steps // 2, *shape))
            lines.append(json.dumps({"sensor": name, "time": times.tolist(), "values": values.tolist()}).encode())
    return b"\n".join(lines)


def test_sensors_with_one_encoder_are_switched_together(tmp_path, monkeypatch, capsys):
    model = JoinedRecogniser()
    monkeypatch.setattr(Recogniser, "of_run", lambda _: model)
    give(six_seconds(model), tmp_path, monkeypatch)
    windows, problems, _ = streamed(capsys, "--model", ".", "--switch", 0.5, "--hop", 0.5)
    assert len(windows) == 9 and windows[0]["weights"] == {"wrist+band": 0.6, "mat": 0.4}
    assert sorted(windows[-1]["sensors"]) == ["band", "wrist"]
    assert [each["sensor"] for each in problems if each["problem"] == "switched off"] == ["mat"]


def test_devices_are_on_at_the_start_and_at_the_end(tmp_path, monkeypatch, capsys):
    """A run that was killed may have left one off, and nothing else would switch it on again."""
    model = JoinedRecogniser()
    monkeypatch.setattr(Recogniser, "of_run", lambda _: model)
    give(six_seconds(model), tmp_path, monkeypatch)
    (tmp_path / "device.py").write_text(
        f"import sys; print(sys.argv[1], file=open({str(tmp_path / 'log')!r}, 'a'))", encoding="utf-8"
    )
    device = json.dumps([sys.executable, str(tmp_path / "device.py")])
    devices = f"{{mat: {device}, band: [{json.dumps(sys.executable)}, -c, 'raise SystemExit(3)']}}"
    _, problems, _ = streamed(capsys, "--model", ".", "--switch", 0.5, "--hop", 0.5, "--devices", devices)
    assert (tmp_path / "log").read_text(encoding="utf-8").split() == ["on", "off", "on"]
    failed = [each for each in problems if each["problem"] == "device command"]
    assert failed[0]["sensor"] == "band" and "on` ended with status 3" in failed[0]["detail"]


def test_a_device_that_cannot_be_switched_off_at_the_start_is_reported(tmp_path, monkeypatch, capsys):
    model = JoinedRecogniser()
    monkeypatch.setattr(Recogniser, "of_run", lambda _: model)
    monkeypatch.setattr("cosmo_pl.edge.live.deciding.stored_worth", lambda _: [("mat", 0.0)])
    give(six_seconds(model), tmp_path, monkeypatch)
    only_on = "import sys; sys.exit(4 * (sys.argv[1] == 'off'))"
    devices = f"{{mat: [{json.dumps(sys.executable)}, -c, {json.dumps(only_on)}]}}"
    _, problems, _ = streamed(capsys, "--model", ".", "--switch", 0.1, "--hop", 0.5, "--devices", devices)
    assert [each["problem"] for each in problems[:2]] == ["switched off", "device command"]
    assert problems[1]["sensor"] == "mat" and "off` ended with status 4" in problems[1]["detail"]


def test_a_sensor_that_is_not_there_is_reported(run, usc_root, tmp_path, monkeypatch, capsys):
    lines = [line for line in lines_of(usc_root / "USC-HAD/Subject12/a3t1.mat", 1.7e9) if b'"acc"' in line]
    give(b"\n".join(lines), tmp_path, monkeypatch)
    windows, problems, _ = streamed(capsys, run, "--patience", 0.5)
    assert {tuple(each["sensors"]) for each in windows} == {("acc",)} and windows[0]["time"] == [1.7e9, 1.7e9 + 2]
    assert [(each["problem"], each["sensor"]) for each in problems if each["problem"] != "unit"] == [
        ("missing", "gyro")
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "model: is missing or null"),
        (["--model", "nowhere"], "'nowhere' does not exist"),
        (["--model", "RUN", "--recording", "nowhere"], "recording: there is no recording 'nowhere'"),
        (["--model", "RUN", "--recording", "x", "--mqtt", "mqtt://box/acc"], "from a broker or from a recording"),
        (["--model", "RUN", "--subject", "7"], "subject: is of a recording, and none is replayed. Give --recording"),
        (["--model", "RUN", "--mqtt", "mqtt://box/acc", "--root", "."], "root: is of a recording"),
        (["--model", "RUN", "--devices", "{acc: [echo]}"], "devices: are switched by no threshold"),
        (["--model", "RUN", "--mqtt", "box"], "mqtt: 'box' is no address of a broker"),
        (["--model", "RUN", "--window", "3"], "window: is 3 s, and the model's windows have 2 s"),
        (["--model", "RUN", "--hop", "0"], "hop: is 0"),
        (["--model", "RUN", "--speed", "2"], "speed"),
    ],
)
def test_what_cannot_work_is_one_line(words, message, run, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["stream", *[str(run) if word == "RUN" else word for word in words]])
    out, err = capsys.readouterr()
    assert stopped.value.code == 2 and not out and message in err and len(err.strip().splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, "reader"])
def test_a_process_ends_with_its_summary(end, run, usc_root):
    """On Ctrl+C, when it is terminated, and when nobody reads its windows any more."""
    code = "import sys; from cosmo_pl.cli import main; main(sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "stream", "--model", str(run)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    lines = lines_of(usc_root / "USC-HAD/Subject12/a3t1.mat")
    process.stdin.write(b"\n".join(lines[: 2 * 25]) + b"\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["time"] == [0.0, 2.0]
    if end == "reader":
        process.stdout.close()
        process.stdin.write(b"\n".join(lines[2 * 25 :]) + b"\n")
        process.stdin.close()
    else:
        process.send_signal(end)
    assert process.wait(30) == 0
    assert process.stderr is not None
    errors = process.stderr.read().decode().splitlines()
    assert json.loads(errors[-1])["summary"]["windows"] >= 1 and not [line for line in errors if "Traceback" in line]


def resident(process: subprocess.Popen[bytes]) -> float:
    """MB of memory that a process uses."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_an_hour_of_lines_leaves_the_memory_of_the_process_as_it_was(run, usc_root, tmp_path):
    """Every ten minutes the gyroscope stalls for a while, and each minute has broken lines."""
    code = "import sys; from cosmo_pl.cli import main; main(sys.argv[1:])"
    trials = [lines_of(usc_root / f"USC-HAD/Subject12/a{number}t1.mat") for number in (3, 6)]
    written, used = tmp_path / "windows.jsonl", []
    with written.open("wb") as out, (tmp_path / "problems.jsonl").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-c", code, "stream", "--model", str(run), "--hop", "2"],
            stdin=subprocess.PIPE, stdout=out, stderr=err, env=os.environ,
        )  # fmt: skip
        assert process.stdin is not None
        for minute in range(60):
            for line in minute_of(trials[minute % 2], 60.0 * minute, without="gyro" if minute % 10 == 7 else ""):
                process.stdin.write(line + b"\n")
            process.stdin.flush()
            while len(written.read_bytes().splitlines()) < 30 * minute - 5:  # it keeps up
                assert process.poll() is None
                time.sleep(0.05)
            used.append(resident(process))
        process.stdin.close()
        assert process.wait(60) == 0
    summary = json.loads((tmp_path / "problems.jsonl").read_text(encoding="utf-8").splitlines()[-1])["summary"]
    assert summary["seconds"] == pytest.approx(3600, abs=1) and summary["problems"]["broken line"] == {"": 60}
    assert max(used[12:]) < max(used[:12]) + 10, used


def minute_of(trial: list[bytes], start: float, without: str) -> list[bytes]:
    """A trial again and again for a minute."""
    first = [json.loads(line) for line in trial]
    seconds, found = first[-1]["time"][-1] + 0.01, [b"{"]
    for turn in range(int(60 / seconds) + 1):
        for each in first:
            times = [round(start + turn * seconds + time, 3) for time in each["time"]]
            rows = [row for at, row in zip(times, each["values"], strict=True) if at < start + 60 - 1e-6]
            if rows and each["sensor"] != without:
                line = {"sensor": each["sensor"], "time": times[: len(rows)], "values": rows}
                found.append(json.dumps(line).encode())
    return found
