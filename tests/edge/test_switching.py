"""Sensors that add nothing: when they are switched off and on again, and the commands of their devices."""

from __future__ import annotations

import re
import runpy
import sys
import time

import numpy as np
import pytest

from cosmo_pl.cli import main
from cosmo_pl.edge.switching import SensorSwitch, leave_out_worth, left_out_in_turn, redundant_sensors, worth_less
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.recogniser import Prediction
from docs.test_walkthroughs import write_files

NAMES = ("imu", "depth", "radar")


class Attending:
    """A recogniser whose attention follows given weights, renormalised over the sensors that are used."""

    modality_shapes = dict.fromkeys(NAMES, (1,))

    def __init__(self, **weights):
        self.weights = {name: weights.get(name, 1.0) for name in NAMES}
        self.used = []

    def predict(self, arrays):
        self.used.append(tuple(arrays))
        total = sum(self.weights[name] for name in arrays) or 1.0
        weights = {n: np.array([self.weights[n] / total if n in arrays else 0.0]) for n in NAMES}
        return Prediction(np.array([0]), ("walk",), np.array([[1.0]]), weights)


class Voting:
    """A recogniser without attention: the sum of what each used sensor says about three classes."""

    streams = NAMES
    modality_shapes = dict.fromkeys(NAMES, (1,))

    def __init__(self, **votes):
        self.votes = {name: np.array(votes.get(name, (0.0, 0.0, 0.0))) for name in NAMES}
        self.used = []

    def predict(self, arrays):
        self.used.append(tuple(arrays))
        logits = sum(self.votes[name] for name in arrays)
        probability = np.exp(logits)[None] / np.exp(logits).sum()
        return Prediction(probability.argmax(axis=1), ("walk",), probability)


ARRAYS = {name: np.zeros((1, 1)) for name in NAMES}


def window(switch, there=NAMES):
    """One window: the sensors that were used, and what was switched after it."""
    used = {name: ARRAYS[name] for name in switch.active() if name in there}
    prediction = switch.recogniser.predict(used) if used else None
    return tuple(used), tuple(map(str, switch.observe(prediction, tuple(used), used)))


def windows(switch, count):
    return [window(switch)[0] for _ in range(count)]


def test_a_sensor_is_off_after_exactly_so_many_windows_under_the_threshold():
    switch = SensorSwitch(Attending(depth=0.1), threshold=0.1, patience=4, recheck=3)  # 0.1 / 2.1 < 0.1
    assert windows(switch, 4) == [NAMES] * 4
    assert switch.active() == ("imu", "radar")
    # Off for three windows, checked in one, and off again.
    assert windows(switch, 9) == ([("imu", "radar")] * 3 + [NAMES]) * 2 + [("imu", "radar")]


def test_the_changes_are_reported():
    switch = SensorSwitch(Attending(depth=0.1), patience=2, recheck=2)
    said = [window(switch)[1] for _ in range(5)]
    assert said == [(), ("depth off, worth 0.048",), (), ("depth on",), ("depth off, worth 0.048",)]


def test_a_window_at_or_above_the_threshold_starts_the_count_again():
    recogniser = Attending(imu=0.8, depth=0.1, radar=0.1)
    switch = SensorSwitch(recogniser, threshold=0.1, patience=2)
    for weight in (0.1, 0.2, 0.1, 0.1001):  # of 1.0, 1.1, 1.0, 1.0001
        recogniser.weights.update(depth=weight - 1e-4 if weight != 0.1001 else 0.12, radar=0.2)
        assert window(switch)[0] == NAMES
    assert switch.active() == NAMES


def test_a_sensor_that_matters_again_stays_on():
    recogniser = Attending(depth=0.1)
    switch = SensorSwitch(recogniser, patience=2, recheck=3)
    windows(switch, 2)
    recogniser.weights["depth"] = 1.0
    assert windows(switch, 5) == [("imu", "radar")] * 3 + [NAMES] * 2
    recogniser.weights["depth"] = 0.1
    assert windows(switch, 3) == [NAMES] * 2 + [("imu", "radar")]  # it is given the whole patience again


def test_one_sensor_at_a_time_the_least_first():
    switch = SensorSwitch(Attending(imu=1.0, depth=0.02, radar=0.05), patience=2, recheck=50)
    assert windows(switch, 5) == [NAMES] * 2 + [("imu", "radar")] * 2 + [("imu",)]


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("weights", [{}, {"imu": 0.0, "depth": 0.0, "radar": 1e-9}, {"depth": 0.3, "radar": 0.2}])
def test_never_all_sensors_are_off(threshold, weights):
    switch = SensorSwitch(Attending(**weights), threshold=threshold, patience=1, recheck=2)
    random = np.random.default_rng(0)
    for _ in range(200):
        there = [name for name in NAMES if random.random() < 0.7]
        used, _ = window(switch, there)
        assert switch.active() and set(used) <= set(there)


def test_if_no_sensor_that_is_on_delivers_all_are_switched_on():
    switch = SensorSwitch(Attending(imu=1.0, depth=0.02, radar=0.05), patience=1, recheck=50)
    windows(switch, 3)
    assert switch.active() == ("imu",)
    assert window(switch, there=("depth", "radar")) == ((), ("depth on", "radar on"))
    assert switch.active() == NAMES


def test_a_sensor_alone_is_not_switched_off_while_the_others_are_missing():
    switch = SensorSwitch(Voting(imu=(3, 0, 0)), threshold=0.5, patience=1)
    for _ in range(10):
        window(switch, there=("depth",))
    assert switch.active() == NAMES


def test_threshold_0_never_switches():
    switch = SensorSwitch(Attending(depth=0.0), threshold=0.0, patience=1)
    assert windows(switch, 30) == [NAMES] * 30
    recogniser = Voting()
    windows(SensorSwitch(recogniser, threshold=0.0, patience=1), 30)
    assert recogniser.used == [NAMES] * 30, "nothing is measured"


def test_the_worth_is_the_total_variation_distance():
    recogniser = Voting(imu=(2, 0, 0), depth=(0, 1, 0))
    worth = leave_out_worth(recogniser, ARRAYS, NAMES)
    whole = recogniser.predict(ARRAYS).probability
    for name in NAMES:
        without = recogniser.predict({other: 0 for other in NAMES if other != name}).probability
        assert worth[name] == pytest.approx(np.maximum(whole - without, 0).sum())
    assert worth["radar"] == 0 < worth["depth"] < worth["imu"] < 1


def test_without_attention_a_sensor_is_measured_by_leaving_it_out():
    recogniser = Voting(imu=(2, 0, 0), depth=(0, 1, 0))
    switch = SensorSwitch(recogniser, threshold=0.1, patience=3, recheck=4)
    seen = windows(switch, 12)
    assert seen == [NAMES] * 3 + ([("imu", "depth")] * 4 + [NAMES]) + [("imu", "depth")] * 4
    # In the first window each sensor is left out, then only the one under the threshold, until it is off. Then the
    # others are measured once more without it, and rest.
    left_out = [set(NAMES) - set(used) for used in recogniser.used[:6]]
    assert left_out == [set(), {"imu"}, {"depth"}, {"radar"}, set(), {"radar"}]
    assert len(recogniser.used) < 12 + 14


def test_redundant_sensors_of_training_samples():
    both = {"imu": (1, 0, 0), "depth": (0.02, 0, 0), "radar": (0.01, 0, 0)}
    in_turn = list(left_out_in_turn(Voting(**both), ARRAYS))
    assert [name for name, _ in in_turn] == ["radar", "depth"] and 0 < in_turn[0][1] < in_turn[1][1] < 0.1
    whole = Voting(**both).predict(ARRAYS).probability
    alone = Voting(**both).predict({"imu": ARRAYS["imu"]}).probability
    assert in_turn[1][1] == pytest.approx(np.abs(whole - alone).sum(axis=1).mean() / 2), "of both together"
    assert worth_less(in_turn, in_turn[1][1]) == ("radar",) and worth_less(in_turn, 0.0) == ()
    assert redundant_sensors(Voting(**both), ARRAYS, 0.1) == ("radar", "depth")
    assert redundant_sensors(Voting(**both), ARRAYS, 0.004) == ("radar",)
    assert redundant_sensors(Voting(**both), ARRAYS, 0.0) == ()
    assert redundant_sensors(Voting(), ARRAYS, 0.5) == ("imu", "depth"), "one is kept"


def test_small_changes_add_up_against_all_sensors():
    votes = {"imu": (0.3, 0, 0), "depth": (0.3, 0, 0), "radar": (3, 0, 0)}
    alone = leave_out_worth(Voting(**votes), ARRAYS, ("imu", "depth", "imu+depth"))
    threshold = (max(alone["imu"], alone["depth"]) + alone["imu+depth"]) / 2
    assert len(redundant_sensors(Voting(**votes), ARRAYS, threshold)) == 1


def test_sensors_are_switched_off_by_name():
    switch = SensorSwitch(Attending(), recheck=2)
    assert [str(change) for change in switch.switch_off(("radar", "imu"))] == ["radar off", "imu off"]
    assert windows(switch, 3) == [("depth",)] * 2 + [NAMES]
    with pytest.raises(ConfigurationError, match=r"leave no sensor on"):
        switch.switch_off(NAMES)
    with pytest.raises(ConfigurationError, match=r"no sensor 'lidar'. Choose from imu, depth, radar"):
        switch.switch_off(["lidar"])


def test_modalities_with_one_encoder_are_switched_together():
    class Joined(Attending):
        def predict(self, arrays):
            weight = 0.01 if {"imu", "depth"} <= set(arrays) else 0.0
            weights = {"imu+depth": np.array([weight]), "radar": np.array([1 - weight])}
            return Prediction(np.array([0]), ("walk",), np.array([[1.0]]), weights)

    switch = SensorSwitch(Joined(), patience=2, sensors=("imu+depth", "radar"), recheck=2)
    assert windows(switch, 5) == [NAMES] * 2 + [("radar",)] * 2 + [NAMES]
    with pytest.raises(ConfigurationError, match=r"the model weights \['imu\+depth', 'radar'\]"):
        window(SensorSwitch(Joined()))


def test_a_method_that_needs_all_of_its_sensors_is_refused():
    class Needing(Voting):
        def predict(self, arrays):
            if "depth" not in arrays:
                raise ConfigurationError("samples", "lack ['depth']", "Give them")
            return super().predict(arrays)

    with pytest.raises(ConfigurationError, match=r"'depth' cannot be switched off: samples: lack \['depth'\]"):
        SensorSwitch(Needing()).check_dispensable()
    SensorSwitch(Needing(), threshold=0).check_dispensable()
    SensorSwitch(Voting()).check_dispensable()


def script(tmp_path, body):
    path = tmp_path / "device.py"
    path.write_text(body, encoding="utf-8")
    return [sys.executable, str(path), "a; rm -rf $HOME"]


def test_the_device_is_told(tmp_path):
    said = tmp_path / "said"
    command = script(tmp_path, f"import sys; print(sys.argv[1:], file=open({str(said)!r}, 'a'))")
    switch = SensorSwitch(Attending(depth=0.1), patience=1, recheck=1, commands={"depth": command}, timeout=30)
    assert [window(switch)[1] for _ in range(2)] == [("depth off, worth 0.048",), ("depth on",)]
    lines = said.read_text(encoding="utf-8").splitlines()
    assert lines == ["['a; rm -rf $HOME', 'off']", "['a; rm -rf $HOME', 'on']"], "no shell reads the words"


def test_a_device_command_that_fails_is_reported_and_the_sensor_is_off(tmp_path):
    command = script(tmp_path, "import sys; sys.exit(3)")
    switch = SensorSwitch(Attending(depth=0.1), patience=1, commands={"depth": command}, timeout=30)
    (change,) = switch.observe(switch.recogniser.predict(ARRAYS), NAMES)
    assert change.problem.endswith("off` ended with status 3") and str(change).endswith(change.problem)
    assert switch.active() == ("imu", "radar")


def test_a_device_command_that_hangs_is_stopped(tmp_path):
    body = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3)'])"
    command = script(tmp_path, f"{body}; time.sleep(60)")
    switch = SensorSwitch(Attending(depth=0.1), patience=1, commands={"depth": command}, timeout=0.3)
    start = time.monotonic()
    (change,) = switch.observe(switch.recogniser.predict(ARRAYS), NAMES)
    assert time.monotonic() - start < 2.5
    assert "did not end within 0.3 s and was stopped" in change.problem
    assert switch.active() == ("imu", "radar")


def test_a_program_that_is_gone_is_reported(tmp_path):
    program = tmp_path / "power"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    switch = SensorSwitch(Attending(depth=0.1), patience=1, commands={"depth": [str(program)]})
    program.unlink()
    (change,) = switch.observe(switch.recogniser.predict(ARRAYS), NAMES)
    assert "could not be started" in change.problem


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threshold": 1.0}, r"SensorSwitch\.threshold: is 1\.0"),
        ({"threshold": -0.1}, r"SensorSwitch\.threshold"),
        ({"patience": 0}, r"SensorSwitch\.patience: is 0"),
        ({"recheck": 2.5}, r"SensorSwitch\.recheck"),
        ({"timeout": 0.0}, r"SensorSwitch\.timeout"),
        ({"sensors": ("imu", "depth")}, r"sensors: are \['imu', 'depth'\], the model has"),
        ({"sensors": ("imu", "depth", "radar", "radar")}, "sensors: are"),
        ({"commands": {"lidar": ["true"]}}, "commands: there is no sensor 'lidar'. Choose from imu, depth, radar"),
        ({"commands": {"depth": "power off"}}, r"commands\.depth"),
        ({"commands": {"depth": []}}, r"commands\.depth"),
        ({"commands": {"depth": ["true", 3]}}, r"commands\.depth"),
        ({"commands": {"depth": ["no-such-program"]}}, r"commands\.depth: there is no program 'no-such-program'"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        SensorSwitch(Attending(), **arguments)


def test_bad_observations_are_named():
    switch = SensorSwitch(Voting(), patience=1)
    prediction = switch.recogniser.predict(ARRAYS)
    with pytest.raises(ConfigurationError, match="used: 'lidar' is not on"):
        switch.observe(prediction, ("imu", "lidar"), ARRAYS)
    with pytest.raises(ConfigurationError, match="arrays: are not given, and the model has no attention weights"):
        switch.observe(prediction, NAMES)
    switch.switch_off(["radar"])
    with pytest.raises(ConfigurationError, match="used: 'radar' is not on"):
        switch.observe(prediction, NAMES, ARRAYS)


def test_the_page_as_a_reader_follows_it(utd_root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    narrow = [f"--model.init_args.encoders.{n}.init_args.channels=[4,4,4,4]" for n in ("inertial", "skeleton")]
    short = ["--trainer.max_epochs=1", "--model.init_args.bundle=null", "--model.init_args.quality_lambda=0"]
    quiet = ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false"]
    data = [f"--data.init_args.root={utd_root}", "--data.init_args.label_rate=0.3"]
    main(["fit", "--config=cosmo:utd_stage2", "--run.name=cosmo-iterative", *data, *narrow, *short, *quiet])
    write_files("switching", tmp_path)
    capsys.readouterr()
    runpy.run_path("switch.py")
    lines = capsys.readouterr().out.splitlines()
    assert lines and all(re.fullmatch(r"\d+ (inertial|skeleton) (on|off, worth 0\.\d{3})", line) for line in lines)
    assert lines[0].split()[2] == "off,"


def test_stream_takes_a_threshold_and_commands(monkeypatch, capsys):
    monkeypatch.setattr("cosmo_pl.recogniser.Recogniser.of_run", lambda run: Voting())
    for words, message in (
        (["--switch=1"], "cosmo-pl: switch: is 1.0. Use a number in [0, 1)"),
        (["--switch=0.1", "--devices={lidar: [echo]}"], "devices: commands: there is no sensor 'lidar'"),
        (["--switch=0.1", "--devices={imu: [no-such-program]}"], "there is no program 'no-such-program'"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(["stream", "--model=.", *words])
        assert stopped.value.code == 2 and message in capsys.readouterr().err
