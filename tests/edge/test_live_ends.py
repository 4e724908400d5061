"""Lines that wait, sources that end, and interruptions: nothing is lost without a report."""

from __future__ import annotations

import io
import itertools
import json
import sys
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from cosmo_pl.edge.live import LiveRecogniser, lines
from cosmo_pl.edge.live.lines import read_lines
from cosmo_pl.edge.live.running import run
from cosmo_pl.edge.live.samples import SensorSamples
from cosmo_pl.edge.live.sources import open_source
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.recogniser import Prediction
from edge.live_fakes import FakeRecogniser, stream, streams


def test_a_source_that_cannot_be_read_any_more_ends(reporter, reports):
    """As a terminal whose other end is closed."""

    class Closed(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            line = super().readline(size)
            if not line:
                raise OSError(5, "Input/output error")
            return line

    given = read_lines(Closed(b'{"sensor": "acc", "time": 1, "values": [1]}\n'), reporter, quiet=1.0)
    assert [each.sensor for each in itertools.takewhile(lambda each: isinstance(each, SensorSamples), given)] == ["acc"]
    (report,) = reports
    assert report.problem == "source lost" and "Input/output error" in report.detail


def test_messages_that_wait_are_bounded_in_bytes(reporter, monkeypatch):
    monkeypatch.setattr(lines, "WAITING", 100_000)
    line = b'{"sensor": "acc", "time": 1, "values": [' + b" " * 9_000 + b"1]}"
    source = lines.Lines(reporter)
    for _ in range(30):
        source.offer(line)
    for _ in range(11_000):
        source.offer(b"")  # takes memory as well
    ended = threading.Thread(target=source.put, args=(None,))  # waits until there is room
    ended.start()
    assert [each.values for each in source] == [[1]] * 12
    ended.join()
    assert reporter.summary() == {"overrun": {"": 30 - 12 + 11_000}}


def test_lines_that_wait_when_the_stream_is_interrupted_are_counted(reporter):
    class Interrupted(FakeRecogniser):
        def predict(self, arrays: Mapping[str, Any]) -> Prediction:
            raise KeyboardInterrupt

    source = lines.Lines(reporter)
    for second in range(8):
        times = (second + np.arange(100) / 100).tolist()
        source.put(json.dumps({"sensor": "wrist", "time": times, "values": [[1, 2, 3]] * 100}).encode())
    source.put(None)
    err = io.StringIO()
    with pytest.raises(KeyboardInterrupt):  # again, of the last window
        run(LiveRecogniser(Interrupted(), reporter=reporter, patience=1.0), source, io.StringIO(), err)
    assert json.loads(err.getvalue())["summary"]["problems"]["unused"] == {"": 5}


def test_a_process_without_standard_input_needs_another_source(reporter, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ConfigurationError, match=r"stream: has no standard input .* Give --mqtt"):
        open_source(FakeRecogniser(), reporter, None, True, None)


@pytest.mark.parametrize(("at", "windows"), [(1, 5), (5, 5), (7, 7)])
def test_an_interruption_within_a_delivery_loses_no_window(at, windows):
    """Each window is written as soon as it is recognised."""
    out, err, written = io.StringIO(), io.StringIO(), list[int]()

    class Interrupted(FakeRecogniser):
        def predict(self, arrays: Mapping[str, Any]) -> Prediction:
            written.append(out.getvalue().count("\n"))
            if len(written) == at:
                raise KeyboardInterrupt
            return super().predict(arrays)

    live = LiveRecogniser(Interrupted(), hop=1.0)
    # The sixth and seventh window wait for the mat until all clocks are set back.
    given = [*streams(6.0, 1000.0).items(), ("wrist", stream("wrist", 8.0, 1000.0))]
    given += [(name, each) for part in range(5) for name, each in streams(2.0, 2.0 * part).items()]
    run(live, [SensorSamples(name, *each) for name, each in given], out, err)
    times = [json.loads(line)["time"][0] for line in out.getvalue().splitlines()]
    assert times == [*range(1000, 1000 + windows)]
    assert written[:5] == ([0, 1, 2, 3, 4] if at >= 5 else [0, 0, 1, 2, 3])
    assert json.loads(err.getvalue())["summary"]["windows"] == windows
