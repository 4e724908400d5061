"""`cosmo-pl stream`: activities in live samples, or in a recording as if it were live."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Literal

from cosmo_pl.constraints import NonNegativeFloat, NonNegativeInt, PositiveFloat, Probability, check
from cosmo_pl.errors import ConfigurationError, located

if TYPE_CHECKING:
    from cosmo_pl.edge.live import Reporter
    from cosmo_pl.edge.switching import Change, SensorSwitch


def stream(
    model: str,
    recording: str | None = None,
    subject: NonNegativeInt | None = None,
    dataset: str | None = None,
    root: str | None = None,
    speed: Literal["1", "max"] = "1",
    mqtt: str | None = None,
    hop: PositiveFloat | None = None,
    window: PositiveFloat | None = None,
    patience: PositiveFloat = 2.0,
    delay: NonNegativeFloat = 0.0,
    decision: bool = True,
    view: str | None = None,
    switch: Probability = 0.0,
    devices: dict[str, list[str]] | None = None,
) -> None:
    """Recognises activities in live samples, and writes a line of JSON per window.

    Samples are lines of JSON on standard input, messages of MQTT, or a recording that is replayed. A line has the
    samples of one sensor: {"sensor": "acc", "time": 12.31, "values": [0.1, 0.2, 0.97]}, with the time in seconds or of
    ISO 8601. What is wrong with them is reported on standard error, as is a summary at the end.

    Args:
        model: Folder of a run of a stage 2, or of an exported model.
        recording: Recording to replay, named as for `cosmo-pl view`: for instance a1_s7_t1, Subject11/a1t1, 05_01_1, a
            file, FOLDER or FOLDER/NAME of imported recordings, or a dataset's folder or one in it.
        subject: Number of a subject; of the recordings, only those of the subject are replayed.
        dataset: Dataset of the recording: its key, the class path of a datamodule, or a YAML file with data; by default
            all datasets in the root are searched.
        root: Folder that contains the datasets' folders; by default $COSMO_PL_DATA, else data.
        speed: "1" replays as fast as it was recorded, "max" as fast as possible.
        mqtt: Topic of a broker, mqtt://host:port/topic.
        hop: Seconds between the starts of two windows; by default that of the training where an exported model says so,
            else half a window.
        window: Seconds of a window, for a model of clips of different lengths.
        patience: Seconds without samples of a sensor after which windows no longer wait for it.
        delay: Seconds that are waited for late samples after the end of a window.
        decision: Whether the decision that an exported model has is applied: calibration, "none of these", smoothing.
        view: Also show samples and windows: "window" opens the Rerun viewer, "browser" serves a page until Ctrl-C is
            pressed, and FILE.rrd writes a file for the viewer.
        switch: Worth under which a sensor is switched off for a while; 0 switches none off. Sensors that an exported
            model says were worth less on training samples are off at first.
        devices: Sensor to the command of its device, as a list of words to which "on" or "off" is appended.
    """
    import numpy as np

    from cosmo_pl.edge.live import LiveRecogniser, Reporter
    from cosmo_pl.edge.live.deciding import stored_decision, stored_worth
    from cosmo_pl.edge.live.loading import load_model
    from cosmo_pl.edge.live.output import report_line
    from cosmo_pl.edge.live.running import run
    from cosmo_pl.edge.live.showing import live_viewer
    from cosmo_pl.edge.live.sources import open_source
    from cosmo_pl.edge.switching import SensorSwitch, worth_less
    from cosmo_pl.plots.viewer.destination import wait_for_interrupt

    check("switch", switch, Probability)
    if devices and not switch:
        raise ConfigurationError("devices", "are switched by no threshold", "Give one, --switch 0.1")
    reporter = Reporter(lambda report: print(report_line(report), file=sys.stderr, flush=True))
    recogniser = load_model(model)
    # A forest is grown from its examples at its first prediction, which should not delay the first window.
    recogniser.predict({name: np.zeros((1, *shape)) for name, shape in recogniser.modality_shapes.items()})
    with located("devices"):
        sensors = SensorSwitch(recogniser, switch, sensors=recogniser.streams, commands=devices) if switch else None
    with nullcontext() if view is None else live_viewer(recogniser, view) as viewer:
        live = LiveRecogniser(
            recogniser,
            hop,
            window,
            patience=patience,
            delay=delay,
            reporter=reporter,
            decision=stored_decision(recogniser) if decision else None,
            switch=sensors,
            viewer=viewer,
        )
        source = open_source(recogniser, reporter, recording, speed == "1", mqtt, subject, dataset, root)
        with _devices(sensors, reporter), _ending_quietly():
            for change in () if sensors is None else sensors.switch_off(worth_less(stored_worth(recogniser), switch)):
                reporter.report("switched off", "worth too little on training samples", change.sensor)
                _report_problem(change, reporter)
            run(live, source, sys.stdout, sys.stderr)
        if view == "browser":
            wait_for_interrupt()


@contextmanager
def _devices(switch: SensorSwitch | None, reporter: Reporter) -> Iterator[None]:
    """All devices are on at the start, whatever a killed run has left, and again at the end."""

    def on() -> None:
        for change in switch.devices_on() if switch is not None else ():
            _report_problem(change, reporter)

    on()
    try:
        yield
    finally:
        on()


def _report_problem(change: Change, reporter: Reporter) -> None:
    if change.problem is not None:
        reporter.report("device command", change.problem, change.sensor)


@contextmanager
def _ending_quietly() -> Iterator[None]:
    """Ends on SIGTERM as on Ctrl+C, with the summary, and when nobody reads the windows any more."""
    here = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if here else None
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it at its end
    finally:
        if here:
            signal.signal(signal.SIGTERM, before)


def main(args: Sequence[str]) -> None:
    """Runs the command."""
    from cosmo_pl.parsing import run_command

    run_command([stream], ["stream", *args], "cosmo-pl", positional=False)
